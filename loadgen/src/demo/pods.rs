//! The pods of a node: their search lists, and what they look up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dns::Rtype;
use stub::Library;

use crate::causes::Causes;
use crate::plan::{PlannedPhase, Share};
use crate::scenario::{
    DEFAULT_MAX_LATENESS, DEFAULT_TIMEOUT, Limits, Phase, Scenario, SearchPath, SenderConfig,
    Target, Transport, fingerprint,
};
use crate::schedule::{Rate, Shape};
use crate::sender::{Pacing, Ports};
use crate::workload::{Distribution, Walk, Workload};

/// The load of all pods together against `target`; `None` when `rate` is not
/// one that a demo can have.
pub(super) fn scenario(target: SocketAddr, rate: f64, length: Duration) -> Option<Scenario> {
    let rate = Rate::new(rate).filter(|_| (1.0..=MAX_RATE).contains(&rate))?;
    let groups: Vec<Vec<Walk>> = NAMESPACES
        .iter()
        .map(|namespace| walks(namespace))
        .collect();
    let types = [Rtype::A, Rtype::AAAA];
    let workload = Workload::lookups(&groups, &types, Distribution::Zipf(1.0), SEED);
    let plan = PlannedPhase { shape: Shape::Poisson { rate }, length };
    Some(Scenario {
        name: "demo".to_owned(),
        about: String::new(),
        // Made here, not parsed from a text.
        fingerprint: fingerprint(""),
        seed: SEED,
        target: Target { server: target, transport: Transport::Udp, allow: Vec::new() },
        limits: Limits {
            // Poisson arrivals exceed their mean for a moment.
            max_qps: rate.per_second() * 10.0,
            max_outstanding: MAX_OUTSTANDING,
            max_duration: length,
            max_lateness: DEFAULT_MAX_LATENESS,
        },
        sender: SenderConfig {
            ports: Ports::Pool(PODS),
            connections: 1,
            timeout: DEFAULT_TIMEOUT,
            linger: Duration::ZERO,
            threads: 1,
            first_source: Some(FIRST_POD),
            gso: false,
            pacing: Pacing::Ticks,
        },
        workload: Arc::new(workload),
        clients: None,
        recording: None,
        causes: Causes::default(),
        others: None,
        guard: None,
        stops: Vec::new(),
        phases: vec![Phase { name: "pods".to_owned(), plan }],
        expectations: Vec::new(),
        reproduced: Vec::new(),
        shard: Share::ALL,
        start_at: None,
    })
}

/// What a pod of `namespace` asks for each name, as glibc would.
fn walks(namespace: &str) -> Vec<Walk> {
    let search = vec![
        format!("{namespace}.svc.cluster.local"),
        "svc.cluster.local".to_owned(),
        "cluster.local".to_owned(),
        HOST_DOMAIN.to_owned(),
    ];
    let path = SearchPath::new(Library::Glibc, search, NDOTS);
    // All of these are names, by a test.
    NAMES
        .iter()
        .filter_map(|name| path.walk(name).ok())
        .collect()
}

/// Pods on one node: the kubelet's limit is 110, large nodes go beyond.
pub(super) const PODS: u16 = 200;

/// Pods are spread over these, and search their own first.
pub(super) const NAMESPACES: [&str; 4] = ["default", "shop", "data", "monitoring"];

/// What they look up, the most popular first: Services by their short and
/// long names, and the Internet.
const NAMES: [&str; 16] = [
    "api.default",
    "s3.eu-west-1.amazonaws.com",
    "payments.shop.svc.cluster.local",
    "kubernetes.default.svc",
    "postgres.data",
    "api.stripe.com",
    "redis.shop",
    "www.example.com",
    "kafka.data.svc.cluster.local",
    "sts.amazonaws.com",
    "prometheus.monitoring",
    "api.github.com",
    "catalog.shop",
    "registry-1.docker.io",
    "cart.shop",
    "oauth2.googleapis.com",
];

/// The domain that a cloud's DHCP adds to the search list.
const HOST_DOMAIN: &str = "eu-west-1.compute.internal";

/// What the kubelet writes.
const NDOTS: u8 = 5;

/// All of 127.0.0.0/8 is this host, so each pod has an address of its own.
const FIRST_POD: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 10, 0, 1));

/// The same pods look up the same names at the same times, both ways.
const SEED: u64 = 5;

/// Some 9 queries each, 5 s long.
const MAX_OUTSTANDING: usize = 400_000;

/// What one process can play both sides of.
const MAX_RATE: f64 = 5_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_walked_in_every_namespace() {
        for namespace in NAMESPACES {
            let walks = walks(namespace);
            assert_eq!(walks.len(), NAMES.len());
            assert!(walks.iter().all(|walk| walk.len() == 5), "{namespace}");
        }
    }
}
