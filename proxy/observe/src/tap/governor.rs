//! How many a second are shown.

use resolver::Moment;

/// Lets so many pass in each second of the process's clock.
///
/// By the second and not by a bucket that refills: a burst is what one wants
/// to see, and its beginning is more telling than every tenth of it.
#[derive(Clone, Copy, Debug)]
pub struct Governor {
    rate: u32,
    second: u64,
    passed: u32,
}

/// The most a second: what a terminal and a reader's `jq` can take, and 0.3
/// MiB/s on the wire.
pub const MAX_RATE: u32 = 1000;

impl Governor {
    /// Lets `rate` pass a second, at least 1 and at most [`MAX_RATE`].
    pub fn new(rate: u32) -> Self {
        Self { rate: rate.clamp(1, MAX_RATE), second: 0, passed: 0 }
    }

    /// Says whether one more may pass at `now`, and counts it if so.
    pub const fn allows(&mut self, now: Moment) -> bool {
        let second = now.as_secs();
        if second != self.second {
            self.second = second;
            self.passed = 0;
        }
        let allowed = self.passed < self.rate;
        self.passed += allowed as u32;
        allowed
    }
}
