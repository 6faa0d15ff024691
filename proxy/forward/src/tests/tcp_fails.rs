//! Truncated answers whose whole is not to be had over TCP.

use super::world::{Conduct, Tcp, Udp, World, Wrong};
use super::*;

/// What a client over UDP got from a world whose TCP does this, and when.
fn served(tcp: Tcp, upstreams: usize) -> (World, Duration) {
    let mut world = World::new(1, upstreams).all(tcp);
    let answer = world.lookup("web.test.");
    assert_eq!((answer.rcode, answer.origin), (Rcode::NOERROR, Origin::Upstream), "{tcp:?}");
    assert!(answer.address.is_some(), "{tcp:?}: {answer:?}");
    (world, answer.after)
}

#[test]
fn what_fitted_is_passed_on_as_soon_as_tcp_has_failed_everywhere() {
    for (tcp, upstreams, after) in [
        (Tcp::Refuses, 1, millis(2)),
        (Tcp::Truncates, 1, Duration::from_micros(1_500)),
        (Tcp::Closes, 1, millis(2)),
        (Tcp::Refuses, 2, millis(3)),
        (Tcp::Hangs, 1, ForwardConfig::DEADLINE / 2),
    ] {
        let (world, waited) = served(tcp, upstreams);
        assert_eq!(waited, after, "{tcp:?}");
        let name = Name::from_text("web.test.").unwrap();
        assert_eq!(world.cached(&name), None, "{tcp:?}: it is in the cache");
    }
}

#[test]
fn a_client_over_tcp_is_never_sent_what_was_truncated() {
    for tcp in [Tcp::Refuses, Tcp::Hangs] {
        let mut world = World::new(2, 1).all(tcp);
        let number = world.ask_over_tcp("web.test.", 1);
        let other = world.ask("web.test.", 2);
        world.pass(secs(4));
        let find = |number| {
            let mut answers = world.answers.iter();
            answers.find(|answer| answer.number == number).unwrap()
        };
        assert_eq!((find(number).rcode, find(number).address), (Rcode::SERVFAIL, None), "{tcp:?}");
        assert!(find(other).address.is_some() && find(other).after <= secs(2), "{tcp:?}");
        assert!(
            world
                .queries
                .iter()
                .any(|query| query.over == Transport::Tcp)
        );
    }
}

/// The other upstream's TCP brings the whole, so nothing truncated is passed on.
#[test]
fn another_upstream_is_asked_over_tcp_first() {
    let mut world = World::new(3, 2)
        .all(Udp::Truncates)
        .upstream(0, Tcp::Refuses);
    for n in 0..8 {
        let answer = world.lookup(&format!("n{n}.test."));
        assert!(answer.address.is_some() && answer.after <= millis(4), "{answer:?}");
        assert!(world.cached(&answer.name).is_some(), "what was truncated was passed on");
    }
}

/// With its guesses an attacker may hit, and what it sends may have TC=1.
#[test]
fn after_wrong_ids_what_was_truncated_is_not_believed() {
    let forged = vec![Wrong::Id; 3];
    let conduct = Conduct { forged, tcp: Tcp::Hangs, ..Udp::Truncates.into() };
    let mut world = World::new(4, 1).all(conduct);
    assert_eq!(world.lookup("web.test.").rcode, Rcode::SERVFAIL);
}

/// Clients over TCP wait for no retries above the budget.
#[test]
fn a_closed_port_is_known_soon_by_all_who_ask_over_tcp() {
    let mut world = World::new(5, 1).all(Tcp::Refuses);
    for n in 0..200 {
        world.ask_over_tcp(&format!("n{n}.test."), n % 2);
        world.pass(millis(5));
    }
    world.pass(secs(4));
    let slowest = world.answers.iter().map(|answer| answer.after).max();
    assert_eq!(world.answers.len(), 200);
    assert!(slowest <= Some(millis(810)), "{slowest:?}");
}
