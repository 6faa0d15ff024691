//! One page: what the pods felt, and what the server behind was asked.

use std::fmt;

use crate::recorder::PhaseRecord;
use crate::report::Percentiles;

/// Both loads, side by side.
pub(super) struct Page {
    pub(super) through: Side,
    pub(super) straight: Side,
}

/// One load.
pub(super) struct Side {
    lookups: u64,
    queries: u64,
    pub(super) answered: u64,
    pub(super) failed: u64,
    lost: u64,
    upstream: u64,
    lookup: Option<Percentiles>,
    query: Option<Percentiles>,
}

impl Side {
    /// Takes what the pods recorded, and how many queries the server behind
    /// received.
    pub(super) fn new(record: &PhaseRecord, upstream: u64) -> Self {
        let counts = &record.counts;
        Self {
            lookups: counts.lookups.due,
            queries: counts.sent,
            answered: counts.answered,
            failed: counts.lookups.failed,
            lost: counts.lost + counts.refused + counts.late,
            upstream,
            lookup: Percentiles::new(&record.lookup),
            query: Percentiles::new(&record.latency),
        }
    }

    /// The share of the pods' queries that the server behind never saw.
    fn hit_ratio(&self) -> f64 {
        if self.queries == 0 { 0.0 } else { (1.0 - ratio(self.upstream, self.queries)).max(0.0) }
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (with, without) = (&self.through, &self.straight);
        row(f, "", "with the proxy", "without it")?;
        let p = |side: &Side, of: fn(&Percentiles) -> f64| millis(side.lookup.as_ref().map(of));
        let q = |side: &Side, of: fn(&Percentiles) -> f64| millis(side.query.as_ref().map(of));
        row(f, "lookups by the pods", &with.lookups.to_string(), &without.lookups.to_string())?;
        row(f, "  half of them took at most (p50)", &p(with, |p| p.p50), &p(without, |p| p.p50))?;
        row(f, "  99 % took at most (p99)", &p(with, |p| p.p99), &p(without, |p| p.p99))?;
        row(f, "  failed", &with.failed.to_string(), &without.failed.to_string())?;
        row(f, "queries by the pods", &with.queries.to_string(), &without.queries.to_string())?;
        row(f, "  p50", &q(with, |p| p.p50), &q(without, |p| p.p50))?;
        row(f, "  p99", &q(with, |p| p.p99), &q(without, |p| p.p99))?;
        row(f, "  lost", &with.lost.to_string(), &without.lost.to_string())?;
        row(f, "  per lookup", &per(with.queries, with), &per(without.queries, without))?;
        row(
            f,
            "queries CoreDNS received",
            &with.upstream.to_string(),
            &without.upstream.to_string(),
        )?;
        row(f, "  per lookup", &per(with.upstream, with), &per(without.upstream, without))?;
        let hits = format!("{:.1} %", with.hit_ratio() * 100.0);
        row(f, "answered from the proxy's cache", &hits, "-")?;
        writeln!(
            f,
            "\nEach pod searches its namespace, svc.cluster.local, cluster.local and the host's domain\n\
             (ndots:5), A and AAAA at once. The server played CoreDNS (0.5 ms) and the Internet (20 ms).\n\
             Times run from the moment a lookup was due; both loads are the same, from one seed."
        )
    }
}

pub(super) fn row(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    with: &str,
    without: &str,
) -> fmt::Result {
    writeln!(f, "{what:36}{with:>16}{without:>16}")
}

fn millis(value: Option<f64>) -> String {
    value.map_or_else(|| "no data".to_owned(), |value| format!("{value:.2} ms"))
}

fn per(queries: u64, side: &Side) -> String {
    format!("{:.2}", ratio(queries, side.lookups))
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn ratio(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { count as f64 / of as f64 }
}
