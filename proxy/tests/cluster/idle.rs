//! Nodes on which nobody looks anything up, for as long as `cargo xtask soak idle` is given.

use std::time::{Duration, Instant};

use testbed::{Component, asked_soak, have, pace};

use crate::bed::Bed;

/// Their DNS comes to us all the time, and no renewal of that is missed.
#[test]
#[expect(clippy::disallowed_methods, reason = "a length of real time is what is asked for")]
fn no_renewal_is_missed() {
    let Some(length) = asked_soak() else { return };
    if !have(Component::Cluster) || !have(Component::Deploy) {
        return;
    }
    let bed = Bed::up();
    bed.release().install();
    bed.wait_until_both_live();
    let began = Instant::now();
    while began.elapsed() < length {
        pace(EVERY);
        for node in 0..2 {
            let live = bed.series(node, "fivedots_intercepting");
            assert_eq!(live, "1", "node{}: {}", node + 1, bed.log(node));
        }
    }
    let missed = [0, 1].map(|node| bed.series(node, MISSED));
    println!("idle for {length:?}: renewals missed on node1 and node2: {missed:?}");
    assert_eq!(missed, ["0", "0"], "{}\n{}", bed.log(0), bed.log(1));
}

const EVERY: Duration = Duration::from_secs(1);
const MISSED: &str = "fivedots_intercept_missed_renewals_total";
