//! What each upstream did for its questions.

use std::time::Duration;

use resolver::{Moment, Origin};

use crate::counters::BOUNDS_MICROS;
use crate::intake::{QueryEvent, QueryFlags};
use crate::tables::Windows;

/// The account of one upstream.
#[derive(Clone, Debug)]
pub struct UpstreamAccount {
    /// Questions by how they ended: [`Origin`] of each.
    pub origins: Windows<{ Origin::COUNT }>,
    /// Answered questions by how long they took, see [`BOUNDS_MICROS`].
    pub took: Windows<{ BOUNDS_MICROS.len() + 1 }>,
}

impl UpstreamAccount {
    pub(crate) const fn new(now: Moment) -> Self {
        Self { origins: Windows::new(now), took: Windows::new(now) }
    }

    /// Counts one question that this upstream was asked last.
    pub(crate) fn note(&mut self, event: &QueryEvent<'_>, now: Moment) {
        let record = &event.record;
        if !record.flags.has(QueryFlags::ASKED) {
            return;
        }
        self.origins.add(record.origin.index(), 1, now);
        if record.origin == Origin::Upstream {
            self.took.add(bucket(record.took), 1, now);
        }
    }

    pub(crate) fn advance(&mut self, now: Moment) {
        self.origins.advance(now);
        self.took.advance(now);
    }
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

fn bucket(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    BOUNDS_MICROS.partition_point(|bound| *bound < micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_bound_that_holds_it() {
        let mut buckets = [0; BOUNDS_MICROS.len() + 1];
        assert_eq!(quantile_ms(&buckets, 0.5), None);
        buckets[bucket(Duration::from_micros(200))] = 98;
        buckets[bucket(Duration::from_millis(3))] = 2;
        assert_eq!(quantile_ms(&buckets, 0.5), Some(0.25));
        assert_eq!(quantile_ms(&buckets, 0.98), Some(0.25));
        assert_eq!(quantile_ms(&buckets, 0.99), Some(4.0));
        buckets[bucket(Duration::from_secs(100))] = 100;
        assert_eq!(quantile_ms(&buckets, 0.99), None);
    }
}
