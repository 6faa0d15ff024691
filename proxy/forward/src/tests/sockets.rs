//! What needs real sockets: the thread, its batches, ICMP and connections.

use std::sync::Arc;

use dns::{Class, Flags, Opt, Rtype};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RData;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use upstream::{Rule, TcpMode, Upstream};

use super::*;
use crate::{Ask, Forwarder, ForwarderThread, NotAnAnswer, ReplyTo, TcpReply};
use observe::Recorders;
use observe::{Stats, WorkerStats};
use resolver::{Cache, Clock, Hops, Key, KeyHasher, Retained};

/// A forwarder and a client whose answers all come by one channel.
struct Node {
    forwarder: Forwarder,
    thread: Option<ForwarderThread>,
    runtime: Runtime,
    cache: Arc<Cache>,
    stats: Arc<Stats>,
    clock: Clock,
    hasher: KeyHasher,
    tx: mpsc::Sender<Box<[u8]>>,
    rx: mpsc::Receiver<Box<[u8]>>,
}

impl Node {
    fn over(transport: Transport, upstreams: &[SocketAddr]) -> Self {
        Self::new(&config(transport, upstreams))
    }

    fn new(config: &ForwardConfig) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (cache, clock) = (Arc::new(Cache::new(&config.cache)), Clock::start());
        let recorders = Recorders::default();
        let stats = Arc::clone(&recorders.stats);
        let (forwarder, thread) =
            Forwarder::start(config, &cache, clock, &recorders, runtime.handle()).unwrap();
        let (tx, rx) = mpsc::channel(2048);
        let hasher = KeyHasher::default();
        let thread = Some(thread);
        Self { forwarder, thread, runtime, cache, stats, clock, hasher, tx, rx }
    }

    /// A question, not yet asked; answers carry `id`.
    fn question(&self, name: &str, id: u16) -> Ask {
        let opt = Opt { udp_payload_size: 1232, extended_rcode: 0, version: 0, dnssec_ok: false };
        let query = Retained {
            id,
            flags: Flags(Flags::RD),
            qname: Name::from_text(name).unwrap(),
            qtype: Rtype::A,
            qclass: Class::IN,
            edns: Some(opt),
        };
        Ask {
            hash: Key::of(&query.as_query(), &self.hasher).hash,
            query,
            hops: Hops::default(),
            reply_to: ReplyTo::Tcp(TcpReply { tx: self.tx.clone(), peer: CLIENT }),
            limit: 65_535,
            arrived: self.clock.now(),
        }
    }

    fn ask(&self, name: &str, id: u16) {
        self.forwarder.ask(self.question(name, id)).unwrap();
    }

    /// The next answer.
    fn answer(&mut self) -> Message {
        let Self { runtime, rx, .. } = self;
        let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, rx.recv()).await });
        Message::from_vec(&answer.expect("an answer in time").unwrap()).unwrap()
    }

    /// Asks and waits for the answer; says how long that took.
    fn lookup(&mut self, name: &str) -> (Message, Duration) {
        let asked = self.clock.now();
        self.ask(name, 7);
        let answer = self.answer();
        (answer, self.clock.now().saturating_since(asked))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.forwarder.stop();
        if let Some(thread) = self.thread.take() {
            thread.join();
        }
    }
}

/// An upstream with one name, and as many as are wanted below `many`.
fn server(rules: Vec<Rule>) -> Upstream {
    let records = "web 30 A 192.0.2.1\n*.many 30 A 192.0.2.2";
    let builder = Upstream::builder().zone("example.", records);
    rules
        .into_iter()
        .fold(builder, upstream::Builder::rule)
        .start()
        .unwrap()
}

fn address(message: &Message) -> Option<IpAddr> {
    message.answers.iter().find_map(|record| match record.data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        _ => None,
    })
}

fn rcode(message: &Message) -> ResponseCode {
    message.metadata.response_code
}

const WEB: &str = "web.example.";

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

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

const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1053);
