//! One client at ten times each bound, and another beside it that must not feel
//! it.

use super::world::World;
use super::*;

/// The greedy client, and the other one.
const GREEDY: u16 = 1;
const OTHER: u16 = 2;

fn small(questions: usize) -> World {
    let upstreams: Vec<_> = (0..2).map(addr_of).collect();
    let config = ForwardConfig { max_inflight: questions, ..config(Transport::Udp, &upstreams) };
    World::with(21, config).mute("silent.")
}

/// Sixty lookups of another client over three seconds; each name by two of them.
fn beside(world: &mut World) -> Vec<u64> {
    let mut numbers = Vec::new();
    for n in 0..60 {
        let name = format!("n{n}.test.");
        for client in [OTHER, OTHER + 1] {
            numbers.push(world.ask_after(millis(50 * n), &name, client));
        }
    }
    numbers
}

/// All of them have their address, and soon.
fn unharmed(world: &World, numbers: &[u64]) {
    for number in numbers {
        let answer = world.answers.iter().find(|answer| answer.number == *number);
        let answer = answer.expect("each has an answer");
        assert!(answer.address.is_some() && answer.after < millis(50), "{answer:?}");
    }
}

fn shed(world: &World) -> usize {
    let shed = world
        .answers
        .iter()
        .filter(|answer| answer.origin == Origin::Limit);
    for answer in shed.clone() {
        assert_eq!(answer.rcode, Rcode::SERVFAIL, "REFUSED is final for musl and Go");
        assert_eq!(world.cached(&answer.name), None, "it is no failure of the name");
    }
    shed.count()
}

#[test]
fn silent_names_of_one_client_take_no_question_of_another() {
    let mut world = small(256);
    for n in 0..2_560 {
        let name = format!("n{n}.silent.");
        world.ask_after(Duration::from_micros(1_500 * n), &name, GREEDY);
    }
    let others = beside(&mut world);
    world.pass(secs(10));
    unharmed(&world, &others);
    assert!(shed(&world) > 1_500, "{} were shed", shed(&world));
    assert!(world.open.is_empty());
    assert_eq!((world.flights.len(), world.flights.open()), (0, 0));
}

#[test]
fn waiters_of_one_client_take_no_place_of_another() {
    let mut world = small(256);
    for n in 0..5_120 {
        let name = format!("n{}.silent.", n % 4);
        let port = 1024 + u16::try_from(n).unwrap();
        world.ask_from(Duration::from_micros(600 * u64::from(port)), &name, (GREEDY, port));
    }
    let others = beside(&mut world);
    // The same names as the greedy one, whose questions go on for the other.
    for n in 0..4 {
        world.ask_after(millis(700), &format!("n{n}.silent."), OTHER);
    }
    world.pass(secs(10));
    unharmed(&world, &others);
    let of_other = world
        .answers
        .iter()
        .filter(|answer| answer.origin == Origin::Timeout && answer.after > secs(2));
    assert!(of_other.count() >= 4);
    assert!(shed(&world) > 4_000, "{} were shed", shed(&world));
}

#[test]
fn one_client_alone_has_all_the_room_there_is() {
    let mut world = small(256);
    for n in 0..256 {
        world.ask(&format!("n{n}.silent."), GREEDY);
    }
    world.pass(secs(10));
    assert_eq!(shed(&world), 0);
}

#[test]
fn where_all_ask_alike_the_newest_question_is_asked() {
    let mut world = small(1);
    world.ask("one.test.", 1);
    let second = world.ask("two.test.", 2);
    world.pass(secs(1));
    assert_eq!(shed(&world), 1);
    assert!(
        world
            .answers
            .iter()
            .any(|answer| answer.number == second && answer.address.is_some())
    );
    // Nothing was remembered of it.
    assert!(world.lookup("one.test.").address.is_some());
}

/// Of ten times its rate a client gets a tenth, and another one all that it asks.
#[test]
fn a_client_above_its_rate_is_answered_at_once() {
    let rate = std::num::NonZeroU32::new(50);
    let config = ForwardConfig { client_rate: rate, ..config(Transport::Udp, &[addr_of(0)]) };
    let mut world = World::with(22, config);
    for n in 0..1_500 {
        world.ask_after(millis(2 * n), &format!("n{n}.greedy."), GREEDY);
    }
    let others = beside(&mut world);
    world.pass(secs(10));
    unharmed(&world, &others);
    let above = world
        .answers
        .iter()
        .filter(|answer| answer.origin == Origin::Rate);
    assert!(
        above
            .clone()
            .all(|answer| answer.rcode == Rcode::SERVFAIL && answer.after.is_zero())
    );
    assert!((1_280..1_310).contains(&above.clone().count()), "{}", above.count());
}
