//! Durations, counted by size.

use std::time::Duration;

use super::{Counter, Labelled};

/// Durations, counted by size.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: Labelled<{ BOUNDS_MICROS.len() + 1 }>,
    micros: Counter,
}

impl Histogram {
    /// Counts a duration; see [`Counter::add`].
    pub fn record(&self, duration: Duration) {
        let micros = whole_micros(duration);
        self.buckets.add(bucket(micros));
        self.micros.add(micros);
    }

    /// Counts `n` durations of the same length; see [`Counter::add`].
    pub fn record_many(&self, duration: Duration, n: u64) {
        let micros = whole_micros(duration);
        self.buckets.add_many(bucket(micros), n);
        self.micros.add(micros.saturating_mul(n));
    }

    /// Counts a duration where several threads do; see
    /// [`Counter::add_shared`].
    pub fn record_shared(&self, duration: Duration) {
        let micros = whole_micros(duration);
        self.buckets.add_shared(bucket(micros));
        self.micros.add_shared(micros);
    }
}

/// The histograms of several threads as one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HistogramSum {
    /// Counts per bucket, not cumulative; the last is above every bound.
    pub buckets: [u64; BOUNDS_MICROS.len() + 1],
    /// The sum of all durations, in microseconds.
    pub micros: u64,
}

impl HistogramSum {
    /// Returns how many durations were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(super) fn add(&mut self, histogram: &Histogram) {
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            *bucket += histogram.buckets.get(index);
        }
        self.micros += histogram.micros.get();
    }
}

fn whole_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn bucket(micros: u64) -> usize {
    BOUNDS_MICROS.partition_point(|bound| *bound < micros)
}

/// Upper bounds of the buckets, in microseconds: those of CoreDNS's request
/// duration (0.25 ms doubled), so that the two can be laid over each other.
pub const BOUNDS_MICROS: [u64; 16] = {
    let mut bounds = [250; 16];
    let mut at = 1;
    while at < bounds.len() {
        #[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
        {
            bounds[at] = bounds[at - 1] * 2;
        }
        at += 1;
    }
    bounds
};
