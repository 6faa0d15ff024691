//! Whose queries are answered: those of the networks that are allowed.
//!
//! A proxy on a public address would otherwise answer the whole Internet, and help
//! to attack with answers that are thirty times as long as their queries
//! (RFC 5358).

use std::net::IpAddr;

use ipnet::IpNet;

/// The addresses of clients, as ranges in order that do not touch: one look takes
/// some steps, however many networks there are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Allow {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl Allow {
    /// Allows these networks.
    pub fn of(networks: impl IntoIterator<Item = IpNet>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in networks {
            match network {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        Self { v4: joined(v4), v6: joined(v6) }
    }

    /// Returns whether the queries of `addr` are answered.
    pub fn has(&self, addr: IpAddr) -> bool {
        match addr {
            IpAddr::V4(addr) => is_in(&self.v4, addr.to_bits()),
            IpAddr::V6(addr) => is_in(&self.v6, addr.to_bits()),
        }
    }
}

fn is_in<T: Copy + Ord>(ranges: &[(T, T)], addr: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= addr);
    let range = after.checked_sub(1).and_then(|at| ranges.get(at));
    range.is_some_and(|(_, last)| addr <= *last)
}

/// Sorts ranges and joins those that overlap.
fn joined<T: Copy + Ord>(mut ranges: Vec<(T, T)>) -> Box<[(T, T)]> {
    ranges.sort_unstable();
    let mut joined: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match joined.last_mut() {
            Some((_, end)) if first <= *end => *end = last.max(*end),
            _ => joined.push((first, last)),
        }
    }
    joined.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(networks: &[&str]) -> Allow {
        Allow::of(networks.iter().map(|network| network.parse().unwrap()))
    }

    fn has(allow: &Allow, addr: &str) -> bool {
        allow.has(addr.parse().unwrap())
    }

    #[test]
    fn an_address_is_allowed_by_any_network_that_has_it() {
        let allow = allow(&["10.0.0.0/8", "10.1.0.0/16", "192.168.4.1/32", "fd00::/8", "::1/128"]);
        for addr in ["10.0.0.0", "10.255.255.255", "10.1.2.3", "192.168.4.1", "fd12::1", "::1"] {
            assert!(has(&allow, addr), "{addr}");
        }
        for addr in ["9.255.255.255", "11.0.0.0", "192.168.4.0", "192.168.4.2", "fe80::1", "::"] {
            assert!(!has(&allow, addr), "{addr}");
        }
    }

    #[test]
    fn all_and_none_are_possible() {
        let all = allow(&["0.0.0.0/0", "::/0"]);
        assert!(has(&all, "255.255.255.255") && has(&all, "0.0.0.0") && has(&all, "ffff::1"));
        assert!(!has(&Allow::default(), "127.0.0.1"));
    }
}
