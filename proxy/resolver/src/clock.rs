//! Time as the core sees it: a number that is handed in, never read.

use std::ops::Add;
use std::sync::OnceLock;
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
///
/// What it counts is the caller's choice. TTLs go on while a machine is suspended,
/// and `Instant` (`CLOCK_MONOTONIC`) stands still: an answer that expired an hour
/// ago would be served as fresh.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    read: fn() -> Duration,
    origin: Duration,
}

impl Clock {
    /// Starts at zero, and counts the time that the machine is awake.
    pub fn start() -> Self {
        Self::counting(awake)
    }

    /// Starts at zero, and counts what `read` counts, which never goes back.
    pub fn counting(read: fn() -> Duration) -> Self {
        Self { read, origin: read() }
    }

    /// Returns the moment of a wall clock's time, in seconds since 1970; what
    /// was before the start is the start.
    pub fn moment_of_unix(&self, unix_seconds: i64) -> Moment {
        let seconds = u64::try_from(unix_seconds).unwrap_or_default();
        let ago = unix_time().saturating_sub(Duration::from_secs(seconds));
        let micros = u64::try_from(ago.as_micros()).unwrap_or(u64::MAX);
        Moment(self.now().0.saturating_sub(micros))
    }

    /// Reads the clock.
    pub fn now(&self) -> Moment {
        Moment::default() + (self.read)().saturating_sub(self.origin)
    }

    /// Returns the `Instant` of a moment, as timers need it: as far from now.
    #[expect(clippy::disallowed_methods, reason = "the one place where clocks are read")]
    pub fn instant_of(&self, moment: Moment) -> Instant {
        let (now, instant) = (self.now(), Instant::now());
        let past = instant.checked_sub(now.saturating_since(moment));
        past.unwrap_or(instant) + moment.saturating_since(now)
    }
}

/// The time since 1970 by the clock of the system, which people set: for what others tell
/// in it, and for nothing that is measured.
#[expect(clippy::disallowed_methods, reason = "the one place where clocks are read")]
pub fn unix_time() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "the one place where clocks are read")]
fn awake() -> Duration {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

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
    fn a_timer_is_as_far_from_now_as_its_moment() {
        let clock = Clock::start();
        let (now, hour) = (clock.now(), Duration::from_secs(3600));
        let [due, at] = [now + hour, now].map(|moment| clock.instant_of(moment));
        let apart = due.duration_since(at);
        assert!(apart.abs_diff(hour) < Duration::from_secs(60), "{apart:?}");
    }

    /// A machine that was suspended for a day between two readings.
    #[test]
    fn a_clock_goes_on_as_what_it_counts_does() {
        static SLEPT: AtomicU64 = AtomicU64::new(0);
        let clock = Clock::counting(|| Duration::from_secs(SLEPT.load(Ordering::Relaxed)));
        let stored = clock.now();
        SLEPT.store(86_400, Ordering::Relaxed);
        assert_eq!(clock.now().saturating_since(stored), Duration::from_secs(86_400));
    }
}
