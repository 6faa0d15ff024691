//! A node-local cache that takes over the ClusterIP of kube-dns, for its whole life.

use testbed::{Component, by_length, eventually, have, have_program};

use crate::bed::{Bed, CLUSTER_IPS, LONG};
use crate::incidents;
use crate::lookups::{Asked, Phases};
use crate::trouble::move_kube_dns;

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
        move_away(&bed, &mut phases);
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
    let status = bed.intercept_status_in_pod(0);
    assert!(status.contains("come to us"), "{status}");
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

/// kube-dns is made anew, and pods go on to ask its old addresses.
fn move_away(bed: &Bed, phases: &mut Phases) {
    phases.run("kube-dns with other ClusterIPs", Asked::All, || move_kube_dns(bed, OTHER));
    phases.run("upgrade to old and new ones", Asked::All, || {
        bed.release().take_over(&[CLUSTER_IPS, OTHER].concat());
        bed.wait_until_both_live();
    });
    for node in 0..2 {
        let status = bed.intercept(node, "status");
        for addr in [CLUSTER_IPS, OTHER].concat() {
            assert!(status.contains(&format!("queries to {addr} come to us")), "{status}");
        }
    }
    phases.run("kube-dns with its old ones", Asked::All, || {
        move_kube_dns(bed, CLUSTER_IPS);
        bed.release().take_over(&[]);
        bed.wait_until_both_live();
    });
    let gone = || {
        !OTHER
            .iter()
            .any(|addr| bed.intercept(0, "status").contains(addr))
    };
    assert!(eventually(LONG, gone), "{}", bed.intercept(0, "status"));
}

/// Two ways to lose the process of a node; what gives DNS back differs by the mode of its
/// kube-proxy.
fn lose(bed: &Bed, phases: &mut Phases) {
    for node in 0..by_length(1, 2) {
        let at = format!("on node{}", node + 1);
        phases.run(format!("kill -9 {at}"), Asked::All, || bed.signal(node, "KILL"));
        phases.restore(format!("back {at}"), Asked::All, || bed.wait_until_live(node));
        phases.run(format!("SIGSTOP {at}"), Asked::All, || bed.signal(node, "STOP"));
        phases.run(format!("SIGCONT {at}"), Asked::All, || {
            bed.signal(node, "CONT");
            bed.wait_until_live(node);
        });
    }
}

fn leave(bed: &Bed, phases: &mut Phases) {
    phases.run("uninstall", Asked::All, || {
        bed.release().uninstall();
        for node in 0..2 {
            bed.intercept(node, "remove");
        }
    });
}

/// Other addresses of the cluster's Services.
const OTHER: [&str; 2] = ["10.96.0.99", "fd00:96::63"];
