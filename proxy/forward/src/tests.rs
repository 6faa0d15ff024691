//! The upstream thread against a scripted upstream, over real sockets.

mod hostile;
mod trouble;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dns::{Class, Flags, Name, Opt, Rtype};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RData;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use upstream::{Rule, Upstream};

use super::*;
use observe::Stats;
use resolver::{Hops, Retained};
use resolver::{Key, KeyHasher};

/// A forwarder and a client whose answers all come by one channel.
struct World {
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

impl World {
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

impl Drop for World {
    fn drop(&mut self) {
        self.forwarder.stop();
        if let Some(thread) = self.thread.take() {
            thread.join();
        }
    }
}

fn config(transport: Transport, upstreams: &[SocketAddr]) -> ForwardConfig {
    let zone = ForwardZone {
        suffix: Name::ROOT,
        upstreams: upstreams.to_vec(),
        transport,
        cluster: false,
    };
    ForwardConfig {
        zones: vec![zone],
        deadline: ForwardConfig::DEADLINE,
        max_inflight: ForwardConfig::MAX_INFLIGHT,
        max_waiters: ForwardConfig::MAX_WAITERS,
        cache: CacheConfig { bytes: 4 << 20, ..CacheConfig::default() },
        hop_option: false,
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

#[test]
fn three_hundred_who_ask_the_same_are_one_query() {
    let server = server(vec![Rule::any().delay(Duration::from_millis(100))]);
    let mut world = World::over(Transport::Udp, &[server.addr()]);
    let mut asks: Vec<_> = (0..300).map(|id| world.question(WEB, id)).collect();
    world.forwarder.ask_batch(&mut asks);
    assert!(asks.is_empty());
    let mut ids: Vec<_> = (0..300)
        .map(|_| {
            let answer = world.answer();
            assert!(address(&answer).is_some());
            answer.metadata.id
        })
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..300).collect::<Vec<_>>());
    assert_eq!(server.total(), 1);
    assert_eq!(world.stats.sum(|worker| worker.inflight_joined.get()), 299);
    assert!(world.forwarder.drain(PATIENCE));
    assert_eq!(world.forwarder.in_flight(), 0);

    // Who comes late is answered from the cache, and not asked again.
    assert!(address(&world.lookup(WEB).0).is_some());
    assert_eq!((server.total(), world.cache.len()), (1, 1));
}

#[test]
fn a_retransmit_gets_no_second_answer() {
    let server = server(vec![Rule::any().delay(Duration::from_millis(100))]);
    let world = World::over(Transport::Udp, &[server.addr()]);
    let bind =
        || ::udp::Socket::bind(([127, 0, 0, 1], 0).into(), &::udp::Options::default()).unwrap();
    let (ours, client) = (Arc::new(bind()), bind());
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    for id in [5, 5, 6] {
        let peer = client.local_addr().unwrap();
        let reply_to = ReplyTo::Udp { socket: Arc::clone(&ours), peer, local: None };
        let ask = Ask { reply_to, limit: 1232, ..world.question(WEB, id) };
        world.forwarder.ask(ask).unwrap();
    }
    let mut batch = ::udp::RecvBatch::new(1, 1232);
    let mut ids = Vec::new();
    while ids.len() < 2 {
        client.recv_batch(&mut batch, 1).unwrap();
        ids.push(batch.get(0).unwrap().bytes[1]);
    }
    assert_eq!(ids, [5, 6]);
    assert!(world.forwarder.drain(PATIENCE));
    client
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    assert!(client.recv_batch(&mut batch, 1).is_err());
    assert_eq!(world.stats.sum(|worker| worker.inflight_retransmits.get()), 1);
}

#[test]
fn queries_ask_for_recursion_and_for_what_fits_into_a_frame() {
    let server = server(Vec::new());
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut world = World::over(transport, &[server.addr()]);
        assert!(address(&world.lookup(WEB).0).is_some());
        let query = server.queries().pop().unwrap();
        assert!(query.recursion_desired && !query.checking_disabled);
        assert_eq!(query.udp_payload_size, Some(1232));
    }
}

#[test]
fn a_hundred_queries_share_a_few_connections() {
    let server = server(Vec::new());
    let mut world = World::over(Transport::Tcp, &[server.addr()]);
    for round in 0..2 {
        for n in 0..50 {
            world.ask(&format!("r{round}n{n}.many.example."), n);
        }
        for _ in 0..50 {
            assert!(address(&world.answer()).is_some());
        }
    }
    let mut ports: Vec<_> = server.queries().iter().map(|query| query.from).collect();
    ports.sort_unstable();
    ports.dedup();
    assert!(ports.len() <= 4, "{} connections", ports.len());
    assert_eq!(server.total(), 100);
}

#[test]
fn a_name_of_no_zone_is_refused_and_so_is_one_too_many() {
    let server = server(vec![Rule::any().delay(Duration::from_millis(200))]);
    let mut config = config(Transport::Udp, &[server.addr()]);
    config.max_inflight = 1;
    config.zones[0].suffix = Name::from_text("example.").unwrap();
    let mut world = World::new(&config);
    assert_eq!(rcode(&world.lookup("example.net.").0), ResponseCode::Refused);
    world.ask(WEB, 1);
    world.ask("one.many.example.", 2);
    let refused = world.answer();
    assert_eq!((refused.metadata.id, rcode(&refused)), (2, ResponseCode::Refused));
    assert!(address(&world.answer()).is_some());
    assert_eq!(world.stats.sum(|worker| worker.inflight_refused.get()), 1);
    // The refusal was not remembered.
    assert!(address(&world.lookup("one.many.example.").0).is_some());
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
    let mut world = World::over(Transport::Udp, &[server.addr()]);
    let names = (0..40).flat_map(|n| [n, n, n]);
    let mut asks: Vec<_> = names
        .map(|n| world.question(&format!("n{n}.many.example."), n))
        .collect();
    world.forwarder.ask_batch(&mut asks);
    for _ in 0..120 {
        assert!(address(&world.answer()).is_some());
    }
    assert_eq!(server.total(), 40);
}

const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1053);
