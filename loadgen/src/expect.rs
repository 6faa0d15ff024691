//! What a run must show to pass: `"baseline.latency.p99" = "< 20ms"`.
//!
//! Strict on purpose. An unknown metric or unit is an error before anything is
//! sent, and a metric without data is a failure: a green run must mean
//! something.

use std::fmt;
use std::time::Duration;

use dns::Rcode;

use crate::evidence::Seen;

/// One expectation.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// As it was written, for the report.
    pub key: String,
    /// As it was written.
    pub condition: String,
    /// The index of the phase; `None` is the whole run.
    pub phase: Option<usize>,
    /// Whether it is about the others, who ask the server directly.
    pub of_others: bool,
    /// What is measured.
    pub metric: Metric,
    /// How it compares.
    pub comparison: Comparison,
    /// With what.
    pub bound: Bound,
}

/// A figure of a phase or of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// Of the latencies from the due time.
    Latency(Statistic),
    /// Of our own lateness.
    Lateness(Statistic),
    /// Of whole lookups, from their due time.
    Lookup(Statistic),
    /// A count, in relation to the queries sent.
    Count(Count),
    /// Answers with this RCODE, in relation to all answers.
    Rcode(Rcode),
    /// Queries sent per lookup.
    QueriesPerLookup,
    /// What was seen elsewhere than in the answers.
    Seen(Seen),
}

/// A statistic of a histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// The arithmetic mean.
    Mean,
    /// This percentile, above 0 and up to 100.
    Percentile(f64),
    /// The largest.
    Max,
}

/// A count of what became of queries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is the field of `Counts` with its name")]
pub enum Count {
    Sent,
    Answered,
    Late,
    Lost,
    Refused,
    Shed,
    Unsendable,
    Duplicate,
    Wrong,
    Truncated,
    Reconnects,
    Unconnected,
    Missed,
}

/// How a figure compares with its bound.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Less,
    AtMost,
    More,
    AtLeast,
}

/// The other side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// A duration, for latencies.
    Time(Duration),
    /// A share from 0 to 1.
    Share(f64),
    /// A plain number.
    Number(f64),
}

impl Expectation {
    /// Reads one line of `[expect]`; `phases` are the names there are.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for a person.
    pub fn parse(key: &str, condition: &str, phases: &[String]) -> Result<Self, String> {
        let (scope, metric) = key
            .split_once('.')
            .ok_or_else(|| format!("{key:?} is not \"phase.metric\""))?;
        let phase = match phases.iter().position(|phase| phase == scope) {
            None if scope == "run" => None,
            None => return Err(format!("{key:?}: there is no phase {scope:?}")),
            phase => phase,
        };
        let of_whom = metric.strip_prefix(OTHERS);
        let (of_others, metric) = (of_whom.is_some(), of_whom.unwrap_or(metric));
        let metric = Metric::parse(metric)
            .filter(|metric| !of_others || !matches!(metric, Metric::Seen(_)))
            .ok_or_else(|| format!("{key:?}: unknown metric {metric:?}; {METRICS}"))?;
        let (comparison, bound) = parse_condition(condition)
            .ok_or_else(|| format!("{key:?}: {condition:?} is not a condition; {FORM}"))?;
        if !metric.takes(bound) {
            let unit = metric.unit();
            return Err(format!("{key:?}: {condition:?} has the wrong unit: give {unit}"));
        }
        let (key, condition) = (key.to_owned(), condition.to_owned());
        Ok(Self { key, condition, phase, of_others, metric, comparison, bound })
    }

    /// Returns whether `value` meets it; a duration in nanoseconds, a share from
    /// 0 to 1, or a number.
    pub fn is_met(&self, value: f64) -> bool {
        let bound = match self.bound {
            Bound::Time(time) => time.as_secs_f64() * 1e9,
            Bound::Share(number) | Bound::Number(number) => number,
        };
        match self.comparison {
            Comparison::Less => value < bound,
            Comparison::AtMost => value <= bound,
            Comparison::More => value > bound,
            Comparison::AtLeast => value >= bound,
        }
    }

    /// Returns a value as its bound is written.
    pub fn shown(&self, value: f64) -> String {
        match self.bound {
            Bound::Time(_) => format!("{:.3} ms", value / 1e6),
            Bound::Share(_) => format!("{:.4}%", value * 100.0),
            Bound::Number(_) if value.fract() == 0.0 => format!("{value}"),
            Bound::Number(_) => format!("{value:.2}"),
        }
    }
}

impl Metric {
    fn parse(text: &str) -> Option<Self> {
        if let Some(statistic) = text.strip_prefix("latency.") {
            return Statistic::parse(statistic).map(Self::Latency);
        }
        if let Some(statistic) = text.strip_prefix("lateness.") {
            return Statistic::parse(statistic).map(Self::Lateness);
        }
        if let Some(statistic) = text.strip_prefix("lookup.") {
            return Statistic::parse(statistic).map(Self::Lookup);
        }
        if let Some(rcode) = text.strip_prefix("rcode.") {
            // The header has four bits for it.
            return Rcode::from_mnemonic(rcode)
                .filter(|rcode| rcode.0 < 16)
                .map(Self::Rcode);
        }
        if text == "queries_per_lookup" {
            return Some(Self::QueriesPerLookup);
        }
        if let Some(seen) = Seen::from_name(text) {
            return Some(Self::Seen(seen));
        }
        Count::ALL
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, count)| Self::Count(*count))
    }

    /// Returns whether the metric is a latency, which a closed loop has none of.
    pub const fn is_latency(self) -> bool {
        matches!(self, Self::Latency(_) | Self::Lateness(_) | Self::Lookup(_))
    }

    /// Returns whether our own lateness is part of it.
    pub const fn has_lateness(self) -> bool {
        matches!(self, Self::Latency(_) | Self::Lookup(_))
    }

    const fn takes(self, bound: Bound) -> bool {
        match self {
            Self::Latency(_) | Self::Lateness(_) | Self::Lookup(_) => {
                matches!(bound, Bound::Time(_))
            }
            Self::Count(_) => matches!(bound, Bound::Share(_) | Bound::Number(_)),
            Self::Rcode(_) => matches!(bound, Bound::Share(_)),
            Self::QueriesPerLookup => matches!(bound, Bound::Number(_)),
            Self::Seen(seen) if seen.is_share() => matches!(bound, Bound::Share(_)),
            Self::Seen(_) => matches!(bound, Bound::Number(_)),
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::Latency(_) | Self::Lateness(_) | Self::Lookup(_) => "ns, us, ms or s",
            Self::Count(_) => "% of the queries sent, or a plain count",
            Self::Rcode(_) => "% of the answers",
            Self::Seen(Seen::ConntrackFull) => "% of the table",
            Self::Seen(Seen::ServerCpu) => "% of a CPU",
            Self::QueriesPerLookup | Self::Seen(_) => "a plain number",
        }
    }
}

impl Statistic {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "mean" => Some(Self::Mean),
            "max" => Some(Self::Max),
            _ => {
                let percentile: f64 = text.strip_prefix('p')?.parse().ok()?;
                (percentile > 0.0 && percentile <= 100.0).then_some(Self::Percentile(percentile))
            }
        }
    }
}

impl Count {
    const ALL: [(&'static str, Self); 13] = [
        ("sent", Self::Sent),
        ("answered", Self::Answered),
        ("late", Self::Late),
        ("lost", Self::Lost),
        ("refused", Self::Refused),
        ("shed", Self::Shed),
        ("unsendable", Self::Unsendable),
        ("duplicate", Self::Duplicate),
        ("wrong", Self::Wrong),
        ("truncated", Self::Truncated),
        ("reconnects", Self::Reconnects),
        ("unconnected", Self::Unconnected),
        ("missed", Self::Missed),
    ];
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.condition)
    }
}

/// Reads a duration: `250us`, `20ms`, `1.5s`, `2m`, `1h`; the unit is needed.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let seconds_per_unit = match unit {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let number: f64 = parse_number(number)?;
    Duration::try_from_secs_f64(number * seconds_per_unit).ok()
}

/// Reads `< 20ms`: a comparison, and a bound with its unit.
fn parse_condition(text: &str) -> Option<(Comparison, Bound)> {
    let operators = [
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("<", Comparison::Less),
        (">", Comparison::More),
    ];
    let (comparison, bound) = operators.into_iter().find_map(|(operator, comparison)| {
        Some((comparison, text.trim().strip_prefix(operator)?.trim()))
    })?;
    let bound = if let Some(percent) = bound.strip_suffix('%') {
        Bound::Share(parse_number(percent)? / 100.0)
    } else if bound.ends_with(|c: char| c.is_ascii_alphabetic()) {
        Bound::Time(parse_duration(bound)?)
    } else {
        Bound::Number(parse_number(bound)?)
    };
    Some((comparison, bound))
}

/// Digits and one dot; no `inf`, no `nan`, no sign.
fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_plain = text
        .bytes()
        .all(|octet| octet.is_ascii_digit() || octet == b'.');
    text.parse().ok().filter(|_| is_plain)
}

/// What may follow the name of a phase.
const METRICS: &str = "known are latency.*, lookup.*, lateness.* (p50 to p99.99, mean, max), \
sent, answered, late, lost, refused, shed, unsendable, duplicate, wrong, truncated, reconnects, unconnected, missed, \
rcode.*, queries_per_lookup, upstream.*, ring.*, conntrack.*, server.*, and before all but these \
four others.";

/// Before a metric of the load that others send.
const OTHERS: &str = "others.";

/// What a condition looks like.
const FORM: &str = "write for instance \"< 20ms\", \"<= 0.01%\" or \"> 0\"";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(key: &str, condition: &str) -> Result<Expectation, String> {
        Expectation::parse(key, condition, &["baseline".to_owned()])
    }

    #[test]
    fn conditions_are_judged_in_their_unit() {
        for (key, condition, good, bad) in [
            ("baseline.latency.p99", "< 20ms", 19_999_999.0, 20_000_000.0),
            ("baseline.latency.p99.9", "<= 1.5s", 1.5e9, 1.6e9),
            ("baseline.lost", "< 0.01%", 0.00009, 0.0001),
            ("baseline.shed", "<= 0", 0.0, 1.0),
            ("baseline.rcode.NXDOMAIN", ">= 75%", 0.75, 0.7),
            ("run.lateness.p99", "< 5ms", 4e6, 5e6),
            ("run.queries_per_lookup", "> 8", 9.0, 8.0),
            ("baseline.others.lost", "> 10%", 0.2, 0.1),
            ("run.upstream.faulted", "> 100", 101.0, 100.0),
            ("run.conntrack.full", ">= 99%", 0.99, 0.98),
        ] {
            let expectation = parse(key, condition).unwrap();
            assert!(expectation.is_met(good), "{key} {condition} {good}");
            assert!(!expectation.is_met(bad), "{key} {condition} {bad}");
        }
    }

    #[test]
    fn what_cannot_be_judged_is_an_error() {
        for (key, condition, message) in [
            ("latency", "< 1ms", "is not \"phase.metric\""),
            ("warm.lost", "< 1%", "there is no phase \"warm\""),
            ("baseline.latency.p0", "< 1ms", "unknown metric \"latency.p0\""),
            ("baseline.loss", "< 1%", "unknown metric \"loss\""),
            ("baseline.rcode.NODATA", "< 1%", "unknown metric"),
            ("baseline.latency.p99", "20ms", "is not a condition"),
            ("baseline.latency.p99", "< 20", "wrong unit: give ns, us, ms or s"),
            ("baseline.latency.p99", "< 20 furlongs", "is not a condition"),
            ("baseline.lost", "< 1ms", "wrong unit: give %"),
            ("baseline.lost", "< -1%", "is not a condition"),
            ("baseline.lost", "< NaN", "is not a condition"),
            ("baseline.others.ring.passed", "> 1", "unknown metric \"ring.passed\""),
            ("baseline.server.cpu", "> 1", "wrong unit: give % of a CPU"),
        ] {
            let error = parse(key, condition).unwrap_err();
            assert!(error.contains(message), "{key} {condition}: {error}");
        }
    }

    #[test]
    fn a_duration_needs_its_unit() {
        assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(parse_duration("250us"), Some(Duration::from_micros(250)));
        for bad in ["", "10", "10 parsecs", "-1s", "infs", "1e9s", "s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
