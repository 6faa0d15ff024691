//! How much upstreams are asked more because they do not answer.

use super::world::{Conduct, Udp, World};
use super::*;

/// Asks for names below `suffix` at this rate.
fn ask_for(world: &mut World, suffix: &str, rate: u64, seconds: u64, client: u16) {
    for n in 0..rate * seconds {
        let after = Duration::from_micros(n * 1_000_000 / rate);
        world.ask_after(after, &format!("n{n}.{suffix}"), client);
    }
}

/// Queries beyond the first one for each name.
fn retries(world: &World) -> usize {
    let mut names: Vec<_> = world.queries.iter().map(|query| query.question).collect();
    let queries = names.len();
    names.sort_unstable_by_key(|(name, round)| (name.to_string(), *round));
    names.dedup();
    queries - names.len()
}

/// One client's silent names at ten times what the budget pays for: 0.1 of all
/// datagrams are lost, and the names of another client need their retries.
#[test]
fn the_retries_of_one_client_take_none_from_another() {
    let lossy = Conduct { loss: 0.05, ..Conduct::default() };
    let mut world = World::new(1, 1).all(lossy).mute("silent.test.");
    ask_for(&mut world, "silent.test.", 1_500, 10, 1);
    ask_for(&mut world, "good.test.", 20, 10, 2);
    ask_for(&mut world, "good.test.", 20, 10, 3);
    world.pass(secs(15));
    let good = Name::from_text("good.test.").unwrap();
    let good: Vec<_> = world
        .answers
        .iter()
        .filter(|answer| answer.name.is_within(&good))
        .collect();
    assert_eq!(good.len(), 400);
    assert!(good.iter().all(|answer| answer.address.is_some()));
    let slowest = good.iter().map(|answer| answer.after).max();
    assert!(slowest <= Some(millis(1_300)), "{slowest:?}");
    let first = 1_500 * 10 + 20 * 10;
    let most = first / 5 + 50 * 15;
    assert!((500..=most).contains(&retries(&world)), "{} of {most}", retries(&world));
}

/// Two clients ask for each of 2,000 names a second, while the only server is away
/// for ten seconds: it is not asked more than by the first tries and the budget,
/// then or when it is back.
#[test]
fn a_server_that_comes_back_is_not_met_by_all_at_once() {
    let mut world = World::new(2, 1).all(Udp::Silent);
    world.later(secs(10), 0, Conduct::default());
    for client in 1..=2 {
        ask_for(&mut world, "test.", 2_000, 12, client);
    }
    world.pass(secs(20));
    assert_eq!(world.answers.len(), 48_000);
    let most = 2_000 * 12 / 5 + 50 * 16;
    assert!(retries(&world) <= most, "{} of {most}", retries(&world));
    let mut in_second = [0; 20];
    for query in &world.queries {
        in_second[usize::try_from(query.after.as_secs()).unwrap()] += 1;
    }
    let busiest = in_second.iter().max().unwrap();
    assert!(*busiest <= 3_000, "{in_second:?}");
    let answered = world.answers.iter();
    let answered = answered.filter(|answer| answer.address.is_some());
    assert!(answered.count() >= 2 * 2_000 * 2);
}

/// A closed port is known at once, and has to be for all: what has no retry fails.
#[test]
fn a_closed_port_fails_fast_however_many_ask() {
    let mut world = World::new(3, 1).all(Udp::Closed);
    ask_for(&mut world, "test.", 1_000, 5, 1);
    ask_for(&mut world, "test.", 1_000, 5, 2);
    world.pass(secs(10));
    assert_eq!(world.answers.len(), 10_000);
    let slowest = world.answers.iter().map(|answer| answer.after).max();
    assert!(slowest <= Some(millis(1_000)), "{slowest:?}");
    assert!(retries(&world) <= 1_000 + 50 * 7, "{}", retries(&world));
}
