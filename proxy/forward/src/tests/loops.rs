//! Upstreams that lead back to us.

use super::world::{Conduct, Udp, World, addr_of};
use super::*;
use crate::ForwardZone;
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

/// 200 names a second, each asked by two pods, while the only CoreDNS is away for
/// a second: there are far too many questions for a probe each.
#[test]
fn two_pods_that_ask_the_same_lose_nothing_while_the_upstream_rolls() {
    let mut world = World::new(4, 1).all(Udp::Silent);
    world.later(secs(1), 0, Conduct::default());
    for n in 0..400 {
        let (after, name) = (millis(5 * n), format!("n{n}.test."));
        world.ask_after(after, &name, 1);
        world.ask_after(after + millis(1), &name, 2);
    }
    world.pass(secs(8));
    let lost = world
        .answers
        .iter()
        .filter(|answer| answer.address.is_none());
    assert_eq!((world.answers.len(), lost.count()), (800, 0));
    // What waits is sent as fast as the budget of retries allows.
    let slowest = world.answers.iter().map(|answer| answer.after).max();
    assert!(slowest <= Some(millis(3_700)), "{slowest:?}");
}

/// The silent one of two upstreams is asked last as soon as that is known,
/// however many ask for each name.
#[test]
fn two_pods_that_ask_the_same_are_soon_answered_by_the_upstream_that_is_left() {
    let mut world = World::new(5, 2).upstream(0, Udp::Silent);
    for n in 0..2_000 {
        let (after, name) = (Duration::from_micros(2_500 * n), format!("n{n}.test."));
        world.ask_after(after, &name, 1);
        world.ask_after(after + millis(1), &name, 2);
    }
    world.pass(secs(10));
    let lost = world
        .answers
        .iter()
        .filter(|answer| answer.address.is_none());
    assert_eq!((world.answers.len(), lost.count()), (4_000, 0));
    let slowest = world.answers.iter().map(|answer| answer.after).max();
    assert!(slowest <= Some(millis(441)), "{slowest:?}");
}

/// One client that asks much of a silent domain uses up all probes.
#[test]
fn a_silent_domain_takes_no_retry_from_other_names() {
    let lossy = Conduct { loss: 0.1, ..Conduct::default() };
    let mut world = World::new(6, 1).all(lossy).mute("silent.test.");
    for n in 0..200 {
        let name = format!("n{n}.silent.test.");
        world.ask_after(millis(50 * n), &name, 1);
        world.ask_after(millis(50 * n + 1), &name, 1001);
    }
    for n in 0..100 {
        let (after, name) = (millis(100 * n), format!("n{n}.good.test."));
        world.ask_after(after, &name, 2);
        world.ask_after(after, &name, 3);
    }
    world.pass(secs(20));
    let good = Name::from_text("good.test.").unwrap();
    let answers = world
        .answers
        .iter()
        .filter(|answer| answer.name.is_within(&good));
    let slowest = answers.map(|answer| (answer.address.is_some(), answer.after));
    assert!(slowest.clone().all(|(answered, _)| answered));
    assert!(slowest.map(|(_, after)| after).max() <= Some(millis(1_300)));
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

/// `cluster.local` is forwarded to a resolver that forwards all else to us, and asks
/// again from another port, as Unbound does.
#[test]
fn an_upstream_of_other_names_may_ask_a_slow_name_again_and_again() {
    let mut config = config(Transport::Udp, &[addr_of(0)]);
    let suffix = Name::from_text("cluster.local.").unwrap();
    config
        .zones
        .push(ForwardZone { suffix, ..ForwardZone::root(vec![addr_of(1)]) });
    for latency in [500, 1_500, 3_000] {
        let slow = Conduct { latency: millis(latency), ..Conduct::default() };
        let mut world = World::with(9, config.clone()).upstream(0, slow);
        world.ask("web.test.", 1);
        for n in 0..6_u16 {
            world.ask_back(millis(2 + 450 * u64::from(n)), "web.test.", (1, 3000 + n));
        }
        world.pass(secs(8));
        assert_eq!((world.answers.len(), world.loops.len()), (7, 0), "{latency} ms");
        assert!(world.answers.iter().all(|answer| answer.address.is_some()), "{latency} ms");
    }
}

/// The host of the only upstream runs programs that ask us for what it answers late.
#[test]
fn programs_at_the_address_of_the_upstream_are_no_laps() {
    for programs in [3, 30] {
        let slow = Conduct { latency: millis(3_000), ..Conduct::default() };
        let mut world = World::new(10, 1).all(slow);
        world.ask("web.test.", 1);
        for n in 0..programs {
            world.ask_back(millis(5), "web.test.", (0, 3000 + n));
        }
        world.pass(secs(8));
        assert_eq!((world.answers.len(), world.loops.len()), (1 + usize::from(programs), 0));
        assert!(world.answers.iter().all(|answer| answer.address.is_some()));
    }
}

/// Four marks that a pod makes up, on a question that others wait for.
#[test]
fn marks_that_are_made_up_end_no_question() {
    let far = Conduct { latency: millis(50), ..Conduct::default() };
    let mut config = config(Transport::Udp, &[addr_of(0)]);
    config.hop_option = true;
    config.zones[0].cluster = true;
    let mut world = World::with(7, config).all(far);
    for n in 0..10 {
        world.ask(&format!("n{n}.test."), 1);
        world.pass(millis(1));
        world.ask_marked(&format!("n{n}.test."), 2, [1, 2, 3, n]);
    }
    world.pass(secs(1));
    assert_eq!((world.answers.len(), world.loops.len()), (20, 0));
    assert!(world.answers.iter().all(|answer| answer.address.is_some()));
}

/// A pod has a domain whose servers are silent and hand it the names of our probes,
/// which it asks us for.
#[test]
fn a_pod_cannot_play_a_loop() {
    for pod in [2, 3] {
        let mut world = World::new(8, 2).mute("evil.test.");
        world.ask("web.evil.test.", 1);
        world.ask("web.evil.test.", 2);
        world.pass(millis(200));
        let (web, probe) = (&world.queries[0].name, &world.queries[1].name);
        assert!(probe != web && probe.is_within(web), "{probe}");
        let name = probe.to_string();
        world.ask(&name, pod);
        world.pass(millis(10));
        // The pod that asked for the name ends its own question, and no more.
        assert_eq!(world.loops.len(), usize::from(pod == 2));
        let before = world.queries.len();
        for n in 0..100 {
            let answer = world.lookup(&format!("n{n}.test."));
            assert_eq!(answer.after, millis(1), "{answer:?}");
        }
        let asked = world.queries[before..].iter();
        let first = asked.filter(|query| query.upstream == 0).count();
        assert!((25..75).contains(&first), "{first} of 100");
    }
}
