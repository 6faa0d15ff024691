//! Time as the core sees it: a number that is handed in, never read.

use std::ops::Add;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point in time, in microseconds since the process started.
///
/// Eight octets instead of the sixteen of an `Instant`, and a test can make
/// any of them.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Moment(u64);

impl Moment {
    /// Returns the moment so many microseconds after the start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Returns the microseconds since the start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Returns the whole seconds since the start.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Returns the time since `earlier`, or zero if that is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, after: Duration) -> Self {
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

/// The clock of the process; the socket loops read it once per batch.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// Starts at zero.
    #[expect(clippy::disallowed_methods, reason = "the origin of all moments")]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Returns the moment of a wall clock's time, in seconds since 1970; what
    /// was before the start is the start.
    #[expect(clippy::disallowed_methods, reason = "the one place where clocks are read")]
    pub fn moment_of_unix(&self, unix_seconds: i64) -> Moment {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = u64::try_from(unix_seconds).unwrap_or_default();
        let ago = wall
            .unwrap_or_default()
            .saturating_sub(Duration::from_secs(seconds));
        let micros = u64::try_from(ago.as_micros()).unwrap_or(u64::MAX);
        Moment(self.now().0.saturating_sub(micros))
    }

    /// Reads the clock.
    #[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
    pub fn now(&self) -> Moment {
        Moment::default() + Instant::now().duration_since(self.origin)
    }

    /// Returns the moment of an `Instant`, as timers need it.
    pub fn moment_of(&self, instant: Instant) -> Moment {
        Moment::default() + instant.saturating_duration_since(self.origin)
    }

    /// Returns the `Instant` of a moment, as timers need it.
    pub fn instant_of(&self, moment: Moment) -> Instant {
        self.origin + Duration::from_micros(moment.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_never_overflow_or_go_negative() {
        let second = Moment::from_micros(1_000_000);
        assert_eq!(second + Duration::from_millis(1500), Moment::from_micros(2_500_000));
        assert_eq!(second.saturating_since(second + Duration::from_secs(1)), Duration::ZERO);
        assert_eq!(second + Duration::MAX, Moment::from_micros(u64::MAX));
        assert_eq!((second + Duration::from_millis(999)).as_secs(), 1);
    }

    #[test]
    fn a_clock_goes_from_instants_to_moments_and_back() {
        let clock = Clock::start();
        let now = clock.now();
        assert_eq!(clock.moment_of(clock.instant_of(now)), now);
    }
}
