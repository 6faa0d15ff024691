//! A node-local cache that takes over the ClusterIP of kube-dns, for its whole life.

use testbed::{Component, by_length, have, have_program};

use crate::bed::Bed;
use crate::incidents;
use crate::lookups::{Asked, Phases};

/// No lookup fails in any phase, whatever made it and from wherever; those of names that
/// nothing can know but for one incident, where no CoreDNS runs.
#[test]
fn a_node_local_cache_comes_and_goes_unnoticed() {
    let compilers = ["gcc", "musl-gcc", "strip", "conntrack"];
    if !have(Component::Cluster)
        || !have(Component::Deploy)
        || !compilers
            .iter()
            .all(|compiler| have_program(compiler, Component::Cluster))
    {
        return;
    }
    let bed = Bed::up();
    bed.ask();
    let mut phases = Phases::default();
    arrive(&bed, &mut phases);
    lose(&bed, &mut phases);
    if by_length(false, true) {
        incidents::live_through(&bed, &mut phases);
    }
    leave(&bed, &mut phases);
    let (table, failures) = phases.account(&bed);
    println!("{table}");
    assert!(failures.is_empty(), "{failures:#?}");
    for node in 0..2 {
        assert!(
            bed.intercept(node, "status")
                .starts_with("nothing of ours\n")
        );
    }
    let dir = bed.cluster.dir().to_owned();
    drop(bed);
    assert!(!dir.exists());
}

/// All that an administrator does.
fn arrive(bed: &Bed, phases: &mut Phases) {
    phases.run("before", Asked::All, || {});
    phases.run("install", Asked::All, || {
        bed.release().install();
        bed.wait_until_both_live();
    });
    let (changes, upgrades) = by_length((1, 1), (5, 3));
    phases.run("change of the configuration", Asked::All, || {
        (1..=changes).for_each(|n| bed.release().change_configuration(n));
    });
    for n in 1..=upgrades {
        phases.run("upgrade", Asked::All, || {
            bed.release().upgrade(n);
            bed.wait_until_both_live();
        });
    }
    phases.run("rollback", Asked::All, || {
        bed.release().roll_back();
        bed.wait_until_both_live();
    });
}

/// All ways to lose the process of node1.
fn lose(bed: &Bed, phases: &mut Phases) {
    phases.run("kill -9 on node1", Asked::All, || bed.signal(0, "KILL"));
    phases.restore("back on node1", Asked::All, || bed.wait_until_live(0));
    phases.run("SIGSTOP on node1", Asked::All, || bed.signal(0, "STOP"));
    phases.run("SIGCONT on node1", Asked::All, || {
        bed.signal(0, "CONT");
        bed.wait_until_live(0);
    });
}

fn leave(bed: &Bed, phases: &mut Phases) {
    phases.run("uninstall", Asked::All, || {
        bed.release().uninstall();
        for node in 0..2 {
            bed.intercept(node, "remove");
        }
    });
}
