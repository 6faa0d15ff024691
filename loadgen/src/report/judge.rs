//! Whether a run is valid, and whether it passed. Two questions: the first is
//! about us, the second about the server.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::expect::{Bound, Count, Expectation, Metric, Statistic};
use crate::recorder::PhaseRecord;
use crate::run::RunResult;
use crate::scenario::Scenario;

/// An expectation with what was found.
#[derive(Clone, Debug, Serialize)]
pub struct ExpectationResult {
    /// As written: `baseline.latency.p99`.
    pub key: String,
    /// As written: `< 20ms`.
    pub condition: String,
    /// Whether it was met. Without data it never is.
    pub met: bool,
    /// What was found, in words.
    pub found: String,
}

impl ExpectationResult {
    pub(super) fn new(expectation: &Expectation, record: &PhaseRecord) -> Self {
        let value = value(expectation, record);
        Self {
            key: expectation.key.clone(),
            condition: expectation.condition.clone(),
            met: value.is_some_and(|value| expectation.is_met(value)),
            found: value.map_or_else(|| "no data".to_owned(), |value| shown(expectation, value)),
        }
    }
}

/// Returns why the run is no measurement of the server: the generator's faults.
pub fn invalid_reasons(scenario: &Scenario, measured: &RunResult) -> Vec<String> {
    let mut reasons = Vec::new();
    let run = measured.recorder.total();
    for (phase, record) in scenario.phases.iter().zip(measured.recorder.phases()) {
        let p99 = record.lateness.value_at_percentile(99.0);
        let limit = scenario.limits.max_lateness;
        if u128::from(p99) > limit.as_nanos() {
            reasons.push(format!(
                "phase {}: we sent {:.1} ms late at p99, more than limits.max_lateness ({:.1} ms)",
                phase.name,
                millis(p99),
                limit.as_secs_f64() * 1e3
            ));
        }
    }
    if run.counts.shed > 0 {
        reasons.push(format!(
            "{} of {} queries were shed: more outstanding than limits.max_outstanding, source \
             ports or descriptors allow",
            run.counts.shed, run.counts.due
        ));
    }
    if measured.overruns > 0 {
        reasons.push(format!(
            "{} answers were dropped at our own sockets, and count as lost",
            measured.overruns
        ));
    }
    reasons
}

/// Returns why the run failed even without expectations.
pub(super) fn failed(run: &PhaseRecord) -> Vec<String> {
    let counts = &run.counts;
    if counts.sent > 0 && counts.answered == 0 {
        return vec!["there was no answer at all".to_owned()];
    }
    Vec::new()
}

/// Returns the figure that `expectation` is about; `None` without data.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn value(expectation: &Expectation, record: &PhaseRecord) -> Option<f64> {
    let counts = &record.counts;
    match expectation.metric {
        Metric::Latency(statistic) => figure(&record.latency, statistic),
        Metric::Lateness(statistic) => figure(&record.lateness, statistic),
        Metric::Lookup(statistic) => figure(&record.lookup, statistic),
        Metric::Count(count) => {
            let of = if count == Count::Shed || count == Count::Unsendable {
                counts.due
            } else {
                counts.sent
            };
            let found = count_of(count, record) as f64;
            match expectation.bound {
                _ if of == 0 => None,
                Bound::Share(_) => Some(found / of as f64),
                _ => Some(found),
            }
        }
        Metric::Rcode(rcode) => {
            let found = *record.rcodes.get(usize::from(rcode.0))?;
            (counts.answered > 0).then(|| found as f64 / counts.answered as f64)
        }
        Metric::QueriesPerLookup => {
            let lookups = counts.lookups.due;
            (lookups > 0).then(|| counts.sent as f64 / lookups as f64)
        }
    }
}

const fn count_of(count: Count, record: &PhaseRecord) -> u64 {
    let counts = &record.counts;
    match count {
        Count::Sent => counts.sent,
        Count::Answered => counts.answered,
        Count::Late => counts.late,
        Count::Lost => counts.lost,
        Count::Refused => counts.refused,
        Count::Shed => counts.shed,
        Count::Unsendable => counts.unsendable,
        Count::Duplicate => counts.duplicate,
        Count::Wrong => counts.wrong,
        Count::Truncated => counts.truncated,
        Count::Reconnects => counts.reconnects,
    }
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of at most 10 minutes")]
fn figure(histogram: &Histogram<u64>, statistic: Statistic) -> Option<f64> {
    if histogram.is_empty() {
        return None;
    }
    Some(match statistic {
        Statistic::Mean => histogram.mean(),
        Statistic::Percentile(percentile) => histogram.value_at_percentile(percentile) as f64,
        Statistic::Max => histogram.max() as f64,
    })
}

fn shown(expectation: &Expectation, value: f64) -> String {
    match expectation.bound {
        Bound::Time(_) => format!("{:.3} ms", value / 1e6),
        Bound::Share(_) => format!("{:.4}%", value * 100.0),
        Bound::Number(_) if value.fract() == 0.0 => format!("{value}"),
        Bound::Number(_) => format!("{value:.2}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(key: &str, condition: &str, record: &PhaseRecord) -> ExpectationResult {
        let phases = ["p".to_owned()];
        ExpectationResult::new(&Expectation::parse(key, condition, &phases).unwrap(), record)
    }

    #[test]
    fn no_data_is_a_failure() {
        let empty = PhaseRecord::new();
        for (key, condition) in [
            ("p.latency.p99", "< 1s"),
            ("p.lost", "< 1%"),
            ("p.shed", "<= 0"),
            ("p.rcode.SERVFAIL", "< 1%"),
            ("run.queries_per_lookup", "< 100"),
        ] {
            let judged = judge(key, condition, &empty);
            assert!(!judged.met, "{key}");
            assert_eq!(judged.found, "no data", "{key}");
        }
    }

    #[test]
    fn shares_are_of_what_was_sent_or_answered() {
        let mut record = PhaseRecord::new();
        for _ in 0..200 {
            record.sent(0, 0);
        }
        record.counts.answered = 100;
        record.counts.lost = 1;
        record.rcodes[3] = 75;
        assert!(judge("p.lost", "<= 0.5%", &record).met);
        assert!(!judge("p.lost", "< 0.5%", &record).met);
        assert!(judge("p.lost", "< 2", &record).met);
        assert_eq!(judge("p.rcode.NXDOMAIN", ">= 75%", &record).found, "75.0000%");
    }
}
