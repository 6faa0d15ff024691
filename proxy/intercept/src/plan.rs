//! What is to be intercepted.

use std::net::{IpAddr, SocketAddr};

/// The addresses that are taken over, and where their queries go without us.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// Addresses of Services, which kube-proxy answers for without us.
    pub services: Vec<IpAddr>,
    /// Addresses that only this node has, as 169.254.20.10.
    pub local: Vec<IpAddr>,
    /// Where queries to `local` go without us: the pods of CoreDNS.
    pub fallback: Vec<SocketAddr>,
    /// Our other TCP listeners, which must answer when the connection table is full.
    pub also: Vec<SocketAddr>,
}

impl Plan {
    /// All addresses that become ours.
    pub fn all(&self) -> impl Iterator<Item = IpAddr> {
        self.services.iter().chain(&self.local).copied()
    }

    /// Those of a family.
    pub fn addresses(&self, family: Family) -> impl Iterator<Item = IpAddr> {
        self.all().filter(move |addr| Family::of(*addr) == family)
    }

    /// The families of which there are any.
    pub fn families(&self) -> impl Iterator<Item = Family> {
        let has = |family: &Family| self.addresses(*family).next().is_some();
        [Family::V4, Family::V6].into_iter().filter(has)
    }
}

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// That of an address.
    pub const fn of(addr: IpAddr) -> Self {
        if addr.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Octets of an address.
    pub(crate) const fn len(self) -> u32 {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }

    /// Names a set of this family, as `live4`.
    pub(crate) fn set(self, name: &str) -> String {
        match self {
            Self::V4 => format!("{name}4"),
            Self::V6 => format!("{name}6"),
        }
    }
}

/// The octets of an address as they stand in a packet.
pub(crate) fn octets(addr: IpAddr) -> Vec<u8> {
    match addr {
        IpAddr::V4(addr) => addr.octets().to_vec(),
        IpAddr::V6(addr) => addr.octets().to_vec(),
    }
}

/// The name of the table that is ours, of the family `inet`; also the comment that
/// marks it as ours.
pub const TABLE: &str = "fivedots";

/// The mark of our own packets (`SO_MARK`) that must reach us, or an upstream, past
/// all rules. Not among the bits of kube-proxy (0x4000, 0x8000) or Cilium (0x0f00).
pub const MARK: u32 = 0x0035_0000;
