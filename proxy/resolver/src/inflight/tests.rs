//! Joining, waking and closing, with numbers for times.

use dns::{Class, Flags, Name, Rtype};

use super::*;
use crate::cache::KeyHasher;
use crate::query::Retained;

#[derive(Debug, PartialEq)]
struct Client(u16);

impl Waiter for Client {
    fn repeats(&self, earlier: &Self) -> bool {
        self == earlier
    }

    fn mark(&self) -> u64 {
        self.0.into()
    }

    /// Ten numbers are one client's.
    fn whose(&self) -> Option<IpAddr> {
        Some([10, 0, 0, u8::try_from(self.0 / 10).unwrap()].into())
    }
}

fn query(name: &str) -> Retained {
    Retained {
        id: 1,
        flags: Flags(Flags::RD),
        qname: Name::from_text(name).unwrap(),
        qtype: Rtype::A,
        qclass: Class::IN,
        edns: None,
    }
}

struct World {
    hasher: KeyHasher,
    inflight: Inflight<Client, &'static str>,
}

impl World {
    fn new(questions: usize, waiters: usize) -> Self {
        let limits = Limits { questions, waiters, waiting: 2 * questions };
        Self { hasher: KeyHasher::default(), inflight: Inflight::new(limits) }
    }

    fn join(&mut self, name: &str, client: u16) -> Joined<Client> {
        let query = query(name);
        let key = Key::of(&query.as_query(), &self.hasher);
        self.inflight
            .join(&key, Client(client), at(100), || "state")
    }

    fn first(&mut self, name: &str, client: u16) -> Ticket {
        match self.join(name, client) {
            Joined::First(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }
}

fn at(micros: u64) -> Moment {
    Moment::from_micros(micros)
}

#[test]
fn one_question_however_many_wait() {
    let mut world = World::new(8, 8);
    let ticket = world.first("web.example.", 1);
    assert!(matches!(world.join("web.example.", 2), Joined::Also(_)));
    assert!(matches!(world.join("WEB.example.", 1), Joined::Again(_)));
    assert_eq!(world.inflight.len(), 1);
    let open = world.inflight.close(ticket).unwrap();
    assert_eq!(open.waiters.into_vec(), [Client(1), Client(2)]);
    assert!(world.inflight.is_empty());
    assert_eq!(world.inflight.next_wake(), None);
}

#[test]
fn a_closed_question_is_asked_anew_by_another_ticket() {
    let mut world = World::new(8, 8);
    let old = world.first("web.example.", 1);
    world.inflight.close(old).unwrap();
    let new = world.first("web.example.", 1);
    assert_ne!(old, new);
    assert!(world.inflight.get(old).is_none());
    assert!(world.inflight.close(old).is_none());
    assert!(world.inflight.get(new).is_some());
}

#[test]
fn where_there_is_no_room_the_greediest_gives_way_with_its_oldest() {
    let mut world = World::new(3, 8);
    let one = world.first("a.example.", 1);
    world.first("b.example.", 20);
    world.first("c.example.", 2);
    assert!(matches!(world.join("d.example.", 21), Joined::Full(Client(21))));
    let gone = world.inflight.give_way().unwrap();
    assert_eq!(gone.waiter, Client(1));
    assert!(gone.closed.unwrap().waiters.is_empty());
    assert!(world.inflight.get(one).is_none());
    world.first("d.example.", 21);
    assert_eq!(world.inflight.give_way().unwrap().waiter, Client(20));
}

#[test]
fn a_question_goes_on_while_another_waits_for_it() {
    let mut world = World::new(8, 8);
    let ticket = world.first("a.example.", 1);
    world.join("a.example.", 20);
    world.first("b.example.", 2);
    let gone = world.inflight.give_way().unwrap();
    assert_eq!((gone.waiter, gone.closed.is_none()), (Client(1), true));
    let left: Vec<_> = world.inflight.get(ticket).unwrap().waiters.iter().collect();
    assert_eq!(left, [&Client(20)]);
    assert_eq!(world.inflight.waiting(), 2);
}

#[test]
fn all_who_wait_have_a_bound_too() {
    let mut world = World::new(3, 8);
    world.first("a.example.", 0);
    for client in 1..6 {
        assert!(matches!(world.join("a.example.", client), Joined::Also(_)));
    }
    assert!(matches!(world.join("a.example.", 20), Joined::Full(_)));
    assert!(matches!(world.join("b.example.", 20), Joined::Full(_)));
    assert_eq!(world.inflight.give_way().unwrap().waiter, Client(0));
    assert!(matches!(world.join("b.example.", 20), Joined::First(_)));
}

#[test]
fn in_one_question_the_greediest_gives_way_to_another() {
    let mut world = World::new(8, 3);
    world.first("b.example.", 10);
    world.first("a.example.", 20);
    world.join("a.example.", 11);
    world.join("a.example.", 12);
    assert!(matches!(world.join("a.example.", 30), Joined::Instead(_, Client(11))));
    // Nobody else waits for less.
    assert!(matches!(world.join("a.example.", 31), Joined::Instead(_, Client(12))));
    assert_eq!(world.inflight.waiting(), 4);
}

#[test]
fn questions_wake_in_order_and_never_after_their_deadline() {
    let mut world = World::new(8, 8);
    let (one, two) = (world.first("a.example.", 1), world.first("b.example.", 1));
    world.inflight.wake_at(one, Some(at(50)));
    world.inflight.wake_at(two, Some(at(40)));
    assert_eq!(world.inflight.next_wake(), Some(at(40)));
    assert_eq!(world.inflight.take_due(at(39)), None);
    assert_eq!(world.inflight.take_due(at(60)), Some(two));
    assert_eq!(world.inflight.take_due(at(60)), Some(one));
    assert_eq!(world.inflight.take_due(at(60)), None);

    world.inflight.wake_at(one, None);
    assert_eq!(world.inflight.next_wake(), Some(at(100)));
    world.inflight.wake_at(two, Some(at(400)));
    assert_eq!(world.inflight.take_due(at(100)), Some(one));
    assert_eq!(world.inflight.take_due(at(100)), Some(two));
}

/// Two names of one hash are two questions; the second has nobody who joins it.
#[test]
fn a_hash_that_two_names_have_mixes_nothing_up() {
    let mut world = World::new(10, 10);
    let join = |world: &mut World, name: &str, client| {
        let query = query(name);
        let key = Key::with_hash(&query, 7);
        match world
            .inflight
            .join(&key, Client(client), at(100), || "state")
        {
            Joined::First(ticket) => (ticket, true, key),
            Joined::Also(ticket) => (ticket, false, key),
            other => panic!("{other:?}"),
        }
    };
    let (one, _, one_key) = join(&mut world, "one.example.", 1);
    let (two, is_first, two_key) = join(&mut world, "two.example.", 2);
    assert!(is_first && one != two);
    assert_eq!(join(&mut world, "one.example.", 3).0, one);
    assert_eq!((world.inflight.find(&one_key), world.inflight.find(&two_key)), (Some(one), None));
    assert_eq!(world.inflight.close(two).unwrap().waiters.len(), 1);
    assert_eq!(world.inflight.find(&one_key), Some(one));
    assert_eq!(world.inflight.close(one).unwrap().waiters.len(), 2);
    assert!(world.inflight.is_empty() && world.inflight.find(&one_key).is_none());
}
