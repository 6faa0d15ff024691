//! The threads that send and receive. Each has its own share of the plan, its
//! own sockets and its own account, and meets the others only at the end.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::outstanding::Bounds;
use crate::plan::{Plan, nanos};
use crate::recorder::Recorder;
use crate::workload::Workload;

mod outbox;
mod overruns;
mod sockets;
pub mod tcp;
pub mod udp;

/// The configuration of one sender thread.
#[derive(Debug)]
pub struct ThreadConfig {
    /// The server.
    pub target: SocketAddr,
    /// The address of the first socket, where each is to have its own.
    pub first_source: Option<IpAddr>,
    /// Queries of one length may leave as one, by UDP.
    pub gso: bool,
    /// What to send, and when.
    pub plan: Plan,
    /// What to ask.
    pub workload: Arc<Workload>,
    /// Number of phases.
    pub phases: usize,
    /// Sizes and timeout.
    pub bounds: Bounds,
    /// Seed of this thread's message ids.
    pub seed: u64,
    /// Set when the run is to end early.
    pub stop: Stop,
}

/// The result of one sender thread.
#[derive(Debug)]
pub struct ThreadResult {
    /// Its record.
    pub recorder: Recorder,
    /// Answers dropped at our own sockets, for we did not read in time.
    pub overruns: u64,
}

/// The source ports queries leave from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ports {
    /// This many sockets in all, each with a port of its own.
    Pool(u16),
    /// A new socket for each query.
    PerQuery,
}

/// The signal that ends a run early, 0 while there was none.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicU8>);

impl Stop {
    /// Ends the run because of this signal.
    pub fn set(&self, signal: u8) {
        self.0.store(signal, Ordering::Relaxed);
    }

    /// Returns the signal that ended the run.
    pub fn signal(&self) -> Option<u8> {
        let signal = self.0.load(Ordering::Relaxed);
        (signal != 0).then_some(signal)
    }
}

/// The clock of a run: nanoseconds since its start.
#[derive(Clone, Copy, Debug)]
pub struct RunClock {
    start: Instant,
}

impl RunClock {
    /// Starts at `start`, which may lie ahead.
    pub const fn new(start: Instant) -> Self {
        Self { start }
    }

    /// Reads the clock; 0 before the start.
    #[expect(clippy::disallowed_methods, reason = "the socket loops' only clock")]
    pub fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    /// Returns the time of the run at `instant`.
    pub fn at(&self, instant: Instant) -> u64 {
        nanos(instant.saturating_duration_since(self.start))
    }

    /// Waits until the run starts.
    #[expect(clippy::disallowed_methods, reason = "a start in common, before the first query")]
    pub fn wait_for_start(&self) {
        std::thread::sleep(self.start.saturating_duration_since(Instant::now()));
    }
}

/// The state of a sender thread, over either transport.
#[derive(Debug)]
pub(crate) struct SenderState {
    pub(crate) plan: Plan,
    pub(crate) account: Account,
    pub(crate) workload: Arc<Workload>,
    pub(crate) stop: Stop,
}

impl SenderState {
    fn new(config: ThreadConfig) -> Self {
        let account = Account::new(Arc::clone(&config.workload), config.phases, config.bounds);
        Self { plan: config.plan, account, workload: config.workload, stop: config.stop }
    }

    /// Returns the next query if it is due at `now` and, in a closed loop, the
    /// window has room.
    fn next_due(&mut self, now: u64) -> Option<crate::plan::Due> {
        loop {
            let due = self.plan.peek()?;
            let Some(window) = due.window else { return (due.at <= now).then_some(due) };
            if now >= self.plan.phase_end() {
                self.plan.next_phase();
                continue;
            }
            let has_room = self.account.outstanding.waiting() < window as usize;
            return (due.at <= now && has_room).then_some(due);
        }
    }

    /// Returns when there is something to do even if no answer comes: a query
    /// is due, or one times out. `None` when all is done.
    fn next_event(&mut self) -> Option<u64> {
        let due = self.plan.peek().map(|due| {
            let waiting = self.account.outstanding.waiting();
            let is_held = due.window.is_some_and(|window| waiting >= window as usize);
            if is_held { self.plan.phase_end() } else { due.at }
        });
        let timeout = self.account.outstanding.next_timeout();
        match (due, timeout) {
            (Some(due), Some(timeout)) => Some(due.min(timeout)),
            (due, timeout) => due.or(timeout),
        }
    }
}

/// How long a wait may last, so that a signal is noticed.
pub(crate) const MAX_WAIT: Duration = Duration::from_millis(20);

/// Puts the context before an error of the system.
pub(crate) fn with_context(error: &io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
