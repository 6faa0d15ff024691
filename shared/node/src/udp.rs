//! What UDP and the queues before it lost.

use std::collections::BTreeMap;
use std::io;

use crate::proc_files::Proc;

/// Counters since the start.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UdpCounts {
    /// Datagrams that found a receive queue full (`Udp RcvbufErrors`).
    pub receive_full: u64,
    /// Datagrams that found a send queue full (`Udp SndbufErrors`).
    pub send_full: u64,
    /// Packets that the backlog of a processor had no room for.
    pub softnet_dropped: u64,
    /// What the sockets of each local port lost; only those that did.
    pub by_port: BTreeMap<u16, u64>,
}

impl UdpCounts {
    /// Reads those of this network namespace, and of all processors.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn read(proc: &Proc) -> io::Result<Self> {
        let snmp = proc.read("net/snmp")?;
        Ok(Self {
            receive_full: of_udp(&snmp, "RcvbufErrors"),
            send_full: of_udp(&snmp, "SndbufErrors"),
            softnet_dropped: softnet(&proc.read("net/softnet_stat")?),
            by_port: by_port(proc)?,
        })
    }

    /// What was added since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let lost = self.by_port.iter().filter_map(|(port, lost)| {
            let lost = lost.saturating_sub(before.by_port.get(port).copied().unwrap_or(0));
            (lost > 0).then_some((*port, lost))
        });
        Self {
            by_port: lost.collect(),
            receive_full: self.receive_full.saturating_sub(before.receive_full),
            send_full: self.send_full.saturating_sub(before.send_full),
            softnet_dropped: self.softnet_dropped.saturating_sub(before.softnet_dropped),
        }
    }
}

/// The drops of `/proc/net/udp` and `udp6`: the last column of each socket's line, which
/// has its local address and port, hexadecimal, in the second.
fn by_port(proc: &Proc) -> io::Result<BTreeMap<u16, u64>> {
    let mut lost = BTreeMap::new();
    let mut look = |line: &str| {
        let mut words = line.split_whitespace();
        let port = words.nth(1).and_then(|local| local.rsplit_once(':'));
        let port = port.and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
        let drops = words.last().and_then(|drops| drops.parse::<u64>().ok());
        if let (Some(port), Some(drops @ 1..)) = (port, drops) {
            *lost.entry(port).or_default() += drops;
        }
    };
    proc.each_line("net/udp", &mut look)?;
    // Without IPv6 there is none.
    proc.each_line("net/udp6", &mut look).ok();
    Ok(lost)
}

/// A counter of `/proc/net/snmp`: a line of names and one of numbers.
fn of_udp(snmp: &str, name: &str) -> u64 {
    let mut lines = snmp.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, numbers) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let mut pairs = names.split_whitespace().zip(numbers.split_whitespace());
    let found = pairs.find(|(other, _)| *other == name);
    found
        .and_then(|(_, number)| number.parse().ok())
        .unwrap_or_default()
}

/// The second column of `/proc/net/softnet_stat`, hexadecimal, a line for each processor
/// (Linux `net/core/net-procfs.c`).
fn softnet(text: &str) -> u64 {
    let cells = text
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1));
    cells
        .filter_map(|cell| u64::from_str_radix(cell, 16).ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_from_their_columns() {
        let snmp = "Ip: Forwarding\nIp: 1\n\
            Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\n\
            Udp: 100 2 3 90 7 1\nUdpLite: InDatagrams\nUdpLite: 0\n";
        assert_eq!((of_udp(snmp, "RcvbufErrors"), of_udp(snmp, "SndbufErrors")), (7, 1));
        assert_eq!(of_udp("", "RcvbufErrors"), 0);
        assert_eq!(softnet("0000 000000ff 0\n0001 00000001 0\n"), 256);
    }

    #[test]
    fn sockets_that_lose_are_known_by_their_port() {
        let dir = std::env::temp_dir().join(format!("fivedots-udp-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("net")).unwrap();
        let line = |port: &str, drops: u32| {
            format!("1: 0100007F:{port} 00000000:0000 07 0:0 00:0 0 0 0 5 2 00ff {drops}\n")
        };
        let text = format!("sl local_address drops\n{}{}", line("14D7", 5), line("0035", 0));
        std::fs::write(dir.join("net/udp"), text).unwrap();
        let before =
            UdpCounts { by_port: by_port(&Proc::at(&dir)).unwrap(), ..UdpCounts::default() };
        assert_eq!(before.by_port, BTreeMap::from([(5335, 5)]));
        let after = UdpCounts { by_port: BTreeMap::from([(5335, 7), (53, 1)]), ..before };
        assert_eq!(after.since(&before).by_port, BTreeMap::from([(53, 1), (5335, 2)]));
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn this_machine_has_them() {
        UdpCounts::read(&Proc::default()).unwrap();
    }
}
