//! All that the page of the node shows, copied at one moment.

use std::net::SocketAddr;

use dns::Name;

use crate::api::{
    CachePage, CacheUsage, FailurePage, LookupPage, LoopPage, Order, Redacted, Summary,
    UpstreamPage, VerdictPage, WorkloadDetail, WorkloadsCopy,
};
use crate::redact::Veil;
use observe::Observer;

/// What is copied under the lock of the accounts.
#[derive(Debug)]
pub(crate) struct NodeCopy {
    summary: Summary,
    workloads: WorkloadsCopy,
    evicted: u64,
    lookups: LookupPage,
    failures: FailurePage,
    cache: CachePage,
    upstreams: UpstreamPage,
}

/// The figures of a node, its advice worked out.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The node.
    pub(crate) summary: Summary,
    /// Those with the most queries, waste or failures, each with its advice. An
    /// address with no known pod is a workload of its own.
    pub(crate) workloads: Vec<WorkloadDetail>,
    /// Clients with no known pod, and their queries since the start.
    pub(crate) unnamed: (usize, u64),
    /// Clients dropped to make room for others.
    pub(crate) evicted: u64,
    /// The lookups of all clients.
    pub(crate) lookups: LookupPage,
    /// What failed.
    pub(crate) failures: FailurePage,
    /// The cache.
    pub(crate) cache: CachePage,
    /// The upstreams.
    pub(crate) upstreams: UpstreamPage,
    /// Forwarding loops.
    pub(crate) loops: LoopPage,
    /// What the proxy finds of itself.
    pub(crate) verdict: VerdictPage,
    /// The first address that clients query.
    pub(crate) listen: Option<SocketAddr>,
}

impl NodeCopy {
    /// Copies what the page shows of `observer`, whose upstreams these are.
    pub(crate) fn of(
        observer: &Observer,
        upstreams: &[(SocketAddr, Vec<Name>)],
        usage: CacheUsage,
    ) -> Self {
        let orders = [Order::Wasted, Order::Failed, Order::Queries];
        Self {
            summary: Summary::of(observer, ROWS),
            workloads: WorkloadsCopy::of_any(observer, &orders, ROWS),
            evicted: observer.clients().evicted(),
            lookups: LookupPage::of(observer, 0),
            failures: FailurePage::of(observer, ROWS),
            cache: CachePage::of(observer, usage, ROWS),
            upstreams: UpstreamPage::of(observer, upstreams),
        }
    }

    /// Works out the advice and applies the veil. That takes milliseconds, so it
    /// is not done under the lock.
    pub(crate) fn finish(self, loops: LoopPage, veil: &Veil) -> Snapshot {
        let snapshot = Snapshot {
            summary: self.summary,
            unnamed: (self.workloads.unnamed_clients, self.workloads.unnamed_queries),
            workloads: self.workloads.details(),
            evicted: self.evicted,
            lookups: self.lookups,
            failures: self.failures,
            cache: self.cache,
            upstreams: self.upstreams,
            loops,
            verdict: VerdictPage::default(),
            listen: None,
        };
        snapshot.redacted(veil)
    }
}

impl Redacted for Snapshot {
    fn redacted(self, veil: &Veil) -> Self {
        let workloads = self.workloads.into_iter();
        Self {
            summary: self.summary.redacted(veil),
            workloads: workloads.map(|one| one.redacted(veil)).collect(),
            lookups: self.lookups.redacted(veil),
            failures: self.failures.redacted(veil),
            cache: self.cache.redacted(veil),
            upstreams: self.upstreams.redacted(veil),
            loops: self.loops.redacted(veil),
            ..self
        }
    }
}

/// Rows of each list: more would hide the worst.
pub(super) const ROWS: usize = 10;
