//! Replies that somebody forges, or gets wrong.

use super::world::{Conduct, Tcp, Udp, World, Wrong};
use super::*;
use crate::NotAnAnswer;

/// RFC 5452, section 9.1: what does not match is dropped, and the wait goes on.
#[test]
fn the_right_answer_is_waited_for_behind_every_wrong_one() {
    for wrong in Wrong::ALL {
        let forger = Conduct { forged: vec![wrong; 2], ..Conduct::default() };
        let mut world = World::new(1, 1).all(forger);
        let answer = world.lookup("web.test.");
        assert_eq!(answer.address, Some(IpAddr::from([192, 0, 2, 1])), "{wrong:?}");
        assert_eq!(world.queries.len(), 1, "{wrong:?}");
        let dropped = NotAnAnswer::ALL.iter();
        let dropped = dropped.map(|reason| world.stats.upstream_dropped.get(reason.index()));
        assert_eq!(dropped.sum::<u64>(), 2, "{wrong:?}");
    }
}

#[test]
fn a_few_wrong_ids_move_the_question_to_tcp() {
    let forger = Conduct { forged: vec![Wrong::Id; 3], ..Udp::Silent.into() };
    let mut world = World::new(2, 1).all(forger);
    let answer = world.lookup("web.test.");
    assert_eq!(answer.address, Some(IpAddr::from([192, 0, 2, 1])));
    assert!(answer.after < millis(3), "{answer:?}");
    assert_eq!(world.queries.last().unwrap().over, Transport::Tcp);
}

/// After three wrong IDs an attacker may hit the right one: nothing that comes
/// over UDP answers that question any more.
#[test]
fn after_a_few_wrong_ids_only_tcp_is_believed() {
    let forger = Conduct { forged: vec![Wrong::Id; 3], latency: millis(20), ..Conduct::default() };
    let mut world = World::new(5, 1).all(forger.clone()).tcp(Tcp::Hangs);
    let answer = world.lookup("web.test.");
    assert_eq!((answer.rcode, answer.after), (Rcode::SERVFAIL, ForwardConfig::DEADLINE));
    let mut world = World::new(5, 1).all(forger);
    assert!(world.lookup("web.test.").address.is_some());
    let over: Vec<_> = world.queries.iter().map(|query| query.over).collect();
    assert_eq!(over, [Transport::Udp, Transport::Tcp]);
    assert_eq!(world.stats.upstream_dropped.get(NotAnAnswer::Late.index()), 1);
}

/// ICMP for every port, while the upstreams are far away: each name is answered by
/// the first datagram, whatever the number of upstreams.
#[test]
fn forged_icmp_fails_no_question() {
    for upstreams in 1..=4 {
        let conduct = Conduct { icmp: true, latency: millis(150), ..Conduct::default() };
        let mut world = World::new(6, upstreams).all(conduct);
        for n in 0..60 {
            world.ask_after(millis(20 * n), &format!("n{n}.test."), 1);
            world.ask_after(millis(20 * n), &format!("n{n}.test."), 2);
        }
        world.pass(secs(6));
        assert_eq!(world.answers.len(), 120);
        for answer in &world.answers {
            assert!(answer.address.is_some(), "{upstreams} upstreams: {answer:?}");
            assert_eq!(answer.after, millis(150), "{upstreams} upstreams");
        }
    }
}

#[test]
fn a_hundred_and_fifty_queries_use_as_many_ports_and_nearly_as_many_ids() {
    let mut world = World::new(3, 1);
    // The second time, the pool is full and its sockets are used again.
    for round in 0..3 {
        world.queries.clear();
        for n in 0..150 {
            world.ask(&format!("r{round}n{n}.test."), n);
        }
        world.pass(millis(200));
        let mut ports: Vec<_> = world.queries.iter().map(|query| query.port).collect();
        let mut ids: Vec<_> = world
            .queries
            .iter()
            .map(|query| query.octets[..2].to_vec())
            .collect();
        ports.sort_unstable();
        ids.sort_unstable();
        ports.dedup();
        ids.dedup();
        assert!(ports.len() >= 145 && ids.len() >= 145, "{} {}", ports.len(), ids.len());
    }
}

/// A port serves ten seconds; what comes to it after that is not read.
#[test]
fn ports_change() {
    let mut world = World::new(4, 1);
    let mut ports = Vec::new();
    for n in 0..400 {
        world.lookup(&format!("n{n}.test."));
        ports.extend(world.queries.last().map(|query| query.port));
        world.pass(millis(100));
    }
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 400);
}
