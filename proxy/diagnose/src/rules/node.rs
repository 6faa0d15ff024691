//! Causes on the node itself: loops, the connection table, queues.

use crate::cause::Cause;
use crate::evidence::{Conntrack, Evidence, FullTable, Ring};
use crate::finding::{Finding, Scope, found, has};
use crate::rules::itself;

/// A probe or a question came back.
pub(super) fn ring(evidence: &Evidence, _: &[Finding]) -> Option<Finding> {
    let Some(ring) = evidence.rings.iter().flatten().next() else {
        return itself::forwards(evidence);
    };
    // All CoreDNS pods have one Corefile, so what one does each does.
    let is_shared = ring.through_coredns || passes_coredns(ring, evidence);
    let scope = if is_shared { Scope::Cluster } else { evidence.scope_of(Cause::Loop) };
    let (way, below) = (ring.hops.join(" -> "), &ring.below);
    let finding = found(Cause::Loop, scope)
        .culprit(Some(way.clone()))
        .because(format!("a query for a name below {below} came back: {way}"))
        .because_if(ring.laps > 1, || format!("one query became {} queries", ring.laps))
        .otherwise("without a loop no probe comes back, whatever else is slow");
    Some(finding)
}

/// Whether one of the hops is a CoreDNS pod.
fn passes_coredns(ring: &Ring, evidence: &Evidence) -> bool {
    let pods = evidence.coredns.iter().flatten();
    let mut addresses = pods.filter_map(|pod| pod.addr);
    addresses.any(|addr| ring.hops.contains(&addr.to_string()))
}

/// New flows found no entry, and were dropped.
pub(super) fn conntrack_full(evidence: &Evidence, _: &[Finding]) -> Option<Finding> {
    let table = evidence.conntrack.as_ref()?;
    let forbidden = not_permitted(evidence);
    // A Service without endpoints forbids a send as well (kube-proxy rejects in OUTPUT),
    // and a firewall does: only the table's own counter tells them apart.
    let is_full = table.dropped > 0 || table.full_lines > 0;
    if !is_full {
        return full_elsewhere(table);
    }
    let Conntrack { count, max, dropped, evicted, full_lines, .. } = *table;
    let culprit = table.top.first();
    let culprit = culprit.map(|(who, entries)| format!("{who} with {entries} of {count} entries"));
    let finding = found(Cause::ConntrackFull, evidence.scope_of(Cause::ConntrackFull))
        .culprit(culprit)
        .because(format!("{count} of {max} entries are in use"))
        .because_if(dropped > 0, || format!("{dropped} new flows were dropped (`drop`)"))
        .because_if(full_lines > 0, || {
            format!("the kernel's log has \"table full\" {full_lines} times")
        })
        .because_if(evicted > 0, || {
            format!("{evicted} entries made room for others (`early_drop`)")
        })
        .because_if(forbidden > 0, || {
            format!("{forbidden} probes were not permitted to leave (EPERM)")
        })
        .otherwise("with room in the table `drop` stands still");
    let scope = if finding.scope == Scope::NodeOrCluster { Scope::Node } else { finding.scope };
    Some(Finding { scope, ..finding })
}

/// The table of one workload's namespace: the node's own has room, and nobody else fails.
fn full_elsewhere(table: &Conntrack) -> Option<Finding> {
    let most = table.elsewhere.iter().max_by_key(|full| full.lines)?;
    let FullTable { netns, who, lines } = most;
    let finding = found(Cause::ConntrackFull, Scope::Workload)
        .culprit(Some(format!("{who} (network namespace {netns})")))
        .because(format!(
            "the kernel's log has \"table full in netns {netns}\" {lines} times in a minute"
        ))
        .because(format!("the node's own table has {} of {} entries", table.count, table.max))
        .otherwise("were it the node's table, its own `drop` would move");
    Some(finding)
}

/// Datagrams found a queue full.
pub(super) fn overflow(evidence: &Evidence, before: &[Finding]) -> Option<Finding> {
    let udp = evidence.udp.as_ref()?;
    let lost = udp.receive_full + udp.softnet_dropped;
    if lost < LOST || has(before, &[Cause::Loop]) {
        return None;
    }
    let worst = udp.ports.first();
    let finding = found(Cause::SocketOverflow, Scope::Node)
        .culprit(worst.map(|(port, lost)| format!("UDP port {port}, which lost {lost}")))
        .because_if(udp.receive_full > 0, || {
            format!("{} datagrams found a receive queue full (RcvbufErrors)", udp.receive_full)
        })
        .because_if(udp.softnet_dropped > 0, || {
            format!("{} packets found the backlog of a processor full", udp.softnet_dropped)
        })
        .otherwise("with room in the queues these counters stand still");
    Some(finding)
}

/// Probes that the system did not let out.
pub(super) fn not_permitted(evidence: &Evidence) -> u32 {
    let servers = [&evidence.coredns, &evidence.upstreams]
        .into_iter()
        .flatten()
        .flatten();
    let direct: u32 = servers.map(|server| server.udp.not_permitted).sum();
    let service = evidence.service.as_ref();
    direct + service.map_or(0, |service| service.udp.not_permitted)
}

/// Datagrams lost in a window from which on that is more than a hiccup.
const LOST: u64 = 10;
