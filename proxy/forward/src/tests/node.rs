//! A forwarder over real sockets, with a client.

use std::sync::Arc;

use dns::{Class, Flags, Opt, Rtype};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RData;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::error::Elapsed;
use upstream::{Rule, Upstream};

use super::*;
use crate::{Ask, Forwarder, ForwarderThread, ReplyTo, TcpAnswer, TcpReply};
use observe::{Recorders, Stats};
use resolver::{Cache, Clock, Hops, Key, KeyHasher, Retained, Room};

/// A forwarder and a client whose answers all come by one channel.
pub(super) struct Node {
    pub(super) forwarder: Forwarder,
    thread: Option<ForwarderThread>,
    runtime: Runtime,
    pub(super) cache: Arc<Cache>,
    pub(super) stats: Arc<Stats>,
    clock: Clock,
    hasher: KeyHasher,
    reply: TcpReply,
    rx: mpsc::Receiver<TcpAnswer>,
}

impl Node {
    pub(super) fn over(transport: Transport, upstreams: &[SocketAddr]) -> Self {
        Self::new(&config(transport, upstreams))
    }

    pub(super) fn new(config: &ForwardConfig) -> Self {
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
        let (reply, rx) = TcpReply::new(CLIENT, 2048, &Room::new(ROOM));
        let hasher = KeyHasher::default();
        let thread = Some(thread);
        Self { forwarder, thread, runtime, cache, stats, clock, hasher, reply, rx }
    }

    /// A question, not yet asked; answers carry `id`.
    pub(super) fn question(&self, name: &str, id: u16) -> Ask {
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
            reply_to: ReplyTo::Tcp(self.reply.clone()),
            limit: 65_535,
            arrived: self.clock.now(),
        }
    }

    pub(super) fn ask(&self, name: &str, id: u16) {
        self.forwarder.ask(self.question(name, id)).unwrap();
    }

    /// Waits for something on the runtime.
    pub(super) fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    /// The next answer.
    pub(super) fn answer(&mut self) -> Message {
        let Self { runtime, rx, .. } = self;
        let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, rx.recv()).await });
        message(answer)
    }

    /// Asks and waits for the answer; says how long that took.
    pub(super) fn lookup(&mut self, name: &str) -> (Message, Duration) {
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
pub(super) fn server(rules: Vec<Rule>) -> Upstream {
    let records = "web 30 A 192.0.2.1\n*.many 30 A 192.0.2.2";
    let builder = Upstream::builder().zone("example.", records);
    rules
        .into_iter()
        .fold(builder, upstream::Builder::rule)
        .start()
        .unwrap()
}

pub(super) fn address(message: &Message) -> Option<IpAddr> {
    message.answers.iter().find_map(|record| match record.data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        _ => None,
    })
}

pub(super) fn rcode(message: &Message) -> ResponseCode {
    message.metadata.response_code
}

/// The message of an answer that came in time.
pub(super) fn message(answer: Result<Option<TcpAnswer>, Elapsed>) -> Message {
    match answer.expect("an answer in time") {
        Some(TcpAnswer::Message(message, _)) => Message::from_vec(&message).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Room for all answers.
pub(super) const ROOM: usize = 64 << 20;

pub(super) const WEB: &str = "web.example.";

/// Longer than any answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

pub(super) const CLIENT: SocketAddr =
    SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1053);
