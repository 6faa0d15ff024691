//! Answers whose TTL is over, while no upstream has newer ones; and names that are
//! asked for anew in time. TTLs are 30 s here.

use super::world::{Conduct, Tcp, Udp, World};
use super::*;

/// A world where one name was asked for, and its TTL is over.
fn expired(upstreams: usize) -> World {
    let mut world = World::new(31, upstreams);
    assert!(world.lookup("web.test.").address.is_some());
    world.pass(secs(31));
    world
}

fn change(world: &mut World, conduct: impl Into<Conduct>) {
    let conduct = Conduct { tcp: Tcp::Hangs, ..conduct.into() };
    world.upstreams.fill(conduct);
}

#[test]
fn while_no_upstream_answers_clients_get_what_was_known() {
    let mut world = expired(1);
    change(&mut world, Udp::Silent);
    let both = [1, 2].map(|client| world.ask("web.test.", client));
    world.pass(secs(5));
    for number in both {
        let answer = world.answer(number);
        assert_eq!((answer.origin, answer.address.is_some()), (Origin::Stale, true));
        assert_eq!(answer.after, millis(1_800));
    }
    // It is asked for again now and then, and nobody waits for that.
    for _ in 0..600 {
        let answer = world.lookup("web.test.");
        assert_eq!((answer.origin, answer.rcode), (Origin::Stale, Rcode::NOERROR));
        assert!(answer.after <= millis(1_800), "{answer:?}");
        world.pass(secs(1));
    }
    let waited = world
        .answers
        .iter()
        .filter(|answer| answer.after > Duration::ZERO);
    assert!(waited.clone().count() < 8, "{} waited", waited.count());
}

/// Retries and all: one question every five seconds.
#[test]
fn a_dead_upstream_is_not_asked_more_because_of_it() {
    let mut world = expired(1);
    change(&mut world, Udp::Silent);
    let before = world.queries.len();
    for _ in 0..600 {
        world.lookup("web.test.");
        world.pass(millis(100));
    }
    let asked = world.queries.len() - before;
    assert!(asked <= 13 * 8, "{asked} queries in a minute");
}

#[test]
fn the_first_answer_of_an_upstream_that_is_back_counts() {
    let mut world = expired(1);
    change(&mut world, Udp::Silent);
    world.lookup("web.test.");
    world.pass(secs(30));
    world.upstreams.fill(Conduct::default());
    world.lookup("web.test.");
    world.pass(secs(6));
    world.lookup("web.test.");
    world.pass(secs(1));
    assert_eq!(world.lookup("web.test.").origin, Origin::Cache);
}

/// A slow answer comes too late for those who wait, and is kept.
#[test]
fn an_answer_after_the_stale_one_is_kept() {
    let mut world = expired(1);
    let slow = Conduct { latency: millis(2_300), ..Conduct::default() };
    world.upstreams.fill(slow);
    assert_eq!(world.lookup("web.test.").origin, Origin::Stale);
    world.pass(secs(1));
    let next = world.lookup("web.test.");
    assert_eq!((next.origin, next.after), (Origin::Cache, Duration::ZERO));
}

#[test]
fn a_failure_never_takes_the_place_of_what_is_known() {
    for rcode in [Rcode::SERVFAIL, Rcode::REFUSED] {
        let mut world = expired(2);
        change(&mut world, Udp::Fails(rcode));
        for _ in 0..100 {
            let answer = world.lookup("web.test.");
            assert_eq!((answer.origin, answer.rcode), (Origin::Stale, Rcode::NOERROR));
            assert!(answer.after < millis(500), "{answer:?}");
            world.pass(secs(1));
        }
    }
}

/// Nor does what was known take the place of a denial.
#[test]
fn what_an_upstream_denies_is_denied() {
    let mut world = expired(1);
    change(&mut world, Udp::Fails(Rcode::NXDOMAIN));
    let answer = world.lookup("web.test.");
    assert_eq!((answer.origin, answer.rcode), (Origin::Upstream, Rcode::NXDOMAIN));
}

#[test]
fn what_was_never_known_fails_as_ever() {
    let mut world = expired(1);
    change(&mut world, Udp::Silent);
    let answer = world.lookup("new.test.");
    assert_eq!((answer.origin, answer.rcode), (Origin::Timeout, Rcode::SERVFAIL));
    assert_eq!(answer.after, ForwardConfig::DEADLINE);
}

#[test]
fn after_a_day_nothing_is_known_any_more() {
    let mut world = expired(1);
    change(&mut world, Udp::Silent);
    assert_eq!(world.lookup("web.test.").origin, Origin::Stale);
    world.pass(secs(86_400));
    assert_eq!(world.lookup("web.test.").origin, Origin::Timeout);
}

#[test]
fn without_stale_answers_it_is_a_failure() {
    let mut config = config(Transport::Udp, &[addr_of(0)]);
    config.cache.max_stale = Duration::ZERO;
    let mut world = World::with(32, config);
    assert!(world.lookup("web.test.").address.is_some());
    world.pass(secs(31));
    change(&mut world, Udp::Silent);
    assert_eq!(world.lookup("web.test.").origin, Origin::Timeout);
}

/// Asked for once a second, a name is never waited for again, and its upstream gets
/// one query in each TTL.
#[test]
fn a_name_asked_often_is_there_without_a_gap() {
    let mut world = World::new(33, 1);
    let first = world.lookup("web.test.");
    assert!(first.after > Duration::ZERO);
    for _ in 0..300 {
        world.pass(secs(1));
        let answer = world.lookup("web.test.");
        assert_eq!((answer.origin, answer.after), (Origin::Cache, Duration::ZERO));
    }
    assert!(world.asked("web.test.") <= 13, "{} queries", world.asked("web.test."));
    assert_eq!(world.stats.prefetches.get(), world.asked("web.test.") as u64 - 1);
}

/// What is not refreshed in time stays what it was.
#[test]
fn a_refresh_that_fails_costs_nothing() {
    let mut world = World::new(34, 1);
    world.lookup("web.test.");
    for _ in 0..3 {
        world.lookup("web.test.");
    }
    change(&mut world, Udp::Fails(Rcode::SERVFAIL));
    world.pass(millis(29_500));
    assert_eq!(world.lookup("web.test.").origin, Origin::Cache);
    world.pass(millis(200));
    assert_eq!(world.stats.prefetches.get(), 1);
    assert_eq!(world.lookup("web.test.").origin, Origin::Cache);
}
