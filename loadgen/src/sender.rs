//! The threads that send and receive. Each has its own share of the plan, its
//! own sockets and its own account, and meets the others only at the end.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::exit::Exit;
use crate::outstanding::{Bounds, Slot};
use crate::plan::{Due, Plan, nanos};
use crate::recorder::Recorder;
use crate::series::Series;
use crate::snapshot::Progress;
use crate::workload::Workload;

mod cap;
pub mod clients;
mod clocks;
mod outbox;
mod overruns;
mod pace;
mod sockets;
pub mod tcp;
pub mod udp;
mod usage;

pub(crate) use cap::Cap;
pub use pace::Pacing;
use usage::Usage;

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
    /// Nanoseconds of all phases together.
    pub length: u64,
    /// Sizes and timeout.
    pub bounds: Bounds,
    /// When queries leave that are due in between two wake-ups.
    pub pacing: Pacing,
    /// Queries (or lookups) of this thread per second, in any 100 ms.
    pub max_qps: f64,
    /// Nanoseconds after which a query that `max_qps` holds back is not sent.
    pub max_lateness: u64,
    /// Seed of this thread's message ids.
    pub seed: u64,
    /// Set when the run is to end early.
    pub stop: Stop,
    /// How far this thread is, for whoever looks.
    pub progress: Arc<Progress>,
}

/// The result of one sender thread.
#[derive(Debug)]
pub struct ThreadResult {
    /// Its record.
    pub recorder: Recorder,
    /// Answers dropped at our own sockets, for we did not read in time.
    pub overruns: u64,
    /// How often the wall clock was set while it ran.
    pub clock_jumps: u64,
    /// When it ended, in nanoseconds of the run.
    pub ended: u64,
    /// Why it ended before its plan.
    pub error: Option<String>,
}

/// The source ports queries leave from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ports {
    /// This many sockets in all, each with a port of its own.
    Pool(u16),
    /// A new socket for each query.
    PerQuery,
}

impl Ports {
    /// Sockets of a pool at most; all ephemeral ports of a destination are 28,232.
    pub const MAX_POOL: u16 = 28_000;
}

/// The signal that ends a run early, 0 while there was none.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicU8>);

impl Stop {
    /// In place of a signal: the stop file is there.
    pub const BY_FILE: u8 = 200;
    /// In place of a signal: the lease is over.
    pub const BY_LEASE: u8 = 201;
    /// In place of a signal: the guard was not answered.
    pub const BY_GUARD: u8 = 202;
    /// In place of a signal: a stop condition of the scenario held.
    pub const BY_CONDITION: u8 = 203;

    /// Returns how a program ends that was stopped by this.
    pub const fn exit_of(stopped_by: u8) -> Exit {
        match stopped_by {
            Self::BY_FILE | Self::BY_LEASE | Self::BY_GUARD | Self::BY_CONDITION => Exit::Halted,
            signal => Exit::Signal(signal),
        }
    }

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

    /// Waits until the run starts, or for a signal.
    #[expect(clippy::disallowed_methods, reason = "a start in common, before the first query")]
    pub(crate) fn wait_for_start(&self, stop: &Stop) {
        loop {
            let ahead = self.start.saturating_duration_since(Instant::now());
            if ahead.is_zero() || stop.signal().is_some() {
                return;
            }
            std::thread::sleep(ahead.min(MAX_WAIT));
        }
    }
}

/// The state of a sender thread, over either transport.
#[derive(Debug)]
pub(crate) struct SenderState {
    pub(crate) plan: Plan,
    pub(crate) account: Account,
    pub(crate) workload: Arc<Workload>,
    pub(crate) stop: Stop,
    pub(crate) progress: Arc<Progress>,
    cap: Cap,
    max_lateness: u64,
    usage: Usage,
    progress_at: u64,
}

impl SenderState {
    fn new(config: ThreadConfig) -> Self {
        let mut account = Account::new(Arc::clone(&config.workload), config.phases, config.bounds);
        account.recorder.series = Series::new(config.length);
        Self {
            plan: config.plan,
            account,
            workload: config.workload,
            stop: config.stop,
            progress: config.progress,
            cap: Cap::new(config.max_qps),
            max_lateness: config.max_lateness,
            usage: Usage::default(),
            progress_at: 0,
        }
    }

    /// Whether the run is to end now; what waits is then interrupted.
    fn is_stopped(&mut self) -> bool {
        let is_stopped = self.stop.signal().is_some();
        if is_stopped {
            self.account.interrupt();
        }
        is_stopped
    }

    /// Takes the next query if it is due at `now`, the limit on queries per
    /// second allows it and, in a closed loop, the window has room. One that the
    /// limit has held back for too long is counted as missed.
    fn take_due(&mut self, now: u64) -> Option<Due> {
        loop {
            let due = self.plan.peek()?;
            if due.window.is_some() && now >= self.plan.phase_end() {
                self.plan.next_phase();
                continue;
            }
            let waiting = self.account.outstanding.waiting();
            if due.at > now || due.window.is_some_and(|window| waiting >= window as usize) {
                return None;
            }
            if self.cap.allowed_at() > now {
                // The rest of what is queued leaves first.
                if due.window.is_some() || now - due.at <= self.max_lateness {
                    return None;
                }
                let counts = &mut self.account.recorder.phase(due.phase).counts;
                counts.due += 1;
                counts.missed += 1;
                self.account.recorder.not_sent(due.at);
                self.plan.take();
                continue;
            }
            self.plan.take();
            self.cap.queue();
            return Some(due);
        }
    }

    /// Takes note that all that was queued has left, between these times.
    fn flushed(&mut self, before: u64, after: u64) {
        self.account.flushed(before, after);
        self.cap.flushed(after);
    }

    /// Takes note that all that was queued may have left by now.
    fn release_cap(&mut self, now: u64) {
        self.cap.flushed(now);
    }

    /// Ends queries whose time is up at `now`, the first first.
    fn expire(&mut self, now: u64) -> Option<Slot> {
        self.account.expire(now)
    }

    /// Takes note of the phase at `now`, and shows how far the thread is.
    fn look(&mut self, now: u64) {
        let phase = self.plan.peek().map(|due| due.phase);
        self.usage.enter(phase, now, &mut self.account.recorder);
        if now >= self.progress_at && self.progress.try_show(&self.account.recorder) {
            self.progress_at = now + PROGRESS;
        }
    }

    /// Returns when there is something to do even if no answer comes: a query
    /// is due, one times out, or a late answer is not waited for any more. `None`
    /// when all is done.
    fn next_event(&mut self, now: u64) -> Option<u64> {
        let due = self.plan.peek().map(|due| {
            let waiting = self.account.outstanding.waiting();
            let is_held = due.window.is_some_and(|window| waiting >= window as usize);
            if is_held { self.plan.phase_end() } else { due.at.max(self.cap.allowed_at()) }
        });
        let timeout = self.account.outstanding.next_timeout();
        match (due, timeout) {
            (Some(due), Some(timeout)) => Some(due.min(timeout)),
            (None, None) => self.account.missing_until(now),
            (due, timeout) => due.or(timeout),
        }
    }

    /// Ends the thread's record.
    fn finish(
        mut self,
        now: u64,
        error: Option<&io::Error>,
        overruns: u64,
        jumps: u64,
    ) -> ThreadResult {
        self.usage.enter(None, now, &mut self.account.recorder);
        self.progress.show_last(&self.account.recorder);
        ThreadResult {
            recorder: self.account.recorder,
            overruns,
            clock_jumps: jumps,
            ended: now,
            error: error.map(io::Error::to_string),
        }
    }
}

/// How long a wait may last, so that a signal is noticed.
pub(crate) const MAX_WAIT: Duration = Duration::from_millis(20);

/// Nanoseconds between two updates of what is shown of a thread: a stop condition ends the
/// load within 100 ms. One takes 2 µs.
const PROGRESS: u64 = 20_000_000;

/// Puts the context before an error of the system.
pub(crate) fn with_context(error: &io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
