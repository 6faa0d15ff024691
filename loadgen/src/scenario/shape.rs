//! How the queries of a phase are spread: `schedule = { … }`.

use std::result::Result;
use std::time::Duration;

use super::Limits;
use super::file::ScheduleFile;
use crate::expect::parse_duration;
use crate::schedule::{Rate, Shape};

/// Reads a schedule; its highest rate must be within the limits.
pub(super) fn shape(file: &ScheduleFile, limits: Limits) -> Result<Shape, String> {
    let ceiling = rate(limits.max_qps, "max_qps")?;
    let shape = match file {
        ScheduleFile::Constant { rate: r } => Shape::Constant { rate: rate(*r, "rate")? },
        ScheduleFile::Poisson { rate: r } => {
            let (shape, burst) = (Shape::Poisson { rate: rate(*r, "rate")? }, poisson_burst(*r));
            // Held back, its arrivals would not be independent any more.
            if limits.max_qps < burst {
                return Err(format!(
                    "Poisson arrivals of {r} per second come at up to {burst:.0} per second for \
                     100 ms; limits.max_qps must be at least that"
                ));
            }
            shape
        }
        ScheduleFile::Ramp { from, to } => {
            Shape::Ramp { from: rate(*from, "from")?, to: rate(*to, "to")? }
        }
        ScheduleFile::Step { from, to, steps } => {
            if !(2..=MAX_STEPS).contains(steps) {
                return Err(format!("steps: {steps} is not 2 to {MAX_STEPS}"));
            }
            Shape::Step { from: rate(*from, "from")?, to: rate(*to, "to")?, steps: *steps }
        }
        ScheduleFile::Sine { mean, amplitude, period } => {
            let (mean, amplitude) = (rate(*mean, "mean")?, rate(*amplitude, "amplitude")?);
            if amplitude >= mean {
                return Err(format!("amplitude: {amplitude} must be below the mean, {mean}"));
            }
            Shape::Sine { mean, amplitude, period: time(period, "period")? }
        }
        ScheduleFile::Burst { size, every } => {
            if *size == 0 {
                return Err("size: at least 1".to_owned());
            }
            Shape::Burst { size: *size, every: time(every, "every")? }
        }
        ScheduleFile::OnOff { rate: r, on, off } => {
            Shape::OnOff { rate: rate(*r, "rate")?, on: time(on, "on")?, off: time(off, "off")? }
        }
        ScheduleFile::Max { window }
            if *window == 0 || *window as usize > limits.max_outstanding =>
        {
            return Err("window: must be 1 to limits.max_outstanding".to_owned());
        }
        ScheduleFile::Max { window } => Shape::Max { window: *window, ceiling },
    };
    if shape.peak() > ceiling {
        return Err(format!("{} is above limits.max_qps ({ceiling})", shape.peak()));
    }
    Ok(shape)
}

/// The rate that Poisson arrivals reach in some 100 ms of a day, and not above.
fn poisson_burst(rate: f64) -> f64 {
    let mean = rate / 10.0;
    (6.0_f64.mul_add(mean.sqrt(), mean) + 4.0).ceil() * 10.0
}

/// Reads a rate.
pub(super) fn rate(per_second: f64, field: &str) -> Result<Rate, String> {
    Rate::new(per_second).ok_or_else(|| {
        format!("{field}: {per_second} is not a rate of 0.001 to 10 million per second")
    })
}

/// A length of time within a schedule; a millisecond at least, so that a slip of the
/// finger is no million of bursts.
fn time(text: &str, field: &str) -> Result<Duration, String> {
    parse_duration(text)
        .filter(|time| *time >= Duration::from_millis(1))
        .ok_or_else(|| format!("{field}: {text:?} is not a duration of at least \"1ms\""))
}

/// More would not be told apart.
const MAX_STEPS: u32 = 1_000;
