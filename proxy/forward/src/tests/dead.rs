//! Sockets that die, and a node without a route.

use super::world::{Conduct, World};
use super::*;

/// Two clients ask for each of these names.
fn ask_all(world: &mut World, names: u64, every: Duration) {
    for n in 0..names {
        for client in 1..=2 {
            world.ask_after(every * u32::try_from(n).unwrap(), &format!("n{n}.test."), client);
        }
    }
}

/// A load balancer in the kernel destroys the sockets to a backend that is gone:
/// all 192 of the pool.
#[test]
fn destroyed_sockets_cost_no_time() {
    let mut world = World::new(1, 1);
    for n in 0..200 {
        world.lookup(&format!("before{n}.test."));
    }
    for destroy in [World::destroy_sockets, World::abort_sockets] {
        destroy(&mut world);
        world.answers.clear();
        ask_all(&mut world, 1_800, Duration::from_micros(1_667));
        world.pass(secs(5));
        assert_eq!(world.answers.len(), 3_600);
        let slowest = world.answers.iter().map(|answer| answer.after).max();
        assert_eq!(slowest, Some(millis(1)));
        assert!(world.answers.iter().all(|answer| answer.address.is_some()));
        world.pass(secs(60));
    }
}

#[test]
fn what_was_open_on_a_destroyed_socket_is_asked_again_at_once() {
    let far = Conduct { latency: millis(200), ..Conduct::default() };
    let mut world = World::new(2, 1).all(far);
    ask_all(&mut world, 50, Duration::ZERO);
    world.pass(millis(10));
    world.abort_sockets();
    world.pass(secs(5));
    assert_eq!(world.answers.len(), 100);
    for answer in &world.answers {
        assert_eq!((answer.address.is_some(), answer.after), (true, millis(210)), "{answer:?}");
    }
}

#[test]
fn without_a_route_a_question_fails_at_once_and_works_as_soon_as_there_is_one() {
    let mut world = World::new(3, 1);
    for n in 0..200 {
        world.lookup(&format!("before{n}.test."));
    }
    world.destroy_sockets();
    world.has_sockets = false;
    for n in 0..10 {
        let answer = world.lookup(&format!("away{n}.test."));
        assert_eq!((answer.rcode, answer.origin), (Rcode::SERVFAIL, Origin::SendFailed));
        assert!(answer.after <= millis(420), "{answer:?}");
    }
    world.has_sockets = true;
    let answer = world.lookup("back.test.");
    assert_eq!((answer.address.is_some(), answer.after), (true, millis(1)));
}
