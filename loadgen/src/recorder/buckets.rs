//! Latencies of a run that goes on: coarse, and cheap to copy many times a second.
//!
//! The histograms of a report are finer and take a tenth of a megabyte each, too much to be
//! handed to another thread fifty times a second.

/// Answers by latency; a bucket is 3 % wide.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Buckets([u64; BUCKETS]);

impl Buckets {
    /// Counts a latency, in nanoseconds.
    pub fn add(&mut self, latency: u64) {
        #[expect(clippy::indexing_slicing, reason = "a place is below the number of buckets")]
        let count = &mut self.0[place(latency)];
        *count += 1;
    }

    /// Adds those of another thread.
    pub fn merge(&mut self, others: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(others.0) {
            *mine += theirs;
        }
    }

    /// Returns those that came since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut new = *self;
        for (count, before) in new.0.iter_mut().zip(before.0) {
            *count = count.saturating_sub(before);
        }
        new
    }

    /// Returns the nanoseconds within which so many percent were answered, at most 3 %
    /// below the truth; `None` without an answer.
    pub fn percentile(&self, percent: f64) -> Option<u64> {
        let total: u64 = self.0.iter().sum();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of queries, and a share of it"
        )]
        let rank = ((total as f64 * percent / 100.0).ceil() as u64).clamp(1, total.max(1));
        let mut sum = 0;
        let place = self.0.iter().position(|count| {
            sum += count;
            sum >= rank
        });
        place.map(lowest)
    }
}

impl Default for Buckets {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

/// The bucket of a latency: a fraction of an octave, and below 1 µs of that.
fn place(latency: u64) -> usize {
    let units = usize::try_from(latency / UNIT).unwrap_or(usize::MAX);
    if units < PARTS {
        return units;
    }
    let octave = units.ilog2() - PARTS.ilog2();
    let place = (octave as usize + 1) * PARTS + (units >> octave) % PARTS;
    place.min(BUCKETS - 1)
}

/// The lowest latency of a bucket.
const fn lowest(place: usize) -> u64 {
    let units = match (place / PARTS).checked_sub(1) {
        None => place,
        Some(octave) => (PARTS + place % PARTS) << octave,
    };
    units as u64 * UNIT
}

/// Buckets of an octave.
const PARTS: usize = 32;
/// Nanoseconds of the narrowest bucket, so that octaves begin at 1 µs.
const UNIT: u64 = 32;
/// Up to 137 s, twice the longest timeout; what took longer is in the last.
const BUCKETS: usize = 28 * PARTS;

/// Nanoseconds, from those of a cache to those of a client that gives up; more are above
/// all. Prometheus adds the buckets of several senders.
pub const LATENCY_BOUNDS: [u64; LATENCY_BUCKETS - 1] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
];

/// With that of all above.
pub const LATENCY_BUCKETS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_at_most_3_percent_above_it() {
        let mut last = 0;
        // From 1 ns to 130 s.
        for latency in (0..37).flat_map(|power| (0..7).map(move |n| ((7 + n) << power) / 7)) {
            let lowest = lowest(place(latency));
            assert!(lowest <= latency, "{latency}: {lowest}");
            assert!((latency - lowest) * 32 <= latency.max(1024), "{latency}: {lowest}");
            assert!(lowest >= last || latency < last, "{latency}");
            last = lowest;
        }
        assert_eq!(place(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_of_what_came_since() {
        let mut buckets = Buckets::default();
        assert_eq!(buckets.percentile(99.0), None);
        (0..50).for_each(|_| buckets.add(2_000_000_000));
        let before = buckets;
        (0..99).for_each(|_| buckets.add(1 << 20));
        buckets.add(1 << 30);
        let new = buckets.since(&before);
        assert_eq!(new.percentile(50.0), Some(1 << 20));
        assert_eq!(new.percentile(99.0), Some(1 << 20));
        assert_eq!(new.percentile(99.5), Some(1 << 30));
        assert_eq!(new.percentile(100.0), Some(1 << 30));
        let mut twice = new;
        twice.merge(&before);
        assert_eq!(twice, buckets);
    }
}
