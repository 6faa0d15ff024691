//! Where the rules of this node lead flows to the DNS Service: those of the probes, and
//! those that clients keep.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};

use diagnose::{Evidence, Flow, Tries};
use node::{Entry, Proc};
use tokio::time::Instant;

/// The entries of the connection table for a Service at one moment.
pub(super) struct Flows {
    service: Option<SocketAddr>,
    entries: io::Result<Vec<Entry>>,
    at: Instant,
}

impl Flows {
    /// Reads them; none where no Service is asked.
    pub(super) fn read(service: Option<SocketAddr>) -> Self {
        let entries = service.map_or_else(|| Ok(Vec::new()), entries_of);
        Self { service, entries, at: Instant::now() }
    }

    /// Notes where the probes from `ports` were sent since, and which clients keep an
    /// entry that leads to what is no endpoint.
    pub(super) fn note(&self, ports: &[SocketAddr], evidence: &mut Evidence) {
        let after = Self::read(self.service);
        let endpoints = endpoints(evidence);
        let Some(service) = &mut evidence.service else { return };
        let (before, entries) = match (&self.entries, &after.entries) {
            (Ok(before), Ok(after)) => (before, after),
            (_, Err(error)) | (Err(error), _) => {
                return evidence
                    .gaps
                    .push(format!("where the Service leads: {error}"));
            }
        };
        let ours: BTreeSet<u16> = ports.iter().map(SocketAddr::port).collect();
        let own = entries
            .iter()
            .filter(|entry| ours.contains(&entry.source.port()));
        let backends: BTreeSet<IpAddr> = own.map(|entry| entry.backend).collect();
        // NOTRACK and other datapaths leave no entry.
        let is_elsewhere = are_elsewhere(&service.udp, backends.len(), entries.len());
        service.backends = (!backends.is_empty()).then(|| backends.into_iter().collect());
        if !endpoints.is_empty() {
            let elapsed = (after.at - self.at).as_secs();
            let kept = kept(before, entries, elapsed).into_iter();
            let stale = kept.filter(|flow| !endpoints.contains(&flow.backend));
            service.stale_flows = stale.take(MOST_STALE).collect();
        }
        if let Some(table) = evidence.conntrack.as_mut().filter(|_| is_elsewhere) {
            table.applies = false;
            evidence.gaps.push(NOT_HERE.to_owned());
        }
    }
}

/// Whether answered probes of the Service left no entry: then its flows are in a table of
/// another datapath, and this one has nothing of them.
fn are_elsewhere(probes: &Tries, backends: usize, looked_at: usize) -> bool {
    backends == 0 && probes.good() >= ANSWERED && looked_at < MOST
}

/// Flows that were there before and have had packets since: an entry that nobody uses
/// ends by itself.
fn kept(before: &[Entry], after: &[Entry], elapsed: u64) -> Vec<Flow> {
    let before: HashMap<_, _> = before
        .iter()
        .map(|entry| ((entry.source, entry.backend), entry.remaining))
        .collect();
    let is_kept = |entry: &&Entry| {
        let earlier = before.get(&(entry.source, entry.backend));
        // A second is lost to rounding.
        earlier.is_some_and(|remaining| entry.remaining + elapsed > remaining + 1)
    };
    let kept = after.iter().filter(is_kept);
    kept.map(|entry| Flow { client: entry.source.ip(), backend: entry.backend })
        .collect()
}

/// The endpoints of the Service: by the API, or else whoever was given as a pod. Then the
/// Service may be a server itself, to which flows lead without a rule.
fn endpoints(evidence: &Evidence) -> BTreeSet<IpAddr> {
    match &evidence.cluster {
        Some(cluster) => cluster.endpoints.iter().copied().collect(),
        None => {
            let probed = evidence.coredns.iter().flatten();
            let pods: BTreeSet<_> = probed
                .filter_map(|server| server.addr)
                .map(|addr| addr.ip())
                .collect();
            let itself = evidence.service.as_ref().and_then(|service| service.addr);
            let itself = itself.filter(|_| !pods.is_empty());
            pods.into_iter()
                .chain(itself.map(|addr| addr.ip()))
                .collect()
        }
    }
}

fn entries_of(service: SocketAddr) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let look = |entry: &Entry| {
        if entries.len() < MOST && entry.is_dns() && entry.target == service {
            entries.push(*entry);
        }
    };
    Entry::each(&Proc::default(), look)?;
    Ok(entries)
}

/// Flows that are looked at: those of half a minute at 3,000 new ones a second, 6 MB.
const MOST: usize = 100_000;

/// Answered probes of the Service of which at least one leaves an entry where any does.
const ANSWERED: u32 = 10;

/// The gap, where Services are made by a datapath of its own.
const NOT_HERE: &str = "the connection table: not applicable: answered probes of the Service left \
    no entry, so that its flows are elsewhere, such as in maps of eBPF (cilium_bpf_map_pressure)";

/// Flows that are named; their clients matter, and ten of those are enough.
const MOST_STALE: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(port: u16, backend: u8, remaining: u64) -> Entry {
        Entry {
            protocol: 17,
            source: ([10, 244, 1, 9], port).into(),
            target: ([10, 96, 0, 10], 53).into(),
            backend: [10, 244, 0, backend].into(),
            remaining,
        }
    }

    #[test]
    fn flows_that_are_kept_have_had_packets() {
        let before = [entry(1, 7, 30), entry(2, 7, 30), entry(3, 7, 20), entry(4, 7, 30)];
        // Unused; used; used; moved to another backend.
        let after = [entry(1, 7, 25), entry(2, 7, 28), entry(3, 7, 30), entry(4, 8, 30)];
        let ports = kept(&before, &after, 5).len();
        assert_eq!(ports, 2);
        assert_eq!(kept(&[], &after, 5), []);
    }

    #[test]
    fn flows_are_elsewhere_when_answers_left_no_entry() {
        let probes = |good| Tries {
            sent: 20,
            rcodes: [("NOERROR".to_owned(), good)].into(),
            ..Tries::default()
        };
        assert!(are_elsewhere(&probes(10), 0, 0));
        assert!(!are_elsewhere(&probes(9), 0, 0));
        assert!(!are_elsewhere(&probes(20), 1, 20));
        // Ours may be among those that were not looked at.
        assert!(!are_elsewhere(&probes(20), 0, MOST));
    }
}
