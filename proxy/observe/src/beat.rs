//! A sign of life: what a thread leaves in each of its rounds, so that another can
//! tell that it still runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use resolver::Moment;

/// The rounds of one thread. It is the only writer, on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Beat {
    rounds: AtomicU64,
    /// Microseconds of the last one; 0 before the first.
    last: AtomicU64,
}

impl Beat {
    /// Notes a round that begins at `now`. For the one thread whose beat it is.
    pub fn note(&self, now: Moment) {
        let rounds = self.rounds.load(Ordering::Relaxed).wrapping_add(1);
        self.rounds.store(rounds, Ordering::Relaxed);
        self.last.store(now.as_micros(), Ordering::Relaxed);
    }

    /// Returns how many rounds there were.
    pub fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Returns how long ago the last round began; before the first, how long ago
    /// the clock was started.
    pub fn age(&self, now: Moment) -> Duration {
        now.saturating_since(Moment::from_micros(self.last.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_ages_from_the_last_round() {
        let (beat, at) = (Beat::default(), |second: u64| Moment::from_micros(second * 1_000_000));
        assert_eq!(beat.age(at(2)), Duration::from_secs(2));
        beat.note(at(3));
        beat.note(at(5));
        assert_eq!((beat.rounds(), beat.age(at(9))), (2, Duration::from_secs(4)));
        assert_eq!(beat.age(at(4)), Duration::ZERO);
    }
}
