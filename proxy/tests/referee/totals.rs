//! What is counted of one client's lookups.

use std::ops::AddAssign;

use serde::Deserialize;

/// The counts of one client, under the names of the proxy's page.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub(crate) struct Totals {
    /// UDP queries without retransmits, which the page's `queries` has too.
    #[serde(rename = "lookup_queries")]
    pub(crate) queries: u64,
    /// Queries sent again: same port, id, name and type.
    pub(crate) retransmits: u64,
    /// What the program wanted to know: names given to the resolver.
    pub(crate) lookups: u64,
    /// Names asked; A and AAAA of a name are one.
    pub(crate) steps: u64,
    /// Queries of steps that were denied and followed by another step of the
    /// same lookup.
    pub(crate) wasted_queries: u64,
    /// Lookups by how they end; one that failed is in none of the four.
    pub(crate) external: u64,
    pub(crate) cluster: u64,
    pub(crate) fqdn_no_dot: u64,
    pub(crate) nonexistent: u64,
}

impl Totals {
    /// The amplification factor: steps for each lookup, of which one is needed.
    pub(crate) fn amplification(&self) -> f64 {
        ratio(self.steps, self.lookups)
    }

    /// The share of queries that were wasted.
    pub(crate) fn wasted(&self) -> f64 {
        ratio(self.wasted_queries, self.queries)
    }

    pub(crate) fn classes(&self) -> [u64; 4] {
        [self.external, self.cluster, self.fqdn_no_dot, self.nonexistent]
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.queries += other.queries;
        self.retransmits += other.retransmits;
        self.lookups += other.lookups;
        self.steps += other.steps;
        self.wasted_queries += other.wasted_queries;
        self.external += other.external;
        self.cluster += other.cluster;
        self.fqdn_no_dot += other.fqdn_no_dot;
        self.nonexistent += other.nonexistent;
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
