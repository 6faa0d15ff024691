//! Clocks: of the kernel's time stamps, and of the CPU time used.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use crate::sys;

/// The two clocks read at the same moment, which turns a kernel time stamp
/// (real time) into an [`Instant`] (monotonic).
///
/// Real time may be set or slewed while a program runs, so take a new pair now
/// and then; a stamp and its pair should be seconds apart, not hours.
#[derive(Clone, Copy, Debug)]
pub struct ClockPair {
    /// The moment on the monotonic clock.
    pub monotonic: Instant,
    /// The same moment in real time.
    pub realtime: SystemTime,
    /// How far apart the two readings may lie.
    pub uncertainty: Duration,
}

impl ClockPair {
    /// Reads both clocks several times and keeps the tightest reading: the
    /// others were interrupted. Takes less than a microsecond.
    #[expect(clippy::disallowed_methods, reason = "reading the clocks is what it is for")]
    pub fn sample() -> Self {
        let read = || {
            let before = Instant::now();
            let realtime = SystemTime::now();
            let width = before.elapsed();
            Self { monotonic: before + width / 2, realtime, uncertainty: width / 2 }
        };
        let mut best = read();
        for _ in 1..SAMPLES {
            let next = read();
            if next.uncertainty < best.uncertainty {
                best = next;
            }
        }
        best
    }

    /// Returns by how much real time was set or slewed between `earlier` and this
    /// pair.
    pub fn apart_from(&self, earlier: &Self) -> Duration {
        let expected =
            earlier.realtime + self.monotonic.saturating_duration_since(earlier.monotonic);
        match self.realtime.duration_since(expected) {
            Ok(ahead) => ahead,
            Err(behind) => behind.duration(),
        }
    }

    /// Returns the monotonic time of `stamp`, a moment in real time; one that
    /// no [`Instant`] can hold is taken for the pair's own.
    pub fn instant_of(&self, stamp: SystemTime) -> Instant {
        let instant = match stamp.duration_since(self.realtime) {
            Ok(after) => self.monotonic.checked_add(after),
            Err(before) => self.monotonic.checked_sub(before.duration()),
        };
        instant.unwrap_or(self.monotonic)
    }
}

/// Lets this thread's timers fire up to `nanos` late (`PR_SET_TIMERSLACK`); 0
/// restores the default of 50 µs, 1 is as exact as the kernel can be.
///
/// # Errors
///
/// The system's error; Linux has none.
pub fn set_timer_slack(nanos: u64) -> io::Result<()> {
    sys::set_timer_slack(nanos)
}

/// Returns the time since the machine was started, the time that it was suspended
/// included (`CLOCK_BOOTTIME`); read without a system call, as `Instant` is.
pub fn boot_time() -> Duration {
    sys::clock_time(libc::CLOCK_BOOTTIME)
}

/// Returns the CPU time this thread has used, in user and kernel mode.
pub fn thread_cpu_time() -> Duration {
    sys::clock_time(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Returns the CPU time all threads of this process have used.
pub fn process_cpu_time() -> Duration {
    sys::clock_time(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Five readings of both clocks are some 300 ns; one is rarely interrupted.
const SAMPLES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_keeps_its_distance_on_the_other_clock() {
        let pair = ClockPair::sample();
        let second = Duration::from_secs(1);
        assert_eq!(pair.instant_of(pair.realtime), pair.monotonic);
        assert_eq!(pair.instant_of(pair.realtime + second), pair.monotonic + second);
        assert_eq!(pair.instant_of(pair.realtime - second), pair.monotonic - second);
    }

    #[test]
    fn a_clock_that_was_set_is_noticed_both_ways() {
        let pair = ClockPair::sample();
        let second = Duration::from_secs(1);
        let at = |monotonic, realtime| ClockPair {
            monotonic: pair.monotonic + monotonic,
            realtime: pair.realtime + realtime,
            ..pair
        };
        assert_eq!(at(second, second).apart_from(&pair), Duration::ZERO);
        assert_eq!(at(second, 3 * second).apart_from(&pair), 2 * second);
        assert_eq!(at(3 * second, second).apart_from(&pair), 2 * second);
    }

    #[test]
    fn two_pairs_agree_about_a_moment() {
        let (first, second) = (ClockPair::sample(), ClockPair::sample());
        let apart = second.instant_of(first.realtime) - first.monotonic;
        assert!(apart < Duration::from_millis(50), "{apart:?}");
    }

    #[test]
    fn work_uses_cpu_time() {
        // The process first: what lies between the two reads is its work too.
        let process = process_cpu_time();
        let thread = thread_cpu_time();
        while thread_cpu_time() - thread < Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        assert!(process_cpu_time() - process >= Duration::from_millis(2));
    }

    #[test]
    fn boot_time_goes_on() {
        let (first, monotonic) = (boot_time(), ClockPair::sample().monotonic);
        while monotonic.elapsed() < Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        assert!(boot_time() - first >= Duration::from_millis(2));
    }

    #[test]
    fn timer_slack_can_be_set_and_restored() {
        set_timer_slack(1).unwrap();
        assert_eq!(slack(), "1");
        set_timer_slack(0).unwrap();
        assert_ne!(slack(), "1");
    }

    /// Only `/proc/TID`, hidden from listings, has the file of a thread.
    fn slack() -> String {
        let thread = std::fs::read_link("/proc/thread-self").unwrap();
        let id = thread.file_name().unwrap().to_str().unwrap();
        std::fs::read_to_string(format!("/proc/{id}/timerslack_ns"))
            .unwrap()
            .trim()
            .to_owned()
    }
}
