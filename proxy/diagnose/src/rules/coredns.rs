//! Causes in CoreDNS itself.

use crate::cause::Cause;
use crate::evidence::{CorednsPod, Evidence, Server};
use crate::finding::{Finding, Scope, found, has};
use crate::reading::{LATE_MS, ends, names, none_answers, probed};

/// Its pods were killed, or crash again and again.
pub(super) fn crashing(evidence: &Evidence, before: &[Finding]) -> Option<Finding> {
    let cluster = evidence.cluster.as_ref()?;
    let pods: Vec<_> = cluster.pods.iter().filter(|pod| crashes(pod)).collect();
    // A loop ends CoreDNS too: its `loop` plugin exits, or memory runs out.
    if pods.is_empty() || has(before, &[Cause::Loop]) {
        return None;
    }
    let named: Vec<_> = pods.iter().map(|pod| pod.name.as_str()).collect();
    let killed = pods.iter().any(|pod| pod.ended.as_deref() == Some(OOM));
    let mut finding = found(Cause::CorednsCrashing, Scope::Cluster).culprit(Some(named.join(", ")));
    for pod in &pods {
        finding = finding.because(what_happened(pod));
    }
    let limit = cluster.memory_limit.as_deref().unwrap_or("unknown");
    let finding = finding
        .because_if(killed, || format!("its memory limit is {limit}"))
        .otherwise("pods that run keep their restart count");
    Some(finding)
}

/// None of its pods answers, here and at other nodes, or none is ready.
pub(super) fn down(evidence: &Evidence, before: &[Finding]) -> Option<Finding> {
    let servers = probed(evidence.coredns.as_ref());
    let dead = none_answers(&servers);
    let explained = [
        Cause::ConntrackFull,
        Cause::NoEndpoints,
        Cause::CorednsCrashing,
        Cause::CorednsThrottled,
        Cause::Loop,
    ];
    if !dead || has(before, &explained) {
        return None;
    }
    let ready = servers
        .iter()
        .filter(|server| server.ready == Some(true))
        .count();
    let told = servers.iter().all(|server| server.ready == Some(false));
    let scope = match evidence.scope_of_silence(&servers) {
        _ if told => Scope::Cluster,
        // Most others are answered: it is the network of some nodes.
        Scope::Node | Scope::SeveralNodes => return None,
        scope => scope,
    };
    let first = servers.first()?;
    let finding = found(Cause::CorednsDown, scope)
        .culprit(Some(names(&servers)))
        .because(format!("no CoreDNS pod answers here; {}: {}", first.name, ends(&first.udp)))
        .because_if(first.udp.refused > 0, || {
            "its host refuses: no process listens at the address".to_owned()
        })
        .because_if(told, || "the API calls none of them ready".to_owned())
        .because_if(ready > 0, || format!("the API calls {ready} of them ready"))
        .because_if(scope == Scope::Cluster && !told, || {
            "they do not answer most other nodes either".to_owned()
        })
        .otherwise("were it this node's network, other nodes would be answered");
    Some(finding)
}

/// Some pods answer and others do not.
pub(super) fn sick(evidence: &Evidence, before: &[Finding]) -> Option<Finding> {
    let mut servers = probed(evidence.coredns.as_ref());
    // One that is not ready, or ends, gets no queries: it may be silent.
    servers.retain(|server| server.ready != Some(false));
    let is_sick =
        |server: &&&Server| server.udp.is_dead() || server.udp.failures().at_least() > SICK;
    let sick: Vec<_> = servers.iter().filter(is_sick).copied().collect();
    let well = servers.iter().any(|server| server.udp.is_well());
    let explained =
        [Cause::ConntrackFull, Cause::CorednsCrashing, Cause::CorednsThrottled, Cause::Loop];
    // One that has no data of the cluster yet answers SERVFAIL: that has its own name.
    let unsynced = sick.iter().all(|server| server.udp.not_synced > 0);
    if sick.is_empty() || !well || unsynced || has(before, &explained) {
        return None;
    }
    let first = sick.first()?;
    let finding = found(Cause::CorednsPodSick, scope_of_pods(evidence, &sick))
        .culprit(Some(names(&sick)))
        .because(format!("{}: {}", first.name, ends(&first.udp)))
        .because(format!(
            "{} of {} CoreDNS pods are well",
            servers.len() - sick.len(),
            servers.len()
        ))
        .otherwise("a cause on this node or in the Service does not choose a pod");
    Some(finding)
}

/// CoreDNS has no answer about the cluster, since it has not read it.
pub(super) fn not_synced(evidence: &Evidence, _: &[Finding]) -> Option<Finding> {
    let servers = probed(evidence.coredns.as_ref());
    let unsynced = |server: &&&Server| server.udp.not_synced * 2 > server.udp.sent;
    let unsynced: Vec<_> = servers.iter().filter(unsynced).copied().collect();
    let seen = evidence.window.as_ref();
    let seen = seen
        .and_then(|window| window.origins.get("not_synced"))
        .copied();
    if unsynced.is_empty() {
        return None;
    }
    let finding = found(Cause::NotSynced, Scope::Cluster)
        .culprit(Some(names(&unsynced)))
        .because("SERVFAIL with AA and without RA for names of the cluster")
        .because_if(seen.is_some(), || format!("clients got {} such answers", seen.unwrap_or(0)))
        .otherwise("CoreDNS that has read the cluster answers its names");
    Some(finding)
}

/// It waits for its quota, and answers late or not at all. Only the node of a pod sees it.
pub(super) fn throttled(evidence: &Evidence, before: &[Finding]) -> Option<Finding> {
    let share = |pod: &CorednsPod| pod.throttled.unwrap_or_default();
    let pods = evidence.cluster.iter().flat_map(|cluster| &cluster.pods);
    let pods: Vec<_> = pods.filter(|pod| share(pod) > THROTTLED).collect();
    let by_peers = evidence.is_at_peers(Cause::CorednsThrottled);
    let servers = probed(evidence.coredns.as_ref());
    let is_late = |server: &&&Server| server.udp.slow + server.udp.timeouts > 0;
    let late: Vec<_> = servers.iter().filter(is_late).copied().collect();
    let p99 = evidence.window.as_ref().and_then(|window| window.p99_ms);
    let is_late = !late.is_empty() || p99.is_some_and(|ms| ms > LATE_MS);
    let explained = [Cause::Loop, Cause::ConntrackFull, Cause::CorednsCrashing];
    if (pods.is_empty() && !by_peers) || !is_late || has(before, &explained) {
        return None;
    }
    let named: Vec<_> = pods.iter().map(|pod| pod.name.as_str()).collect();
    let culprit = if pods.is_empty() { names(&late) } else { named.join(", ") };
    let worst = pods.iter().map(|pod| share(pod)).fold(0.0, f64::max);
    let finding = found(Cause::CorednsThrottled, Scope::Cluster)
        .culprit(Some(culprit).filter(|who| !who.is_empty()))
        .because_if(!pods.is_empty(), || {
            format!("throttled in {:.0} % of its CPU periods", worst * 100.0)
        })
        .because_if(pods.is_empty(), || "its own node sees that its CPU is throttled".to_owned())
        .because_if(!late.is_empty(), || {
            let first = late.first().map(|server| ends(&server.udp));
            format!("asked directly: {}", first.unwrap_or_default())
        })
        .because_if(p99.is_some(), || {
            format!("99 of 100 responses take up to {:.0} ms", p99.unwrap_or(0.0))
        })
        .otherwise("with CPU to spare answers are late only where an upstream is");
    Some(finding)
}

/// Whether it was killed for want of memory, or ends again and again.
pub(super) fn crashes(pod: &CorednsPod) -> bool {
    let ended = pod.ended.as_deref().unwrap_or_default();
    let killed = ended == OOM && pod.restarts > 0;
    // Between two starts it waits for nothing yet.
    let fails = ended.starts_with("exit code") && pod.restarts > 1 && !pod.ready;
    killed || fails || pod.waits.as_deref() == Some(CRASHES)
}

/// Its restarts, its last end and its state, in words.
pub(super) fn what_happened(pod: &CorednsPod) -> String {
    let CorednsPod { name, node, restarts, ended, waits, .. } = pod;
    let state = waits
        .as_deref()
        .unwrap_or(if pod.ready { "ready" } else { "not ready" });
    let ended = ended.as_deref().unwrap_or("unknown");
    format!("{name} on {node}: {restarts} restarts, ended last by {ended}, now {state}")
}

/// Pods that fail other nodes too are sick for all.
fn scope_of_pods(evidence: &Evidence, sick: &[&Server]) -> Scope {
    let addrs: Vec<_> = sick.iter().filter_map(|server| server.addr).collect();
    evidence.scope_where(|peer| addrs.iter().any(|addr| peer.dead.contains(&addr.ip())))
}

/// The reason of a container that was killed for want of memory.
const OOM: &str = "OOMKilled";

/// The reason of a container that is started again and again.
const CRASHES: &str = "CrashLoopBackOff";

/// The least share of lost probes with which a pod is sick.
const SICK: f64 = 0.2;

/// Of the periods of a CPU quota: what container dashboards warn of.
const THROTTLED: f64 = 0.25;
