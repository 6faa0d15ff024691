//! Whom a run may send to.
//!
//! Load in the wrong place is an attack, and a typing error must not be one.
//! So a target is named twice: as the server, and in `allow`. Loopback harms
//! nobody but its owner; a public address needs a word on the command line as
//! well, which no file can say.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses, such as `10.96.0.0/12`; without a length, one address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cidr {
    address: IpAddr,
    length: u8,
}

/// Why a target was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// It is unspecified, multicast or broadcast: not the address of one server.
    #[error("{0} is not the address of one server")]
    NotAServer(IpAddr),
    /// It is not named in `allow`.
    #[error("{0} is not in `allow`; add \"{0}/{1}\" if load may go there")]
    NotAllowed(IpAddr, u8),
    /// It is on the Internet.
    #[error("{0} is a public address; only --i-own-this makes it a target")]
    Public(IpAddr),
    /// A fault that the command line does not name.
    #[error("the scenario makes {what}; --allow-faults {word} allows it")]
    Fault {
        /// The word that allows it.
        word: &'static str,
        /// What it is.
        what: String,
    },
}

/// Judges the faults of a scenario: each must be named on the command line, which no
/// file can do.
///
/// # Errors
///
/// The first that is not.
pub fn check_faults(
    faults: Vec<(&'static str, String)>,
    allowed: &[String],
) -> Result<(), Refusal> {
    let refused = faults
        .into_iter()
        .find(|(word, _)| !allowed.iter().any(|allowed| allowed == word));
    refused.map_or(Ok(()), |(word, what)| Err(Refusal::Fault { word, what }))
}

/// Judges `target`; `public` is the word of the command line.
///
/// # Errors
///
/// Why it may not be sent to.
pub fn check(target: IpAddr, allow: &[Cidr], public: PublicTarget) -> Result<(), Refusal> {
    let target = target.to_canonical();
    if target.is_unspecified() || target.is_multicast() || is_broadcast(target) {
        return Err(Refusal::NotAServer(target));
    }
    if target.is_loopback() {
        return Ok(());
    }
    if !allow.iter().any(|range| range.contains(target)) {
        return Err(Refusal::NotAllowed(target, full_length(target)));
    }
    if !is_private(target) && public == PublicTarget::Refused {
        return Err(Refusal::Public(target));
    }
    Ok(())
}

/// Whether load may go to a public address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PublicTarget {
    /// `--i-own-this`.
    Allowed,
    /// The default.
    Refused,
}

impl Cidr {
    /// Returns whether `address` is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(range), IpAddr::V4(address)) => {
                let mask = u32::MAX
                    .checked_shl(32 - u32::from(self.length))
                    .unwrap_or(0);
                range.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(range), IpAddr::V6(address)) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.length))
                    .unwrap_or(0);
                range.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not an address or a range such as 10.96.0.0/12");
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let full = full_length(address);
        let length = match length {
            Some(length) => length.parse().map_err(|_| wrong())?,
            None => full,
        };
        if length > full {
            return Err(wrong());
        }
        Ok(Self { address, length })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

const fn full_length(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn is_broadcast(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.is_broadcast())
}

/// Private use, link-local, and the shared space of carriers (RFC 1918, RFC
/// 3927, RFC 6598, RFC 4193): Pods, Services and Nodes have such addresses.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            let is_shared = a == 100 && b & 0xc0 == 64;
            address.is_private() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => is_local(address),
    }
}

const fn is_local(address: Ipv6Addr) -> bool {
    address.is_unique_local() || address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(target: &str, allow: &[&str], public: PublicTarget) -> Result<(), Refusal> {
        let allow: Vec<Cidr> = allow.iter().map(|range| range.parse().unwrap()).collect();
        check(target.parse().unwrap(), &allow, public)
    }

    #[test]
    fn loopback_needs_no_leave() {
        for target in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(judge(target, &[], PublicTarget::Refused), Ok(()), "{target}");
        }
    }

    #[test]
    fn a_private_address_must_be_allowed() {
        for (target, range) in [
            ("10.96.0.10", "10.96.0.10/32"),
            ("169.254.20.10", "169.254.20.10"),
            ("192.168.1.1", "192.168.0.0/16"),
            ("100.64.0.1", "100.64.0.0/10"),
            ("fd00::a", "fd00::/64"),
        ] {
            assert_eq!(judge(target, &[range], PublicTarget::Refused), Ok(()), "{target}");
            let refusal = judge(target, &["172.16.0.0/12"], PublicTarget::Allowed).unwrap_err();
            assert!(matches!(refusal, Refusal::NotAllowed(..)), "{target}");
        }
    }

    #[test]
    fn a_public_address_needs_a_word_too() {
        for target in ["9.9.9.9", "2620:fe::fe", "172.32.0.1", "100.128.0.1"] {
            let everywhere = ["0.0.0.0/0", "::/0"];
            let refusal = judge(target, &everywhere, PublicTarget::Refused).unwrap_err();
            assert!(matches!(refusal, Refusal::Public(_)), "{target}");
            assert_eq!(judge(target, &everywhere, PublicTarget::Allowed), Ok(()));
            assert!(judge(target, &[], PublicTarget::Allowed).is_err(), "{target}");
        }
    }

    #[test]
    fn an_address_of_no_single_server_is_refused() {
        for target in ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1"] {
            let refusal = judge(target, &["0.0.0.0/0", "::/0"], PublicTarget::Allowed).unwrap_err();
            assert!(matches!(refusal, Refusal::NotAServer(_)), "{target}");
        }
    }

    #[test]
    fn a_range_is_read_strictly() {
        for bad in ["10.0.0.0/33", "::/129", "10.0.0", "10.0.0.0/", "cluster"] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
        assert_eq!("10.0.0.0/8".parse::<Cidr>().unwrap().to_string(), "10.0.0.0/8");
    }
}
