//! The networks of this node, as the kernel lists them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The networks that this node reaches without a router, and its own addresses: the
/// pods on it, the machines beside it, and its own programs.
pub(super) fn own_networks() -> Vec<IpNet> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let mut networks = direct_routes(&read("/proc/net/route"));
    networks.extend(own_v4(&read("/proc/net/fib_trie")));
    networks.extend(own_v6(&read("/proc/net/if_inet6")));
    networks.sort_unstable();
    networks.dedup();
    networks
}

/// Routes without a gateway, of /proc/net/route: interface, destination, gateway,
/// flags and, as the eighth, the mask; addresses in the order of the machine.
fn direct_routes(text: &str) -> Vec<IpNet> {
    let route = |line: &str| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let number = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok();
        let (destination, flags, mask) = (number(1)?, number(3)?, number(7)?);
        if flags & GATEWAY != 0 {
            return None;
        }
        let addr = |number: u32| Ipv4Addr::from(number.to_ne_bytes());
        let net = Ipv4Net::with_netmask(addr(destination), addr(mask)).ok()?;
        // The route to everywhere is no network of this node, link or not.
        (net.prefix_len() >= SHORTEST).then_some(IpNet::V4(net))
    };
    text.lines().skip(1).filter_map(route).collect()
}

/// The addresses that `/proc/net/fib_trie` has as local: a line with the address,
/// then one with `host LOCAL`.
fn own_v4(text: &str) -> Vec<IpNet> {
    let (mut addr, mut own) = (None, Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("|-- ") {
            addr = text.parse::<IpAddr>().ok();
        } else if line.ends_with("host LOCAL") {
            own.extend(addr.map(IpNet::from));
        }
    }
    own
}

/// The networks of the addresses in `/proc/net/if_inet6`: address, interface, length
/// of the prefix, all in hexadecimal.
fn own_v6(text: &str) -> Vec<IpNet> {
    let network = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let addr = Ipv6Addr::from(u128::from_str_radix(fields.next()?, 16).ok()?);
        let len = u8::from_str_radix(fields.nth(1)?, 16).ok()?;
        Some(IpNet::V6(Ipv6Net::new(addr, len).ok()?.trunc()))
    };
    text.lines().filter_map(network).collect()
}

/// `RTF_GATEWAY` of route(7).
const GATEWAY: u32 = 2;

/// Shorter prefixes are routes, not networks that a node is part of.
const SHORTEST: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(networks: &[IpNet]) -> Vec<String> {
        networks.iter().map(ToString::to_string).collect()
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn routes_without_a_gateway_are_networks_of_this_node() {
        let text = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
cni0\t0007F4C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
wg0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0008F40A\t0200000A\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0
cut off\n";
        assert_eq!(texts(&direct_routes(text)), ["10.0.0.0/24", "198.244.7.0/24"]);
    }

    #[test]
    fn local_addresses_are_found_in_the_trie() {
        let text = "Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 203.0.113.9
        /32 host LOCAL
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST\n";
        assert_eq!(texts(&own_v4(text)), ["203.0.113.9/32", "127.0.0.1/32"]);
    }

    #[test]
    fn ipv6_networks_come_from_the_addresses() {
        let text = "00000000000000000000000000000001 01 80 10 80       lo
20010db8000700000000000000000009 02 40 00 80     eth0\nnot one\n";
        assert_eq!(texts(&own_v6(text)), ["::1/128", "2001:db8:7::/64"]);
    }

    #[test]
    fn this_machine_has_its_loopback() {
        let loopback: IpAddr = [127, 0, 0, 1].into();
        assert!(
            own_networks()
                .iter()
                .any(|network| network.contains(&loopback))
        );
    }
}
