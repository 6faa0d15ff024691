//! The arithmetic of shapes whose rate is not one formula.

use std::f64::consts::TAU;
use std::time::Duration;

use super::Rate;

/// Steps of equal length, with the queries of those before.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    from: f64,
    to: f64,
    steps: u32,
    /// Seconds of one.
    length: f64,
    step: u32,
    /// Queries of the steps before.
    before: f64,
}

impl Steps {
    pub(super) fn new(from: Rate, to: Rate, steps: u32, length: Duration) -> Self {
        let length = length.as_secs_f64() / f64::from(steps.max(1));
        let (from, to) = (from.per_second(), to.per_second());
        Self { from, to, steps, length, step: 0, before: 0.0 }
    }

    fn rate(&self) -> f64 {
        let last = f64::from(self.steps.saturating_sub(1).max(1));
        (self.to - self.from).mul_add(f64::from(self.step) / last, self.from)
    }

    /// Returns when the n-th query is due, from 0; `None` after the last step. Numbers
    /// must not go back.
    pub(super) fn next(&mut self, n: u64) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        let n = n as f64;
        while n >= self.rate().mul_add(self.length, self.before) {
            self.before += self.rate() * self.length;
            self.step += 1;
            if self.step >= self.steps {
                return None;
            }
        }
        let within = (n - self.before).max(0.0) / self.rate();
        Duration::try_from_secs_f64(f64::from(self.step).mul_add(self.length, within)).ok()
    }
}

/// A rate that swings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sine {
    mean: f64,
    amplitude: f64,
    period: f64,
}

impl Sine {
    pub(super) fn new(mean: Rate, amplitude: Rate, period: Duration) -> Self {
        let (mean, amplitude) = (mean.per_second(), amplitude.per_second());
        Self { mean, amplitude, period: period.as_secs_f64() }
    }

    /// Returns the queries of the first `seconds`: the integral of the rate.
    pub(super) fn count(&self, seconds: f64) -> f64 {
        let swing = self.amplitude * self.period / TAU;
        let turned = 1.0 - (TAU * seconds / self.period).cos();
        self.mean.mul_add(seconds, swing * turned)
    }

    /// Returns the second at which the n-th query is due, from 0; `last` is that of the
    /// one before. There is no closed form: the interval that must hold it is halved.
    pub(super) fn nth(&self, n: u64, last: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        let n = n as f64;
        let (mut low, mut high) = (last, last + 2.0 / (self.mean - self.amplitude));
        for _ in 0..HALVINGS {
            let middle = low.midpoint(high);
            if self.count(middle) < n { low = middle } else { high = middle }
        }
        high
    }
}

/// The rate of a burst over 100 ms, the span in which limits hold.
pub(super) fn burst_peak(size: u32, every: Duration) -> Rate {
    let bursts = (SPAN.as_secs_f64() / every.as_secs_f64()).ceil().max(1.0);
    Rate::new(f64::from(size) * bursts / SPAN.as_secs_f64()).unwrap_or(Rate(u64::MAX))
}

/// Moves a time of uninterrupted load behind the pauses before it.
pub(super) fn paused(active: Duration, on: Duration, off: Duration) -> Option<Duration> {
    let pauses = active.as_nanos() / on.as_nanos().max(1);
    active.checked_add(off.checked_mul(u32::try_from(pauses).ok()?)?)
}

/// Returns the seconds of `length` that are not pauses.
pub(super) fn time_on(length: Duration, on: Duration, off: Duration) -> f64 {
    let (length, on, off) = (length.as_secs_f64(), on.as_secs_f64(), off.as_secs_f64());
    let whole = (length / (on + off)).floor();
    whole.mul_add(on, (length - whole * (on + off)).min(on))
}

/// A second to a picosecond.
const HALVINGS: u32 = 40;
/// In which `limits.max_qps` holds.
const SPAN: Duration = Duration::from_millis(100);
