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
}

struct World {
    hasher: KeyHasher,
    inflight: Inflight<Client, &'static str>,
}

impl World {
    fn new(questions: usize, waiters: usize) -> Self {
        let limits = Limits { questions, waiters };
        Self { hasher: KeyHasher::default(), inflight: Inflight::new(limits) }
    }

    fn join(&mut self, name: &str, client: u16) -> Joined<Client> {
        let query = Retained {
            id: 1,
            flags: Flags(Flags::RD),
            qname: Name::from_text(name).unwrap(),
            qtype: Rtype::A,
            qclass: Class::IN,
            edns: None,
        };
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
    assert_eq!(open.waiters, [Client(1), Client(2)]);
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
fn bounds_hold_and_give_the_waiter_back() {
    let mut world = World::new(2, 2);
    world.first("a.example.", 1);
    world.first("b.example.", 1);
    assert!(matches!(world.join("c.example.", 9), Joined::Refused(Client(9))));
    assert!(matches!(world.join("a.example.", 2), Joined::Also(_)));
    assert!(matches!(world.join("a.example.", 3), Joined::Refused(Client(3))));
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
