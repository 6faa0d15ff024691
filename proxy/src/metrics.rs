//! /metrics: the sums of all threads, in Prometheus' text format.
//!
//! Counters and gauges go through the exporter, set at each scrape. Histograms
//! are written here, behind its text: the exporter would keep every sample
//! until the next scrape, which is 36 MiB in 15 s at 150,000 answers a second.

mod observed;
mod process;
mod verdict;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics::{Key, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::descriptors;
use crate::log::Log;
use crate::memory::Budget;
use crate::reload::Reloads;
use crate::renewals::Renewals;
use console::Verdicts;
use forward::Evidence;
use forward::{Forwarder, NotAnAnswer, UpstreamFailure};
use observe::{
    BOUNDS_MICROS, CacheLookup, HistogramSum, ObserverHandle, RCODE_LABELS, ResponseSource,
    RetryKind, Stats, Transport, WorkerStats,
};
use process::Process;
use resolver::{Cache, Clock, QueryError, Room};

/// All series of the process.
pub struct Metrics {
    sources: Sources,
    exporter: PrometheusHandle,
    counters: Vec<(metrics::Counter, Read)>,
    gauges: Vec<(metrics::Gauge, ReadGauge)>,
    observed: Vec<observed::Observed>,
    observed_gauges: Vec<(metrics::Gauge, observed::ReadObserver)>,
    evictions: metrics::Counter,
    process: Process,
    loops: Vec<(metrics::Counter, Evidence)>,
}

/// What is read at a scrape.
pub struct Sources {
    /// The counters.
    pub stats: Arc<Stats>,
    /// The cache.
    pub cache: Arc<Cache>,
    /// The upstream thread.
    pub forwarder: Forwarder,
    /// The accounts.
    pub ledger: ObserverHandle,
    /// Says what time it is.
    pub clock: Clock,
    /// The limit of open descriptors.
    pub max_descriptors: usize,
    /// The sockets of each listen address.
    pub sockets: Vec<(SocketAddr, Vec<Weak<udp::Socket>>)>,
    /// Where lines of the log go.
    pub log: Log,
    /// The most memory that is taken.
    pub budget: Budget,
    /// For answers that clients have not taken.
    pub room: Arc<Room>,
    /// Reloads of the configuration.
    pub reloads: Arc<Reloads>,
    /// Whether this node's DNS comes to us.
    pub renewals: Arc<Renewals>,
    /// What the proxy finds of itself.
    pub verdicts: Verdicts,
}

type ReadGauge = fn(&Sources) -> f64;

type Read = Box<dyn Fn(&WorkerStats) -> u64 + Send + Sync>;

impl Metrics {
    /// Makes every series, all at 0: an alert that finds none has found a
    /// mistake, not health.
    pub fn new(sources: Sources) -> Self {
        let mut series =
            Series { recorder: PrometheusBuilder::new().build_recorder(), counters: vec![] };
        series.clients();
        series.upstreams();
        let gauges = GAUGES.map(|(name, help, read)| (series.gauge(name, help, &[]), read));
        let evictions = "fivedots_cache_evictions_total";
        let evictions = series.counter(evictions, "Answers evicted before they expired.", &[]);
        let loops = series.loops();
        let process = Process::new(&series, &sources);
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        let build = series.gauge("fivedots_build_info", "The program; always 1.", &version);
        build.set(1.0);
        let observed = observed::counters(&series);
        let observed_gauges =
            observed::GAUGES.map(|(name, help, read)| (series.gauge(name, help, &[]), read));
        let exporter = series.recorder.handle();
        Self {
            sources,
            exporter,
            counters: series.counters,
            gauges: gauges.into(),
            observed,
            observed_gauges: observed_gauges.into(),
            evictions,
            process,
            loops,
        }
    }

    /// Renders all series as they are now.
    pub fn render(&self) -> String {
        let stats = &self.sources.stats;
        for (counter, read) in &self.counters {
            counter.absolute(stats.sum(read));
        }
        self.evictions.absolute(self.sources.cache.evictions());
        self.process.update(&self.sources);
        for (counter, evidence) in &self.loops {
            counter.absolute(self.sources.forwarder.loops().count(*evidence));
        }
        for (gauge, read) in &self.gauges {
            gauge.set(read(&self.sources));
        }
        self.sources.ledger.read(|observer| {
            for (counter, read, at) in &self.observed {
                counter.absolute(read(observer, *at));
            }
            for (gauge, read) in &self.observed_gauges {
                gauge.set(read(observer));
            }
        });
        let mut text = self.exporter.render();
        // Writing to a String cannot fail.
        let upstreams = self.sources.forwarder.upstreams();
        let ledger = &self.sources.ledger;
        ledger
            .read(|observer| observed::upstreams(observer, &upstreams, &mut text))
            .unwrap_or_default();
        let name = "fivedots_response_seconds";
        head(name, "From a query's arrival to its response.", &mut text).unwrap_or_default();
        for origin in ResponseSource::ALL {
            let sum = stats.sum_histogram(|worker| match origin {
                ResponseSource::Cache => &worker.response_seconds[0],
                ResponseSource::Upstream => &worker.response_seconds[1],
            });
            let labels = format!("source=\"{}\"", origin.label());
            histogram(name, &labels, &sum, &mut text).unwrap_or_default();
        }
        let name = "fivedots_upstream_seconds";
        head(name, "From the first query upstream to the answer.", &mut text).unwrap_or_default();
        let sum = stats.sum_histogram(|worker| &worker.upstream_seconds);
        histogram(name, "", &sum, &mut text).unwrap_or_default();
        verdict::series(&self.sources.verdicts, &mut text).unwrap_or_default();
        text
    }
}

/// Returns the route /metrics.
pub fn routes(metrics: Arc<Metrics>) -> Router {
    let render = async |State(metrics): State<Arc<Metrics>>| {
        ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
    };
    Router::new()
        .route("/metrics", get(render))
        .with_state(metrics)
}

/// Series in the making.
struct Series {
    recorder: PrometheusRecorder,
    counters: Vec<(metrics::Counter, Read)>,
}

impl Series {
    fn clients(&mut self) {
        for transport in Transport::ALL {
            let at = transport.index();
            let labels = [("transport", transport.label())];
            let help = "Messages from clients, malformed ones included.";
            self.count("fivedots_queries_total", help, &labels, move |w| w.queries.get(at));
        }
        for (at, label) in RCODE_LABELS.iter().enumerate() {
            let help = "Responses to clients.";
            let labels = [("rcode", *label)];
            self.count("fivedots_responses_total", help, &labels, move |w| w.responses.get(at));
        }
        for error in QueryError::ALL {
            let at = error.index();
            let help = "Messages from clients that were not looked up.";
            let labels = [("reason", error.label())];
            let name = "fivedots_rejected_queries_total";
            self.count(name, help, &labels, move |w| w.rejected.get(at));
        }
        for lookup in CacheLookup::ALL {
            let at = lookup.index();
            let help = "Lookups in the cache.";
            let labels = [("result", lookup.label())];
            self.count("fivedots_cache_lookups_total", help, &labels, move |w| w.lookups.get(at));
        }
        let help = "Responses that the kernel refused to send.";
        self.count("fivedots_unsent_responses_total", help, &[], |w| w.unsent_responses.get());
        let help = "Receives that failed, each tried again.";
        self.count("fivedots_failed_receives_total", help, &[], |w| w.receive_failed.get());
        let help = "Sockets and connections that could not be had: no descriptor was left.";
        self.count("fivedots_no_descriptor_total", help, &[], |w| w.no_descriptor.get());
        let name = "fivedots_tcp_connections_total";
        let help = "Connections from clients.";
        self.count(name, help, &[("result", "accepted")], |w| w.tcp_accepted.get());
        self.count(name, help, &[("result", "refused")], |w| w.tcp_refused.get());
        self.count(name, help, &[("result", "evicted")], |w| w.tcp_evicted.get());
        self.count(name, help, &[("result", "unread")], |w| w.tcp_unread.get());
    }

    fn upstreams(&mut self) {
        let name = "fivedots_inflight_queries_total";
        let help = "Misses that did not lead to a query upstream.";
        self.count(name, help, &[("result", "joined")], |w| w.inflight_joined.get());
        self.count(name, help, &[("result", "retransmit")], |w| w.inflight_retransmits.get());
        self.count(name, help, &[("result", "refused")], |w| w.inflight_refused.get());
        for transport in Transport::ALL {
            let at = transport.index();
            let labels = [("transport", transport.label())];
            let help = "Queries to upstreams, retries included.";
            let name = "fivedots_upstream_queries_total";
            self.count(name, help, &labels, move |w| w.upstream_queries.get(at));
        }
        for kind in RetryKind::ALL {
            let at = kind.index();
            let labels = [("result", kind.label())];
            let help = "Retries, and what else upstreams are asked more.";
            let name = "fivedots_upstream_retries_total";
            self.count(name, help, &labels, move |w| w.upstream_retries.get(at));
        }
        for failure in UpstreamFailure::ALL {
            let at = failure.index();
            let labels = [("reason", failure.label())];
            let help = "Tries at upstreams that ended without an answer.";
            let name = "fivedots_upstream_failures_total";
            self.count(name, help, &labels, move |w| w.upstream_failures.get(at));
        }
        for reason in NotAnAnswer::ALL {
            let at = reason.index();
            let labels = [("reason", reason.label())];
            let help = "Messages from upstreams that are no answer to our query.";
            let name = "fivedots_upstream_dropped_total";
            self.count(name, help, &labels, move |w| w.upstream_dropped.get(at));
        }
        let help = "Responses with an answer of the cache whose TTL was over.";
        self.count("fivedots_stale_answers_total", help, &[], |w| w.stale_answers.get());
        let help = "Names queried again before they expired, because clients query them often.";
        self.count("fivedots_prefetches_total", help, &[], |w| w.prefetches.get());
        let name = "fivedots_truncated_answers_total";
        let help = "Truncated answers passed on, because TCP to the upstream failed.";
        self.count(name, help, &[], |w| w.truncated_answers.get());
    }

    fn loops(&self) -> Vec<(metrics::Counter, Evidence)> {
        let all = Evidence::ALL.iter().map(|evidence| {
            let labels = [("evidence", evidence.label())];
            let help = "Forwarding loops, each time one is seen.";
            (self.counter("fivedots_loops_total", help, &labels), *evidence)
        });
        all.collect()
    }

    fn count(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &'static str)],
        read: impl Fn(&WorkerStats) -> u64 + Send + Sync + 'static,
    ) {
        let counter = self.counter(name, help, labels);
        self.counters.push((counter, Box::new(read)));
    }

    fn counter(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &'static str)],
    ) -> metrics::Counter {
        self.recorder
            .describe_counter(name.into(), None, help.into());
        self.recorder
            .register_counter(&key(name, labels), &METADATA)
    }

    fn gauge(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &'static str)],
    ) -> metrics::Gauge {
        self.recorder.describe_gauge(name.into(), None, help.into());
        self.recorder.register_gauge(&key(name, labels), &METADATA)
    }
}

fn key(name: &'static str, labels: &[(&'static str, &'static str)]) -> Key {
    let labels: Vec<_> = labels
        .iter()
        .map(|(name, value)| Label::from_static_parts(name, value))
        .collect();
    Key::from_parts(name, labels)
}

fn head(name: &str, help: &str, text: &mut String) -> std::fmt::Result {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram")
}

/// Writes one histogram; `labels` without braces, perhaps none.
fn histogram(name: &str, labels: &str, sum: &HistogramSum, text: &mut String) -> std::fmt::Result {
    let comma = if labels.is_empty() { "" } else { "," };
    let mut below = 0;
    for (count, bound) in sum.buckets.iter().zip(BOUNDS_MICROS) {
        below += count;
        let bound = seconds(bound);
        writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {below}")?;
    }
    let (count, total) = (sum.count(), seconds(sum.micros));
    writeln!(text, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}")?;
    writeln!(text, "{name}_sum{{{labels}}} {total}\n{name}_count{{{labels}}} {count}")
}

/// Microseconds as seconds, exactly, as `0.00025`.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; 2^53 octets are 8 PiB")]
const fn float(number: usize) -> f64 {
    number as f64
}

type Gauge = (&'static str, &'static str, ReadGauge);

const GAUGES: [Gauge; 8] = [
    ("fivedots_intercepting", "Whether this node's DNS comes here.", |s| {
        f64::from(u8::from(s.renewals.is_live()))
    }),
    ("fivedots_cache_entries", "Answers in the cache, expired ones included.", |s| {
        float(s.cache.len())
    }),
    ("fivedots_cache_bytes", "Memory in use by the cache.", |s| float(s.cache.bytes())),
    ("fivedots_cache_capacity_bytes", "Memory available to the cache.", |s| {
        float(s.cache.capacity_bytes())
    }),
    ("process_open_fds", "Open descriptors.", |_| float(descriptors::open().unwrap_or_default())),
    ("fivedots_inflight_waiters", "Clients that wait for an upstream.", |s| {
        float(s.forwarder.in_flight())
    }),
    ("fivedots_tcp_unread_bytes", "Memory of answers that clients have not taken.", |s| {
        float(s.room.used())
    }),
    ("fivedots_loop_active", "Forwarding loops seen in the last five minutes.", |s| {
        float(s.forwarder.loops().active(s.clock.now()).len())
    }),
];

const METADATA: Metadata<'_> = Metadata::new("fivedots", Level::INFO, None);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_cumulative_and_exact() {
        let mut sum = HistogramSum::default();
        sum.buckets[0] = 2;
        sum.buckets[1] = 1;
        sum.buckets[16] = 1;
        sum.micros = 10_000_501;
        let mut text = String::new();
        histogram("x", "source=\"cache\"", &sum, &mut text).unwrap();
        for line in [
            "x_bucket{source=\"cache\",le=\"0.00025\"} 2\n",
            "x_bucket{source=\"cache\",le=\"0.0005\"} 3\n",
            "x_bucket{source=\"cache\",le=\"8.192\"} 3\n",
            "x_bucket{source=\"cache\",le=\"+Inf\"} 4\n",
            "x_sum{source=\"cache\"} 10.000501\n",
            "x_count{source=\"cache\"} 4\n",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert_eq!((seconds(0), seconds(3_000_000)), ("0".to_owned(), "3".to_owned()));
    }
}
