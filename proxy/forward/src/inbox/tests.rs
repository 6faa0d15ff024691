//! Who finds room in the queue.

use std::net::Ipv4Addr;
use std::sync::Arc;

use resolver::{Hops, Moment, Retained};

use super::*;
use crate::ReplyTo;

fn inbox() -> (Poll, Inbox) {
    let poll = Poll::new().unwrap();
    let inbox = Inbox::new(&poll).unwrap();
    (poll, inbox)
}

/// Questions of one client.
fn asks(client: u8, count: usize) -> Vec<Ask> {
    let socket = udp::Socket::bind((Ipv4Addr::LOCALHOST, 0).into(), &udp::Options::default());
    let socket = Arc::new(socket.unwrap());
    let query = Retained {
        id: 0,
        flags: dns::Flags(0),
        qname: dns::Name::ROOT,
        qtype: dns::Rtype::A,
        qclass: dns::Class::IN,
        edns: None,
    };
    let ask = |port: usize| Ask {
        hash: 0,
        query,
        hops: Hops::default(),
        reply_to: ReplyTo::Udp {
            socket: Arc::clone(&socket),
            peer: (Ipv4Addr::new(10, 0, 0, client), u16::try_from(port).unwrap()).into(),
            local: None,
        },
        limit: 512,
        arrived: Moment::default(),
    };
    (0..count).map(ask).collect()
}

#[test]
fn a_client_that_fills_the_queue_leaves_room_for_others() {
    let (_poll, inbox) = inbox();
    let mut greedy = asks(1, 10 * QUEUE);
    inbox.push_batch(&mut greedy);
    assert_eq!((greedy.len(), inbox.waiting()), (10 * QUEUE - OPEN, OPEN));
    let mut other = asks(2, 60);
    inbox.push_batch(&mut other);
    assert!(other.is_empty());
    for ask in asks(3, 60) {
        assert!(inbox.push(ask).is_ok());
    }
    assert!(inbox.push(greedy.pop().unwrap()).is_err());
    // Its share was more than it has in the open half.
    let mut taken = Arrivals::default();
    inbox.swap(&mut taken);
    assert_eq!(taken.asks.len(), OPEN + 120);
}

#[test]
fn the_next_round_begins_with_all_the_room() {
    let (_poll, inbox) = inbox();
    let mut arrivals = Arrivals::default();
    for _ in 0..3 {
        let mut all = asks(1, QUEUE);
        inbox.push_batch(&mut all);
        assert_eq!(all.len(), QUEUE - OPEN);
        arrivals.asks.clear();
        inbox.swap(&mut arrivals);
        inbox.answered(OPEN);
    }
    assert_eq!(inbox.waiting(), 0);
}

#[test]
fn no_more_than_the_queue_wait_however_many_clients_ask() {
    let (_poll, inbox) = inbox();
    for client in 0..32 {
        inbox.push_batch(&mut asks(client, QUEUE / 4));
    }
    assert_eq!(inbox.waiting(), QUEUE);
}
