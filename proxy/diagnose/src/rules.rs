//! The rules: each reads the evidence and finds one cause, or not.
//!
//! A rule has a minimum sample, says nothing below it, and leaves alone what a graver
//! cause explains.

use crate::evidence::Evidence;
use crate::finding::{Finding, Scope};
use crate::reading::RESPONSES;
use crate::sample::{Share, Tries};

mod clients;
mod coredns;
mod itself;
mod node;
mod path;
mod stale_data;
mod upstream;

/// What was found, in the order of [`crate::Cause::ALL`].
pub(crate) fn findings(evidence: &Evidence) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for rule in RULES {
        if let Some(finding) = rule(evidence, &found) {
            found.push(finding);
        }
    }
    for finding in &mut found {
        let values = values(evidence, finding);
        finding.fix.fill(&values);
    }
    found.sort_by_key(|finding| finding.cause.rank());
    found
}

/// What the words in the commands of a fix stand for here.
fn values(evidence: &Evidence, finding: &Finding) -> Vec<(&'static str, String)> {
    let culprit = finding.culprit.as_deref().unwrap_or_default();
    let service = evidence.service.as_ref().and_then(|service| service.addr);
    let named = culprit
        .split_once('/')
        .filter(|_| finding.scope == Scope::Workload);
    let (namespace, name) = named.unwrap_or_default();
    let who = evidence.window.iter().flat_map(|window| &window.who);
    // An address has no template.
    let kind = who
        .filter(|_| named.is_some())
        .find(|who| who.name == culprit)
        .map(|who| who.kind.to_lowercase());
    let table = evidence
        .conntrack
        .as_ref()
        .and_then(|table| table.top.first());
    // `NAME (ADDRESS)`, where the API names pods.
    let pod = culprit
        .split([' ', ','])
        .next()
        .filter(|_| culprit.contains('('));
    vec![
        ("CLUSTER-IP", service.map_or_else(String::new, |addr| addr.ip().to_string())),
        ("NAMESPACE", namespace.to_owned()),
        ("KIND", kind.unwrap_or_default()),
        ("NAME", name.to_owned()),
        ("CLIENT", table.map_or_else(String::new, |(client, _)| client.clone())),
        ("COREDNS", pod.unwrap_or_default().to_owned()),
        ("NODE", evidence.node.clone()),
    ]
}

/// What would have been looked at, and is not there.
pub(crate) fn gaps(evidence: &Evidence) -> Vec<String> {
    let parts = [
        ("the accounts of the proxy", evidence.window.is_none()),
        ("probes of CoreDNS pods", evidence.coredns.is_none()),
        ("probes of the DNS Service", evidence.service.is_none()),
        ("probes of upstreams", evidence.upstreams.is_none()),
        ("probes for loops", evidence.rings.is_none()),
        ("the connection table", evidence.conntrack.is_none()),
        ("UDP counters", evidence.udp.is_none()),
        ("kube-proxy", evidence.kube_proxy.is_none()),
        ("the Kubernetes API", evidence.cluster.is_none()),
        ("other nodes", evidence.peers.is_none()),
    ];
    // Where the reason is known it is told instead.
    let is_told = |part: &str| evidence.gaps.iter().any(|gap| gap.starts_with(part));
    let missing = parts
        .iter()
        .filter(|(part, is_missing)| *is_missing && !is_told(part));
    let missing = missing.map(|(part, _)| format!("{part}: not looked at"));
    missing.chain(evidence.gaps.iter().cloned()).collect()
}

/// Says whether so much was seen that nothing found means that all is well: servers
/// were probed or clients asked, and enough of them.
pub(crate) fn is_enough(evidence: &Evidence) -> bool {
    let servers = [&evidence.coredns, &evidence.upstreams]
        .into_iter()
        .flatten()
        .flatten();
    let mut tries = Tries::default();
    servers.for_each(|server| tries.add(&server.udp));
    if let Some(service) = &evidence.service {
        tries.add(&service.udp);
    }
    let asked = evidence.window.as_ref();
    let asked = asked.map_or(0, |window| window.internal.queries + window.external.queries);
    tries.sent >= PROBES || asked >= RESPONSES
}

/// What is left to be explained where nothing was found: more queries of clients fail than
/// the runbooks allow, and by more than chance.
pub(crate) fn unexplained(evidence: &Evidence) -> Option<String> {
    let window = evidence.window.as_ref()?;
    let part = window.internal.failed + window.external.failed;
    let whole = window.internal.queries + window.external.queries;
    let is_much = whole >= RESPONSES && Share { part, whole }.at_least() > UNEXPLAINED;
    is_much.then(|| format!("why {part} of {whole} queries of clients fail: no cause was found"))
}

/// A rule: what it finds, after what the rules before it found.
type Rule = fn(&Evidence, &[Finding]) -> Option<Finding>;

/// Those that others leave to go before them.
const RULES: [Rule; 20] = [
    node::ring,
    node::conntrack_full,
    path::no_endpoints,
    coredns::crashing,
    coredns::throttled,
    coredns::down,
    path::network,
    coredns::sick,
    path::stale_rules,
    path::stale_flows,
    coredns::not_synced,
    stale_data::lacks,
    upstream::failing,
    upstream::by_answers,
    upstream::unexpected,
    path::tcp_blocked,
    node::overflow,
    clients::replies_lost,
    clients::one_workload,
    clients::amplification,
];

/// Of queries: with more failures nobody calls DNS healthy.
const UNEXPLAINED: f64 = 0.01;

/// Probes below which a healthy node is not called so.
const PROBES: u32 = 20;

#[cfg(test)]
mod tests;
