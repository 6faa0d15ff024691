//! What needs real sockets: the thread, its batches, ICMP and connections.

use std::sync::Arc;

use hickory_proto::op::ResponseCode;
use upstream::{Rule, TcpMode, Upstream};

use super::node::{Node, PATIENCE, WEB, address, rcode, server};
use super::*;
use crate::{Ask, NotAnAnswer, ReplyTo};
use observe::WorkerStats;

/// A batch of questions, a batch of answers, and a drain.
#[test]
fn three_hundred_who_ask_the_same_are_one_query() {
    let server = server(vec![Rule::any().delay(Duration::from_millis(100))]);
    let mut node = Node::over(Transport::Udp, &[server.addr()]);
    let mut asks: Vec<_> = (0..300).map(|id| node.question(WEB, id)).collect();
    node.forwarder.ask_batch(&mut asks);
    assert!(asks.is_empty());
    let mut ids: Vec<_> = (0..300)
        .map(|_| {
            let answer = node.answer();
            assert!(address(&answer).is_some());
            answer.metadata.id
        })
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..300).collect::<Vec<_>>());
    assert_eq!(server.total(), 1);
    assert!(node.forwarder.drain(PATIENCE));
    assert_eq!(node.forwarder.in_flight(), 0);

    // A late question is answered from the cache.
    assert!(address(&node.lookup(WEB).0).is_some());
    assert_eq!((server.total(), node.cache.len()), (1, 1));
}

#[test]
fn a_retransmit_gets_no_second_answer() {
    let server = server(vec![Rule::any().delay(Duration::from_millis(100))]);
    let node = Node::over(Transport::Udp, &[server.addr()]);
    let bind =
        || ::udp::Socket::bind(([127, 0, 0, 1], 0).into(), &::udp::Options::default()).unwrap();
    let (ours, client) = (Arc::new(bind()), bind());
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    for id in [5, 5, 6] {
        let peer = client.local_addr().unwrap();
        let reply_to = ReplyTo::Udp { socket: Arc::clone(&ours), peer, local: None };
        let ask = Ask { reply_to, limit: 1232, ..node.question(WEB, id) };
        node.forwarder.ask(ask).unwrap();
    }
    let mut batch = ::udp::RecvBatch::new(1, 1232);
    let mut ids = Vec::new();
    while ids.len() < 2 {
        client.recv_batch(&mut batch, 1).unwrap();
        ids.push(batch.get(0).unwrap().bytes[1]);
    }
    assert_eq!(ids, [5, 6]);
    assert!(node.forwarder.drain(PATIENCE));
    client
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    assert!(client.recv_batch(&mut batch, 1).is_err());
    assert_eq!(node.stats.sum(|worker| worker.inflight_retransmits.get()), 1);
}

#[test]
fn a_hundred_queries_share_a_few_connections() {
    let server = server(Vec::new());
    let mut node = Node::over(Transport::Tcp, &[server.addr()]);
    for round in 0..2 {
        for n in 0..50 {
            node.ask(&format!("r{round}n{n}.many.example."), n);
        }
        for _ in 0..50 {
            assert!(address(&node.answer()).is_some());
        }
    }
    let mut ports: Vec<_> = server.queries().iter().map(|query| query.from).collect();
    ports.sort_unstable();
    ports.dedup();
    assert!(ports.len() <= 4, "{} connections", ports.len());
    assert_eq!(server.total(), 100);
}

#[test]
fn each_question_is_asked_once_over_ipv6_too() {
    let zone = upstream::Zone::new("example.").records("*.many 30 A 192.0.2.2");
    let script = upstream::Script::new()
        .zone(zone)
        .rule(Rule::any().delay(Duration::from_millis(100)));
    let server = Upstream::builder()
        .listen(([0, 0, 0, 0, 0, 0, 0, 1], 0).into())
        .script(script)
        .start()
        .unwrap();
    let mut node = Node::over(Transport::Udp, &[server.addr()]);
    let names = (0..40).flat_map(|n| [n, n, n]);
    let mut asks: Vec<_> = names
        .map(|n| node.question(&format!("n{n}.many.example."), n))
        .collect();
    node.forwarder.ask_batch(&mut asks);
    for _ in 0..120 {
        assert!(address(&node.answer()).is_some());
    }
    assert_eq!(server.total(), 40);
}

/// The deadline of the question ends the connect, and the wait for an answer.
#[test]
fn lost_syns_and_a_server_that_never_reads_end_at_the_deadline() {
    for mode in [TcpMode::BlackHole, TcpMode::NeverAccept] {
        let server = Upstream::builder().tcp(mode).start().unwrap();
        let deadline = Duration::from_millis(300);
        let config = ForwardConfig { deadline, ..config(Transport::Tcp, &[server.addr()]) };
        let mut node = Node::new(&config);
        let (answer, waited) = node.lookup(WEB);
        assert_eq!(rcode(&answer), ResponseCode::ServFail);
        assert!(waited >= deadline, "{mode:?}: {waited:?}");
    }
}

/// ICMP, and a reset.
#[test]
fn a_closed_port_is_given_up_after_three_tries() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let closed = server(Vec::new()).addr();
        let mut node = Node::over(transport, &[closed]);
        let (answer, waited) = node.lookup(WEB);
        assert_eq!(rcode(&answer), ResponseCode::ServFail);
        assert!(waited < ForwardConfig::DEADLINE, "{transport:?}: {waited:?}");
        let queries = |worker: &WorkerStats| worker.upstream_queries.get(transport.index());
        assert_eq!(node.stats.sum(queries), 3);
    }
}

#[test]
fn a_connection_that_was_closed_is_opened_again() {
    let close = Rule::on("close.many.example.")
        .first(1)
        .delivery(upstream::Delivery::Close);
    let server = server(vec![close]);
    let mut node = Node::over(Transport::Tcp, &[server.addr()]);
    for name in [WEB, "close.many.example.", "last.many.example."] {
        let (answer, _) = node.lookup(name);
        assert!(address(&answer).is_some(), "{name}: {answer:?}");
    }
}

/// RFC 5452, section 9.1, on a connection: it judges its frames itself.
#[test]
fn the_right_answer_is_waited_for_behind_every_wrong_one() {
    let after = Duration::from_millis(150);
    for transport in [Transport::Udp, Transport::Tcp] {
        let rules = upstream::Wrong::ALL.iter().enumerate();
        let rules = rules.map(|(n, wrong)| {
            Rule::on(&format!("w{n}.many.example.")).wrong_then_right(*wrong, after)
        });
        let server = server(rules.collect());
        let mut node = Node::over(transport, &[server.addr()]);
        for n in 0..upstream::Wrong::ALL.len() {
            node.ask(&format!("w{n}.many.example."), u16::try_from(n).unwrap());
        }
        for _ in upstream::Wrong::ALL {
            let answer = node.answer();
            let wrong = upstream::Wrong::ALL[usize::from(answer.metadata.id)];
            let right = IpAddr::from([192, 0, 2, 2]);
            assert_eq!(address(&answer), Some(right), "{transport:?} {wrong:?}: {answer:?}");
        }
        let dropped = |worker: &WorkerStats| {
            let counts = NotAnAnswer::ALL.iter();
            counts
                .map(|reason| worker.upstream_dropped.get(reason.index()))
                .sum()
        };
        // The wrong source port does not reach us at all.
        assert_eq!(node.stats.sum(dropped), 21, "{transport:?}");
    }
}
