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

/// Returns the bucket of a duration: the first whose bound it does not pass.
pub(crate) fn bucket_of(duration: Duration) -> usize {
    bucket(whole_micros(duration))
}

/// Returns the bound, in milliseconds, under which the share `quantile` of the
/// answers lies; `None` without answers, or when it lies above every bound.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count, from 0 to the count"
)]
pub fn quantile_ms(buckets: &[u64; BOUNDS_MICROS.len() + 1], quantile: f64) -> Option<f64> {
    let all: u64 = buckets.iter().sum();
    let rank = ((all as f64 * quantile).ceil() as u64).max(1);
    let mut below = 0;
    for (count, bound) in buckets.iter().zip(BOUNDS_MICROS) {
        below += count;
        if below >= rank {
            return Some(bound as f64 / 1000.0);
        }
    }
    None
}

fn bucket(micros: u64) -> usize {
    // Bound k is 250 us times 2^k, so k is the bits of the multiples that are passed.
    let passed = micros.saturating_sub(1) / LEAST_MICROS;
    let bits = u64::BITS - passed.leading_zeros();
    usize::try_from(bits).map_or(BOUNDS_MICROS.len(), |bits| bits.min(BOUNDS_MICROS.len()))
}

/// The first of [`BOUNDS_MICROS`].
const LEAST_MICROS: u64 = 250;

/// Upper bounds of the buckets, in microseconds: those of CoreDNS's request
/// duration (0.25 ms doubled), so that the two can be laid over each other.
pub const BOUNDS_MICROS: [u64; 16] = {
    let mut bounds = [LEAST_MICROS; 16];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_first_bucket_that_holds_it() {
        for micros in [0, 1, 249, 250, 251, 500, 501, 8_192_000, 8_192_001, u64::MAX] {
            let first = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
            assert_eq!(bucket(micros), first, "{micros}");
        }
    }

    #[test]
    fn a_quantile_is_the_bound_that_holds_it() {
        let mut buckets = [0; BOUNDS_MICROS.len() + 1];
        assert_eq!(quantile_ms(&buckets, 0.5), None);
        buckets[bucket_of(Duration::from_micros(200))] = 98;
        buckets[bucket_of(Duration::from_millis(3))] = 2;
        assert_eq!(quantile_ms(&buckets, 0.5), Some(0.25));
        assert_eq!(quantile_ms(&buckets, 0.98), Some(0.25));
        assert_eq!(quantile_ms(&buckets, 0.99), Some(4.0));
        buckets[bucket_of(Duration::from_secs(100))] = 100;
        assert_eq!(quantile_ms(&buckets, 0.99), None);
    }
}
