//! What is counted for a client and for the node alike.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::window::{Window, Windows};
use crate::counters::{BOUNDS_MICROS, bucket_of, quantile_ms};

/// A kind of count. Those of most queries come first: they share a cache line of
/// [`Windows`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(usize)]
pub enum Count {
    /// Queries received, repeated ones included.
    Queries,
    /// Questions that an upstream was asked for them.
    Asked,
    /// Lookups that are over.
    Lookups,
    /// Names asked for them.
    Steps,
    /// Queries for them, retransmits left out.
    LookupQueries,
    /// Lookups of names outside of the cluster.
    External,
    /// Lookups of names of the cluster, or found under the search list.
    Cluster,
    /// Of those, the ones whose name was denied and followed by another.
    WastedQueries,
    /// Time waited for those, in microseconds.
    WastedMicros,
    /// Lookups of whole names of the cluster without their last dot.
    FqdnNoDot,
    /// Lookups that began in the middle.
    Partial,
    /// Lookups that a wildcard under the search list answered.
    Captured,
    /// Responses that did not help.
    Failed,
    /// Lookups of which each name was denied.
    Nonexistent,
    /// Lookups that ended in a failure.
    FailedLookups,
    /// Lookups that were cut for want of room: in no other count.
    CutLookups,
    /// Queries that belong to lookups nobody knows: of those that were cut, and of
    /// clients that search a list that is not known.
    UndecidedQueries,
    /// Retransmits sent before there was an answer.
    AgainWaiting,
    /// Retransmits sent after the answer.
    AgainAnswered,
    /// Retransmits sent after a failure.
    AgainFailed,
    /// Failed responses that repeat a remembered failure.
    Remembered,
    /// Responses with an answer whose TTL was over.
    Stale,
    /// Responses that could not be sent to the client.
    Unsent,
}

/// How many kinds there are.
pub const COUNTS: usize = Count::Unsent as usize + 1;

/// The counts of somebody in all windows: those of each [`Count`], and after them its
/// responses by how long they took, a place for each bucket.
pub type Counters = Windows<{ COUNTS + WAITS }>;

/// Buckets of how long a response took, see [`BOUNDS_MICROS`].
const WAITS: usize = BOUNDS_MICROS.len() + 1;

/// The place in [`Counters`] of a response that took so long.
pub(crate) fn wait_place(took: Duration) -> usize {
    COUNTS + bucket_of(took)
}

/// The counts over one window, and what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Figures {
    /// Queries received, repeated ones included.
    pub queries: u64,
    /// Responses that did not help: SERVFAIL and other failures.
    pub failed: u64,
    /// Questions that an upstream was asked.
    pub upstream_questions: u64,
    /// Of the queries, the share that needed an upstream, 0 to 1.
    pub upstream_ratio: f64,
    /// Lookups of programs that are over: each the walk of a stub resolver
    /// from a name to an answer.
    pub lookups: u64,
    /// Names asked for them.
    pub steps: u64,
    /// Queries for them, retransmits left out.
    pub lookup_queries: u64,
    /// Of those, the ones whose name was denied and followed by another.
    pub wasted_queries: u64,
    /// Of the queries for lookups, the share that was wasted, 0 to 1.
    pub wasted_ratio: f64,
    /// Names asked for each lookup, of which one is needed: 4 for a name
    /// outside with the three domains of Kubernetes. 0 without lookups.
    pub amplification: f64,
    /// Questions that an upstream was asked for each lookup: what of the
    /// amplification reaches CoreDNS.
    pub upstream_amplification: f64,
    /// Milliseconds waited for denied names, for each lookup.
    pub wasted_ms_per_lookup: f64,
    /// Lookups of names outside of the cluster.
    pub external: u64,
    /// Lookups of names of the cluster, or under the search list.
    pub cluster: u64,
    /// Lookups of whole names of the cluster without their last dot, which the
    /// search list was tried on.
    pub fqdn_no_dot: u64,
    /// Lookups of which each name was denied.
    pub nonexistent: u64,
    /// Lookups that ended in a failure.
    pub lookups_failed: u64,
    /// Lookups that began in the middle.
    pub partial: u64,
    /// Lookups of names with dots that were found under a domain of the search
    /// list outside of the cluster: by a wildcard there, most likely.
    pub captured: u64,
    /// Lookups that were cut, because too many were open: in no other figure of
    /// lookups.
    pub lookups_cut: u64,
    /// Queries of lookups that were cut, or of clients that search a list that is not
    /// known: in no figure of lookups. Without other lookups the ratios are unknown.
    pub undecided_queries: u64,
    /// Queries sent again, of all kinds.
    pub retransmits: u64,
    /// Of those, sent before there was an answer.
    pub retransmits_waiting: u64,
    /// Of those, sent after the answer: it was lost on its way back.
    pub retransmits_answered: u64,
    /// Of those, sent after a failure.
    pub retransmits_failed: u64,
    /// Of the failed responses, those that repeat a failure that the cache remembered.
    #[serde(default)]
    pub remembered: u64,
    /// Responses with an answer whose TTL was over, as no upstream answered in time.
    #[serde(default)]
    pub stale: u64,
    /// Responses that could not be sent to the client.
    #[serde(default)]
    pub unsent: u64,
    /// Milliseconds within which half of the responses came, failures included: the
    /// upper bound of a bucket of [`BOUNDS_MICROS`]; null without responses, or when it
    /// is above every bound.
    #[serde(default)]
    pub p50_ms: Option<f64>,
    /// The same for 99 of 100.
    #[serde(default)]
    pub p99_ms: Option<f64>,
}

impl Figures {
    /// Says whether the ratios of lookups are unknown: there were lookups, but none
    /// could be counted.
    pub const fn is_undecided(&self) -> bool {
        self.lookups == 0 && self.undecided_queries > 0
    }

    /// Reads the counts of a window.
    pub fn of(counters: &Counters, window: Window) -> Self {
        let sums = counters.sum(window);
        let of = |count: Count| sums.get(count as usize).copied().unwrap_or_default();
        let waits = sums.last_chunk::<WAITS>().copied().unwrap_or_default();
        let (queries, asked) = (of(Count::Queries), of(Count::Asked));
        let (lookups, steps) = (of(Count::Lookups), of(Count::Steps));
        let (lookup_queries, wasted) = (of(Count::LookupQueries), of(Count::WastedQueries));
        let [waiting, answered, failures] =
            [Count::AgainWaiting, Count::AgainAnswered, Count::AgainFailed].map(of);
        Self {
            queries,
            failed: of(Count::Failed),
            upstream_questions: asked,
            upstream_ratio: share(asked, queries),
            lookups,
            steps,
            lookup_queries,
            wasted_queries: wasted,
            wasted_ratio: share(wasted, lookup_queries),
            amplification: share(steps, lookups),
            upstream_amplification: share(asked, lookups),
            wasted_ms_per_lookup: share(of(Count::WastedMicros), lookups) / 1000.0,
            external: of(Count::External),
            cluster: of(Count::Cluster),
            fqdn_no_dot: of(Count::FqdnNoDot),
            nonexistent: of(Count::Nonexistent),
            lookups_failed: of(Count::FailedLookups),
            partial: of(Count::Partial),
            captured: of(Count::Captured),
            lookups_cut: of(Count::CutLookups),
            undecided_queries: of(Count::UndecidedQueries),
            retransmits: waiting + answered + failures,
            retransmits_waiting: waiting,
            retransmits_answered: answered,
            retransmits_failed: failures,
            remembered: of(Count::Remembered),
            stale: of(Count::Stale),
            unsent: of(Count::Unsent),
            p50_ms: quantile_ms(&waits, 0.5),
            p99_ms: quantile_ms(&waits, 0.99),
        }
    }
}

/// Divides; nothing of nothing is 0.
#[expect(clippy::cast_precision_loss, reason = "a ratio to look at; counts stay below 2^53")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use resolver::Moment;

    use super::*;

    #[test]
    fn figures_are_counts_and_their_shares() {
        let now = Moment::default();
        let mut counters = Counters::new(now);
        let figures = Figures::of(&counters, Window::Start);
        assert_eq!((figures.upstream_ratio, figures.amplification), (0.0, 0.0));
        for count in 0..COUNTS {
            counters.add(count, count as u64 + 1, now);
        }
        let figures = Figures::of(&counters, Window::Start);
        assert_eq!((figures.queries, figures.failed, figures.upstream_questions), (1, 13, 2));
        assert_eq!((figures.lookups, figures.steps, figures.lookup_queries), (3, 4, 5));
        assert_eq!((figures.wasted_queries, figures.partial), (8, 11));
        assert_eq!(figures.wasted_ms_per_lookup, 9.0 / 3.0 / 1000.0);
        assert_eq!(figures.captured, 12);
        assert_eq!((figures.external, figures.cluster, figures.fqdn_no_dot), (6, 7, 10));
        assert_eq!((figures.nonexistent, figures.lookups_failed), (14, 15));
        let again =
            [figures.retransmits_waiting, figures.retransmits_answered, figures.retransmits_failed];
        assert_eq!((figures.lookups_cut, figures.undecided_queries), (16, 17));
        assert_eq!((again, figures.retransmits), ([18, 19, 20], 57));
        assert_eq!((figures.remembered, figures.stale, figures.unsent), (21, 22, 23));
        assert_eq!((figures.amplification, figures.wasted_ratio), (4.0 / 3.0, 8.0 / 5.0));
        assert_eq!(figures.upstream_amplification, 2.0 / 3.0);
    }

    #[test]
    fn waits_are_bounds_that_hold_half_and_nearly_all() {
        let now = Moment::default();
        let mut counters = Counters::new(now);
        for took in [0, 200, 200, 3_000] {
            counters.add(wait_place(Duration::from_micros(took)), 1, now);
        }
        let figures = Figures::of(&counters, Window::Start);
        assert_eq!((figures.p50_ms, figures.p99_ms), (Some(0.25), Some(4.0)));
        assert_eq!(figures.unsent, 0);
    }
}
