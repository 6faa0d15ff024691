//! How fast something happens, in whole and past windows of time.

use std::time::Duration;

use resolver::Moment;

/// Counts what happens, and tells the rate of the last window that is over.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    since: Moment,
    count: u32,
    /// In a second.
    rate: u32,
}

impl Rate {
    /// Notes that it happened at `now`, and returns how often it does in a
    /// second. A burst shows once its window is over, and a pause at once.
    pub(crate) fn note(&mut self, now: Moment) -> u32 {
        let passed = now.saturating_since(self.since);
        if passed >= WINDOW {
            let within = passed < WINDOW * 2;
            self.rate = if within { self.count * PER_SECOND } else { 0 };
            (self.since, self.count) = (now, 0);
        }
        self.count = self.count.saturating_add(1);
        self.rate
    }
}

/// Long enough for a burst of a search path to be none, short enough for load
/// to show soon.
const WINDOW: Duration = Duration::from_millis(100);

/// Windows in a second.
const PER_SECOND: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes one event every `micros` for `millis`, and returns the last rate.
    fn rate(meter: &mut Rate, start: u64, micros: u64, millis: u64) -> u32 {
        let times = (0..millis * 1000).step_by(usize::try_from(micros).unwrap());
        times.fold(0, |_, at| meter.note(Moment::from_micros(start + at)))
    }

    #[test]
    fn a_rate_is_that_of_the_window_before() {
        let mut meter = Rate::default();
        assert_eq!(rate(&mut meter, 1_000_000, 500, 99), 0, "the first window is not over");
        assert_eq!(rate(&mut meter, 1_099_000, 500, 150), 2_000);
        assert_eq!(rate(&mut meter, 1_249_000, 10_000, 300), 100, "and slows down");
    }

    #[test]
    fn after_a_pause_nothing_is_fast() {
        let mut meter = Rate::default();
        rate(&mut meter, 1_000_000, 100, 300);
        assert_eq!(meter.note(Moment::from_micros(3_000_000)), 0);
    }
}
