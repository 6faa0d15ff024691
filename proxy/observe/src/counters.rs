//! What is counted, where it happens, without a shared write.
//!
//! Every thread that serves or forwards has a [`WorkerStats`] of its own and
//! is its only writer; [`Stats`] knows them all and sums them when somebody
//! reads. The macros of the metrics crate would cost 10 to 30 ns per call and
//! share cache lines between threads.
//!
//! Labels belong to the enums that are counted: this module counts by index,
//! and does not know them.

mod histogram;
pub(crate) use histogram::bucket_of;
pub use histogram::{BOUNDS_MICROS, Histogram, HistogramSum, quantile_ms};

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dns::Rcode;

use crate::beat::Beat;

/// The counters of all threads.
#[derive(Debug, Default)]
pub struct Stats {
    // Grows by one per thread at start, and never after.
    workers: Mutex<Vec<Arc<WorkerStats>>>,
}

impl Stats {
    /// Makes counters for one more thread.
    pub fn register(&self) -> Arc<WorkerStats> {
        let worker = Arc::new(WorkerStats::default());
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.push(Arc::clone(&worker));
        worker
    }

    /// Sums one counter over all threads.
    pub fn sum(&self, counter: impl Fn(&WorkerStats) -> u64) -> u64 {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.iter().map(|worker| counter(worker)).sum()
    }

    /// Sums one histogram over all threads.
    pub fn sum_histogram(&self, pick: impl Fn(&WorkerStats) -> &Histogram) -> HistogramSum {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = HistogramSum::default();
        workers.iter().for_each(|worker| sum.add(pick(worker)));
        sum
    }
}

/// The counters of one thread.
///
/// On cache lines of its own, so that two threads never write to the same.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerStats {
    /// The rounds of the thread.
    pub beat: Arc<Beat>,
    /// Queries from clients, garbage included, by [`Transport`].
    pub queries: Labelled<2>,
    /// Responses to clients, by [`rcode_index`].
    pub responses: Labelled<RCODES>,
    /// Queries that were not looked up, by `QueryError`.
    pub rejected: Labelled<LABELS>,
    /// Lookups in the cache, by [`CacheLookup`].
    pub lookups: Labelled<4>,
    /// Queries that joined one already in flight.
    pub inflight_joined: Counter,
    /// Queries that repeated one whose sender already waits.
    pub inflight_retransmits: Counter,
    /// Queries refused because too many were in flight.
    pub inflight_refused: Counter,
    /// Queries to upstreams, retries included, by [`Transport`].
    pub upstream_queries: Labelled<2>,
    /// What upstreams were asked more, by `RetryKind`.
    pub upstream_retries: Labelled<4>,
    /// Tries that ended without an answer, by the reason's index.
    pub upstream_failures: Labelled<LABELS>,
    /// Datagrams and frames from upstreams that were no answer, by the
    /// reason's index.
    pub upstream_dropped: Labelled<LABELS>,
    /// Responses to clients with an answer whose TTL was over.
    pub stale_answers: Counter,
    /// Names that were asked for anew before they expired.
    pub prefetches: Counter,
    /// Truncated answers of upstreams that were passed on, since TCP failed.
    pub truncated_answers: Counter,
    /// Responses that the system would not send.
    pub unsent_responses: Counter,
    /// Connections from clients that were taken.
    pub tcp_accepted: Counter,
    /// Connections from clients that were closed at once: too many.
    pub tcp_refused: Counter,
    /// Connections from clients that ended for another one.
    pub tcp_evicted: Counter,
    /// Connections that ended because their client took no answers and the memory for
    /// those was short.
    pub tcp_unread: Counter,
    /// Receives that failed for lack of memory in the kernel.
    pub receive_failed: Counter,
    /// Sockets that could not be had, because no descriptor was left.
    pub no_descriptor: Counter,
    /// Time from a query's arrival to its response, by [`ResponseSource`].
    pub response_seconds: [Histogram; 2],
    /// Time from the first query upstream to the answer.
    pub upstream_seconds: Histogram,
}

/// How a message travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// In a frame of a connection.
    Tcp,
}

impl Transport {
    /// All, in the order of their index.
    pub const ALL: &[Self] = &[Self::Udp, Self::Tcp];

    /// The place in a [`Labelled`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// What the cache had for a query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CacheLookup {
    /// A response within its TTL, negative ones included.
    Fresh,
    /// A response whose TTL is over, since no upstream answers.
    Stale,
    /// A failure that is remembered for a moment (RFC 9520).
    Failure,
    /// Nothing.
    Miss,
}

impl CacheLookup {
    /// All, in the order of their index.
    pub const ALL: &[Self] = &[Self::Fresh, Self::Stale, Self::Failure, Self::Miss];

    /// The place in a [`Labelled`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Failure => "failure",
            Self::Miss => "miss",
        }
    }
}

/// Where a response came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResponseSource {
    /// The cache.
    Cache,
    /// An upstream, asked for it.
    Upstream,
}

impl ResponseSource {
    /// All, in the order of their index.
    pub const ALL: &[Self] = &[Self::Cache, Self::Upstream];

    /// The place in an array of histograms.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Upstream => "upstream",
        }
    }
}

/// The place of a response code in [`WorkerStats::responses`]: its number up
/// to 15, then BADVERS, then everything else.
pub fn rcode_index(rcode: Rcode) -> usize {
    match rcode {
        Rcode(low @ 0..=15) => usize::from(low),
        Rcode::BADVERS => 16,
        _ => 17,
    }
}

/// The metric label of a place in [`WorkerStats::responses`].
pub const RCODE_LABELS: [&str; RCODES] = [
    "NOERROR",
    "FORMERR",
    "SERVFAIL",
    "NXDOMAIN",
    "NOTIMP",
    "REFUSED",
    "YXDOMAIN",
    "YXRRSET",
    "NXRRSET",
    "NOTAUTH",
    "NOTZONE",
    "DSOTYPENI",
    "12",
    "13",
    "14",
    "15",
    "BADVERS",
    "other",
];

/// A number that only grows, with one thread that writes it.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. For the one thread that owns the counter: a load and a store,
    /// which cost a nanosecond where a locked addition costs five.
    pub fn add(&self, n: u64) {
        let now = self.0.load(Ordering::Relaxed).wrapping_add(n);
        self.0.store(now, Ordering::Relaxed);
    }

    /// Adds `n` to a counter that several threads write, all of them by this
    /// method: tasks of a runtime move between threads.
    pub fn add_shared(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Reads the count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One counter for each value of a label.
#[derive(Debug)]
pub struct Labelled<const N: usize>([Counter; N]);

impl<const N: usize> Default for Labelled<N> {
    fn default() -> Self {
        Self([const { Counter(AtomicU64::new(0)) }; N])
    }
}

impl<const N: usize> Labelled<N> {
    /// Counts one at `index`, which its enum keeps under `N`; see
    /// [`Counter::add`].
    pub fn add(&self, index: usize) {
        self.add_many(index, 1);
    }

    /// Counts `n` at `index`; see [`add`](Self::add).
    pub fn add_many(&self, index: usize, n: u64) {
        debug_assert!(index < N, "label {index} of {N}");
        if let Some(counter) = self.0.get(index) {
            counter.add(n);
        }
    }

    /// Counts one at `index` where several threads do; see
    /// [`Counter::add_shared`].
    pub fn add_shared(&self, index: usize) {
        debug_assert!(index < N, "label {index} of {N}");
        if let Some(counter) = self.0.get(index) {
            counter.add_shared(1);
        }
    }

    /// Reads the count at `index`; 0 outside.
    pub fn get(&self, index: usize) -> u64 {
        self.0.get(index).map_or(0, Counter::get)
    }
}

/// Places for response codes: 0 to 15, BADVERS, other.
pub const RCODES: usize = 18;

/// Places for reasons: more than any enum of reasons has values, which their
/// tests check.
pub const LABELS: usize = 32;

#[cfg(test)]
mod tests;
