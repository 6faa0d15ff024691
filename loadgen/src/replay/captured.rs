//! Queries in a capture of packets: the files of tcpdump (pcap) and of Wireshark's
//! programs (pcapng).
//!
//! Queries are datagrams to port 53 without QR. What is of another protocol, a later
//! fragment or cut short is passed over and counted.

use std::net::IpAddr;

use dns::{Flags, Header};
use pcap::{CaptureError, Packet, Reader, Segment, Transport};

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

/// Reads a capture; its last packet may be cut short.
///
/// # Errors
///
/// A file that is none, is damaged, or whose kind of link is not read.
pub fn read(file: &[u8]) -> Result<Capture, CaptureError> {
    let mut capture = Capture::default();
    let mut reader = Reader::new(file)?;
    while let Some(packet) = reader.next_packet()? {
        match query(&packet) {
            Some((client, asked)) => {
                let (at, over_tcp, rcode) = (packet.at, false, None);
                capture
                    .queries
                    .push(Line { at, client, asked, over_tcp, rcode });
            }
            None => capture.others += 1,
        }
    }
    capture.others += reader.untimed();
    Ok(capture)
}

/// Returns who asks what in a packet.
fn query(packet: &Packet<'_>) -> Option<(IpAddr, Asked)> {
    let segment = Segment::of(packet)?;
    let Transport::Udp(message) = segment.transport else { return None };
    let is_query = segment.to.port() == DNS && !Header::parse(message)?.flags.has(Flags::QR);
    Some((segment.from.ip(), Asked::parse(message).filter(|_| is_query)?))
}

const DNS: u16 = 53;

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
        assert_eq!((first.at, last.at), (100_000_000_000, 101_000_000_000));
        // Cut in its last packet.
        assert_eq!(read(&file[..file.len() - 9]).unwrap().queries.len(), 1);
    }
}
