//! Socket addresses as the kernel lays them out in memory.
//!
//! Read and written octet by octet, so that no pointer is ever cast: the
//! layouts of `sockaddr_in` and `sockaddr_in6` are part of the system's ABI.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// The octets of a `sockaddr_in` or a `sockaddr_in6`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SockAddr {
    octets: [u8; Self::CAPACITY],
    len: u8,
}

impl SockAddr {
    /// The size of the larger of the two.
    pub(crate) const CAPACITY: usize = 28;

    /// No address: what a connected socket sends to.
    pub(crate) const NONE: Self = Self { octets: [0; Self::CAPACITY], len: 0 };

    pub(crate) fn new(addr: SocketAddr) -> Self {
        match addr {
            SocketAddr::V4(addr) => Self::v4(addr),
            SocketAddr::V6(addr) => Self::v6(addr),
        }
    }

    /// Reads what the kernel wrote; `None` for any other family.
    pub(crate) fn addr(&self) -> Option<SocketAddr> {
        let octets = &self.octets;
        let port = u16::from_be_bytes(field(octets, PORT)?);
        match i32::from(u16::from_ne_bytes(field(octets, FAMILY)?)) {
            libc::AF_INET => {
                let ip = Ipv4Addr::from(field::<4>(octets, V4_ADDRESS)?);
                Some(SocketAddrV4::new(ip, port).into())
            }
            libc::AF_INET6 => {
                let ip = Ipv6Addr::from(field::<16>(octets, V6_ADDRESS)?);
                let flow = u32::from_be_bytes(field(octets, V6_FLOW)?);
                let scope = u32::from_ne_bytes(field(octets, V6_SCOPE)?);
                Some(SocketAddrV6::new(ip, port, flow, scope).into())
            }
            _ => None,
        }
    }

    /// The octets in use; none for [`SockAddr::NONE`].
    pub(crate) fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// All octets, for the kernel to write an address to.
    pub(crate) const fn octets_mut(&mut self) -> &mut [u8; Self::CAPACITY] {
        &mut self.octets
    }

    fn v4(addr: SocketAddrV4) -> Self {
        let mut sockaddr = Self { octets: [0; Self::CAPACITY], len: 16 };
        sockaddr.put(FAMILY, &FAMILY_V4.to_ne_bytes());
        sockaddr.put(PORT, &addr.port().to_be_bytes());
        sockaddr.put(V4_ADDRESS, &addr.ip().octets());
        sockaddr
    }

    fn v6(addr: SocketAddrV6) -> Self {
        let mut sockaddr = Self { octets: [0; Self::CAPACITY], len: 28 };
        sockaddr.put(FAMILY, &FAMILY_V6.to_ne_bytes());
        sockaddr.put(PORT, &addr.port().to_be_bytes());
        sockaddr.put(V6_FLOW, &addr.flowinfo().to_be_bytes());
        sockaddr.put(V6_ADDRESS, &addr.ip().octets());
        sockaddr.put(V6_SCOPE, &addr.scope_id().to_ne_bytes());
        sockaddr
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        put(&mut self.octets, at, bytes);
    }
}

/// Returns the `N` octets at `at`, if they are there.
pub(crate) fn field<const N: usize>(octets: &[u8], at: usize) -> Option<[u8; N]> {
    octets.get(at..)?.first_chunk().copied()
}

/// Writes `bytes` at `at`; every caller's layout has room for them.
pub(crate) fn put(octets: &mut [u8], at: usize, bytes: &[u8]) {
    let room = octets
        .get_mut(at..)
        .and_then(|rest| rest.get_mut(..bytes.len()));
    debug_assert!(room.is_some(), "{} octets at {at}", bytes.len());
    if let Some(room) = room {
        room.copy_from_slice(bytes);
    }
}

// Offsets of the fields, the same in both layouts up to the port.
const FAMILY: usize = 0;
const PORT: usize = 2;
const V4_ADDRESS: usize = 4;
const V6_FLOW: usize = 4;
const V6_ADDRESS: usize = 8;
const V6_SCOPE: usize = 24;

// `sa_family_t` has 16 bits, the constants 32.
const FAMILY_V4: u16 = 2;
const FAMILY_V6: u16 = 10;
const _: () = assert!(FAMILY_V4 as i32 == libc::AF_INET && FAMILY_V6 as i32 == libc::AF_INET6);
const _: () = assert!(size_of::<libc::sockaddr_in>() == 16);
const _: () = assert!(size_of::<libc::sockaddr_in6>() == SockAddr::CAPACITY);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_the_kernels_layout() {
        for text in ["127.0.0.2:53", "0.0.0.0:0", "[::1]:5353", "[2001:db8::1]:65535"] {
            let addr: SocketAddr = text.parse().unwrap();
            assert_eq!(SockAddr::new(addr).addr(), Some(addr), "{text}");
        }
        let scoped = SocketAddrV6::new("fe80::1".parse().unwrap(), 53, 0x000a_bcde, 7);
        assert_eq!(SockAddr::new(scoped.into()).addr(), Some(scoped.into()));
    }

    #[test]
    fn another_family_is_no_address() {
        assert_eq!(SockAddr::NONE.addr(), None);
        assert!(SockAddr::NONE.octets().is_empty());
    }
}
