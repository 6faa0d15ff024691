//! Whether a run is valid, and whether it passed. Two questions: the first is
//! about us, the second about the server.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::errors;
use crate::exit::Exit;
use crate::expect::{Bound, Count, Expectation, Metric, Statistic};
use crate::recorder::PhaseRecord;
use crate::run::RunResult;
use crate::scenario::Scenario;
use crate::sender::Stop;

/// An expectation with what was found.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ExpectationResult {
    /// As written: `baseline.latency.p99`.
    pub key: String,
    /// As written: `< 20ms`.
    pub condition: String,
    /// Whether it was met, from the due time and from the send. Without data it
    /// never is.
    pub met: bool,
    /// It is met from the send and not from the due time, or the other way round:
    /// our own lateness decides, so that nothing is known of the server.
    pub undecided: bool,
    /// What was found, in words.
    pub found: String,
    /// What was found from the send, where that decides something else.
    pub found_from_send: Option<String>,
}

impl ExpectationResult {
    pub(super) fn new(expectation: &Expectation, record: &PhaseRecord) -> Self {
        let due = value(expectation, record);
        let sent = value_from_send(expectation, record);
        let is_met = |value: Option<f64>| value.is_some_and(|value| expectation.is_met(value));
        let in_words = |value: Option<f64>| {
            value.map_or_else(|| "no data".to_owned(), |value| expectation.shown(value))
        };
        let undecided = is_met(due) != is_met(sent);
        Self {
            key: expectation.key.clone(),
            condition: expectation.condition.clone(),
            met: is_met(due) && is_met(sent),
            undecided,
            found: in_words(due),
            found_from_send: undecided.then(|| in_words(sent)),
        }
    }
}

/// How a run, or several together, are judged.
#[derive(Debug)]
pub(super) struct Judgment {
    pub(super) exit: Exit,
    pub(super) invalid: Vec<String>,
    pub(super) failed: Vec<String>,
}

impl Judgment {
    /// Judges one run.
    pub(super) fn new(
        expectations: &[ExpectationResult],
        reproduced: &[ExpectationResult],
        scenario: &Scenario,
        measured: &RunResult,
    ) -> Self {
        let total = measured.recorder.total();
        let is_error = !measured.errors.is_empty() && total.counts.sent == 0;
        let own = is_error.then_some(Exit::RunError);
        let own = own.or_else(|| measured.interrupted.map(Stop::exit_of));
        let invalid = invalid_reasons(scenario, measured);
        Self::of(expectations, reproduced, &total, invalid, own)
    }

    /// Judges the parts of a run; `worst` is the exit code of one that ended by an
    /// error or a signal.
    pub(super) fn of_parts(
        expectations: &[ExpectationResult],
        reproduced: &[ExpectationResult],
        total: &PhaseRecord,
        invalid: Vec<String>,
        worst: Option<u8>,
    ) -> Self {
        let own = worst.map(|code| match code.checked_sub(128) {
            _ if code == Exit::Halted.code() => Exit::Halted,
            Some(signal) => Exit::Signal(signal),
            // The others have measured something, but not all.
            None => Exit::Invalid,
        });
        Self::of(expectations, reproduced, total, invalid, own)
    }

    fn of(
        expectations: &[ExpectationResult],
        reproduced: &[ExpectationResult],
        total: &PhaseRecord,
        mut invalid: Vec<String>,
        own: Option<Exit>,
    ) -> Self {
        invalid.extend(
            reproduced
                .iter()
                .chain(expectations)
                .filter_map(undecided_reason),
        );
        let failed = failed(total);
        let is_failed = !failed.is_empty() || expectations.iter().any(|judged| !judged.met);
        let is_missing = reproduced.iter().any(|judged| !judged.met);
        let exits = [
            is_failed.then_some(Exit::Failed),
            is_missing.then_some(Exit::NotReproduced),
            (!invalid.is_empty()).then_some(Exit::Invalid),
            own,
        ];
        let exit = match own {
            Some(Exit::RunError) => Exit::RunError,
            _ => exits.into_iter().flatten().fold(Exit::Passed, Exit::worse),
        };
        Self { exit, invalid, failed }
    }
}

/// Returns why the run is no measurement of the server: the generator's faults.
pub fn invalid_reasons(scenario: &Scenario, measured: &RunResult) -> Vec<String> {
    let mut reasons = Vec::new();
    match measured.interrupted {
        Some(Stop::BY_FILE) => reasons.push("the stop file ended the run".to_owned()),
        Some(Stop::BY_GUARD) => {
            reasons.push("the guard's name was not answered, and the run ended".to_owned());
        }
        Some(Stop::BY_LEASE) => {
            reasons.push("the lease ran out, which ended the run".to_owned());
        }
        _ => {}
    }
    let held = measured.stop_condition.iter();
    reasons.extend(held.map(|held| format!("a stop condition ended the run: {held}")));
    for (phase, record) in scenario.phases.iter().zip(measured.recorder.phases()) {
        let is_closed = phase.plan.shape.is_closed();
        reasons.extend(lateness_reason(&phase.name, record, scenario.limits.max_lateness));
        reasons.extend(limited_by_us(&phase.name, record, is_closed));
    }
    let run = measured.recorder.total();
    let counts = &run.counts;
    if counts.shed > 0 {
        reasons.push(format!(
            "{} of {} queries were shed: more outstanding than limits.max_outstanding, source \
             ports or descriptors allow",
            counts.shed, counts.due
        ));
    }
    if counts.missed > counts.due / MISSED_OF {
        reasons.push(format!(
            "{} of {} queries were missed: limits.max_qps held them back by more than \
             limits.max_lateness, since we had been late",
            counts.missed, counts.due
        ));
    }
    if counts.sent == 0 && counts.unconnected == 0 {
        let why = errors::list(&run.send_errors);
        let why =
            if why.is_empty() { String::new() } else { format!(": the system refused, {why}") };
        reasons.push(format!("no query was sent{why}"));
    }
    if measured.overruns > 0 {
        reasons.push(format!(
            "{} answers were dropped at our own sockets, and count as lost",
            measured.overruns
        ));
    }
    reasons.extend(
        measured
            .errors
            .iter()
            .map(|error| format!("a sender ended early: {error}")),
    );
    reasons
}

fn lateness_reason(phase: &str, record: &PhaseRecord, limit: Duration) -> Option<String> {
    let p99 = record.lateness.value_at_percentile(99.0);
    (u128::from(p99) > limit.as_nanos()).then(|| {
        format!(
            "phase {phase}: we sent {:.1} ms late at p99, more than limits.max_lateness ({:.1} ms)",
            millis(p99),
            limit.as_secs_f64() * 1e3
        )
    })
}

/// A closed loop also waits when a neighbor has its CPU; an open one shows that as
/// lateness.
fn limited_by_us(phase: &str, record: &PhaseRecord, is_closed: bool) -> Option<String> {
    let share = if is_closed { record.busy_share } else { record.cpu_share };
    (share >= OWN_LIMIT).then(|| {
        let what = if record.cpu_share >= OWN_LIMIT { "used" } else { "used or waited for" };
        format!(
            "phase {phase}: limited by us: a sender thread {what} {:.0}% of a CPU; give more \
             threads, or another machine",
            share * 100.0
        )
    })
}

/// One in so many may be missed: p99.9 is still that of the plan.
const MISSED_OF: u64 = 1_000;

/// The share of its CPU from which a thread measures itself.
const OWN_LIMIT: f64 = 0.8;

/// Returns why nothing is known of the server by this condition, if so.
pub(super) fn undecided_reason(judged: &ExpectationResult) -> Option<String> {
    let from_send = judged.found_from_send.as_ref()?;
    let ExpectationResult { key, condition, found, .. } = judged;
    Some(format!(
        "{key} {condition} is undecided: {found} from the due time, {from_send} from the send, so \
         our own lateness decides"
    ))
}

/// Returns why the run failed even without expectations.
pub(super) fn failed(run: &PhaseRecord) -> Vec<String> {
    let counts = &run.counts;
    if counts.sent == 0 && counts.unconnected > 0 {
        let why = errors::list(&run.socket_errors);
        return vec![format!("no connection took a query: {why}")];
    }
    if counts.sent > 0 && counts.answered == 0 {
        return vec!["there was no answer at all".to_owned()];
    }
    Vec::new()
}

/// Returns the figure without our own lateness, where that is part of it.
fn value_from_send(expectation: &Expectation, record: &PhaseRecord) -> Option<f64> {
    match expectation.metric {
        Metric::Latency(statistic) => figure(&record.from_send, statistic),
        Metric::Lookup(statistic) => figure(&record.lookup_from_send, statistic),
        _ => value(expectation, record),
    }
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
            let of = match count {
                Count::Shed | Count::Unsendable | Count::Unconnected | Count::Missed => counts.due,
                _ => counts.sent,
            };
            let found = counts.of(count) as f64;
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
        Metric::Seen(seen) => record.evidence.get(seen),
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

    /// Due at 0, sent 30 ms late, answered within a millisecond: what is known is
    /// that we were late.
    #[test]
    fn our_own_lateness_is_never_blamed_on_the_server() {
        let mut record = PhaseRecord::new();
        record.sent(0, 30_000_000);
        record.answered(0, 30_000_000, 31_000_000);
        let fails = judge("p.latency.p99", "< 20ms", &record);
        assert!(fails.undecided && !fails.met);
        assert!(fails.found_from_send.unwrap().starts_with("1.0"));
        // Nor is it a proof that the server was slow.
        assert!(judge("p.latency.p99", "> 20ms", &record).undecided);
        let slow = judge("p.latency.p99", "< 500us", &record);
        assert!(!slow.undecided && !slow.met, "it fails both ways");
        record.lookup_ended(0, 30_000_000, 31_000_000);
        assert!(judge("p.lookup.max", "< 20ms", &record).undecided);
    }

    #[test]
    fn a_thread_at_its_limit_measures_itself() {
        let record = PhaseRecord { cpu_share: 0.3, busy_share: 0.9, ..PhaseRecord::new() };
        assert!(limited_by_us("p", &record, false).is_none());
        assert!(
            limited_by_us("p", &record, true)
                .unwrap()
                .contains("used or waited for 90%")
        );
        let record = PhaseRecord { cpu_share: 0.85, busy_share: 0.9, ..record };
        assert!(
            limited_by_us("p", &record, false)
                .unwrap()
                .contains("used 85% of a CPU")
        );
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
