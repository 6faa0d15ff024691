//! Listening in: queries as they are accounted for, for whoever asks to see
//! them, and no more than a few a second.
//!
//! The observer offers each record to each listener and never waits for one: a
//! filter first, then a governor, then a bounded queue. What is left out by
//! either of the two is counted, and said. Without listeners there is one
//! relaxed load for each round of the observer, and nothing for each record.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use dns::Name;
use resolver::Moment;

use crate::accounts::{Identities, Identity};
use crate::intake::{QueryEvent, Record};

mod error;
pub use error::FilterError;

mod filter;
pub use filter::{NamePattern, TapFilter, parse_clients, parse_rcodes, parse_types};

mod who;
pub use who::ClientFilter;

mod governor;
pub use governor::{Governor, MAX_RATE};

mod queue;
use queue::{Receiver, Sender, queue};

/// All who listen.
#[derive(Clone, Debug, Default)]
pub struct Taps {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// How many there are, for a look without the lock.
    count: AtomicUsize,
    listeners: Mutex<Vec<Listener>>,
}

/// The observer's end of one tap.
#[derive(Debug)]
struct Listener {
    filter: TapFilter,
    governor: Governor,
    queue: Sender<TappedQuery>,
    skipped: Arc<Counts>,
    /// Records that the rings had missed when it was last looked at.
    missed: Option<u64>,
}

/// The reader's end of one tap; the tap ends with it.
#[derive(Debug)]
pub struct Tap {
    queue: Receiver<TappedQuery>,
    skipped: Arc<Counts>,
}

/// A query that passed.
#[derive(Clone, Debug)]
pub struct TappedQuery {
    /// What became of it.
    pub record: Record,
    /// Its name in lower case; none where the question did not parse.
    pub qname: Option<Name>,
    /// Who is behind the client's address, if that is known.
    pub identity: Option<Arc<Identity>>,
}

/// Queries that a tap left out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Skipped {
    /// More than are shown in a second.
    pub over_limit: u64,
    /// The reader was too slow.
    pub behind: u64,
    /// Never accounted for, whether or not the filter would have taken them.
    pub missed: u64,
}

/// What was left out.
#[derive(Debug, Default)]
struct Counts {
    over_limit: AtomicU64,
    behind: AtomicU64,
    missed: AtomicU64,
}

impl Taps {
    /// Begins to listen, unless [`MAX_TAPS`] do.
    pub fn open(&self, filter: TapFilter, governor: Governor) -> Option<Tap> {
        let mut listeners = self.listeners();
        if listeners.len() >= MAX_TAPS {
            return None;
        }
        let (sender, queue) = queue(QUEUE);
        let skipped = Arc::<Counts>::default();
        let for_listener = Arc::clone(&skipped);
        listeners.push(Listener {
            filter,
            governor,
            queue: sender,
            skipped: for_listener,
            missed: None,
        });
        self.shared.count.store(listeners.len(), Ordering::Relaxed);
        Some(Tap { queue, skipped })
    }

    /// Returns those who listen, if anybody does; those who left are gone.
    pub fn audience(&self) -> Option<Audience<'_>> {
        if self.shared.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut listeners = self.listeners();
        listeners.retain(|listener| !listener.queue.is_closed());
        self.shared.count.store(listeners.len(), Ordering::Relaxed);
        Some(Audience { listeners })
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Listener>> {
        let listeners = self.shared.listeners.lock();
        listeners.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those who listen, for one round of the observer.
#[derive(Debug)]
pub struct Audience<'a> {
    listeners: MutexGuard<'a, Vec<Listener>>,
}

impl Audience<'_> {
    /// Offers a query to everybody; `names` has who is behind an address now.
    pub fn offer(&mut self, event: &QueryEvent<'_>, names: &Identities, now: Moment) {
        for listener in self.listeners.iter_mut() {
            listener.offer(event, names, now);
        }
    }

    /// Says how many records the rings have missed since the start.
    pub fn missed(&mut self, missed: u64) {
        for listener in self.listeners.iter_mut() {
            let before = listener.missed.replace(missed).unwrap_or(missed);
            let count = &listener.skipped.missed;
            count.fetch_add(missed.saturating_sub(before), Ordering::Relaxed);
        }
    }
}

impl Listener {
    fn offer(&mut self, event: &QueryEvent<'_>, names: &Identities, now: Moment) {
        if !self.filter.takes(event, names) {
            return;
        }
        if !self.governor.allows(now) {
            self.skipped.over_limit.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let heard = TappedQuery {
            record: event.record,
            qname: Name::from_wire(event.qname).ok(),
            identity: names.get(event.record.client).cloned(),
        };
        if self.queue.try_send(heard).is_err() {
            self.skipped.behind.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Tap {
    /// Takes the next query; ready with none when the observer has ended.
    pub fn poll(&self, context: &Context<'_>) -> Poll<Option<TappedQuery>> {
        self.queue.poll(context)
    }

    /// Takes what was left out since this was last asked.
    pub fn skipped(&self) -> Skipped {
        let [over_limit, behind, missed] =
            [&self.skipped.over_limit, &self.skipped.behind, &self.skipped.missed]
                .map(|count| count.swap(0, Ordering::Relaxed));
        Skipped { over_limit, behind, missed }
    }
}

/// A person or two, and a script.
pub const MAX_TAPS: usize = 8;

/// Half a mebibyte for each tap: a second and a half at the highest rate.
const QUEUE: usize = 1536;

#[cfg(test)]
mod tests;
