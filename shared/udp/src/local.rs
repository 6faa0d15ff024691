//! The address on our side of a datagram.

use std::fmt;
use std::net::IpAddr;

/// The local address a datagram was sent to, and what it takes to answer from
/// it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LocalAddr {
    address: IpAddr,
    interface: u32,
}

impl LocalAddr {
    /// Names an address of this host, and the index of the interface the
    /// datagram came in by (0 when not known).
    pub const fn new(address: IpAddr, interface: u32) -> Self {
        Self { address, interface }
    }

    /// Returns the address.
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// Returns the index of the interface the datagram came in by.
    pub const fn interface(self) -> u32 {
        self.interface
    }

    /// Returns the interface a reply must leave by: 0 leaves it to the routes.
    ///
    /// The one a query came in by need not lead back to its sender, and naming
    /// it bypasses the routing table (Unbound clears it for the same reason).
    /// Only a link-local address means nothing without its link.
    pub(crate) const fn reply_interface(self) -> u32 {
        match self.address {
            IpAddr::V6(address) if address.is_unicast_link_local() => self.interface,
            IpAddr::V6(_) | IpAddr::V4(_) => 0,
        }
    }
}

impl fmt::Display for LocalAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}
