//! The accounts of the observer, as series. Their labels are closed sets: no client
//! and no name is ever in one.

use std::fmt::{self, Write as _};
use std::net::SocketAddr;

use super::{Series, float};
use observe::{Again, Count, End, Observer, Window};
use resolver::Origin;

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
        let help = "Failed responses, by origin.";
        let labels = [("origin", origin.label())];
        let counter = series.counter("fivedots_failed_responses_total", help, &labels);
        all.push((counter, |observer, at| origin_sum(observer, at), origin.index()));
    }
    for (name, help, count) in COUNTED {
        all.push((series.counter(name, help, &[]), sum, *count as usize));
    }
    for end in End::ALL {
        let help = "Lookups, by their end.";
        let counter = series.counter("fivedots_lookups_total", help, &[("end", end.label())]);
        all.push((counter, sum, end.count() as usize));
    }
    for again in Again::ALL {
        let help = "Queries that clients sent again.";
        let labels = [("kind", again.label())];
        let counter = series.counter("fivedots_client_retransmits_total", help, &labels);
        all.push((counter, sum, again.count() as usize));
    }
    all
}

/// Gauges, read at a scrape.
pub(super) const GAUGES: [(&str, &str, ReadObserver); 2] = [
    ("fivedots_observed_clients", "Clients that have an account.", |observer| {
        float(observer.clients().len())
    }),
    (
        "fivedots_observed_clients_capacity",
        "Clients that can have an account at a time.",
        |observer| float(observer.config().clients),
    ),
];

type Plain = (&'static str, &'static str, fn(&Observer, usize) -> u64);

const PLAIN: [Plain; 5] = [
    ("fivedots_observed_queries_total", "Queries accounted for.", |o, _| o.records()),
    (
        "fivedots_observed_queries_returned_total",
        "Queries of this proxy that a forwarding loop brought back; on no account.",
        |o, _| o.returned(),
    ),
    (
        "fivedots_observed_queries_missed_total",
        "Queries that came faster than they could be accounted for.",
        |o, _| o.missed(),
    ),
    (
        "fivedots_observed_clients_evicted_total",
        "Clients that lost their account to another client.",
        |o, _| o.clients().evicted(),
    ),
    (
        "fivedots_observed_lookups_cut_total",
        "Lookups that were cut, because too many were open; in no other series.",
        |o, _| o.cut_lookups(),
    ),
];

const COUNTED: &[(&str, &str, Count)] = &[
    ("fivedots_lookup_steps_total", "Names queried for lookups.", Count::Steps),
    (
        "fivedots_lookup_queries_total",
        "Queries for lookups, without retransmits.",
        Count::LookupQueries,
    ),
    (
        "fivedots_wasted_queries_total",
        "Queries for names that were denied and followed by another.",
        Count::WastedQueries,
    ),
    (
        "fivedots_remembered_failures_total",
        "Failed responses that repeat a remembered failure.",
        Count::Remembered,
    ),
    (
        "fivedots_undecided_queries_total",
        "Queries of cut lookups, and of clients that search an unknown list.",
        Count::UndecidedQueries,
    ),
    (
        "fivedots_captured_lookups_total",
        "Lookups that a wildcard under the search list answered.",
        Count::Captured,
    ),
];

fn sum(observer: &Observer, at: usize) -> u64 {
    let sums = observer.node().sum(Window::Start);
    sums.get(at).copied().unwrap_or_default()
}

fn origin_sum(observer: &Observer, at: usize) -> u64 {
    let sums = observer.origins().sum(Window::Start);
    sums.get(at).copied().unwrap_or_default()
}

/// Writes what became of the questions to each upstream. The label is an address of the
/// configuration: as many as that has had since the start, 255 at most.
pub(super) fn upstreams(
    observer: &Observer,
    upstreams: &[SocketAddr],
    text: &mut String,
) -> fmt::Result {
    let name = "fivedots_upstream_questions_total";
    writeln!(text, "# HELP {name} Questions to each upstream, by how they ended.")?;
    writeln!(text, "# TYPE {name} counter")?;
    for (addr, account) in upstreams.iter().zip(observer.upstreams()) {
        let ended = account.origins.sum(Window::Start);
        let sum = |fails: bool| -> u64 {
            let origins = Origin::ALL.iter().zip(ended);
            let some = origins.filter(|(origin, _)| origin.is_failure() == fails);
            some.map(|(_, count)| count).sum()
        };
        for (result, count) in [("answered", sum(false)), ("failed", sum(true))] {
            writeln!(text, "{name}{{upstream=\"{addr}\",result=\"{result}\"}} {count}")?;
        }
    }
    Ok(())
}
