//! What the kernel and kube-proxy of this node tell, before and after the probes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use console::{AdminAddr, AdminClientError, read_text};
use diagnose::{Conntrack, Evidence, FullTable, KubeProxy, UdpCounters};
use node::{Entry, Proc, RuleState, Sources, Table, UdpCounts, full_tables};
use resolver::unix_time;

/// Counters of this node at one moment.
#[derive(Debug)]
pub struct Counters {
    table: io::Result<Table>,
    udp: io::Result<UdpCounts>,
    /// Since the start of the machine.
    taken: Duration,
}

impl Counters {
    /// Reads them.
    #[must_use]
    pub fn read() -> Self {
        let proc = Proc::default();
        let taken = proc.uptime().unwrap_or(Duration::MAX);
        Self { table: Table::read(&proc), udp: UdpCounts::read(&proc), taken }
    }

    /// Notes what changed since `before`, and what could not be read.
    pub fn note_since(&self, before: &Self, evidence: &mut Evidence) {
        note_udp(before, self, evidence);
        note_table(before, self, evidence);
    }
}

/// Notes what changed since `before`, and what kube-proxy tells.
pub(super) async fn note(before: &Counters, evidence: &mut Evidence) {
    Counters::read().note_since(before, evidence);
    let metrics = read_text(&AdminAddr::Tcp(KUBE_PROXY), "/metrics").await;
    match metrics {
        Ok(text) => evidence.kube_proxy = Some(rules(&RuleState::parse(&text))),
        Err(AdminClientError::Connect { addr, source }) => {
            evidence
                .gaps
                .push(format!("kube-proxy: no connection to {addr}: {source}"));
        }
        Err(error) => evidence.gaps.push(format!("kube-proxy: {error}")),
    }
}

fn note_udp(before: &Counters, after: &Counters, evidence: &mut Evidence) {
    match (&before.udp, &after.udp) {
        (Ok(before), Ok(after)) => {
            let UdpCounts { receive_full, send_full, softnet_dropped, by_port } =
                after.since(before);
            let mut ports: Vec<_> = by_port.into_iter().collect();
            ports.sort_by_key(|(_, lost)| std::cmp::Reverse(*lost));
            ports.truncate(TOP);
            evidence.udp = Some(UdpCounters { receive_full, send_full, softnet_dropped, ports });
        }
        (_, Err(error)) | (Err(error), _) => evidence.gaps.push(format!("UDP counters: {error}")),
    }
}

fn note_table(before: &Counters, after: &Counters, evidence: &mut Evidence) {
    let began = before.taken;
    let (before, after) = match (&before.table, &after.table) {
        (Ok(before), Ok(after)) => (before, after),
        (_, Err(error)) | (Err(error), _) => {
            return evidence.gaps.push(format!("the connection table: {error}"));
        }
    };
    let proc = Proc::default();
    let since = after.stats.since(before.stats);
    // Without the right to look it may be another's.
    let of_host = proc.is_of_first_process().unwrap_or_default();
    // A look at each entry costs CPU: only where it is nearly full.
    let is_nearly_full = after.count * 4 > after.max * 3;
    let mut sources = Sources::default();
    if is_nearly_full && let Err(error) = Entry::each(&proc, |entry| sources.add(entry)) {
        evidence
            .gaps
            .push(format!("who fills the connection table: {error}"));
        sources = Sources::default();
    }
    evidence.conntrack = Some(Conntrack {
        // Until probes of the Service show otherwise.
        applies: true,
        of_host,
        count: after.count,
        max: after.max,
        dropped: since.drop,
        evicted: since.early_drop,
        top: sources
            .busiest(TOP)
            .into_iter()
            .map(|(addr, count)| (addr.to_string(), count))
            .collect(),
        ..Conntrack::default()
    });
    note_full(began, evidence);
}

/// Whose tables the kernel calls full since `began`.
fn note_full(began: Duration, evidence: &mut Evidence) {
    let Some(table) = &mut evidence.conntrack else { return };
    let proc = Proc::default();
    let own = proc.own_network().ok().flatten();
    let full = match full_tables(began) {
        Ok(full) => full,
        Err(error) => return evidence.gaps.push(format!("the kernel's log: {error}")),
    };
    for (netns, lines) in full {
        let who = match netns {
            Some(netns) if Some(netns) != own => proc.container_of_network(netns),
            // Without a name it is ours only where ours dropped something.
            None if table.dropped == 0 => Some("a pod of this node".to_owned()),
            _ => {
                table.full_lines += lines;
                continue;
            }
        };
        // A namespace without a process is gone.
        let full = who.map(|who| FullTable { netns: netns.unwrap_or_default(), who, lines });
        table.elsewhere.extend(full);
    }
}

fn rules(state: &RuleState) -> KubeProxy {
    let now = unix_time().as_secs_f64();
    KubeProxy {
        synced_s: state.synced_ago(now),
        pending_s: state.pending(now),
        failed_writes: state.failed_writes,
        trouble: None,
    }
}

/// The name of the node: the one that its Pod was given, or that of its host.
pub fn node_name() -> String {
    if let Some(name) = std::env::var("NODE_NAME")
        .ok()
        .filter(|name| !name.is_empty())
    {
        return name;
    }
    let name = Proc::default().read("sys/kernel/hostname");
    name.map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}

/// Sources of entries, and ports that lose, that are named.
const TOP: usize = 5;

/// `metricsBindAddress` of kube-proxy by default.
const KUBE_PROXY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 10_249);
