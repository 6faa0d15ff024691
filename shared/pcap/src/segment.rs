//! One packet over UDP or TCP: from whom to whom, and what it carries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::number::short;
use crate::reader::Packet;

/// A packet over UDP or TCP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Segment<'a> {
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// What it is.
    pub transport: Transport<'a>,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport<'a> {
    /// A datagram: its payload, as far as it was captured.
    Udp(&'a [u8]),
    /// A segment of a connection.
    Tcp(TcpFlags),
}

/// The flags of a TCP header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// A connection is asked for, or (with ACK) accepted.
    pub const SYN: u8 = 0x02;
    /// It is refused or broken off.
    pub const RST: u8 = 0x04;
    /// Something is acknowledged.
    pub const ACK: u8 = 0x10;

    /// Returns whether all bits of `mask` are set.
    #[must_use]
    pub const fn has(self, mask: u8) -> bool {
        self.0 & mask == mask
    }
}

impl<'a> Segment<'a> {
    /// Reads a packet; `None` for what is neither UDP nor TCP over IP, a later fragment
    /// or cut short before its ports.
    #[must_use]
    pub fn of(packet: &Packet<'a>) -> Option<Self> {
        let ip = packet.link?.ip(packet.octets)?;
        let Body { from, to, protocol, octets } = match ip.first()? >> 4 {
            4 => over_ipv4(ip)?,
            6 => over_ipv6(ip)?,
            _ => return None,
        };
        let [from_port, to_port] = [short(octets, 0)?, short(octets, 2)?];
        let transport = match protocol {
            UDP => {
                // What follows is padding of the frame.
                let len = usize::from(short(octets, 4)?).min(octets.len());
                Transport::Udp(octets.get(8..len)?)
            }
            TCP => Transport::Tcp(TcpFlags(*octets.get(13)?)),
            _ => return None,
        };
        let (from, to) = (SocketAddr::new(from, from_port), SocketAddr::new(to, to_port));
        Some(Self { from, to, transport })
    }
}

/// What an IP packet carries.
struct Body<'a> {
    from: IpAddr,
    to: IpAddr,
    protocol: u8,
    octets: &'a [u8],
}

fn over_ipv4(ip: &[u8]) -> Option<Body<'_>> {
    let header = usize::from(ip.first()? & 0x0f) * 4;
    let is_first = short(ip, 6)? & 0x1fff == 0;
    let addr = |at| Some(Ipv4Addr::from(*ip.get(at..)?.first_chunk::<4>()?).into());
    let octets = ip.get(header..).filter(|_| is_first && header >= 20)?;
    Some(Body { from: addr(12)?, to: addr(16)?, protocol: *ip.get(9)?, octets })
}

fn over_ipv6(ip: &[u8]) -> Option<Body<'_>> {
    let addr = |at| Some(Ipv6Addr::from(*ip.get(at..)?.first_chunk::<16>()?).to_canonical());
    let (mut protocol, mut at) = (*ip.get(6)?, 40);
    for _ in 0..EXTENSIONS {
        let len = match protocol {
            HOP_BY_HOP | ROUTING | DESTINATION => (usize::from(*ip.get(at + 1)?) + 1) * 8,
            FRAGMENT if short(ip, at + 2)? & 0xfff8 == 0 => 8,
            _ => break,
        };
        protocol = *ip.get(at)?;
        at += len;
    }
    Some(Body { from: addr(8)?, to: addr(24)?, protocol, octets: ip.get(at..)? })
}

/// Protocols over IP, and extension headers of IPv6 (RFC 8200, section 4).
const HOP_BY_HOP: u8 = 0;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;

/// Extension headers of a packet: each of them once (RFC 8200, section 4.1).
const EXTENSIONS: usize = 4;
