//! All that the page of a node shows, taken at one moment.

use std::net::SocketAddr;

use crate::api::{
    CachePage, ChainPage, FailurePage, LoopPage, Order, Redacted, Stored, Summary, TakenWorkloads,
    UpstreamPage, WorkloadDetail,
};
use crate::redact::Veil;
use observe::Observer;

/// What is copied while the accounts stand still.
#[derive(Debug)]
pub struct Reading {
    summary: Summary,
    workloads: TakenWorkloads,
    evicted: u64,
    chains: ChainPage,
    failures: FailurePage,
    cache: CachePage,
    upstreams: UpstreamPage,
}

/// The figures of a node, its advice worked out.
#[derive(Debug)]
pub struct Snapshot {
    /// The node.
    pub summary: Summary,
    /// Those that ask, waste or fail most, each with its advice. An address
    /// that nobody named is a workload of its own.
    pub workloads: Vec<WorkloadDetail>,
    /// Clients that nobody named, and their queries since the start.
    pub unnamed: (usize, u64),
    /// Clients that lost their account to others.
    pub evicted: u64,
    /// The lookups of all clients.
    pub chains: ChainPage,
    /// What failed.
    pub failures: FailurePage,
    /// The cache.
    pub cache: CachePage,
    /// The upstreams.
    pub upstreams: UpstreamPage,
    /// Forwarding loops.
    pub loops: LoopPage,
}

impl Reading {
    /// Copies what the page shows of `observer`, whose upstreams are `addrs`.
    pub fn of(observer: &Observer, addrs: &[SocketAddr], stored: Stored) -> Self {
        let orders = [Order::Wasted, Order::Failed, Order::Queries];
        Self {
            summary: Summary::of(observer, ROWS),
            workloads: TakenWorkloads::of_any(observer, &orders, ROWS),
            evicted: observer.clients.evicted(),
            chains: ChainPage::of(observer, 0),
            failures: FailurePage::of(observer, 0),
            cache: CachePage::of(observer, stored, ROWS),
            upstreams: UpstreamPage::of(observer, addrs),
        }
    }

    /// Works out the advice, and hides what the veil does; some milliseconds, so
    /// not while the accounts stand still.
    pub fn finish(self, loops: LoopPage, veil: &Veil) -> Snapshot {
        let snapshot = Snapshot {
            summary: self.summary,
            unnamed: (self.workloads.unnamed_clients, self.workloads.unnamed_queries),
            workloads: self.workloads.details(),
            evicted: self.evicted,
            chains: self.chains,
            failures: self.failures,
            cache: self.cache,
            upstreams: self.upstreams,
            loops,
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
            chains: self.chains.redacted(veil),
            failures: self.failures.redacted(veil),
            cache: self.cache.redacted(veil),
            loops: self.loops.redacted(veil),
            ..self
        }
    }
}

/// Rows of each list: with more the page is no answer.
pub(super) const ROWS: usize = 10;
