//! Causes between this node and CoreDNS: its Service, its rules, the network.

use std::net::IpAddr;

use crate::cause::Cause;
use crate::evidence::{Evidence, Server, Service};
use crate::finding::{Finding, Scope, found, has};
use crate::reading::{ends, names, none_answers, probed};
use crate::sample::FEW;

/// Nothing is behind the ClusterIP: UDP is not permitted or refused, TCP refused.
pub(super) fn no_endpoints(evidence: &Evidence, before: &[Finding]) -> Option<Finding> {
    let service = evidence.service.as_ref()?;
    let rejected = service.udp.not_permitted + service.udp.refused;
    let all_rejected = service.udp.is_dead() && rejected * 2 > service.udp.sent;
    // With a full table TCP gets no answer at all; REJECT resets it.
    let tcp_too = service.tcp.sent == 0 || service.tcp.refused > 0;
    let known = evidence.cluster.as_ref();
    let some_known = known.is_some_and(|cluster| !cluster.endpoints.is_empty());
    if !all_rejected || !tcp_too || some_known || has(before, &[Cause::ConntrackFull]) {
        return None;
    }
    let scope = match known {
        Some(_) => Scope::Cluster,
        None => evidence.scope_of(Cause::NoEndpoints),
    };
    let finding = found(Cause::NoEndpoints, scope)
        .culprit(service.addr.map(|addr| addr.to_string()))
        .because(format!("UDP to the Service: {}", ends(&service.udp)))
        .because_if(service.tcp.refused > 0, || "TCP to it is refused at once".to_owned())
        .because_if(known.is_some(), || "its EndpointSlices have no ready endpoint".to_owned())
        .otherwise("with one endpoint some probes are answered or time out");
    Some(finding)
}

/// No CoreDNS pod answers here, and other nodes are answered.
pub(super) fn network(evidence: &Evidence, before: &[Finding]) -> Option<Finding> {
    let servers = probed(evidence.coredns.as_ref());
    let dead = none_answers(&servers);
    let graver = [
        Cause::ConntrackFull,
        Cause::CorednsDown,
        Cause::CorednsCrashing,
        Cause::CorednsThrottled,
        Cause::Loop,
    ];
    if !dead || has(before, &graver) || evidence.peers.as_ref().is_none_or(Vec::is_empty) {
        return None;
    }
    let scope = evidence.scope_of_silence(&servers);
    let others = if scope == Scope::Node { "other nodes" } else { "most other nodes" };
    let finding = found(Cause::NodeNetwork, scope)
        .because(format!("no CoreDNS pod answers: {}", names(&servers)))
        .because(format!("{others} are answered by them"))
        .otherwise("were CoreDNS down, other nodes would fail as well");
    Some(finding)
}

/// Each pod answers, and some flows to the Service go to what is none.
pub(super) fn stale_rules(evidence: &Evidence, before: &[Finding]) -> Option<Finding> {
    let service = evidence.service.as_ref()?;
    if has(before, &[Cause::ConntrackFull, Cause::CorednsDown, Cause::NoEndpoints]) {
        return None;
    }
    let strange = strange_backends(evidence, service);
    let servers = probed(evidence.coredns.as_ref());
    let well = !servers.is_empty() && servers.iter().all(|server| server.udp.is_well());
    let failures = service.udp.failures();
    let loses = service.udp.sent >= FLOWS && failures.at_least() > LOSES;
    // Backends that the table shows are proof; without it, that each pod answers and
    // the Service loses flows all the same.
    if strange.is_empty() && !(well && loses) {
        return None;
    }
    if strange.is_empty()
        && evidence
            .conntrack
            .as_ref()
            .is_some_and(|table| table.applies)
        && service.backends.is_some()
    {
        return None;
    }
    let kube_proxy = evidence.kube_proxy.as_ref();
    let pending = kube_proxy.and_then(|proxy| proxy.pending_s);
    let failed = kube_proxy.map_or(0, |proxy| proxy.failed_writes);
    let trouble = kube_proxy.and_then(|proxy| proxy.trouble.clone());
    let culprit = (!strange.is_empty()).then(|| list(&strange));
    let finding = found(Cause::StaleRules, scope_of_rules(evidence))
        .because(format!("the Service: {}", ends(&service.udp)))
        .because_if(!strange.is_empty(), || {
            format!("rules lead to {}, {} of the Service", list(&strange), no_endpoint(&strange))
        })
        .because_if(well, || "each CoreDNS pod answers when it is asked directly".to_owned())
        .because_if(pending.is_some_and(|s| s >= PENDING), || {
            format!("kube-proxy has had changes for {} s that its rules lack", pending.unwrap_or(0))
        })
        .because_if(failed > 0, || {
            format!("kube-proxy could not write its rules {failed} times since its start")
        })
        .because_if(trouble.is_some(), || trouble.unwrap_or_default())
        .culprit(culprit)
        .otherwise("with fresh rules each flow ends at an endpoint");
    Some(finding)
}

/// Fresh flows are right, and old ones lead to what is no endpoint.
pub(super) fn stale_flows(evidence: &Evidence, before: &[Finding]) -> Option<Finding> {
    let service = evidence.service.as_ref()?;
    let is_graver = has(before, &[Cause::StaleRules, Cause::ConntrackFull]);
    if service.stale_flows.is_empty() || is_graver || !service.udp.is_well() {
        return None;
    }
    let mut clients: Vec<IpAddr> = service.stale_flows.iter().map(|flow| flow.client).collect();
    clients.sort_unstable();
    clients.dedup();
    let mut backends: Vec<IpAddr> = service
        .stale_flows
        .iter()
        .map(|flow| flow.backend)
        .collect();
    backends.sort_unstable();
    backends.dedup();
    let finding = found(Cause::StaleFlows, Scope::Node)
        .culprit(Some(format!("clients {}", list(&clients))))
        .because(format!(
            "fresh flows to the Service are answered: {} of {}",
            service.udp.good(),
            service.udp.sent
        ))
        .because(format!(
            "{} entries lead to {}, {}",
            service.stale_flows.len(),
            list(&backends),
            no_endpoint(&backends)
        ))
        .otherwise("with stale rules fresh flows would fail as well");
    Some(finding)
}

/// UDP is answered and TCP is not.
pub(super) fn tcp_blocked(evidence: &Evidence, before: &[Finding]) -> Option<Finding> {
    let mut servers = probed(evidence.coredns.as_ref());
    // Of many only some are asked over TCP.
    servers.retain(|server| server.tcp.sent >= FEW);
    let blocked = |server: &&&Server| server.udp.good() > 0 && server.tcp.is_dead();
    let blocked: Vec<_> = servers.iter().filter(blocked).copied().collect();
    let explained = has(before, &[Cause::ConntrackFull, Cause::CorednsThrottled]);
    if blocked.is_empty() || blocked.len() < servers.len() || explained {
        return None;
    }
    let first = blocked.first()?;
    let finding = found(Cause::TcpBlocked, evidence.scope_of(Cause::TcpBlocked))
        .culprit(Some(format!("TCP to {}", names(&blocked))))
        .because(format!("{} answers over UDP", names(&blocked)))
        .because(format!("over TCP: {}", ends(&first.tcp)))
        .otherwise("a sick CoreDNS fails over both");
    Some(finding)
}

/// Where the node's rules sent probes that is no endpoint of the Service. Without the API
/// the endpoints are the pods that were probed, and the Service may be a server itself,
/// to which no rule leads.
fn strange_backends(evidence: &Evidence, service: &Service) -> Vec<IpAddr> {
    let known = evidence
        .cluster
        .as_ref()
        .map(|cluster| cluster.endpoints.clone());
    let probed = evidence.coredns.iter().flatten();
    let endpoints = known.unwrap_or_else(|| {
        let addrs = probed.filter_map(|server| server.addr);
        addrs.map(|addr| addr.ip()).collect()
    });
    if endpoints.is_empty() {
        return Vec::new();
    }
    let is_known = evidence.cluster.is_some();
    let itself = service.addr.filter(|_| !is_known).map(|addr| addr.ip());
    let backends = service.backends.iter().flatten();
    let mut strange: Vec<_> = backends
        .filter(|backend| !endpoints.contains(backend) && Some(**backend) != itself)
        .copied()
        .collect();
    strange.sort_unstable();
    strange.dedup();
    strange
}

/// Rules are of a node; those of many may be stale alike.
fn scope_of_rules(evidence: &Evidence) -> Scope {
    match evidence.scope_of(Cause::StaleRules) {
        Scope::NodeOrCluster => Scope::Node,
        scope => scope,
    }
}

const fn no_endpoint(addrs: &[IpAddr]) -> &'static str {
    match addrs {
        [_] => "which is no endpoint",
        _ => "which are no endpoints",
    }
}

fn list(addrs: &[IpAddr]) -> String {
    addrs
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Fresh flows to the Service: with two endpoints one of which is stale, ten miss it
/// once in a thousand runs.
const FLOWS: u32 = 10;

/// The least share of lost flows that is more than chance.
const LOSES: f64 = 0.05;

/// Seconds after which changes should be in the rules.
const PENDING: u64 = 120;
