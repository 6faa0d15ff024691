//! What is counted for a client, a group of clients and the node alike.

use serde::{Deserialize, Serialize};

use super::lookup::{End, Lookup};
use super::window::{Window, Windows};

/// A kind of count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(usize)]
pub enum Count {
    /// Queries received, repeated ones included.
    Queries,
    /// Responses that did not help.
    Failed,
    /// Queries sent again.
    Retransmits,
    /// Queries sent again although they had been answered.
    LostReplies,
    /// Questions that an upstream was asked for them.
    Asked,
    /// Lookups that ended.
    Lookups,
    /// Names asked by those.
    Steps,
    /// Queries sent for those.
    LookupQueries,
    /// Names that were denied and followed by another one.
    WastedSteps,
    /// Queries sent for those.
    WastedQueries,
    /// Microseconds that the clients waited for those.
    WastedMicros,
    /// Lookups that began in the middle.
    Partial,
    /// Lookups by their [`End`].
    External,
    /// See [`End::Cluster`].
    Cluster,
    /// See [`End::FqdnNoDot`].
    FqdnNoDot,
    /// See [`End::Nonexistent`].
    Nonexistent,
    /// See [`End::Failed`].
    FailedLookups,
}

/// How many kinds there are.
pub const COUNTS: usize = Count::FailedLookups as usize + 1;

/// The counts of somebody in all windows.
pub type Counters = Windows<COUNTS>;

impl Count {
    /// The lookups that end so.
    pub const fn of_end(end: End) -> Self {
        match end {
            End::External => Self::External,
            End::Cluster => Self::Cluster,
            End::FqdnNoDot => Self::FqdnNoDot,
            End::Nonexistent => Self::Nonexistent,
            End::Failed => Self::FailedLookups,
        }
    }

    /// Returns what a lookup adds.
    pub fn of_lookup(lookup: &Lookup) -> [(Self, u64); 8] {
        let micros = u64::try_from(lookup.wasted.as_micros()).unwrap_or(u64::MAX);
        [
            (Self::Lookups, 1),
            (Self::Steps, lookup.steps.into()),
            (Self::LookupQueries, lookup.queries.into()),
            (Self::WastedSteps, lookup.wasted_steps.into()),
            (Self::WastedQueries, lookup.wasted_queries.into()),
            (Self::WastedMicros, micros),
            (Self::Partial, lookup.partial.into()),
            (Self::of_end(lookup.end), 1),
        ]
    }
}

/// The counts over one window, and what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Figures {
    /// Queries received, repeated ones included.
    pub queries: u64,
    /// Responses that did not help: SERVFAIL and other failures.
    pub failed: u64,
    /// Queries sent again.
    pub retransmits: u64,
    /// Queries sent again although they had been answered: replies get lost.
    pub lost_replies: u64,
    /// Questions that an upstream was asked.
    pub upstream_questions: u64,
    /// Lookups that ended.
    pub lookups: u64,
    /// Names asked by those.
    pub steps: u64,
    /// Queries sent for those.
    pub lookup_queries: u64,
    /// Names that were denied and followed by another one.
    pub wasted_steps: u64,
    /// Queries sent for those.
    pub wasted_queries: u64,
    /// Milliseconds that the clients waited for those.
    pub wasted_ms: f64,
    /// Lookups that began in the middle.
    pub partial: u64,
    /// Lookups of names outside the cluster that exist.
    pub external: u64,
    /// Lookups of the cluster's names that exist.
    pub cluster: u64,
    /// Lookups of whole names without the last dot that were expanded.
    pub fqdn_no_dot: u64,
    /// Lookups of what does not exist.
    pub nonexistent: u64,
    /// Lookups that ended without yes or no.
    pub failed_lookups: u64,
    /// Names asked for each lookup; 1 is the least. 0 without lookups.
    pub amplification: f64,
    /// Of the queries for lookups, the share that was wasted, 0 to 1.
    pub wasted_ratio: f64,
    /// Questions to upstreams for each lookup.
    pub upstream_amplification: f64,
    /// Milliseconds wasted for each lookup.
    pub wasted_ms_per_lookup: f64,
}

impl Figures {
    /// Reads the counts of a window.
    pub fn of(counters: &Counters, window: Window) -> Self {
        Self::from_counts(&counters.sum(window))
    }

    /// Makes figures of counts, which may be sums over several clients.
    pub fn from_counts(counts: &[u64; COUNTS]) -> Self {
        let get = |count: Count| counts.get(count as usize).copied().unwrap_or_default();
        let lookups = get(Count::Lookups);
        let wasted_ms = share(get(Count::WastedMicros), 1000);
        Self {
            queries: get(Count::Queries),
            failed: get(Count::Failed),
            retransmits: get(Count::Retransmits),
            lost_replies: get(Count::LostReplies),
            upstream_questions: get(Count::Asked),
            lookups,
            steps: get(Count::Steps),
            lookup_queries: get(Count::LookupQueries),
            wasted_steps: get(Count::WastedSteps),
            wasted_queries: get(Count::WastedQueries),
            wasted_ms,
            partial: get(Count::Partial),
            external: get(Count::External),
            cluster: get(Count::Cluster),
            fqdn_no_dot: get(Count::FqdnNoDot),
            nonexistent: get(Count::Nonexistent),
            failed_lookups: get(Count::FailedLookups),
            amplification: share(get(Count::Steps), lookups),
            wasted_ratio: share(get(Count::WastedQueries), get(Count::LookupQueries)),
            upstream_amplification: share(get(Count::Asked), lookups),
            wasted_ms_per_lookup: share(get(Count::WastedMicros), lookups.saturating_mul(1000)),
        }
    }
}

/// Divides; nothing of nothing is 0.
#[expect(clippy::cast_precision_loss, reason = "a ratio to look at; counts stay below 2^53")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::moment::Moment;

    #[test]
    fn a_walk_of_four_names_for_two_types_is_an_amplification_of_four() {
        let now = Moment::default();
        let mut counters = Counters::new(now);
        let lookup = Lookup {
            base: (*b"\x03api\x07example\x03com\x00").into(),
            steps: 4,
            queries: 8,
            wasted_steps: 3,
            wasted_queries: 6,
            wasted: Duration::from_micros(4500),
            succeeded: Some(super::super::lookup::Step::Absolute),
            end: End::External,
            types: 2,
            partial: false,
            first: now,
            last: now,
        };
        for (count, n) in Count::of_lookup(&lookup) {
            counters.add(count as usize, n, now);
        }
        counters.add(Count::Asked as usize, 2, now);
        let figures = Figures::of(&counters, Window::Start);
        assert_eq!((figures.lookups, figures.steps, figures.external), (1, 4, 1));
        assert_eq!((figures.amplification, figures.wasted_ratio), (4.0, 0.75));
        assert_eq!((figures.upstream_amplification, figures.wasted_ms_per_lookup), (2.0, 4.5));
    }

    #[test]
    fn nothing_is_not_a_number_that_is_none() {
        let figures = Figures::of(&Counters::new(Moment::default()), Window::Minute);
        assert_eq!((figures.amplification, figures.wasted_ratio), (0.0, 0.0));
    }
}
