//! Which of several upstreams is asked.

use super::world::{Answer, Conduct, Udp, World};
use super::*;

const RATE: u64 = 200;

/// Two clients ask for each of 200 names a second.
fn ask_for(world: &mut World, seconds: u64) {
    for n in 0..RATE * seconds {
        for client in 1..=2 {
            let after = Duration::from_micros(n * 1_000_000 / RATE);
            world.ask_after(after, &format!("n{n}.test."), client);
        }
    }
}

/// The second in which a name was asked for.
fn second(name: &Name) -> u64 {
    let text = name.to_string();
    let number = text[1..].split('.').next().unwrap();
    number.parse::<u64>().unwrap() / RATE
}

/// How long 99 of 100 lookups of these seconds took.
fn p99(world: &World, seconds: std::ops::Range<u64>) -> Duration {
    let of = |answer: &&Answer| seconds.contains(&second(&answer.name));
    let answers = world.answers.iter().filter(of);
    assert!(answers.clone().all(|answer| answer.address.is_some()));
    let mut took: Vec<_> = answers.map(|answer| answer.after).collect();
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

/// The part of all queries of these seconds that went to the first upstream.
fn share(world: &World, seconds: std::ops::Range<u64>) -> f64 {
    let of = world.queries.iter();
    let of = of.filter(|query| seconds.contains(&query.after.as_secs()));
    let first = of.clone().filter(|query| query.upstream == 0).count();
    f64::from(u32::try_from(first).unwrap()) / f64::from(u32::try_from(of.count()).unwrap())
}

fn ill() -> [Conduct; 4] {
    let slow = Conduct { latency: millis(300), ..Conduct::default() };
    [Udp::Silent.into(), Udp::Closed.into(), Udp::Fails(Rcode::SERVFAIL).into(), slow]
}

/// After two seconds nobody notices that one of two is ill, for as long as it is.
#[test]
fn one_of_two_that_is_ill_costs_nothing_after_two_seconds() {
    for conduct in ill() {
        let mut world = World::new(1, 2);
        world.later(secs(2), 0, conduct.clone());
        ask_for(&mut world, 20);
        world.pass(secs(30));
        let quiet = p99(&world, 0..2);
        assert!(p99(&world, 4..20) <= quiet, "{conduct:?}: {:?}", p99(&world, 4..20));
        assert!(share(&world, 4..20) < 0.03, "{conduct:?}: {}", share(&world, 4..20));
    }
}

#[test]
fn one_that_healed_has_its_share_within_five_seconds() {
    for conduct in ill() {
        let mut world = World::new(2, 2);
        world.later(secs(2), 0, conduct.clone());
        world.later(secs(12), 0, Conduct::default());
        ask_for(&mut world, 22);
        world.pass(secs(30));
        let share = share(&world, 18..22);
        assert!((0.4..0.6).contains(&share), "{conduct:?}: {share}");
        assert!(p99(&world, 12..22) <= millis(1), "{conduct:?}");
    }
}

/// Also where the first questions of the process find one of them ill.
#[test]
fn an_upstream_that_is_ill_from_the_start_is_soon_left_alone() {
    for conduct in ill() {
        let mut world = World::new(3, 3).upstream(0, conduct.clone());
        ask_for(&mut world, 10);
        world.pass(secs(20));
        assert!(p99(&world, 2..10) <= millis(1), "{conduct:?}: {:?}", p99(&world, 2..10));
    }
}

#[test]
fn equals_get_the_same_and_one_at_its_usual_pace_is_asked_once() {
    let mut world = World::new(4, 2);
    ask_for(&mut world, 10);
    world.pass(secs(12));
    assert!((0.45..0.55).contains(&share(&world, 0..10)));
    assert_eq!(world.queries.len(), usize::try_from(RATE * 10).unwrap());
}

/// Copies are for upstreams that are asked anyway: a quiet node sends none.
#[test]
fn a_quiet_node_asks_once_for_each_name() {
    let mut world = World::new(5, 3);
    for n in 0..100 {
        world.lookup(&format!("n{n}.test."));
        world.pass(secs(7));
    }
    assert_eq!(world.queries.len(), 100);
}

/// The usual time of an upstream is known: what takes much longer is asked of the
/// other one long before the first retry is due.
#[test]
fn a_lost_datagram_is_made_good_by_the_other_upstream() {
    let lossy = Conduct { loss: 0.02, ..Conduct::default() };
    let mut world = World::new(6, 2).all(lossy);
    ask_for(&mut world, 20);
    world.pass(secs(30));
    assert!(p99(&world, 5..20) <= millis(15), "{:?}", p99(&world, 5..20));
}
