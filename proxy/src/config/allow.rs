//! The key `allow`: who is answered.

use std::fmt;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::serve::Allow;

/// One entry of `allow`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Allowed {
    /// Addresses that are not routed on the Internet.
    Private,
    /// The networks of this node.
    Node,
    /// A range of addresses.
    Range(IpNet),
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private => f.write_str("private"),
            Self::Node => f.write_str("node"),
            Self::Range(range) => range.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Allowed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match text.as_str() {
            "private" => return Ok(Self::Private),
            "node" => return Ok(Self::Node),
            _ => {}
        }
        let alone = || text.parse::<std::net::IpAddr>().map(IpNet::from);
        let range = text.parse::<IpNet>().map(|range| range.trunc());
        range.or_else(|_| alone()).map(Self::Range).map_err(|_| {
            let known = "a range such as 10.244.0.0/16, \"private\" or \"node\"";
            D::Error::custom(format!("{text:?} is not {known}"))
        })
    }
}

/// Puts the ranges of all entries together; those of the node are `own`.
pub(super) fn ranges(entries: &[Allowed], own: &[IpNet]) -> Allow {
    let private = || PRIVATE.iter().filter_map(|range| range.parse().ok());
    Allow::of(entries.iter().flat_map(|entry| -> Vec<IpNet> {
        match entry {
            Allowed::Private => private().collect(),
            Allowed::Node => own.to_vec(),
            Allowed::Range(range) => vec![*range],
        }
    }))
}

/// RFC 1918, shared address space (RFC 6598), loopback and link-local addresses;
/// the same of IPv6 with unique local addresses (RFC 4193).
const PRIVATE: [&str; 9] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_and_those_of_the_node_are_allowed() {
        let own: IpNet = "203.0.113.0/24".parse().unwrap();
        let allowed = ranges(&[Allowed::Private, Allowed::Node], &[own]);
        let has = |addr: &str| allowed.has(addr.parse().unwrap());
        for addr in ["10.9.9.9", "172.31.0.1", "100.127.0.1", "127.0.0.53", "203.0.113.7"] {
            assert!(has(addr), "{addr}");
        }
        for addr in ["169.254.20.10", "fd00::1", "fe80::1", "::1"] {
            assert!(has(addr), "{addr}");
        }
        for addr in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "203.0.114.1", "2001:db8::1"] {
            assert!(!has(addr), "{addr}");
        }
        assert!(PRIVATE.iter().all(|range| range.parse::<IpNet>().is_ok()));
    }
}
