//! Captures of packets, from whoever ran tcpdump.

use pcap::{Reader, Segment, Transport, Wrong};

use super::{Target, outcome, size};

pub(super) const CAPTURE: Target = Target {
    name: "capture",
    feed: capture,
    folders: &["capture"],
    words: &[
        // The beginnings of files, and types of blocks.
        b"\xd4\xc3\xb2\xa1",
        b"\xa1\xb2\x3c\x4d",
        b"\x0a\x0d\x0d\x0a",
        b"\x4d\x3c\x2b\x1a",
        b"\x01\0\0\0\x14\0\0\0",
        b"\x06\0\0\0",
        // Ethernet types: VLAN, IPv4, IPv6.
        b"\x81\0",
        b"\x08\0\x45\0",
        b"\x86\xdd\x60\0",
        b"\xff\xff\xff\xff",
    ],
    longest: 4_096,
};

/// Packets end, are within the file, and so is what they carry and where a file is wrong.
fn capture(octets: &[u8]) -> u64 {
    let len = octets.len() as u64;
    let mut reader = match Reader::new(octets) {
        Ok(reader) => reader,
        Err(error) => return ended(error.at, &error.wrong, len),
    };
    let (mut packets, mut read, mut segments, mut flags) = (0_usize, 0, 0_usize, 0);
    let end = loop {
        match reader.next_packet() {
            Ok(Some(packet)) => {
                packets += 1;
                read += packet.octets.len();
                assert!(read <= octets.len() && packets <= octets.len());
                let Some(segment) = Segment::of(&packet) else { continue };
                segments += 1;
                match segment.transport {
                    Transport::Udp(payload) => assert!(payload.len() <= packet.octets.len()),
                    Transport::Tcp(of_tcp) => flags |= of_tcp.0,
                }
            }
            Ok(None) => break 0,
            Err(error) => break ended(error.at, &error.wrong, len),
        }
    };
    let cut = reader.cut_at().map(|at| assert!(at <= len)).is_some();
    let dropped = reader.dropped() > 0;
    outcome((size(packets), size(segments), flags, end, cut, dropped, size(read)))
}

/// What is wrong, without its numbers.
fn ended(at: u64, wrong: &Wrong, len: u64) -> u64 {
    assert!(at <= len, "octet {at} of {len}");
    let text = wrong.to_string();
    outcome(
        text.split(|character: char| character.is_ascii_digit())
            .next(),
    )
}
