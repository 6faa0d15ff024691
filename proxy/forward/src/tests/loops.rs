//! Upstreams that lead back to us.

use super::world::{Conduct, Udp, World};
use super::*;
use crate::loops::Evidence;

fn looping(latency: Duration) -> Conduct {
    Conduct { latency, ..Udp::AsksUs.into() }
}

/// By the address of the upstream: looked at as soon as it asks.
#[test]
fn a_loop_is_broken_at_its_first_lap() {
    let mut world = World::new(1, 1).all(looping(millis(2)));
    let answer = world.lookup("web.test.");
    assert_eq!((answer.rcode, answer.origin), (Rcode::SERVFAIL, Origin::Loop));
    assert!(answer.after < millis(10), "{answer:?}");
    assert_eq!(world.loops, [Evidence::UpstreamAsks]);
    // The question, and the probe after it.
    assert_eq!(world.queries.len(), 2);
}

#[test]
fn the_other_upstream_answers_what_goes_round_in_the_first() {
    let mut world = World::new(2, 2).upstream(0, looping(millis(2)));
    for n in 0..20 {
        let answer = world.lookup(&format!("n{n}.test."));
        assert!(answer.address.is_some(), "{answer:?}");
    }
    assert!(!world.loops.is_empty());
}

#[test]
fn a_slow_name_that_two_ask_is_no_loop() {
    let slow = Conduct { latency: millis(900), ..Conduct::default() };
    let mut world = World::new(3, 1).all(slow);
    world.ask("web.test.", 1);
    world.ask("web.test.", 2);
    world.pass(secs(3));
    assert!(world.answers.iter().all(|answer| answer.address.is_some()));
    assert_eq!((world.answers.len(), world.loops.len()), (2, 0));
}
