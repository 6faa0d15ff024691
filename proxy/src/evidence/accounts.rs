//! The accounts of the proxy of this node, by its API.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use console::api::{FailurePage, LoopPage, Summary, UpstreamPage, WorkloadPage, WorkloadView};
use console::{AdminAddr, AdminClientError, read_page};
use diagnose::{Ring, Sums, Who, Window};
use dns::Name;

/// What the proxy has.
pub(super) struct Seen {
    pub(super) window: Window,
    pub(super) rings: Vec<Ring>,
    /// The servers that it asks, with their zones.
    pub(super) upstreams: Vec<(SocketAddr, Vec<Name>)>,
}

/// Reads the pages of its last minute.
pub(super) async fn read(
    admin: Option<&AdminAddr>,
    cluster_domain: &Name,
) -> Result<Seen, AdminClientError> {
    let usual = AdminAddr::Tcp(USUAL);
    let admin = admin.unwrap_or(&usual);
    let summary: Summary = read_page(admin, "/api/v1/summary?limit=1").await?;
    let failures: FailurePage = read_page(admin, "/api/v1/failures?limit=10").await?;
    let workloads = "/api/v1/workloads?order=failed&limit=256&advice=false";
    let workloads: WorkloadPage = read_page(admin, workloads).await?;
    let loops: LoopPage = read_page(admin, "/api/v1/loops").await?;
    let upstreams: UpstreamPage = read_page(admin, "/api/v1/upstreams").await?;
    let [internal, external] = sums(&failures, cluster_domain);
    let window = Window {
        seconds: summary.uptime_s.min(60),
        internal,
        external,
        p99_ms: summary.figures.minute.p99_ms,
        who: workloads.workloads.iter().map(who).collect(),
        origins: origins(&failures),
        failing: failures
            .names
            .iter()
            .map(|name| name.name.clone())
            .collect(),
        silent: Vec::new(),
    };
    let active = loops.loops.into_iter().filter(|seen| seen.active);
    let rings = active.map(|seen| Ring {
        hops: seen.hops,
        below: seen.below,
        through_coredns: false,
        laps: seen.count,
    });
    Ok(Seen {
        window,
        rings: rings.collect(),
        upstreams: upstreams
            .upstreams
            .into_iter()
            .map(|view| (view.upstream, names(&view.zones)))
            .collect(),
    })
}

/// Names of the cluster, and all others, by the forward zones. Where one zone has both,
/// its queries are those of others.
fn sums(failures: &FailurePage, cluster_domain: &Name) -> [Sums; 2] {
    let mut sums = [Sums::default(); 2];
    let [internal, external] = &mut sums;
    for zone in &failures.zones {
        let figures = zone.figures.minute;
        let is_internal =
            Name::from_text(&zone.zone).is_ok_and(|name| name.is_within(cluster_domain));
        let sum = if is_internal { &mut *internal } else { &mut *external };
        sum.queries += figures.queries;
        sum.failed += figures.failed;
    }
    sums
}

fn who(view: &WorkloadView) -> Who {
    let minute = &view.figures.minute;
    let name = match view.namespace.as_str() {
        "" => view.name.clone(),
        namespace => format!("{namespace}/{}", view.name),
    };
    Who {
        name,
        queries: minute.queries,
        failed: minute.failed,
        wasted: minute.wasted_queries,
        answered_again: minute.retransmits_answered,
        nonexistent: minute.nonexistent,
        lookups: minute.lookups,
        ..Who::default()
    }
}

fn origins(failures: &FailurePage) -> BTreeMap<String, u64> {
    let origins = failures.origins.iter();
    let counts = origins.map(|view| (view.origin.clone(), view.responses.minute));
    counts.filter(|(_, count)| *count > 0).collect()
}

fn names(zones: &[String]) -> Vec<Name> {
    zones
        .iter()
        .filter_map(|zone| Name::from_text(zone).ok())
        .collect()
}

/// Where a proxy has its admin listener by default.
const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9254);
