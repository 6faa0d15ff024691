//! When each query is due.
//!
//! The schedule is fixed before the first datagram leaves and never waits for
//! an answer (an open loop). Latency is measured from the due time, not from
//! the send: a sender that stalls would otherwise leave out the very queries
//! that its stall made slow.

use std::fmt;
use std::time::Duration;

use crate::random::SplitMix;

mod shapes;

/// How queries are spread over the time of a phase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// One query every 1/rate seconds.
    Constant {
        /// Queries (or lookups) per second.
        rate: Rate,
    },
    /// Independent arrivals: the gaps are exponential, drawn from the seed.
    Poisson {
        /// The mean rate.
        rate: Rate,
    },
    /// The rate grows or falls evenly over the phase.
    Ramp {
        /// The rate at the start.
        from: Rate,
        /// The rate at the end.
        to: Rate,
    },
    /// The rate grows or falls in steps of equal length, the first and the last
    /// included.
    Step {
        /// The rate of the first step.
        from: Rate,
        /// The rate of the last.
        to: Rate,
        /// How many there are, two at least.
        steps: u32,
    },
    /// The rate swings around its mean.
    Sine {
        /// The mean rate.
        mean: Rate,
        /// How far above and below it the rate goes; less than the mean.
        amplitude: Rate,
        /// From one mean on the way up to the next.
        period: Duration,
    },
    /// Many at the same moment, and then nothing: a herd that starts together.
    Burst {
        /// Queries of one burst.
        size: u32,
        /// From one burst to the next.
        every: Duration,
    },
    /// A constant rate that pauses.
    OnOff {
        /// The rate while it is on.
        rate: Rate,
        /// How long it is on.
        on: Duration,
        /// How long it is off.
        off: Duration,
    },
    /// A closed loop: the next query leaves when one of `window` is answered.
    /// It measures capacity, and its latencies mean nothing.
    Max {
        /// Queries outstanding at any time, over all threads.
        window: u32,
        /// The rate that is never passed: the scenario's `max_qps`.
        ceiling: Rate,
    },
    /// When they came in a recording, which the plan has.
    Recorded {
        /// The rate of its busiest 100 ms.
        peak: Rate,
        /// Queries in all.
        count: u64,
    },
}

impl Shape {
    /// Returns the highest rate that is reached.
    pub fn peak(self) -> Rate {
        match self {
            Self::Constant { rate } | Self::Poisson { rate } => rate,
            Self::OnOff { rate, .. } => rate,
            Self::Ramp { from, to } | Self::Step { from, to, .. } => from.max(to),
            Self::Sine { mean, amplitude, .. } => Rate(mean.0 + amplitude.0),
            Self::Burst { size, every } => shapes::burst_peak(size, every),
            Self::Max { ceiling, .. } => ceiling,
            Self::Recorded { peak, .. } => peak,
        }
    }

    /// Returns how many queries are due in a phase of this `length`: the mean of
    /// what independent arrivals bring, and the most of a closed loop.
    pub fn expected(self, length: Duration) -> f64 {
        let rate = match self {
            #[expect(clippy::cast_precision_loss, reason = "a count of queries in memory")]
            Self::Recorded { count, .. } => return count as f64,
            Self::Ramp { from, to } | Self::Step { from, to, .. } => {
                from.per_second().midpoint(to.per_second())
            }
            Self::Sine { mean, amplitude, period } => {
                return shapes::Sine::new(mean, amplitude, period).count(length.as_secs_f64());
            }
            Self::Burst { size, every } => {
                return f64::from(size) * (length.as_secs_f64() / every.as_secs_f64()).ceil();
            }
            Self::OnOff { rate, on, off } => {
                return rate.per_second() * shapes::time_on(length, on, off);
            }
            other => other.peak().per_second(),
        };
        rate * length.as_secs_f64()
    }

    /// Returns whether answers decide when the next query leaves.
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Max { .. })
    }

    /// Returns the due times from the start of a phase of this `length`, in
    /// order, until its end. For the closed shape they are the earliest times; a
    /// recording has its own.
    pub fn due_times(self, length: Duration, seed: u64) -> DueTimes {
        let state = match self {
            Self::Constant { rate }
            | Self::Max { ceiling: rate, .. }
            | Self::Recorded { peak: rate, .. } => ShapeState::Constant { rate },
            Self::Poisson { rate } => ShapeState::Poisson {
                rate: rate.per_second(),
                random: SplitMix::new(seed),
                at: 0.0,
            },
            Self::Ramp { from, to } => ShapeState::Ramp {
                from: from.per_second(),
                slope: (to.per_second() - from.per_second()) / length.as_secs_f64(),
            },
            Self::Step { from, to, steps } => {
                ShapeState::Step(shapes::Steps::new(from, to, steps, length))
            }
            Self::Sine { mean, amplitude, period } => {
                ShapeState::Sine(shapes::Sine::new(mean, amplitude, period), 0.0)
            }
            Self::Burst { size, every } => ShapeState::Burst { size, every },
            Self::OnOff { rate, on, off } => ShapeState::OnOff { rate, on, off },
        };
        DueTimes { state, length, sent: 0 }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant { rate } => write!(f, "constant {rate}"),
            Self::Poisson { rate } => write!(f, "Poisson {rate}"),
            Self::Ramp { from, to } => write!(f, "ramp {from} to {to}"),
            Self::Step { from, to, steps } => write!(f, "{steps} steps {from} to {to}"),
            Self::Sine { mean, amplitude, period } => {
                write!(f, "sine {mean} +- {} in {period:?}", amplitude.per_second())
            }
            Self::Burst { size, every } => write!(f, "{size} at once each {every:?}"),
            Self::OnOff { rate, on, off } => write!(f, "{rate}, {on:?} on, {off:?} off"),
            Self::Max { window, .. } => write!(f, "closed loop, window {window}"),
            Self::Recorded { .. } => write!(f, "as recorded"),
        }
    }
}

/// A rate in thousandths of a query per second, so that arithmetic is exact.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Rate(u64);

impl Rate {
    /// Takes a rate per second, 0.001 to 10 million; `None` outside.
    pub fn new(per_second: f64) -> Option<Self> {
        let milli = (per_second * 1000.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was checked, and NaN is in none"
        )]
        (1.0..=MAX_RATE * 1000.0)
            .contains(&milli)
            .then_some(Self(milli as u64))
    }

    /// Returns the rate per second.
    pub fn per_second(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most 10^10")]
        let milli = self.0 as f64;
        milli / 1000.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.per_second())
    }
}

/// The due times of one phase, from its start.
#[derive(Clone, Debug)]
pub struct DueTimes {
    state: ShapeState,
    length: Duration,
    sent: u64,
}

#[derive(Clone, Debug)]
enum ShapeState {
    Constant {
        rate: Rate,
    },
    Poisson {
        rate: f64,
        random: SplitMix,
        at: f64,
    },
    Ramp {
        from: f64,
        slope: f64,
    },
    Step(shapes::Steps),
    /// With the second of the last due time.
    Sine(shapes::Sine, f64),
    Burst {
        size: u32,
        every: Duration,
    },
    OnOff {
        rate: Rate,
        on: Duration,
        off: Duration,
    },
}

impl Iterator for DueTimes {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let due = match &mut self.state {
            ShapeState::Constant { rate } => nth_constant(self.sent, *rate)?,
            ShapeState::Poisson { rate, random, at } => {
                // 1 - unit() is never 0, so the logarithm is finite.
                *at -= (1.0 - random.unit()).ln() / *rate;
                Duration::try_from_secs_f64(*at).ok()?
            }
            ShapeState::Ramp { from, slope } => nth_ramp(self.sent, *from, *slope)?,
            ShapeState::Step(steps) => steps.next(self.sent)?,
            ShapeState::Sine(sine, last) => {
                *last = sine.nth(self.sent, *last);
                Duration::try_from_secs_f64(*last).ok()?
            }
            ShapeState::Burst { size, every } => {
                let burst = self.sent / u64::from(*size);
                every.checked_mul(u32::try_from(burst).ok()?)?
            }
            ShapeState::OnOff { rate, on, off } => {
                shapes::paused(nth_constant(self.sent, *rate)?, *on, *off)?
            }
        };
        self.sent += 1;
        (due < self.length).then_some(due)
    }
}

/// From the count, not by adding a rounded interval: the rounding error of one
/// interval, times a million queries, is a wrong rate.
fn nth_constant(n: u64, rate: Rate) -> Option<Duration> {
    let nanos = u128::from(n) * 1_000_000_000_000 / u128::from(rate.0);
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

/// Solves `from * t + slope * t^2 / 2 = n` for t, in the form that loses no
/// digits when the slope is small; `None` when a falling ramp ends before.
fn nth_ramp(n: u64, from: f64, slope: f64) -> Option<Duration> {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    let n = n as f64;
    let discriminant = from.mul_add(from, 2.0 * slope * n);
    if discriminant < 0.0 {
        return None;
    }
    Duration::try_from_secs_f64(2.0 * n / (from + discriminant.sqrt())).ok()
}

/// Queries per second that one scenario may ask for: more than a machine can
/// send, so a slip of the finger is an error and not an overflow.
const MAX_RATE: f64 = 10_000_000.0;

#[cfg(test)]
mod tests;
