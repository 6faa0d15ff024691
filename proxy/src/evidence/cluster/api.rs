//! The Kubernetes API, asked once.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use cluster::{Api, Coredns, ServerPod, ServiceName};
use diagnose::{Cluster, CorednsPod, Evidence};

use super::{Known, PART};
use crate::cli::DiagnoseArgs;

/// Asks the API, and notes what it has, or why there is nothing.
pub(in crate::evidence) async fn look(args: &DiagnoseArgs, evidence: &mut Evidence) -> Known {
    if args.no_kubernetes {
        return Known::default();
    }
    let api = match Api::new(args.kubeconfig.clone()).await {
        Ok(api) => api,
        Err(error) => {
            evidence.gaps.push(format!("{PART}: {error}"));
            return Known::default();
        }
    };
    let (namespace, name) = args.dns_service.clone();
    let service = ServiceName { namespace, name };
    let seen = api.coredns(&service, &evidence.node, seconds()).await;
    evidence
        .gaps
        .extend(seen.gaps.iter().map(|gap| format!("{PART}: {gap}")));
    let known = known(&seen, evidence);
    if seen.endpoints.is_some() {
        evidence.cluster = Some(cluster(&seen, args));
    }
    known
}

fn known(seen: &Coredns, evidence: &mut Evidence) -> Known {
    let service = seen.services.iter().find(|ip| !is_ours(**ip));
    if service.is_none() && !seen.services.is_empty() {
        let why = "its address is this node's own, as of a proxy that took it over";
        evidence
            .gaps
            .push(format!("probes of the DNS Service: {why}"));
    }
    let ready = seen.endpoints.iter().flat_map(|pods| &pods.ready);
    let ready: Vec<_> = ready.copied().collect();
    let named = |addr: SocketAddr| {
        let pod = seen.pods.iter().find(|pod| pod.ip == Some(addr.ip()));
        let name = pod.map_or_else(|| addr.to_string(), |pod| format!("{} ({addr})", pod.name));
        (addr, name, ready.contains(&addr))
    };
    Known {
        service: service.map(|ip| SocketAddr::new(*ip, DNS)),
        pods: seen.addrs().into_iter().map(named).collect(),
        upstreams: upstreams(&seen.forwards_to),
        kube_proxy: seen.kube_proxy.as_ref().and_then(trouble),
    }
}

fn cluster(seen: &Coredns, args: &DiagnoseArgs) -> Cluster {
    let pods = seen.pods.iter().map(|pod| CorednsPod {
        name: pod.name.clone(),
        node: pod.node.clone(),
        ip: pod.ip,
        ready: pod.ready,
        restarts: pod.restarts,
        ended: pod.ended.clone(),
        waits: pod.waits.clone(),
        throttled: None,
    });
    Cluster {
        endpoints: seen.addrs().iter().map(SocketAddr::ip).collect(),
        pods: pods.collect(),
        memory_limit: seen.pods.iter().find_map(|pod| pod.limits.0.clone()),
        forwards_to: upstreams(&seen.forwards_to)
            .iter()
            .map(ToString::to_string)
            .collect(),
        expected: args
            .expect_upstream
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
}

fn trouble(pod: &ServerPod) -> Option<String> {
    let state = match &pod.waits {
        Some(waits) => waits.as_str(),
        None if !pod.ready => "not ready",
        None => return None,
    };
    Some(format!("its pod {} of this node: {state}, {} restarts", pod.name, pod.restarts))
}

/// The servers that the lines of a Corefile lead to; `/etc/resolv.conf` is that of the
/// node, for CoreDNS has the policy `Default`, and so has who looks from a Pod.
fn upstreams(forwards_to: &[String]) -> Vec<SocketAddr> {
    let mut all: Vec<SocketAddr> = Vec::new();
    for to in forwards_to {
        let file = to
            .starts_with('/')
            .then(|| std::fs::read_to_string(to).unwrap_or_default());
        let servers = file
            .iter()
            .flat_map(|text| text.lines())
            .filter_map(|line| {
                let rest = line.trim().strip_prefix("nameserver")?;
                crate::cli::parse_upstream(rest.trim()).ok()
            });
        let plain = to.strip_prefix("dns://").unwrap_or(to);
        all.extend(servers.chain(crate::cli::parse_upstream(plain).ok()));
    }
    all.dedup();
    all
}

/// Whether an address is one of this node's.
fn is_ours(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

#[expect(clippy::disallowed_methods, reason = "what the API tells is in Unix time")]
fn seconds() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    now.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// RFC 1035, section 4.2.
const DNS: u16 = 53;
