//! What comes to the upstream thread: questions from clients, answers from
//! connections. A queue that is swapped whole, and a waker.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use mio::{Poll, Token, Waker};

use crate::flights::FlightError;
use crate::zones::Zones;
use crate::{Ask, ForwardConfig};
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
    /// Zones that take the place of those in use.
    pub(crate) zones: Option<Arc<Zones>>,
    /// Bounds, likewise.
    pub(crate) bounds: Option<Box<ForwardConfig>>,
    /// How many asks each client has here; counted only where there are many.
    by_client: HashMap<IpAddr, usize, RandomState>,
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

    /// Queues one question; gives it back where there is no room for its client.
    #[expect(clippy::result_large_err, reason = "the caller still needs it to answer")]
    pub(crate) fn push(&self, ask: Ask) -> Result<(), Ask> {
        let mut arrivals = self.lock();
        if self.is_stopping() || !arrivals.has_room(&ask) {
            return Err(ask);
        }
        let wake = arrivals.is_empty();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        arrivals.asks.push(ask);
        drop(arrivals);
        self.wake_if(wake);
        Ok(())
    }

    /// Queues those of `asks` for whose clients there is room, and leaves the rest.
    pub(crate) fn push_batch(&self, asks: &mut Vec<Ask>) {
        if asks.is_empty() || self.is_stopping() {
            return;
        }
        let mut arrivals = self.lock();
        let wake = arrivals.is_empty();
        let before = arrivals.asks.len();
        if before + asks.len() <= OPEN {
            arrivals.asks.append(asks);
        } else {
            let mut left = Vec::new();
            for ask in asks.drain(..) {
                match arrivals.has_room(&ask) {
                    true => arrivals.asks.push(ask),
                    false => left.push(ask),
                }
            }
            asks.append(&mut left);
        }
        let taken = arrivals.asks.len() - before;
        self.waiting.fetch_add(taken, Ordering::Relaxed);
        drop(arrivals);
        self.wake_if(wake);
    }

    /// Leaves other zones for the thread.
    pub(crate) fn replace_zones(&self, zones: Arc<Zones>) {
        let mut arrivals = self.lock();
        let wake = arrivals.is_empty();
        arrivals.zones = Some(zones);
        drop(arrivals);
        self.wake_if(wake);
    }

    /// Leaves other bounds for the thread.
    pub(crate) fn replace_bounds(&self, bounds: &ForwardConfig) {
        let mut arrivals = self.lock();
        let wake = arrivals.is_empty();
        arrivals.bounds = Some(Box::new(bounds.clone()));
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
        arrivals.by_client.clear();
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
    /// Says whether there is room for one more of this client. The first half
    /// is open to all; of the second one, each has a share. A client that fills
    /// the queue leaves room for others that way.
    fn has_room(&mut self, ask: &Ask) -> bool {
        let Some(client) = ask.reply_to.client() else {
            return self.asks.len() < OPEN;
        };
        match self.asks.len() {
            ..OPEN => return true,
            QUEUE.. => return false,
            _ => {}
        }
        if self.by_client.is_empty() {
            for client in self.asks.iter().filter_map(|ask| ask.reply_to.client()) {
                *self.by_client.entry(client).or_default() += 1;
            }
        }
        let held = self.by_client.entry(client).or_default();
        let has_room = *held < SHARE;
        *held += usize::from(has_room);
        has_room
    }

    const fn is_empty(&self) -> bool {
        self.asks.is_empty() && self.reports.is_empty()
    }
}

/// The waker's token.
pub(crate) const WAKE: Token = Token(0);

/// Questions that wait for the thread to look: what it takes in 10 ms.
pub(crate) const QUEUE: usize = 4096;

/// Those of them that may all be of one client.
const OPEN: usize = QUEUE / 2;

/// What one client may have here beyond: eight of them fill it.
const SHARE: usize = (QUEUE - OPEN) / 8;

#[cfg(test)]
mod tests;
