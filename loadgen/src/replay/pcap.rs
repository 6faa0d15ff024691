//! Queries in a capture of packets: the files of tcpdump (pcap) and of Wireshark's
//! programs (pcapng).
//!
//! Queries are datagrams to port 53 without QR. What is of another protocol, a later
//! fragment or cut short is passed over and counted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dns::{Flags, Header, get_u16, get_u32};

use super::Asked;
use super::corelog::Line;

/// What a file has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Capture {
    /// Its queries, in its order.
    pub queries: Vec<Line>,
    /// Packets that are none.
    pub others: u64,
}

/// Returns whether a file begins as a capture does.
pub fn is_capture(file: &[u8]) -> bool {
    Format::of(file).is_some()
}

/// Reads a capture; its last packet may be cut short. `None` for a file that is none, or
/// whose kind of link is not known.
pub fn read(file: &[u8]) -> Option<Capture> {
    let mut capture = Capture::default();
    let mut take = |link: u32, at: u64, packet: &[u8]| match query(link, packet) {
        Some((client, asked)) => {
            let (over_tcp, rcode) = (false, None);
            capture
                .queries
                .push(Line { at, client, asked, over_tcp, rcode });
        }
        None => capture.others += 1,
    };
    match Format::of(file)? {
        Format::Pcap { little, per_unit } => pcap(file, little, per_unit, &mut take)?,
        Format::Pcapng => pcapng(file, &mut take)?,
    }
    Some(capture)
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Format {
    /// With the order of its octets, and the nanoseconds of its fraction of a second.
    Pcap {
        little: bool,
        per_unit: u64,
    },
    Pcapng,
}

impl Format {
    fn of(file: &[u8]) -> Option<Self> {
        Some(match get_u32(file, 0)? {
            0xa1b2_c3d4 => Self::Pcap { little: false, per_unit: 1_000 },
            0xd4c3_b2a1 => Self::Pcap { little: true, per_unit: 1_000 },
            0xa1b2_3c4d => Self::Pcap { little: false, per_unit: 1 },
            0x4d3c_b2a1 => Self::Pcap { little: true, per_unit: 1 },
            SECTION => Self::Pcapng,
            _ => return None,
        })
    }
}

type Take<'a> = dyn FnMut(u32, u64, &[u8]) + 'a;

/// A header of 24 octets, then 16 before each packet.
fn pcap(file: &[u8], little: bool, per_unit: u64, take: &mut Take<'_>) -> Option<()> {
    let number = |at| u32_at(file, at, little);
    let link = number(20)? & 0xffff;
    known(link)?;
    let mut at = 24;
    while let (Some(seconds), Some(fraction), Some(len)) =
        (number(at), number(at + 4), number(at + 8))
    {
        let len = usize::try_from(len).ok()?;
        let Some(packet) = file.get(at + 16..at + 16 + len) else { break };
        take(link, u64::from(seconds) * SECOND + u64::from(fraction) * per_unit, packet);
        at += 16 + len;
    }
    Some(())
}

/// An interface: its kind of link, and the nanoseconds of a unit of time.
type Interface = (u32, u64);

/// Blocks of a type, their length, what they hold, and their length again.
fn pcapng(file: &[u8], take: &mut Take<'_>) -> Option<()> {
    let mut little = true;
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut at = 0;
    while let Some(kind) = u32_at(file, at, little) {
        if kind == SECTION {
            little = get_u32(file, at + 8)? == 0x4d3c_2b1a;
            interfaces.clear();
        }
        let Some(len) = u32_at(file, at + 4, little) else { break };
        let len = usize::try_from(len).ok().filter(|len| *len >= 12)?;
        let Some(block) = file.get(at..at + len) else { break };
        match kind {
            INTERFACE => interfaces.push(interface(block, little)?),
            ENHANCED_PACKET => enhanced(block, little, &interfaces, take),
            _ => {}
        }
        at += len;
    }
    Some(())
}

fn interface(block: &[u8], little: bool) -> Option<Interface> {
    let link = u32::from(u16_at(block, 8, little)?);
    known(link)?;
    let mut per_unit = 1_000;
    let mut at = 16;
    while let (Some(code), Some(len)) = (u16_at(block, at, little), u16_at(block, at + 2, little)) {
        if code == END_OF_OPTIONS {
            break;
        }
        if code == RESOLUTION {
            // A power of ten; one of two has the highest bit set, and nothing writes it.
            let power = u32::from(*block.get(at + 4)?);
            per_unit = 10_u64.checked_pow(9_u32.checked_sub(power)?)?;
        }
        at += 4 + usize::from(len).next_multiple_of(4);
    }
    Some((link, per_unit))
}

fn enhanced(block: &[u8], little: bool, interfaces: &[Interface], take: &mut Take<'_>) {
    let number = |at| u32_at(block, at, little);
    let (Some(place), Some(high), Some(low), Some(len)) =
        (number(8), number(12), number(16), number(20))
    else {
        return;
    };
    let (Ok(place), Ok(len)) = (usize::try_from(place), usize::try_from(len)) else { return };
    let units = u64::from(high) << 32 | u64::from(low);
    if let (Some((link, per_unit)), Some(packet)) = (interfaces.get(place), block.get(28..28 + len))
    {
        take(*link, units.saturating_mul(*per_unit), packet);
    }
}

/// Returns who asks what in a packet of this kind of link.
fn query(link: u32, packet: &[u8]) -> Option<(IpAddr, Asked)> {
    let (client, datagram) = match ip_of(link, packet)? {
        ip if ip.first()? >> 4 == 4 => over_ipv4(ip)?,
        ip => over_ipv6(ip)?,
    };
    let is_to_dns = get_u16(datagram, 2)? == DNS;
    let message = datagram.get(8..).filter(|_| is_to_dns)?;
    let is_query = !Header::parse(message)?.flags.has(Flags::QR);
    Some((client, Asked::parse(message).filter(|_| is_query)?))
}

/// The octets from the IP header on.
fn ip_of(link: u32, packet: &[u8]) -> Option<&[u8]> {
    let (kind_at, ip_at) = match link {
        ETHERNET if get_u16(packet, 12)? == VLAN => (16, 18),
        ETHERNET => (12, 14),
        LINUX_COOKED => (14, 16),
        LINUX_COOKED_2 => (0, 20),
        RAW => return Some(packet),
        _ => return None,
    };
    let kind = get_u16(packet, kind_at)?;
    packet.get(ip_at..).filter(|_| kind == IPV4 || kind == IPV6)
}

fn over_ipv4(ip: &[u8]) -> Option<(IpAddr, &[u8])> {
    let header = usize::from(ip.first()? & 0x0f) * 4;
    let is_first = get_u16(ip, 6)? & 0x1fff == 0;
    if *ip.get(9)? != UDP || !is_first {
        return None;
    }
    let source = Ipv4Addr::from_bits(get_u32(ip, 12)?);
    Some((source.into(), ip.get(header..)?))
}

/// No extension headers: no resolver sends them.
fn over_ipv6(ip: &[u8]) -> Option<(IpAddr, &[u8])> {
    if *ip.get(6)? != UDP {
        return None;
    }
    let source: [u8; 16] = *ip.get(8..)?.first_chunk()?;
    Some((Ipv6Addr::from(source).into(), ip.get(40..)?))
}

fn known(link: u32) -> Option<()> {
    [ETHERNET, RAW, LINUX_COOKED, LINUX_COOKED_2]
        .contains(&link)
        .then_some(())
}

fn u32_at(octets: &[u8], at: usize, little: bool) -> Option<u32> {
    let number = get_u32(octets, at)?;
    Some(if little { number.swap_bytes() } else { number })
}

fn u16_at(octets: &[u8], at: usize, little: bool) -> Option<u16> {
    let number = get_u16(octets, at)?;
    Some(if little { number.swap_bytes() } else { number })
}

/// Blocks and an option of pcapng.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const END_OF_OPTIONS: u16 = 0;
const RESOLUTION: u16 = 9;
/// Kinds of links (tcpdump.org/linktypes.html).
const ETHERNET: u32 = 1;
const RAW: u32 = 101;
const LINUX_COOKED: u32 = 113;
const LINUX_COOKED_2: u32 = 276;
/// Kinds of what an Ethernet frame holds.
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const UDP: u8 = 17;
const DNS: u16 = 53;
const SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// An Ethernet frame with a query for a.example, with an OPT record.
    fn frame(to: u16, flags: u8) -> Vec<u8> {
        let message = [
            &[0, 7, flags, 0, 0, 1, 0, 0, 0, 0, 0, 1][..],
            b"\x01a\x07example\0\0\x1c\0\x01",
            &[0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0],
        ]
        .concat();
        let len = u16::try_from(message.len() + 8).unwrap();
        let udp = [&[0x9c, 0x40][..], &to.to_be_bytes(), &len.to_be_bytes(), &[0, 0]].concat();
        let ip = [
            &[0x45, 0][..],
            &(len + 20).to_be_bytes(),
            &[0, 0, 0, 0, 64, 17, 0, 0, 10, 244, 1, 7, 10, 96, 0, 10],
        ]
        .concat();
        [&[0; 12][..], &[8, 0], &ip, &udp, &message].concat()
    }

    fn pcap_of(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut file = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
        file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0]);
        for (n, frame) in (0_u32..).zip(frames) {
            let len = u32::try_from(frame.len()).unwrap();
            for number in [100, n * 250_000, len, len] {
                file.extend(number.to_le_bytes());
            }
            file.extend(frame);
        }
        file
    }

    #[test]
    fn queries_of_a_capture_are_read_and_others_counted() {
        let frames = [frame(53, 1), frame(53, 0x81), frame(5353, 1), vec![0; 20], frame(53, 1)];
        let file = pcap_of(&frames);
        let capture = read(&file).unwrap();
        assert_eq!((capture.queries.len(), capture.others), (2, 3));
        let [first, last] = [0, 1].map(|n| capture.queries[n]);
        assert_eq!(first.client.to_string(), "10.244.1.7");
        assert_eq!(first.asked.name.to_string(), "a.example.");
        assert_eq!((first.asked.payload, first.asked.dnssec_ok), (Some(1232), true));
        assert_eq!((first.at, last.at), (100 * SECOND, 101 * SECOND));
        // Cut in its last packet.
        assert_eq!(read(&file[..file.len() - 9]).unwrap().queries.len(), 1);
    }

    #[test]
    fn what_is_no_capture_is_none() {
        assert!(!is_capture(b"[INFO] 10.0.0.1:4000"));
        assert!(read(b"").is_none());
        let mut strange = pcap_of(&[]);
        strange[20] = 99;
        assert!(is_capture(&strange) && read(&strange).is_none());
        // Any octets whatever: no panic.
        let file = pcap_of(&[frame(53, 1)]);
        for at in 0..file.len() {
            let mut bent = file.clone();
            bent[at] ^= 0xff;
            read(&bent);
        }
    }

    #[test]
    fn blocks_of_pcapng_are_read() {
        let frame = frame(53, 1);
        let block = |kind: u32, inner: &[u8]| {
            let padded = inner.len().next_multiple_of(4);
            let len = u32::try_from(12 + padded).unwrap().to_le_bytes();
            let mut octets = [&kind.to_le_bytes()[..], &len, inner].concat();
            octets.resize(8 + padded, 0);
            octets.extend(len);
            octets
        };
        let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
        section.extend([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        // Nanoseconds: if_tsresol is 9.
        let interface = [1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0];
        let len = u32::try_from(frame.len()).unwrap().to_le_bytes();
        let numbers = [0_u32.to_le_bytes(), 0_u32.to_le_bytes(), 77_u32.to_le_bytes(), len, len];
        let packet = [&numbers.concat()[..], &frame].concat();
        let file = [block(SECTION, &section), block(INTERFACE, &interface), block(6, &packet)];
        let capture = read(&file.concat()).unwrap();
        assert_eq!((capture.queries.len(), capture.queries[0].at), (1, 77));
    }
}
