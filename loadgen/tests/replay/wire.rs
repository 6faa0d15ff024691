//! What the capture shows.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use testbed::Captured;

use crate::log::Log;

/// Queries by the address of their client: when, in nanoseconds since 1970, and the name.
pub(crate) struct Wire {
    by_client: BTreeMap<Ipv4Addr, Vec<(u64, String)>>,
}

impl Wire {
    pub(crate) fn read(captured: &Captured) -> Self {
        let fields = captured
            .fields(["frame.time_epoch", "ip.src", "dns.qry.name"])
            .unwrap();
        let mut by_client: BTreeMap<Ipv4Addr, Vec<(u64, String)>> = BTreeMap::new();
        for [time, source, name] in fields.iter().filter(|[.., name]| !name.is_empty()) {
            let (seconds, fraction) = time.split_once('.').unwrap();
            let at = format!("{seconds}{fraction:0<9}").parse().unwrap();
            let name = format!("{name}.");
            by_client
                .entry(source.parse().unwrap())
                .or_default()
                .push((at, name));
        }
        Self { by_client }
    }

    /// Each client has an address, and under it asks what it asked, in its order.
    pub(crate) fn check_order(&self, log: &Log) {
        let mut left: Vec<Vec<&str>> = (0..log.clients)
            .map(|client| log.of(client).map(|query| query.name.as_str()).collect())
            .collect();
        left.retain(|names| !names.is_empty());
        assert_eq!(self.by_client.len(), left.len());
        for (address, queries) in &self.by_client {
            let names: Vec<&str> = queries.iter().map(|(_, name)| name.as_str()).collect();
            let found = left.iter().position(|expected| *expected == names);
            let found =
                found.unwrap_or_else(|| panic!("{address} asks what no client did: {names:?}"));
            left.swap_remove(found);
        }
    }

    /// The p99 of how far packets are from their instants, in milliseconds; `start` is
    /// the zero of these.
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds")]
    pub(crate) fn p99_ms(&self, log: &Log, start: u64) -> f64 {
        let mut due: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for query in &log.queries {
            due.entry(&query.name).or_default().push(start + query.at);
        }
        let mut seen: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (at, name) in self.by_client.values().flatten() {
            seen.entry(name).or_default().push(*at);
        }
        let mut apart = Vec::new();
        for (name, mut seen) in seen {
            seen.sort_unstable();
            apart.extend(
                seen.iter()
                    .zip(&due[name])
                    .map(|(seen, due)| seen.abs_diff(*due)),
            );
        }
        apart.sort_unstable();
        apart[apart.len() * 99 / 100] as f64 / 1e6
    }
}
