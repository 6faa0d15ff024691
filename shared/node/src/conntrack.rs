//! The connection table (`nf_conntrack`).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

use netlink::{Netlink, Reply, conntrack};

use crate::proc_files::Proc;

/// How full the table is, and what became of new entries since the start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Table {
    /// Entries.
    pub count: u64,
    /// The most that there may be (`nf_conntrack_max`).
    pub max: u64,
    /// Its counters.
    pub stats: Stats,
}

/// Counters since the start, of all processors together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// New flows that were dropped, since the table was full and no entry could make
    /// room.
    pub drop: u64,
    /// Entries that made room for others.
    pub early_drop: u64,
    /// Entries that lost a race for their place.
    pub insert_failed: u64,
}

/// A flow, and where its answers come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The number of its protocol: 17 is UDP.
    pub protocol: u8,
    /// Who sent the first packet.
    pub source: SocketAddr,
    /// Where it was sent.
    pub target: SocketAddr,
    /// From where the reply is expected: the backend, where the target is a Service.
    pub backend: IpAddr,
    /// Seconds until it ends; each packet makes them more again.
    pub remaining: u64,
}

impl From<conntrack::Entry> for Entry {
    fn from(entry: conntrack::Entry) -> Self {
        let conntrack::Entry { original, reply, remaining } = entry;
        Self {
            protocol: original.protocol,
            source: original.source,
            target: original.target,
            backend: reply.source.ip(),
            remaining: remaining.into(),
        }
    }
}

impl Table {
    /// Reads the table of this network namespace.
    ///
    /// # Errors
    ///
    /// Those of the system: the module may not be there.
    pub fn read(proc: &Proc) -> io::Result<Self> {
        Ok(Self {
            count: proc.number("sys/net/netfilter/nf_conntrack_count")?,
            max: proc.number("sys/net/netfilter/nf_conntrack_max")?,
            stats: Stats::parse(&proc.read("net/stat/nf_conntrack")?),
        })
    }
}

impl Stats {
    /// Parses `/proc/net/stat/nf_conntrack`: a line of names, then one of hexadecimal
    /// numbers for each processor. Kernels have different columns, so they are found by
    /// name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let names: Vec<_> = lines
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let rows: Vec<Vec<_>> = lines
            .map(|line| line.split_whitespace().collect())
            .collect();
        let sum = |name: &str| {
            let Some(at) = names.iter().position(|other| *other == name) else { return 0 };
            let cells = rows.iter().filter_map(|row| row.get(at));
            cells
                .filter_map(|cell| u64::from_str_radix(cell, 16).ok())
                .sum()
        };
        Self {
            drop: sum("drop"),
            early_drop: sum("early_drop"),
            insert_failed: sum("insert_failed"),
        }
    }

    /// What was added since `before`; nothing where the counters began anew.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            drop: self.drop.saturating_sub(before.drop),
            early_drop: self.early_drop.saturating_sub(before.early_drop),
            insert_failed: self.insert_failed.saturating_sub(before.insert_failed),
        }
    }
}

impl Entry {
    /// Passes each entry of this network namespace: by netlink, or where that is not
    /// permitted from `/proc`, which root may read.
    ///
    /// # Errors
    ///
    /// Those of netlink: the lack of `CAP_NET_ADMIN`, or of the module.
    pub fn each(proc: &Proc, mut look: impl FnMut(&Self)) -> io::Result<()> {
        let Err(error) = Self::each_by_netlink(&mut look) else { return Ok(()) };
        let from_file =
            proc.each_line(ENTRIES, |line| Self::parse(line).iter().for_each(&mut look));
        from_file.map_err(|_| io::Error::new(error.kind(), format!("CAP_NET_ADMIN: {error}")))
    }

    /// Needs `CAP_NET_ADMIN`, where the file of `/proc` needs root, and is on all kernels.
    fn each_by_netlink(look: &mut impl FnMut(&Self)) -> io::Result<()> {
        let take = |reply: &Reply<'_>| -> Option<()> {
            look(&conntrack::Entry::read(reply)?.into());
            None
        };
        Netlink::netfilter()?.ask("list the connections", conntrack::list(), take)?;
        Ok(())
    }

    /// Whether it is one of DNS over UDP.
    #[must_use]
    pub const fn is_dns(&self) -> bool {
        self.protocol == UDP && self.target.port() == DNS
    }

    /// Parses a line of [`ENTRIES`].
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let protocol = words.nth(3)?.parse().ok()?;
        // The flow comes first, then its reply.
        let nth = |key: &str, n: usize| {
            let words = line.split_whitespace();
            words.filter_map(|word| word.strip_prefix(key)).nth(n)
        };
        let addr = |key: &str, n: usize| nth(key, n)?.parse::<IpAddr>().ok();
        // Not all protocols have ports.
        let port = |key: &str, n: usize| nth(key, n).and_then(|port| port.parse().ok());
        let port = |key: &str, n: usize| port(key, n).unwrap_or_default();
        let remaining = words.next()?.parse().ok()?;
        Some(Self {
            protocol,
            source: SocketAddr::new(addr("src=", 0)?, port("sport=", 0)),
            target: SocketAddr::new(addr("dst=", 0)?, port("dport=", 0)),
            backend: addr("src=", 1)?,
            remaining,
        })
    }
}

/// Entries of all protocols, by who sent the first packet.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    entries: HashMap<IpAddr, u64>,
}

impl Sources {
    /// Counts an entry.
    pub fn add(&mut self, entry: &Entry) {
        *self.entries.entry(entry.source.ip()).or_default() += 1;
    }

    /// Those with the most entries, the most first.
    #[must_use]
    pub fn busiest(self, count: usize) -> Vec<(IpAddr, u64)> {
        let mut busiest: Vec<_> = self.entries.into_iter().collect();
        busiest.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        busiest.truncate(count);
        busiest
    }
}

/// The entries, one a line: some 200 bytes of text each.
const ENTRIES: &str = "net/nf_conntrack";

/// IANA's number.
const UDP: u8 = 17;

/// RFC 1035, section 4.2.
const DNS: u16 = 53;

#[cfg(test)]
mod tests {
    use super::*;

    /// Of Linux 6.18, shortened, and of an older one without some columns.
    #[test]
    fn counters_are_found_by_their_names() {
        let text = "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart\n\
            0000000a  00000000 00000000 00000000 00000001 00000000 00000000 00000000 00000000 00000002 0000000f 00000001 00000000  00000000 00000000 00000000 00000000\n\
            0000000a  00000000 00000000 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000001 00000010 00000000  00000000 00000000 00000000 00000000\n";
        let stats = Stats::parse(text);
        assert_eq!(stats, Stats { drop: 16, early_drop: 17, insert_failed: 2 });
        assert_eq!(stats.since(Stats { drop: 10, ..stats }).drop, 6);
        assert_eq!(Stats::parse("entries drop\n1 ff\n"), Stats { drop: 255, ..Stats::default() });
        assert_eq!(Stats::parse(""), Stats::default());
    }

    const LINES: &str = "\
ipv4     2 udp      17 29 src=10.244.1.7 dst=10.96.0.10 sport=40000 dport=53 src=10.244.0.2 dst=10.244.1.7 sport=53 dport=40000 mark=0 zone=0 use=2
ipv4     2 tcp      6 431999 ESTABLISHED src=10.244.1.7 dst=10.96.0.10 sport=40001 dport=53 src=10.244.0.2 dst=10.244.1.7 sport=53 dport=40001 [ASSURED] mark=0 zone=0 use=2
ipv6     10 udp      17 29 src=fd00::7 dst=fd00::10 sport=40000 dport=53 [UNREPLIED] src=fd00::2 dst=fd00::7 sport=53 dport=40000 mark=0 zone=0 use=2
ipv4     2 udp      17 29 src=10.244.1.8 dst=10.0.0.1 sport=123 dport=123 src=10.0.0.1 dst=10.244.1.8 sport=123 dport=123 mark=0 zone=0 use=2
garbage
";

    #[test]
    fn entries_of_dns_have_their_backend() {
        let all = LINES.lines().filter_map(Entry::parse);
        let entries: Vec<_> = all.filter(Entry::is_dns).collect();
        let [first, second] = entries.as_slice() else { panic!("{entries:?}") };
        assert_eq!(first.source, "10.244.1.7:40000".parse().unwrap());
        assert_eq!(first.target, "10.96.0.10:53".parse().unwrap());
        assert_eq!(first.backend, "10.244.0.2".parse::<IpAddr>().unwrap());
        assert_eq!(first.remaining, 29);
        assert_eq!(second.backend, "fd00::2".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn the_busiest_have_most_entries_of_any_kind() {
        let mut sources = Sources::default();
        let all = LINES.lines().filter_map(Entry::parse);
        all.for_each(|entry| sources.add(&entry));
        let first = sources.clone().busiest(1);
        assert_eq!(first, [("10.244.1.7".parse().unwrap(), 2)]);
        assert_eq!(sources.busiest(9).len(), 3);
    }
}
