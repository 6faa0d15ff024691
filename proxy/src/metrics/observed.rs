//! What the observer knows, as series. Their labels are closed sets: no client
//! and no name is ever in one.

use super::{Series, float};
use crate::observe::{Observer, Origin, Window};

/// A series and how it is read.
pub(super) type Observed = (metrics::Counter, fn(&Observer, usize) -> u64, usize);

/// How a gauge is read.
pub(super) type ReadObserver = fn(&Observer) -> f64;

/// Makes the series of what was counted since the start.
pub(super) fn counters(series: &Series) -> Vec<Observed> {
    let mut all: Vec<Observed> = Vec::new();
    for (name, help, read) in PLAIN {
        all.push((series.counter(name, help, &[]), read, 0));
    }
    for origin in Origin::ALL.iter().filter(|origin| origin.is_failure()) {
        let help = "Responses that did not help, by who failed.";
        let labels = [("origin", origin.label())];
        let counter = series.counter("fivedots_failed_responses_total", help, &labels);
        all.push((counter, |observer, at| origin_sum(observer, at), origin.index()));
    }
    all
}

/// Gauges, read at a scrape.
pub(super) const GAUGES: [(&str, &str, ReadObserver); 2] = [
    ("fivedots_observed_clients", "Clients that have an account.", |observer| {
        float(observer.clients.len())
    }),
    (
        "fivedots_observed_clients_capacity",
        "Clients that can have an account at a time.",
        |observer| float(observer.config.clients),
    ),
];

type Plain = (&'static str, &'static str, fn(&Observer, usize) -> u64);

const PLAIN: [Plain; 3] = [
    ("fivedots_observed_queries_total", "Queries accounted for.", |o, _| o.records),
    (
        "fivedots_observed_queries_missed_total",
        "Queries that came faster than they could be accounted for.",
        |o, _| o.missed,
    ),
    (
        "fivedots_observed_clients_evicted_total",
        "Clients that lost their account to another.",
        |o, _| o.clients.evicted(),
    ),
];

fn origin_sum(observer: &Observer, at: usize) -> u64 {
    let sums = observer.origins.sum(Window::Start);
    sums.get(at).copied().unwrap_or_default()
}
