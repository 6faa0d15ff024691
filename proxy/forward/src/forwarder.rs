//! The handle of the upstream thread.

mod prober;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use dns::Name;
use observe::{Beat, Recorders};
use resolver::{Cache, Clock, KeyHasher, Moment};
use tokio::runtime::Handle;

use crate::ask::Ask;
use crate::compose::QUERY_LEN;
use crate::conditions::{Condition, Conditions};
use crate::config::{ForwardConfig, ForwardZone};
use crate::flights::{Flights, share};
use crate::inbox::Inbox;
use crate::loops::Loops;
use crate::replies::Replies;
use crate::tcp::{MAX_CONNECTIONS, TcpPool};
use crate::thread::UpstreamThread;
use crate::udp::Sockets;
use crate::zones::Zones;

/// The way to the upstream thread, for all who ask.
#[derive(Clone, Debug)]
pub struct Forwarder {
    inbox: Arc<Inbox>,
    zones: Arc<Mutex<Arc<Zones>>>,
    loops: Arc<Loops>,
    conditions: Arc<Conditions>,
    beat: Arc<Beat>,
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
        let loops = Arc::new(Loops::new());
        let conditions = Arc::new(Conditions::default());
        let poll = mio::Poll::new()?;
        let inbox = Arc::new(Inbox::new(&poll)?);
        let (stats, notes) = recorders.open();
        let identity = (loops.secret().clone(), KeyHasher::default());
        let flights = Flights::new(config, Arc::clone(&zones), identity, Arc::clone(&stats));
        let beat = Arc::clone(&stats.beat);
        let registry = poll.registry().try_clone()?;
        let tcp_stats = recorders.stats.register();
        let mut upstream_thread = UpstreamThread {
            poll,
            inbox: Arc::clone(&inbox),
            cache: Arc::clone(cache),
            clock,
            loops: Arc::clone(&loops),
            stats: Arc::clone(&stats),
            flights,
            sockets: Sockets::new(registry, QUERY_LEN),
            tcp: TcpPool::new(Arc::clone(&inbox), tcp_stats, runtime.clone()),
            replies: Replies::new(stats, notes),
            complained: None,
            pod_mark: config.pod_mark,
            conditions: Arc::clone(&conditions),
            looked: None,
        };
        upstream_thread.know(&zones);
        let thread = std::thread::Builder::new().name("upstream".to_owned());
        let thread = thread.spawn(move || upstream_thread.run())?;
        let zones = Arc::new(Mutex::new(zones));
        Ok((Self { inbox, zones, loops, conditions, beat }, ForwarderThread { thread }))
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

    /// Forwards by other zones from here on: questions in flight end where they
    /// began, upstreams keep their numbers, and what is cached stays.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a zone without upstreams or with more than 32, and when
    /// there have been more than 255 upstreams since the start. The zones in use
    /// stay then.
    pub fn replace_zones(&self, configured: &[ForwardZone]) -> io::Result<()> {
        let mut zones = self.lock();
        *zones = Arc::new(zones.replaced(configured)?);
        self.inbox.replace_zones(Arc::clone(&zones));
        Ok(())
    }

    /// Forwards within the bounds of `config` from here on, whose zones are of no
    /// interest. Questions in flight keep their deadlines.
    pub fn replace_bounds(&self, config: &ForwardConfig) {
        self.inbox.replace_bounds(config);
    }

    /// Returns the upstreams in the order of their numbers, with those that were.
    pub fn upstreams(&self) -> Vec<SocketAddr> {
        self.zones().upstreams().to_vec()
    }

    /// Returns the upstreams in the order of their numbers, each with the zones that it
    /// is asked for; those that were have none.
    pub fn upstream_zones(&self) -> Vec<(SocketAddr, Vec<Name>)> {
        let zones = self.zones();
        let of = |(number, addr): (usize, &SocketAddr)| {
            let asked = zones.iter().filter(|zone| zone.upstreams.contains(&number));
            (*addr, asked.map(|zone| zone.suffix).collect())
        };
        zones.upstreams().iter().enumerate().map(of).collect()
    }

    fn zones(&self) -> Arc<Zones> {
        Arc::clone(&self.lock())
    }

    /// The zones are whole after each change, also one that panicked.
    fn lock(&self) -> MutexGuard<'_, Arc<Zones>> {
        self.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many descriptors so many upstreams take at most.
    pub fn descriptors(upstreams: usize) -> usize {
        upstreams * (share(upstreams) + MAX_CONNECTIONS)
    }

    /// Returns the rounds of the upstream thread.
    pub const fn beat(&self) -> &Arc<Beat> {
        &self.beat
    }

    /// Returns the loops that were seen.
    pub fn loops(&self) -> &Loops {
        &self.loops
    }

    /// Returns the upstreams that are not well, each since when.
    pub fn ill(&self) -> Vec<(SocketAddr, Condition, Moment)> {
        self.conditions.ill()
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
    /// Returns whether the thread has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the thread to end, after [`Forwarder::stop`].
    pub fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("the upstream thread ended in a panic");
        }
    }
}
