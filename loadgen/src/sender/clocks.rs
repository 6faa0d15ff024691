//! From the kernel's time stamps, which are in real time, to the clock of the run.

use std::time::{Duration, Instant, SystemTime};

use udp::ClockPair;

/// Both clocks, read together in each round of reading.
///
/// Somebody may set the wall clock at any time. A stamp from before that and a
/// pair from after it, or the other way round, would be off by as much; so the
/// stamps of a round in which the clocks went apart are not used.
#[derive(Debug)]
pub(super) struct Clocks {
    pair: ClockPair,
    has_jumped: bool,
    /// How often the wall clock was set.
    pub(super) jumps: u64,
}

impl Clocks {
    pub(super) fn new() -> Self {
        Self { pair: ClockPair::sample(), has_jumped: false, jumps: 0 }
    }

    /// Begins a round of reading.
    pub(super) fn look(&mut self) {
        self.take(ClockPair::sample());
    }

    fn take(&mut self, pair: ClockPair) {
        let elapsed = pair
            .monotonic
            .saturating_duration_since(self.pair.monotonic);
        // The kernel slews by 500 µs a second at most.
        let slew = elapsed / 2_000;
        self.has_jumped = pair.apart_from(&self.pair) > MAX_APART + slew;
        self.jumps += u64::from(self.has_jumped);
        self.pair = pair;
    }

    /// Returns the moment of a stamp; `None` when the wall clock was set since it
    /// may have been made.
    pub(super) fn instant_of(&self, stamp: SystemTime) -> Option<Instant> {
        (!self.has_jumped).then(|| self.pair.instant_of(stamp))
    }
}

/// Two readings are apart by less, unless they were interrupted.
const MAX_APART: Duration = Duration::from_micros(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_of_a_round_in_which_the_clock_was_set_are_not_used() {
        let mut clocks = Clocks::new();
        let start = clocks.pair;
        let second = Duration::from_secs(1);
        let later = |seconds: u32, shift: Duration| ClockPair {
            monotonic: start.monotonic + seconds * second,
            realtime: start.realtime + seconds * second + shift,
            ..start
        };
        // Slewed, not set.
        clocks.take(later(1, Duration::from_micros(400)));
        assert!(clocks.instant_of(start.realtime).is_some());
        for (n, shift) in [(2, 3600 * second), (3, Duration::ZERO), (4, Duration::from_millis(5))] {
            clocks.take(later(n, shift));
            assert!(clocks.instant_of(start.realtime).is_none());
        }
        clocks.take(later(5, Duration::from_millis(5)));
        let stamp = later(4, Duration::from_millis(5)).realtime;
        assert_eq!(clocks.instant_of(stamp), Some(start.monotonic + 4 * second));
        assert_eq!(clocks.jumps, 3);
    }
}
