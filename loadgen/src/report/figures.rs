//! The numbers of one phase, in the units they are reported in.

use std::collections::BTreeMap;
use std::time::Duration;

use dns::Rcode;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{errors, hdr};
use crate::recorder::{Counts, PhaseRecord};

/// One phase, or the run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PhaseReport {
    /// Of the phase.
    pub name: String,
    /// Its schedule, in words.
    pub schedule: String,
    /// Whether answers decided when queries left: then its rate is a
    /// capacity, and it has no latency.
    pub is_closed_loop: bool,
    /// Seconds it lasted.
    pub seconds: f64,
    /// Queries sent per second.
    pub rate: f64,
    /// Answers in time per second.
    pub answer_rate: f64,
    /// What became of the queries.
    pub counts: Counts,
    /// Answers by RCODE.
    pub rcodes: BTreeMap<String, u64>,
    /// From the due time to the arrival of the answer; none without answers.
    pub latency_ms: Option<Percentiles>,
    /// From the send to the arrival of the answer.
    pub from_send_ms: Option<Percentiles>,
    /// From the due time to the send: our own fault.
    pub lateness_ms: Option<Percentiles>,
    /// Whole lookups, from their due time to the answer or until they failed.
    pub lookup_ms: Option<Percentiles>,
    /// Queries, or lookups, that left at one go.
    pub burst: Option<Bursts>,
    /// The share of a CPU that the busiest sender thread used.
    pub cpu_share: f64,
    /// Queries that the system did not take, by the name of its error.
    pub send_errors: BTreeMap<String, u64>,
    /// Errors of sockets and connections that are about no query in particular.
    pub socket_errors: BTreeMap<String, u64>,
    /// ICMP messages about our queries, by what they report.
    pub icmp: BTreeMap<String, u64>,
    /// What was seen elsewhere than in the answers, by the name of its condition.
    #[serde(default)]
    pub evidence: BTreeMap<String, f64>,
    /// The distributions themselves, so that reports can be added up.
    pub histograms: Histograms,
}

/// Distributions in nanoseconds, in `HdrHistogram`'s V2 form, compressed, in base64;
/// empty without data.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[expect(missing_docs, reason = "each is that of the figures with its name")]
pub struct Histograms {
    pub latency: String,
    pub from_send: String,
    pub lateness: String,
    pub lookup: String,
    pub lookup_from_send: String,
    /// Queries, not nanoseconds.
    pub bursts: String,
}

/// How many queries, or lookups, a thread sent at one go.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Bursts {
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}

/// A distribution in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Percentiles {
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    #[serde(rename = "p99.9")]
    pub p99_9: f64,
    #[serde(rename = "p99.99")]
    pub p99_99: f64,
    pub max: f64,
}

impl PhaseReport {
    /// Takes the numbers of `record`; the phase lasted `elapsed`.
    pub fn new(name: &str, schedule: &str, elapsed: Duration, record: &PhaseRecord) -> Self {
        let seconds = elapsed.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let per_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let rcodes = (0_u16..)
            .zip(record.rcodes)
            .filter(|(_, count)| *count > 0)
            .map(|(rcode, count)| (Rcode(rcode).to_string(), count))
            .collect();
        Self {
            name: name.to_owned(),
            schedule: schedule.to_owned(),
            is_closed_loop: false,
            seconds,
            rate: per_second(record.counts.sent),
            answer_rate: per_second(record.counts.answered),
            counts: record.counts,
            rcodes,
            latency_ms: Percentiles::new(&record.latency),
            from_send_ms: Percentiles::new(&record.from_send),
            lateness_ms: Percentiles::new(&record.lateness),
            lookup_ms: Percentiles::new(&record.lookup),
            burst: Bursts::new(&record.bursts),
            cpu_share: record.cpu_share,
            send_errors: errors::by_name(&record.send_errors),
            socket_errors: errors::by_name(&record.socket_errors),
            icmp: errors::icmp_by_name(&record.icmp),
            evidence: record.evidence.by_name(),
            histograms: Histograms {
                latency: hdr::encode(&record.latency),
                from_send: hdr::encode(&record.from_send),
                lateness: hdr::encode(&record.lateness),
                lookup: hdr::encode(&record.lookup),
                lookup_from_send: hdr::encode(&record.lookup_from_send),
                bursts: hdr::encode(&record.bursts),
            },
        }
    }
}

impl PhaseReport {
    /// Takes out the latencies, which a closed loop has none of: a server that
    /// stalls is simply asked less.
    #[must_use]
    pub fn closed(self) -> Self {
        Self {
            is_closed_loop: true,
            latency_ms: None,
            from_send_ms: None,
            lateness_ms: None,
            lookup_ms: None,
            ..self
        }
    }
}

impl Bursts {
    fn new(histogram: &Histogram<u64>) -> Option<Self> {
        let at = |percentile| histogram.value_at_percentile(percentile);
        (!histogram.is_empty()).then(|| Self { p50: at(50.0), p99: at(99.0), max: at(100.0) })
    }
}

impl Percentiles {
    /// Reads a histogram of nanoseconds; `None` when it is empty.
    pub fn new(histogram: &Histogram<u64>) -> Option<Self> {
        if histogram.is_empty() {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "at most 10 minutes of nanoseconds")]
        let at = |percentile| histogram.value_at_percentile(percentile) as f64 / 1e6;
        Some(Self {
            mean: histogram.mean() / 1e6,
            p50: at(50.0),
            p90: at(90.0),
            p95: at(95.0),
            p99: at(99.0),
            p99_9: at(99.9),
            p99_99: at(99.99),
            max: at(100.0),
        })
    }
}
