//! The run over time, as it is reported.

use serde::{Deserialize, Serialize};

use super::hdr;
use crate::series::{Second, Series, Tally};

/// One step of the run: the queries that were due in it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[expect(missing_docs, reason = "each is the count with its name")]
pub struct Step {
    /// Seconds from the start of the run.
    pub at_s: f64,
    pub due: u64,
    pub sent: u64,
    pub answered: u64,
    pub late: u64,
    pub lost: u64,
    pub refused: u64,
    /// Shed, unsendable, unconnected or missed.
    pub not_sent: u64,
    /// Of the latencies from the due time; none without answers.
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// The latencies in nanoseconds, in `HdrHistogram`'s V2 form, compressed, in
    /// base64.
    pub latency_hdr: String,
}

impl Step {
    /// Returns the longest latency in milliseconds; none without answers.
    pub fn max_ms(&self) -> Option<f64> {
        let mut latency = crate::series::latencies();
        hdr::add(&self.latency_hdr, &mut latency).ok()?;
        (!latency.is_empty()).then(|| latency.max() as f64 / 1e6)
    }
}

/// Returns the steps of a run.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn steps(series: &Series) -> Vec<Step> {
    let step_s = series.step() as f64 / 1e9;
    let each = series.seconds().iter().enumerate();
    each.map(|(n, second)| step(n as f64 * step_s, second))
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn step(at_s: f64, second: &Second) -> Step {
    let latency = second.latency.as_ref();
    let at =
        |percentile| latency.map(|latency| latency.value_at_percentile(percentile) as f64 / 1e6);
    Step {
        at_s,
        due: second.count(Tally::Due),
        sent: second.count(Tally::Sent),
        answered: second.count(Tally::Answered),
        late: second.count(Tally::Late),
        lost: second.count(Tally::Lost),
        refused: second.count(Tally::Refused),
        not_sent: second.count(Tally::NotSent),
        p50_ms: at(50.0),
        p99_ms: at(99.0),
        latency_hdr: latency.map(hdr::encode).unwrap_or_default(),
    }
}

/// Adds steps that were reported to a series of the same length of step.
///
/// # Errors
///
/// What is wrong with a histogram.
pub(super) fn add(steps: &[Step], series: &mut Series) -> Result<(), String> {
    for (n, step) in steps.iter().enumerate() {
        let second = series.step_at(n);
        for (tally, count) in [
            (Tally::Due, step.due),
            (Tally::Sent, step.sent),
            (Tally::Answered, step.answered),
            (Tally::Late, step.late),
            (Tally::Lost, step.lost),
            (Tally::Refused, step.refused),
            (Tally::NotSent, step.not_sent),
        ] {
            second.add(tally, count);
        }
        if !step.latency_hdr.is_empty() {
            hdr::add(&step.latency_hdr, second.latency_mut())?;
        }
    }
    Ok(())
}
