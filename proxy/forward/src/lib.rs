//! Asking upstreams: which, over what, how often, and what to believe.
//!
//! Client threads hand over what the cache does not know as an [`Ask`] and
//! forget it. Upstream threads ask each question once, however many wait for
//! it, put the answer into the cache, and send it through the socket that the
//! client asked.

mod accept;
mod ask;
mod compose;
mod failures;
mod flights;
mod inbox;
pub mod loops;
mod prober;
mod rate;
mod replies;
mod retry;
mod tcp;
mod thread;
mod udp;
mod upstream_health;
mod zones;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use dns::Name;
use tokio::runtime::Handle;

pub use accept::NotAnAnswer;
pub use ask::{Ask, ProbeReply, ReplyTo, TcpReply};
pub use failures::UpstreamFailure;

pub use observe::Transport;

use crate::loops::Loops;
use compose::QUERY_LEN;
use flights::Flights;
use inbox::Inbox;
use observe::Recorders;
use replies::Replies;
use resolver::{Cache, CacheConfig, Clock, KeyHasher};
use tcp::TcpPool;
use thread::UpstreamThread;
use udp::Sockets;
use zones::Zones;

/// What to forward where, and within which bounds.
#[derive(Clone, Debug)]
pub struct ForwardConfig {
    /// Zones; the longest suffix that holds a name wins.
    pub zones: Vec<ForwardZone>,
    /// The longest that a client waits, from its query's arrival. Under the
    /// five seconds after which glibc asks again.
    pub deadline: Duration,
    /// Questions that may be in flight.
    pub max_inflight: usize,
    /// Clients that may wait for one question.
    pub max_waiters: usize,
    /// How what upstreams say is kept.
    pub cache: CacheConfig,
    /// Queries to upstreams in the cluster carry our mark.
    pub hop_option: bool,
}

/// Names that are forwarded to the same upstreams.
#[derive(Clone, Debug)]
pub struct ForwardZone {
    /// The zone's own name; the root takes everything.
    pub suffix: Name,
    /// 1 to 32 servers.
    pub upstreams: Vec<SocketAddr>,
    /// Over what the first try goes. UDP turns to TCP when it has to.
    pub transport: Transport,
    /// Whether they stand in this cluster and may see our mark.
    pub cluster: bool,
}

impl ForwardConfig {
    /// The longest that a client waits, if nothing else was said.
    pub const DEADLINE: Duration = Duration::from_secs(4);

    /// Questions in flight if nothing else was said: some 10 MiB, and at an
    /// upstream that is silent for the whole deadline 2,000 misses a second.
    pub const MAX_INFLIGHT: usize = 8192;

    /// Clients per question if nothing else was said: ten times the pods that
    /// a node holds.
    pub const MAX_WAITERS: usize = 1024;
}

/// The way to the upstream thread, for all who ask.
#[derive(Clone, Debug)]
pub struct Forwarder {
    inbox: Arc<Inbox>,
    zones: Arc<Zones>,
    loops: Arc<Loops>,
}

/// The upstream thread, to be joined at the end.
///
/// One thread, so that every question in flight is in one table without a lock.
#[derive(Debug)]
pub struct ForwarderThread {
    thread: JoinHandle<()>,
}

impl Forwarder {
    /// Starts the upstream thread; connections over TCP run on `runtime`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a zone without upstreams or with more than 32; and
    /// what the system says when there is no thread or descriptor left.
    pub fn start(
        config: &ForwardConfig,
        cache: &Arc<Cache>,
        clock: Clock,
        recorders: &Recorders,
        runtime: &Handle,
    ) -> io::Result<(Self, ForwarderThread)> {
        let zones = Arc::new(Zones::new(&config.zones)?);
        let loops = Arc::new(Loops::new(rand::random()));
        let poll = mio::Poll::new()?;
        let inbox = Arc::new(Inbox::new(&poll)?);
        let (stats, notes) = recorders.open();
        let identity = (loops.process(), KeyHasher::default());
        let flights = Flights::new(config, Arc::clone(&zones), identity, Arc::clone(&stats));
        let upstreams = zones.upstreams();
        let registry = poll.registry().try_clone()?;
        let tcp_stats = recorders.stats.register();
        let upstream_thread = UpstreamThread {
            poll,
            inbox: Arc::clone(&inbox),
            cache: Arc::clone(cache),
            clock,
            loops: Arc::clone(&loops),
            stats: Arc::clone(&stats),
            flights,
            sockets: Sockets::new(registry, upstreams, QUERY_LEN),
            tcp: TcpPool::new(upstreams, Arc::clone(&inbox), tcp_stats, runtime.clone()),
            replies: Replies::new(stats, notes),
        };
        let thread = std::thread::Builder::new().name("upstream".to_owned());
        let thread = thread.spawn(move || upstream_thread.run())?;
        Ok((Self { inbox, zones, loops }, ForwarderThread { thread }))
    }

    /// Hands over a question. The answer goes to its `reply_to`, at the latest
    /// when the deadline ends.
    ///
    /// # Errors
    ///
    /// Gives `ask` back when the queue is full or the thread was stopped: the
    /// caller refuses it.
    #[expect(clippy::result_large_err, reason = "the caller still needs it to answer")]
    pub fn ask(&self, ask: Ask) -> Result<(), Ask> {
        self.inbox.push(ask)
    }

    /// Hands over all of `asks`; those that find no room stay in it, to be
    /// refused by the caller.
    pub fn ask_batch(&self, asks: &mut Vec<Ask>) {
        self.inbox.push_batch(asks);
    }

    /// Returns the upstreams in the order of their numbers.
    pub fn upstreams(&self) -> &[SocketAddr] {
        self.zones.upstreams()
    }

    /// Returns the loops that were seen.
    pub fn loops(&self) -> &Loops {
        &self.loops
    }

    /// Returns how many clients wait for an answer.
    pub fn in_flight(&self) -> usize {
        self.inbox.waiting()
    }

    /// Waits until no client waits, at most for `patience`; returns whether it
    /// came to that.
    pub fn drain(&self, patience: Duration) -> bool {
        self.inbox.drain(patience)
    }

    /// Ends the upstream thread. Clients that still wait get nothing.
    pub fn stop(&self) {
        self.inbox.stop();
    }
}

impl ForwarderThread {
    /// Waits for the thread to end, after [`Forwarder::stop`].
    pub fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("the upstream thread ended in a panic");
        }
    }
}

#[cfg(test)]
mod tests;
