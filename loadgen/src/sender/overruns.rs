//! Answers that reached this host and did not fit our own receive queues.
//!
//! They would be reported as lost, and the server blamed for our slowness, so
//! the kernel's own count is read.

use std::fs;

/// Returns how many datagrams the kernel dropped at UDP sockets with these
/// local ports, while they are open; 0 where /proc is not there to say.
pub(super) fn overruns(ports: &[u16]) -> u64 {
    ["/proc/net/udp", "/proc/net/udp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .map(|table| drops(&table, ports))
        .sum()
}

/// Sums up the last column of the lines whose local port is ours.
fn drops(table: &str, ports: &[u16]) -> u64 {
    let of_line = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (_, port) = fields.nth(1)?.rsplit_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let drops = fields.next_back()?.parse::<u64>().ok()?;
        ports.contains(&port).then_some(drops)
    };
    table.lines().skip(1).filter_map(of_line).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_our_ports_are_summed() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            1: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 17 2 000 5\n\
            2: 0100007F:C001 0100007F:0035 01 00000000:00000000 00:00000000 00000000 0 0 18 2 000 7\n";
        assert_eq!(drops(table, &[0xc001]), 7);
        assert_eq!(drops(table, &[0xc001, 0x35]), 12);
        assert_eq!(drops(table, &[1]), 0);
    }
}
