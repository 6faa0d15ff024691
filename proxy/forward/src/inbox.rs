//! What comes to the upstream thread: questions from clients, answers from
//! connections. A queue that is swapped whole, and a waker.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mio::{Poll, Token, Waker};

use crate::Ask;
use crate::flights::FlightError;
use resolver::Ticket;

/// The way to the upstream thread.
#[derive(Debug)]
pub(crate) struct Inbox {
    arrivals: Mutex<Arrivals>,
    idle: Condvar,
    waker: Waker,
    /// Asks that were taken and not answered yet.
    waiting: AtomicUsize,
    stopping: AtomicBool,
}

/// What has come since the thread last looked.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    pub(crate) asks: Vec<Ask>,
    /// One per query over TCP at most, so as bounded as those are.
    pub(crate) reports: Vec<TcpReport>,
}

/// What became of a query over TCP.
#[derive(Debug)]
pub(crate) enum TcpReport {
    /// An answer that was judged to be one.
    Answer { ticket: Ticket, upstream: usize, message: Box<[u8]> },
    /// None.
    Error(FlightError),
}

impl Inbox {
    /// Makes an inbox that wakes `poll` with [`WAKE`].
    pub(crate) fn new(poll: &Poll) -> io::Result<Self> {
        Ok(Self {
            arrivals: Mutex::default(),
            idle: Condvar::new(),
            waker: Waker::new(poll.registry(), WAKE)?,
            waiting: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
        })
    }

    /// Queues one question.
    #[expect(clippy::result_large_err, reason = "the caller still needs it to answer")]
    pub(crate) fn push(&self, ask: Ask) -> Result<(), Ask> {
        let mut arrivals = self.lock();
        if arrivals.asks.len() >= QUEUE || self.is_stopping() {
            return Err(ask);
        }
        let wake = arrivals.is_empty();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        arrivals.asks.push(ask);
        drop(arrivals);
        self.wake_if(wake);
        Ok(())
    }

    /// Queues as many of `asks` as there is room for, and leaves the rest.
    pub(crate) fn push_batch(&self, asks: &mut Vec<Ask>) {
        if asks.is_empty() || self.is_stopping() {
            return;
        }
        let mut arrivals = self.lock();
        let wake = arrivals.is_empty();
        let room = QUEUE.saturating_sub(arrivals.asks.len()).min(asks.len());
        self.waiting.fetch_add(room, Ordering::Relaxed);
        arrivals.asks.extend(asks.drain(..room));
        drop(arrivals);
        self.wake_if(wake);
    }

    /// Queues what a connection has to say.
    pub(crate) fn report(&self, reports: &mut Vec<TcpReport>) {
        if reports.is_empty() {
            return;
        }
        let mut arrivals = self.lock();
        let wake = arrivals.is_empty();
        arrivals.reports.append(reports);
        drop(arrivals);
        self.wake_if(wake);
    }

    /// Takes all that has come, in exchange for empty `arrivals`.
    pub(crate) fn swap(&self, arrivals: &mut Arrivals) {
        std::mem::swap(&mut *self.lock(), arrivals);
    }

    /// Notes that `count` asks were answered.
    pub(crate) fn answered(&self, count: usize) {
        if count > 0 && self.waiting.fetch_sub(count, Ordering::Relaxed) == count {
            // Under the lock, so that a drain is not between look and wait.
            let _arrivals = self.lock();
            self.idle.notify_all();
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn drain(&self, patience: Duration) -> bool {
        let busy = |_: &mut Arrivals| self.waiting() > 0;
        let waited = self.idle.wait_timeout_while(self.lock(), patience, busy);
        let (_arrivals, result) = waited.unwrap_or_else(PoisonError::into_inner);
        !result.timed_out()
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.wake_if(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Only the one who finds it empty wakes the thread: it takes all.
    fn wake_if(&self, wake: bool) {
        if wake && let Err(error) = self.waker.wake() {
            tracing::error!(%error, "cannot wake the upstream thread");
        }
    }
}

impl Arrivals {
    const fn is_empty(&self) -> bool {
        self.asks.is_empty() && self.reports.is_empty()
    }
}

/// The waker's token.
pub(crate) const WAKE: Token = Token(0);

/// Questions that wait for the thread to look: what it takes in 10 ms.
const QUEUE: usize = 4096;
