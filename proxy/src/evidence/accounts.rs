//! The accounts of the proxy of this node, by its API.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use console::api::{
    FailurePage, LoopPage, Summary, UpstreamPage, VerdictPage, WorkloadPage, evidence,
};
use console::{AdminAddr, AdminClientError, read_page};
use diagnose::{Ring, Window};
use dns::Name;

/// What the proxy has.
pub(super) struct Seen {
    pub(super) window: Window,
    pub(super) rings: Vec<Ring>,
    /// The servers that it asks for names of the cluster, and all others.
    pub(super) upstreams: [Vec<SocketAddr>; 2],
}

/// Reads the pages of its last minute.
pub(super) async fn read(
    admin: Option<&AdminAddr>,
    cluster_domain: &Name,
) -> Result<Seen, AdminClientError> {
    let admin = &place(admin);
    let summary: Summary = read_page(admin, "/api/v1/summary?limit=1").await?;
    let failures: FailurePage = read_page(admin, "/api/v1/failures?limit=10").await?;
    let (order, most) = evidence::WORKLOADS;
    let path = format!("/api/v1/workloads?order={}&limit={most}&advice=false", order.label());
    let workloads: WorkloadPage = read_page(admin, &path).await?;
    let loops: LoopPage = read_page(admin, "/api/v1/loops").await?;
    let upstreams: UpstreamPage = read_page(admin, "/api/v1/upstreams").await?;
    let verdict: VerdictPage = read_page(admin, "/api/v1/verdict").await?;
    let window = evidence::window(&summary, &failures, &workloads, cluster_domain);
    Ok(Seen {
        window: Window { silent: verdict.silent, ..window },
        rings: evidence::rings(&loops),
        upstreams: evidence::by_cluster(&upstreams, cluster_domain)
            .map(|views| views.into_iter().map(|view| view.upstream).collect()),
    })
}

/// Where the proxy of this node is to be read.
pub(super) fn place(admin: Option<&AdminAddr>) -> AdminAddr {
    admin.cloned().unwrap_or(AdminAddr::Tcp(USUAL))
}

/// Where a proxy has its admin listener by default.
const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9254);
