//! A node-local cache that takes over the ClusterIP of kube-dns, for its whole life.

use testbed::{Component, have, have_program};

use crate::bed::Bed;
use crate::lookups::Phases;

/// No lookup fails in any phase, whatever library made it.
#[test]
fn a_node_local_cache_comes_and_goes_unnoticed() {
    let compilers = ["gcc", "musl-gcc", "strip"];
    if !have(Component::Cluster)
        || !compilers
            .iter()
            .all(|compiler| have_program(compiler, Component::Cluster))
    {
        return;
    }
    let bed = Bed::up();
    bed.apply(ASKERS, "default", "daemonset/asker");
    let mut phases = Phases::default();
    live_through(&bed, &mut phases);
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

fn live_through(bed: &Bed, phases: &mut Phases) {
    phases.run("before", || {});
    phases.run("install", || {
        bed.apply(FIVEDOTS, "kube-system", "daemonset/fivedots");
        (0..2).for_each(|node| bed.wait_until_live(node));
    });
    phases.run("upgrade", || {
        bed.kubectl("-n kube-system rollout restart daemonset/fivedots");
        let rolled = bed
            .cluster
            .wait_for_rollout("kube-system", "daemonset/fivedots");
        rolled.unwrap();
        (0..2).for_each(|node| bed.wait_until_live(node));
    });
    phases.run("kill -9 on node1", || {
        bed.signal(0, "KILL");
    });
    phases.run("back on node1", || bed.wait_until_live(0));
    phases.run("SIGSTOP on node1", || bed.signal(0, "STOP"));
    phases.run("SIGCONT on node1", || {
        bed.signal(0, "CONT");
        bed.wait_until_live(0);
    });
    phases.run("uninstall", || {
        bed.kubectl("-n kube-system delete daemonset/fivedots --wait --cascade=foreground");
        for node in 0..2 {
            bed.intercept(node, "remove");
        }
    });
}

/// The manifests beside this file.
const FIVEDOTS: &str = include_str!("fivedots.yaml");
const ASKERS: &str = include_str!("askers.yaml");
