//! How long an upstream takes to answer.

use std::time::Duration;

use resolver::Moment;

/// A mean and a high quantile of the last answers' times.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RoundTrip {
    /// In microseconds; none before the first answer.
    mean: Option<u64>,
    /// 95 of 100 answers take less, in microseconds.
    high: u64,
    noted_at: Moment,
}

impl RoundTrip {
    /// Notes how long one answer took.
    pub(super) fn note(&mut self, took: Duration, now: Moment) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.noted_at = now;
        let Some(mean) = self.mean else {
            (self.mean, self.high) = (Some(took), took.saturating_mul(2));
            return;
        };
        // As the smoothed time of RFC 6298, section 2.
        self.mean = Some(mean - mean / 8 + took / 8);
        // Nineteen steps down for one up stand still where 95 of 100 are below.
        let step = (self.high / 512).max(LEAST_STEP);
        self.high = match took > self.high {
            true => self.high + 19 * step,
            false => self.high.saturating_sub(step),
        };
    }

    /// Notes how long the answer to a check took. There are few of them, so each
    /// counts for much; but one that is fast by chance is not enough.
    pub(super) fn note_check(&mut self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.mean = self.mean.map(|mean| mean / 4 + took / 4 * 3);
        self.high = self.high / 4 + took / 2 * 3;
    }

    /// Returns how long an answer takes.
    pub(super) fn typical(&self) -> Option<Duration> {
        self.mean.map(Duration::from_micros)
    }

    /// Returns when an answer was last noted.
    pub(super) const fn noted_at(&self) -> Moment {
        self.noted_at
    }

    /// Returns how long all but one in twenty answers take at most.
    pub(super) fn nearly_all(&self) -> Option<Duration> {
        self.mean.map(|_| Duration::from_micros(self.high))
    }

    /// Returns how long an upstream that is well is never silent while it is asked.
    pub(super) fn patience(&self) -> Duration {
        match self.nearly_all() {
            Some(high) => (high * 4).clamp(LEAST_PATIENCE, MOST_PATIENCE),
            None => MOST_PATIENCE,
        }
    }
}

/// In microseconds, so that a quantile that is very small still moves.
const LEAST_STEP: u64 = 5;

/// A pause of a server's garbage collection or of our own thread is no silence.
const LEAST_PATIENCE: Duration = Duration::from_millis(50);

/// As long as the first try waits for the second.
pub(super) const MOST_PATIENCE: Duration = Duration::from_millis(400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_twenty_is_above_the_high_mark() {
        let mut times = RoundTrip::default();
        for n in 0..20_000_u64 {
            let slow = n % 20 == 7;
            let micros = if slow { 20_000 } else { 900 + n % 200 };
            times.note(Duration::from_micros(micros), Moment::from_micros(n));
        }
        let (typical, high) = (times.typical().unwrap(), times.nearly_all().unwrap());
        assert!(typical > Duration::from_micros(900) && typical < Duration::from_millis(5));
        assert!(high > Duration::from_micros(900) && high < Duration::from_millis(21), "{high:?}");
        assert_eq!(RoundTrip::default().patience(), MOST_PATIENCE);
    }
}
