//! Control messages: what travels beside a datagram, not in it.
//!
//! A `cmsghdr` is its length (in the kernel's ABI a `size_t`, its own 16 octets
//! included), level and type; data follow, and the next header at the next
//! multiple of 8. Read and written octet by octet, as [`SockAddr`](crate::sockaddr::SockAddr) is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::LocalAddr;
use crate::sockaddr::{field, put};

/// Room for the control messages of one datagram.
#[derive(Clone, Copy, Debug)]
#[repr(align(8))]
pub(crate) struct Control {
    octets: [u8; Self::CAPACITY],
    len: u8,
}

/// What the control messages of a received datagram say.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Received {
    pub(crate) local: Option<LocalAddr>,
    pub(crate) at: Option<SystemTime>,
    /// Octets of each of the datagrams that came as one; the last may be
    /// shorter.
    pub(crate) segment: Option<usize>,
    pub(crate) error: Option<ExtendedError>,
}

/// The start of `struct sock_extended_err` (linux/errqueue.h).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ExtendedError {
    pub(crate) errno: i32,
    pub(crate) origin: u8,
    pub(crate) kind: u8,
    pub(crate) code: u8,
}

impl Control {
    /// One IPv6 packet information (40), one time stamp (32) and one length
    /// of segments (24); or a time stamp and an error with who sent it (60).
    pub(crate) const CAPACITY: usize = 96;

    pub(crate) const EMPTY: Self = Self { octets: [0; Self::CAPACITY], len: 0 };

    /// Asks the kernel to send from `local`.
    pub(crate) fn from(local: LocalAddr) -> Self {
        let mut control = Self::EMPTY;
        match local.address() {
            IpAddr::V4(address) => {
                control.header(libc::IPPROTO_IP, libc::IP_PKTINFO, V4_INFO_LEN);
                control.put(HEADER_LEN, &local.reply_interface().to_ne_bytes());
                control.put(HEADER_LEN + V4_SOURCE, &address.octets());
            }
            IpAddr::V6(address) => {
                control.header(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, V6_INFO_LEN);
                control.put(HEADER_LEN, &address.octets());
                control.put(HEADER_LEN + V6_INTERFACE, &local.reply_interface().to_ne_bytes());
            }
        }
        control
    }

    /// Asks the kernel to cut what is sent into datagrams of `len` octets.
    pub(crate) fn segment(len: u16) -> Self {
        let mut control = Self::EMPTY;
        control.header(libc::SOL_UDP, libc::UDP_SEGMENT, size_of::<u16>());
        control.put(HEADER_LEN, &len.to_ne_bytes());
        control
    }

    /// Reads what the kernel wrote; messages of other kinds are skipped.
    pub(crate) fn received(&self) -> Received {
        let mut received = Received::default();
        let mut rest = self.octets();
        while let Some((level, kind, data, after)) = split_message(rest) {
            match (level, kind) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => received.local = v4_info(data),
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => received.local = v6_info(data),
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => received.at = time_stamp(data),
                (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) => {
                    received.error = extended_error(data);
                }
                (libc::SOL_UDP, libc::UDP_GRO) => received.segment = segment(data),
                _ => {}
            }
            rest = after;
        }
        received
    }

    /// The octets in use.
    pub(crate) fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// All octets, for the kernel to write messages to; followed by
    /// [`set_len`](Self::set_len).
    pub(crate) const fn octets_mut(&mut self) -> &mut [u8; Self::CAPACITY] {
        &mut self.octets
    }

    /// Returns how many octets the kernel wrote.
    pub(crate) fn set_len(&mut self, len: usize) {
        self.len = u8::try_from(len.min(Self::CAPACITY)).unwrap_or(0);
    }

    fn header(&mut self, level: i32, kind: i32, data_len: usize) {
        self.put(0, &(HEADER_LEN + data_len).to_ne_bytes());
        self.put(8, &level.to_ne_bytes());
        self.put(12, &kind.to_ne_bytes());
        self.set_len((HEADER_LEN + data_len).next_multiple_of(ALIGNMENT));
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        put(&mut self.octets, at, bytes);
    }
}

/// Splits off the first message: its level, its type, its data, and the rest.
fn split_message(octets: &[u8]) -> Option<(i32, i32, &[u8], &[u8])> {
    let len = usize::from_ne_bytes(field(octets, 0)?);
    let level = i32::from_ne_bytes(field(octets, 8)?);
    let kind = i32::from_ne_bytes(field(octets, 12)?);
    // Also ends the walk at a length below the header's own, or past the end.
    let data = octets.get(HEADER_LEN..len)?;
    let next = len.next_multiple_of(ALIGNMENT).min(octets.len());
    Some((level, kind, data, octets.get(next..)?))
}

/// `struct in_pktinfo`: interface, our address on it, the header's destination.
///
/// The second is the one to reply from: the third may be a broadcast address.
fn v4_info(data: &[u8]) -> Option<LocalAddr> {
    let interface = u32::from_ne_bytes(field(data, 0)?);
    let address = Ipv4Addr::from(field::<4>(data, V4_SOURCE)?);
    Some(LocalAddr::new(address.into(), interface))
}

/// `struct in6_pktinfo`: destination, interface.
fn v6_info(data: &[u8]) -> Option<LocalAddr> {
    let address = Ipv6Addr::from(field::<16>(data, 0)?);
    let interface = u32::from_ne_bytes(field(data, V6_INTERFACE)?);
    Some(LocalAddr::new(address.into(), interface))
}

/// `struct timespec` on `CLOCK_REALTIME`.
fn time_stamp(data: &[u8]) -> Option<SystemTime> {
    let seconds = u64::try_from(i64::from_ne_bytes(field(data, 0)?)).ok()?;
    let nanos = u32::try_from(i64::from_ne_bytes(field(data, 8)?)).ok()?;
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanos.min(999_999_999)))
}

/// `struct sock_extended_err`, up to what is told about ICMP.
fn extended_error(data: &[u8]) -> Option<ExtendedError> {
    let errno = i32::try_from(u32::from_ne_bytes(field(data, 0)?)).ok()?;
    let [origin, kind, code] = field(data, 4)?;
    Some(ExtendedError { errno, origin, kind, code })
}

/// An `int`, unlike the `u16` of a send.
fn segment(data: &[u8]) -> Option<usize> {
    let len = i32::from_ne_bytes(field(data, 0)?);
    usize::try_from(len).ok().filter(|len| *len > 0)
}

const HEADER_LEN: usize = 16;
const ALIGNMENT: usize = 8;
const V4_INFO_LEN: usize = 12;
const V4_SOURCE: usize = 4;
const V6_INFO_LEN: usize = 20;
const V6_INTERFACE: usize = 16;
const _: () = assert!(size_of::<libc::cmsghdr>() == HEADER_LEN);
const _: () = assert!(size_of::<libc::in_pktinfo>() == V4_INFO_LEN);
const _: () = assert!(size_of::<libc::in6_pktinfo>() == V6_INFO_LEN);

#[cfg(test)]
mod tests {
    use super::*;

    fn of(octets: &[u8]) -> Received {
        let mut control = Control::EMPTY;
        control.put(0, octets);
        control.set_len(octets.len());
        control.received()
    }

    #[test]
    fn a_source_address_reads_back_as_written() {
        for text in ["127.0.0.2", "::1", "2001:db8::9"] {
            let local = LocalAddr::new(text.parse().unwrap(), 3);
            let read = Control::from(local).received().local.unwrap();
            assert_eq!(read.address(), local.address());
            assert_eq!(read.interface(), 0, "a reply to {text} follows the routes");
        }
    }

    #[test]
    fn a_link_local_source_keeps_its_link() {
        let local = LocalAddr::new("fe80::1".parse().unwrap(), 3);
        assert_eq!(Control::from(local).received().local, Some(local));
    }

    #[test]
    fn a_time_stamp_an_address_and_a_segment_fit_together() {
        let mut octets = Control::from(LocalAddr::new("::1".parse().unwrap(), 1))
            .octets()
            .to_vec();
        octets.extend_from_slice(&32_usize.to_ne_bytes());
        octets.extend_from_slice(&libc::SOL_SOCKET.to_ne_bytes());
        octets.extend_from_slice(&libc::SCM_TIMESTAMPNS.to_ne_bytes());
        octets.extend_from_slice(&7_i64.to_ne_bytes());
        octets.extend_from_slice(&8_i64.to_ne_bytes());
        octets.extend_from_slice(&20_usize.to_ne_bytes());
        octets.extend_from_slice(&libc::SOL_UDP.to_ne_bytes());
        octets.extend_from_slice(&libc::UDP_GRO.to_ne_bytes());
        octets.extend_from_slice(&[40_i32.to_ne_bytes(), [0; 4]].concat());
        assert_eq!(octets.len(), Control::CAPACITY);
        let received = of(&octets);
        assert_eq!(received.at, Some(UNIX_EPOCH + Duration::new(7, 8)));
        assert_eq!(received.segment, Some(40));
        assert_eq!(received.local.unwrap().address(), "::1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn a_wrong_length_ends_the_walk() {
        for len in [0_usize, 15, 97, usize::MAX] {
            let mut octets = [0; 32];
            octets[..8].copy_from_slice(&len.to_ne_bytes());
            assert_eq!(of(&octets), Received::default(), "length {len}");
        }
        assert_eq!(of(&[1; 7]), Received::default());
    }
}
