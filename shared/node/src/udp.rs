//! What UDP and the queues before it lost.

use std::io;

use crate::proc_files::Proc;

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct UdpCounts {
    /// Datagrams that found a receive queue full (`Udp RcvbufErrors`).
    pub receive_full: u64,
    /// Datagrams that found a send queue full (`Udp SndbufErrors`).
    pub send_full: u64,
    /// Packets that the backlog of a processor had no room for.
    pub softnet_dropped: u64,
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
        })
    }

    /// What was added since `before`.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            receive_full: self.receive_full.saturating_sub(before.receive_full),
            send_full: self.send_full.saturating_sub(before.send_full),
            softnet_dropped: self.softnet_dropped.saturating_sub(before.softnet_dropped),
        }
    }
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
    fn this_machine_has_them() {
        UdpCounts::read(&Proc::default()).unwrap();
    }
}
