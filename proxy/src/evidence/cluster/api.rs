//! The Kubernetes API, asked once.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;

use cluster::{Api, Coredns, ServerPod, ServiceName};
use diagnose::{Cluster, CorednsPod, Evidence};
use stub::{Library, ResolvConf};

use super::{Known, PART};
use crate::cli::EvidenceArgs;
use crate::evidence::asks::{Record, below};

/// Asks the API, and notes what it has, or why there is nothing.
pub(in crate::evidence) async fn look(args: &EvidenceArgs, evidence: &mut Evidence) -> Known {
    if args.no_kubernetes {
        return Known::default();
    }
    let api = match Api::new(args.kubeconfig.clone()).await {
        Ok(api) => api,
        Err(_) if args.kubeconfig.is_none() => {
            let why = "no service account here, and no --kubeconfig";
            evidence.gaps.push(format!("{PART}: {why}"));
            return Known::default();
        }
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
    let known = known(&seen, args, evidence);
    if seen.endpoints.is_some() {
        evidence.cluster = Some(cluster(&seen, args));
    }
    known
}

fn known(seen: &Coredns, args: &EvidenceArgs, evidence: &mut Evidence) -> Known {
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
        let pod = seen.pods.iter().find(|pod| pod.ips.contains(&addr.ip()));
        let name = pod.map_or_else(|| addr.to_string(), |pod| format!("{} ({addr})", pod.name));
        (addr, name, ready.contains(&addr))
    };
    let here = seen.pods.iter().filter(|pod| pod.node == evidence.node);
    Known {
        here: here
            .map(|pod| (pod.name.clone(), pod.uid.clone()))
            .collect(),
        is_away: seen.endpoints.is_none(),
        service: service.map(|ip| SocketAddr::new(*ip, DNS)),
        pods: seen.addrs().into_iter().map(named).collect(),
        upstreams: upstreams(&seen.forwards_to, args),
        names: names(seen, args),
        kube_proxy: seen.kube_proxy.as_ref().and_then(trouble),
    }
}

fn names(seen: &Coredns, args: &EvidenceArgs) -> Vec<Record> {
    let names = seen.names.iter().filter_map(|known| {
        let name = below(&known.name, &args.cluster_domain)?;
        Some(Record { name, addr: known.addr, is_endpoint: known.is_endpoint })
    });
    names.collect()
}

fn cluster(seen: &Coredns, args: &EvidenceArgs) -> Cluster {
    let pods = seen.pods.iter().map(|pod| CorednsPod {
        name: pod.name.clone(),
        node: pod.node.clone(),
        ip: pod.ips.first().copied(),
        ips: pod.ips.clone(),
        host_network: pod.host_network,
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
        forwards_to: upstreams(&seen.forwards_to, args)
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

/// The servers that the lines of a Corefile lead to; a file is the resolv.conf of the
/// kubelet, for CoreDNS has the policy `Default`.
fn upstreams(forwards_to: &[String], args: &EvidenceArgs) -> Vec<SocketAddr> {
    let mut all: Vec<SocketAddr> = Vec::new();
    for to in forwards_to {
        if to.starts_with('/') {
            all.extend(nameservers(args.resolv_conf.as_deref()));
        }
        let plain = to.strip_prefix("dns://").unwrap_or(to);
        all.extend(crate::cli::parse_upstream(plain).ok());
    }
    all.dedup();
    all
}

fn nameservers(file: Option<&Path>) -> Vec<SocketAddr> {
    // As kubeadm tells the kubelet.
    let usual = ["/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"].map(Path::new);
    let files = file.map_or_else(|| usual.to_vec(), |file| vec![file]);
    let text = files
        .into_iter()
        .find_map(|file| std::fs::read_to_string(file).ok());
    // As CoreDNS does, which is a program of Go.
    let (conf, _) = ResolvConf::parse(Library::Go, &text.unwrap_or_default());
    let servers = conf.nameservers.iter();
    servers
        .map(|server| SocketAddr::new(server.address, DNS))
        .collect()
}

/// Whether an address is one of this node's.
fn is_ours(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

fn seconds() -> i64 {
    i64::try_from(resolver::unix_time().as_secs()).unwrap_or(i64::MAX)
}

/// RFC 1035, section 4.2.
const DNS: u16 = 53;
