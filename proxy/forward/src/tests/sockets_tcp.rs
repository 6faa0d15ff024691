//! Zones that are asked over TCP, with a greedy client beside a good one.

use hickory_proto::op::{Message, ResponseCode};
use tokio::sync::mpsc;
use upstream::{Rule, TcpMode, Upstream};

use super::node::{Node, PATIENCE, ROOM, WEB, address, message, rcode, server};
use super::*;
use crate::{Ask, ReplyTo, TcpAnswer, TcpReply};
use resolver::Room;

/// A client of its own, and its answers.
struct Greedy {
    reply: TcpReply,
    rx: mpsc::Receiver<TcpAnswer>,
}

impl Greedy {
    fn new() -> Self {
        let peer = ([127, 0, 0, 9], 1053).into();
        let (reply, rx) = TcpReply::new(peer, 4096, &Room::new(ROOM));
        Self { reply, rx }
    }

    fn ask(&self, node: &Node, name: &str) {
        let reply_to = ReplyTo::Tcp(self.reply.clone());
        let ask = Ask { reply_to, ..node.question(name, 1) };
        node.forwarder.ask(ask).unwrap();
    }

    fn answer(&mut self, node: &Node) -> Message {
        message(node.wait(async { tokio::time::timeout(PATIENCE, self.rx.recv()).await }))
    }
}

/// Forty names of another client; returns how long the slowest took: less than the
/// half second of a slow one, however busy the machine is.
fn forty(node: &mut Node) -> Duration {
    let mut slowest = Duration::ZERO;
    for n in 0..40 {
        let (answer, waited) = node.lookup(&format!("good{n}.many.example."));
        assert!(address(&answer).is_some(), "{answer:?}");
        slowest = slowest.max(waited);
    }
    slowest
}

/// The server answers the queries of each connection in turn. More slow questions
/// than there are connections must not hold up another client.
#[test]
fn slow_questions_do_not_stand_before_those_of_others() {
    let slow = Rule::on("slow.many.example.").delay(millis(500));
    let server = Upstream::builder()
        .zone("example.", "*.many 30 A 192.0.2.2\n*.slow.many 30 A 192.0.2.3")
        .rule(slow)
        .tcp(TcpMode::InTurn)
        .start()
        .unwrap();
    let mut node = Node::over(Transport::Tcp, &[server.addr()]);
    let mut greedy = Greedy::new();
    greedy.ask(&node, "n.slow.many.example.");
    assert!(address(&greedy.answer(&node)).is_some());
    for n in 0..20 {
        greedy.ask(&node, &format!("n{n}.slow.many.example."));
    }
    let slowest = forty(&mut node);
    assert!(slowest < millis(450), "{slowest:?}");
    for _ in 0..20 {
        assert!(address(&greedy.answer(&node)).is_some());
    }
}

/// 1,500 names that the server is silent for: one client has its places, and what
/// is above them fails for that alone.
#[test]
fn silent_names_take_no_place_from_others() {
    let server = server(vec![Rule::on("silent.example.").silence()]);
    let mut node = Node::over(Transport::Tcp, &[server.addr()]);
    let mut greedy = Greedy::new();
    for n in 0..1_500 {
        greedy.ask(&node, &format!("n{n}.silent.example."));
    }
    let slowest = forty(&mut node);
    assert!(slowest < millis(450), "{slowest:?}");
    let before = node.cache.len();
    for _ in 0..1_200 {
        assert_eq!(rcode(&greedy.answer(&node)), ResponseCode::ServFail);
    }
    assert_eq!(node.cache.len(), before, "a failure by our own limit is in the cache");
}

/// A connection that was good, and whose server is gone without a word: what waits
/// on it is asked by another one after half a second.
#[test]
fn a_silent_connection_is_left_for_another() {
    let once = Rule::on("lost.many.example.").first(1).silence();
    let server = server(vec![once]);
    let mut node = Node::over(Transport::Tcp, &[server.addr()]);
    assert!(address(&node.lookup(WEB).0).is_some());
    let (answer, waited) = node.lookup("lost.many.example.");
    assert!(address(&answer).is_some());
    assert!((millis(500)..millis(1_200)).contains(&waited), "{waited:?}");
    let ports: Vec<_> = server.queries().iter().map(|query| query.from).collect();
    assert_eq!(ports.len(), 3);
    assert_ne!(ports[1], ports[2]);
}

/// The SYN is lost: the other upstream is asked after half a second.
#[test]
fn a_connection_that_does_not_come_about_is_left_for_the_other_upstream() {
    let hole = Upstream::builder().tcp(TcpMode::BlackHole).start().unwrap();
    let good = server(Vec::new());
    let mut node = Node::over(Transport::Tcp, &[hole.addr(), good.addr()]);
    for n in 0..6 {
        let (answer, waited) = node.lookup(&format!("n{n}.many.example."));
        assert!(address(&answer).is_some());
        assert!(waited < millis(1_200), "{waited:?}");
    }
}

/// The records that fit reach a client over UDP where TCP is closed.
#[test]
fn what_was_truncated_is_passed_on_where_tcp_is_closed() {
    let records: Vec<_> = (1..=100).map(|n| format!("web 30 A 192.0.2.{n}")).collect();
    let server = Upstream::builder()
        .zone("example.", &records.join("\n"))
        .tcp(TcpMode::Refuse)
        .start()
        .unwrap();
    let node = Node::over(Transport::Udp, &[server.addr()]);
    let bind =
        || ::udp::Socket::bind(([127, 0, 0, 1], 0).into(), &::udp::Options::default()).unwrap();
    let (ours, client) = (std::sync::Arc::new(bind()), bind());
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let peer = client.local_addr().unwrap();
    let reply_to = ReplyTo::Udp { socket: ours, peer, local: None };
    let ask = Ask { reply_to, limit: 1232, ..node.question(WEB, 5) };
    node.forwarder.ask(ask).unwrap();
    let mut batch = ::udp::RecvBatch::new(1, 1232);
    client.recv_batch(&mut batch, 1).unwrap();
    let answer = Message::from_vec(batch.get(0).unwrap().bytes).unwrap();
    assert!(answer.metadata.truncation && answer.answers.len() > 60, "{answer:?}");
    assert_eq!(node.cache.len(), 0);
}
