//! The timeouts of a client, as far as it showed them: whole seconds
//! (`resolv.conf(5)`, `timeout`).

use std::time::Duration;

use stub::timing;

/// After which times a client asks again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Timers {
    /// A bit for each number of seconds.
    seconds: u32,
}

impl Default for Timers {
    /// What Go takes without an option.
    fn default() -> Self {
        Self { seconds: 1 << timing::GO.as_secs() }
    }
}

impl Timers {
    /// Learns from a query that was sent again, so long after the one before it.
    pub(super) fn learn(&mut self, waited: Duration) {
        if let Some(seconds) = seconds_of(waited) {
            self.seconds |= 1 << seconds;
        }
    }

    /// Says whether the client asks again after this time.
    pub(super) fn has(self, waited: Duration) -> bool {
        seconds_of(waited).is_some_and(|seconds| self.seconds >> seconds & 1 == 1)
    }
}

/// Returns the whole seconds that were waited for, if it was a timer.
pub(super) fn seconds_of(waited: Duration) -> Option<u32> {
    let seconds = u32::try_from((waited + EARLY).as_secs()).ok()?;
    let late = (waited + EARLY).checked_sub(Duration::from_secs(seconds.into()))?;
    (late <= EARLY + LATE && (1..=MOST).contains(&seconds)).then_some(seconds)
}

/// What a timer may be early, and a busy client late.
const EARLY: Duration = Duration::from_millis(50);
const LATE: Duration = Duration::from_millis(250);

/// `RES_MAXRETRANS` of glibc.
const MOST: u32 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_a_little_early_or_late() {
        let millis = Duration::from_millis;
        for (waited, seconds) in [
            (950, Some(1)),
            (1000, Some(1)),
            (1250, Some(1)),
            (1251, None),
            (4949, None),
            (5200, Some(5)),
            (40, None),
        ] {
            assert_eq!(seconds_of(millis(waited)), seconds, "{waited}");
        }
        let mut timers = Timers::default();
        assert!(timers.has(millis(5001)) && !timers.has(millis(1001)));
        timers.learn(millis(1020));
        assert!(timers.has(millis(1001)));
    }
}
