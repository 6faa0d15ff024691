//! Names that a CoreDNS has, if it follows the API: of Services, and of its own endpoints.

use std::net::IpAddr;

use crate::endpoints::{ServiceName, ServicePods};
use crate::server::{ServerPod, ServiceObject};
use crate::time;

/// A name of the cluster, and what it resolves to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClusterName {
    /// Below the cluster's domain: `metrics-server.kube-system.svc`.
    pub name: String,
    /// Its address.
    pub addr: IpAddr,
    /// Whether it is that of an endpoint, and not of a Service.
    pub is_endpoint: bool,
}

/// The oldest and the newest names of each kind, those that tell most first. Those of
/// the last seconds are left out: the news may be on its way.
pub(crate) fn names(
    service: &ServiceName,
    services: &[ServiceObject],
    pods: &[ServerPod],
    endpoints: Option<&ServicePods>,
    now: i64,
) -> Vec<ClusterName> {
    let ready: Vec<IpAddr> = endpoints
        .iter()
        .flat_map(|pods| &pods.ready)
        .map(|addr| addr.ip())
        .collect();
    let ServiceName { namespace, name } = service;
    let of_pods = pods.iter().filter_map(|pod| {
        let addr = *pod.ips.iter().find(|ip| ready.contains(ip))?;
        let name = format!("{}.{name}.{namespace}.svc", label(addr));
        Some((pod.ready_since?, ClusterName { name, addr, is_endpoint: true }))
    });
    let of_services = services.iter().filter_map(|object| {
        let (name, addr, created) = object.record()?;
        let name = format!("{name}.{namespace}.svc");
        Some((time::parse(created)?, ClusterName { name, addr, is_endpoint: false }))
    });
    let mut names = most_telling(of_services.collect(), now);
    let mut endpoints = most_telling(of_pods.collect(), now);
    let rest = names.split_off(names.len().min(PAIR));
    let more = endpoints.split_off(endpoints.len().min(PAIR));
    names
        .into_iter()
        .chain(endpoints)
        .chain(rest)
        .chain(more)
        .collect()
}

/// Of those that are old enough the oldest, then the newest, then the second newest.
fn most_telling(mut all: Vec<(i64, ClusterName)>, now: i64) -> Vec<ClusterName> {
    all.retain(|(since, _)| now.saturating_sub(*since) >= SETTLED);
    all.sort_by_key(|(since, _)| *since);
    let mut names = all.into_iter().map(|(_, name)| name);
    let oldest = names.next();
    oldest.into_iter().chain(names.rev().take(NEWEST)).collect()
}

/// The first label of an endpoint without a hostname, as CoreDNS has it
/// (`endpointHostname` of its plugin `kubernetes`).
fn label(addr: IpAddr) -> String {
    addr.to_string().replace(['.', ':'], "-")
}

/// Seconds after which CoreDNS has what is new, though it may have denied the name before:
/// `cache 30` of kubeadm's Corefile keeps a denial for thirty.
const SETTLED: i64 = 60;

/// A name that CoreDNS has had for long, and one that it may lack: without the first, the
/// second tells nothing.
const PAIR: usize = 2;

/// New names of a kind.
const NEWEST: usize = 2;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_oldest_and_the_newest_names_of_each_kind_are_asked_for() {
        // 2026-11-28T05:45:17Z.
        let now = 1_795_844_717 + 67;
        let service = |name: &str, at: &str, ip: &str| -> ServiceObject {
            let at = format!("2026-11-28T05:45:{at}Z");
            let metadata = json!({ "name": name, "creationTimestamp": at });
            serde_json::from_value(json!({ "metadata": metadata, "spec": { "clusterIP": ip } }))
                .unwrap()
        };
        let services = [
            service("b", "02", "10.96.0.2"),
            service("kube-dns", "01", "10.96.0.10"),
            service("headless", "03", "None"),
            service("c", "10", "10.96.0.3"),
            service("d", "11", "fd00::4"),
            // A minute ago, and a second less.
            service("e", "24", "10.96.0.5"),
            service("new", "25", "10.96.0.6"),
        ];
        let pod = |ip: &str, ready_since| ServerPod {
            ips: vec![ip.parse().unwrap()],
            ready_since,
            ..ServerPod::default()
        };
        let pods = [
            pod("10.244.0.2", Some(now - 90)),
            pod("10.244.1.3", Some(now - 70)),
            pod("fd00:244::5", Some(now - 61)),
            pod("10.244.1.9", Some(now - 59)),
            pod("10.244.1.10", None),
            // The API does not list it as an endpoint that is ready.
            pod("10.244.1.11", Some(now - 99)),
        ];
        let ready = ["10.244.0.2:53", "10.244.1.3:53", "[fd00:244::5]:53", "10.244.1.9:53"];
        let endpoints = ServicePods {
            ready: ready.map(|addr| addr.parse().unwrap()).into(),
            others: vec!["10.244.1.11:53".parse().unwrap()],
        };
        let dns = ServiceName { namespace: "kube-system".into(), name: "kube-dns".into() };
        let names = names(&dns, &services, &pods, Some(&endpoints), now);
        let found: Vec<_> = names
            .iter()
            .map(|one| (one.name.trim_end_matches(".kube-system.svc"), one.is_endpoint))
            .collect();
        let expected = [
            ("kube-dns", false),
            ("e", false),
            ("10-244-0-2.kube-dns", true),
            ("fd00-244--5.kube-dns", true),
            ("d", false),
            ("10-244-1-3.kube-dns", true),
        ];
        assert_eq!(found, expected);
        assert_eq!(names[1].addr.to_string(), "10.96.0.5");
    }
}
