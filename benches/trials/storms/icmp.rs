//! Port unreachable from an address that has nothing to do with it (RFC 792).

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use anyhow::Result;
use socket2::{Domain, Protocol, Socket, Type};

/// Sends one for each port that `host` may have asked `upstream` from.
///
/// # Errors
///
/// Without the right to raw sockets.
pub(crate) fn forge(host: Ipv4Addr, upstream: SocketAddr) -> Result<()> {
    let SocketAddr::V4(upstream) = upstream else { return Ok(()) };
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
    socket.bind(&SocketAddr::from((STRANGER, 0)).into())?;
    let to = SocketAddr::from((host, 0)).into();
    for port in EPHEMERAL {
        // One for which there is no room is lost.
        socket
            .send_to(&unreachable(SocketAddrV4::new(host, port), upstream), &to)
            .ok();
    }
    Ok(())
}

/// An ICMP message about a datagram that `from` sent to `to`.
fn unreachable(from: SocketAddrV4, to: SocketAddrV4) -> Vec<u8> {
    let mut message = vec![3, 3, 0, 0, 0, 0, 0, 0];
    // The IPv4 header: version and length, a total of 60 octets, UDP.
    message.extend([0x45, 0, 0, 60, 0, 0, 0x40, 0, 64, 17, 0, 0]);
    message.extend(from.ip().octets());
    message.extend(to.ip().octets());
    message.extend(from.port().to_be_bytes());
    message.extend(to.port().to_be_bytes());
    message.extend([0, 40, 0, 0]);
    let sum = checksum(&message).to_be_bytes();
    for (place, octet) in message.iter_mut().skip(2).zip(sum) {
        *place = octet;
    }
    message
}

/// The Internet checksum (RFC 1071).
fn checksum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2).map(|pair| {
        let low = pair.get(1).copied().unwrap_or_default();
        u32::from(u16::from_be_bytes([pair.first().copied().unwrap_or_default(), low]))
    });
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or_default()
}

/// The ports that Linux chooses from, unless configured otherwise.
const EPHEMERAL: std::ops::Range<u16> = 32_768..61_000;

const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);
