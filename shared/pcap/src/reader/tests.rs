//! Files made by hand, whole, cut, bent and damaged.

use super::*;
use crate::segment::{Segment, TcpFlags, Transport};

/// The octets of a datagram from 10.244.1.7:40000, in IPv4.
fn datagram(to: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len() + 8).unwrap();
    let ip = [
        &[0x45, 0][..],
        &(len + 20).to_be_bytes(),
        &[0, 0, 0, 0, 64, 17, 0, 0, 10, 244, 1, 7, 10, 96, 0, 10],
    ];
    let udp = [&[0x9c, 0x40][..], &to.to_be_bytes(), &len.to_be_bytes(), &[0, 0]];
    [ip.concat(), udp.concat(), payload.to_vec()].concat()
}

/// Packets 250 ms apart, from second 100 on.
fn pcap_file(link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    file.extend(link.to_le_bytes());
    for (n, packet) in (0_u32..).zip(packets) {
        let len = u32::try_from(packet.len()).unwrap();
        for number in [100, n * 250_000, len, len] {
            file.extend(number.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}

fn block(kind: u32, inner: &[u8]) -> Vec<u8> {
    let padded = inner.len().next_multiple_of(4);
    let len = u32::try_from(12 + padded).unwrap().to_be_bytes();
    let mut octets = [&kind.to_be_bytes()[..], &len, inner].concat();
    octets.resize(8 + padded, 0);
    octets.extend(len);
    octets
}

/// A section of a big machine, whose clock has this resolution, with one packet.
fn pcapng_file(resolution: u8, units: u64, packet: &[u8]) -> Vec<u8> {
    let section = [&0x1a2b_3c4d_u32.to_be_bytes()[..], &[0, 1, 0, 0], &[0xff; 8]].concat();
    let interface = [0, 1, 0, 0, 0, 4, 0, 0, 0, 9, 0, 1, resolution, 0, 0, 0, 0, 0, 0, 0];
    let len = u32::try_from(packet.len()).unwrap().to_be_bytes();
    let numbers = [[0; 4], [0; 4], len, len];
    let mut body = numbers.concat();
    body.splice(4..8, units.to_be_bytes());
    body.truncate(12);
    body.extend([len, len].concat());
    body.extend(packet);
    // A comment in a block of a kind that is not read.
    let other = block(0x0bad, b"not looked at");
    [block(SECTION, &section), block(INTERFACE, &interface), other, block(6, &body)].concat()
}

/// The instants, and to which port each packet goes, 0 for what is no datagram; and where
/// the file is cut.
type Seen = (Vec<(u64, u16)>, Option<u64>);

fn read(file: &[u8]) -> Result<Seen, CaptureError> {
    let mut reader = Reader::new(file)?;
    let mut packets = Vec::new();
    while let Some(packet) = reader.next_packet()? {
        packets.push((packet.at, Segment::of(&packet).map_or(0, |segment| segment.to.port())));
    }
    Ok((packets, reader.cut_at()))
}

fn wrong(file: &[u8]) -> String {
    read(file).unwrap_err().to_string()
}

#[test]
fn packets_have_their_instants_ends_and_payloads() {
    let file = pcap_file(101, &[datagram(53, b"abc"), vec![0; 20], datagram(9, b"")]);
    let second = SECOND;
    let instants =
        [(100 * second, 53), (100 * second + second / 4, 0), (100 * second + second / 2, 9)];
    assert_eq!(read(&file).unwrap(), (instants.to_vec(), None));
    let mut reader = Reader::new(&*file).unwrap();
    let packet = reader.next_packet().unwrap().unwrap();
    let segment = Segment::of(&packet).unwrap();
    assert_eq!(segment.from.to_string(), "10.244.1.7:40000");
    assert_eq!(segment.to.to_string(), "10.96.0.10:53");
    assert_eq!(segment.transport, Transport::Udp(b"abc"));
}

#[test]
fn each_kind_of_link_is_taken_off() {
    let ip = datagram(53, b"abc");
    let before = |octets: &[u8]| [octets, &ip].concat();
    let ethernet = [0; 12];
    let frames = [
        (1, before(&[&ethernet[..], &[8, 0]].concat())),
        (1, before(&[&ethernet[..], &[0x81, 0, 0, 7, 8, 0]].concat())),
        (1, before(&[&ethernet[..], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 7, 8, 0]].concat())),
        (0, before(&[2, 0, 0, 0])),
        (113, before(&[&[0; 14][..], &[8, 0]].concat())),
        (276, before(&[&[8, 0][..], &[0; 18]].concat())),
        (228, ip.clone()),
        // Padded to the least that Ethernet sends.
        (1, [before(&[&ethernet[..], &[8, 0]].concat()), vec![0; 9]].concat()),
    ];
    for (link, frame) in frames {
        let file = pcap_file(link, &[frame]);
        let mut reader = Reader::new(&*file).unwrap();
        let packet = reader.next_packet().unwrap().unwrap();
        let segment = Segment::of(&packet).unwrap_or_else(|| panic!("{link}: {packet:?}"));
        assert_eq!(segment.transport, Transport::Udp(b"abc"), "{link}");
    }
    // ARP, and three tags.
    for start in [&[8, 6][..], &[0x81, 0, 0, 7, 0x81, 0, 0, 7, 0x81, 0, 0, 7, 8, 0]] {
        let file = pcap_file(1, &[before(&[&ethernet[..], start].concat())]);
        assert_eq!(read(&file).unwrap().0, [(100 * SECOND, 0)]);
    }
}

#[test]
fn ipv6_has_its_extension_headers_passed_over() {
    let segment = |next: u8, body: &[u8]| {
        let mut ip = vec![0x60, 0, 0, 0, 0, 0, next, 64];
        ip.extend([&[0xfd; 16][..], &[0xfe; 16], body].concat());
        let file = pcap_file(101, &[ip]);
        let mut reader = Reader::new(&*file).unwrap();
        let packet = reader.next_packet().unwrap().unwrap();
        Segment::of(&packet)
            .map(|segment| (segment.to.port(), segment.transport == Transport::Udp(b"a")))
    };
    let udp = [0x9c, 0x40, 0, 53, 0, 9, 0, 0, b'a'];
    let after = |header: [u8; 8]| [&header[..], &udp].concat();
    assert_eq!(segment(17, &udp), Some((53, true)));
    assert_eq!(segment(0, &after([17, 0, 0, 0, 0, 0, 0, 0])), Some((53, true)));
    // The first fragment, and a later one.
    assert_eq!(segment(44, &after([17, 0, 0, 1, 0, 0, 0, 7])), Some((53, true)));
    assert_eq!(segment(44, &after([17, 0, 0, 8, 0, 0, 0, 7])), None);
}

#[test]
fn of_tcp_the_flags_are_read() {
    let mut ip = datagram(53, &[0; 12]);
    ip[9] = 6;
    ip[33] = TcpFlags::SYN | TcpFlags::ACK;
    let file = pcap_file(101, &[ip]);
    let mut reader = Reader::new(&*file).unwrap();
    let packet = reader.next_packet().unwrap().unwrap();
    let Some(Segment { transport: Transport::Tcp(flags), .. }) = Segment::of(&packet) else {
        panic!("{packet:?}");
    };
    assert!(flags.has(TcpFlags::SYN | TcpFlags::ACK) && !flags.has(TcpFlags::RST));
}

#[test]
fn later_fragments_are_no_datagrams() {
    let mut ip = datagram(53, b"abc");
    ip[7] = 1;
    assert_eq!(read(&pcap_file(101, &[ip])).unwrap().0, [(100 * SECOND, 0)]);
}

#[test]
fn clocks_of_pcapng_have_their_resolution() {
    let frame = [&[0; 12][..], &[8, 0], &datagram(53, b"abc")].concat();
    for (resolution, units, at) in [
        (9, 77, 77),
        (6, 77, 77_000),
        (3, 2, 2_000_000),
        // Of two: 2^-10 s.
        (0x8a, 512, SECOND / 2),
        (9, 1 << 40, 1 << 40),
    ] {
        let (packets, _) = read(&pcapng_file(resolution, units, &frame)).unwrap();
        assert_eq!(packets, [(at, 53)], "{resolution}");
    }
    assert_eq!(wrong(&pcapng_file(0x7f, 1, &frame)), "octet 28: 0x7f is no resolution of time");
}

#[test]
fn sections_follow_one_another_and_lost_packets_add_up() {
    let frame = [&[0; 12][..], &[8, 0], &datagram(53, b"abc")].concat();
    let lost = |count: u8| {
        let options = [0, 5, 0, 8, 0, 0, 0, 0, 0, 0, 0, count, 0, 0, 0, 0];
        block(STATISTICS, &[&[0; 12][..], &options].concat())
    };
    let one = pcapng_file(9, 1, &frame);
    let simple = block(SIMPLE_PACKET, &[0, 0, 0, 3, 1, 2, 3]);
    let file = [&one[..], &lost(3), &lost(5), &one, &lost(2), &simple].concat();
    let mut reader = Reader::new(&*file).unwrap();
    let mut count = 0;
    while reader.next_packet().unwrap().is_some() {
        count += 1;
    }
    assert_eq!((count, reader.dropped(), reader.untimed()), (2, 7, 1));
    assert_eq!(reader.cut_at(), None);
    // By the interface and by the system, and again in the next section.
    let options = [&[0, 5, 0, 8][..], &[0xff; 8], &[0, 7, 0, 8], &[0xff; 8], &[0; 4]].concat();
    let all = block(STATISTICS, &[&[0; 12][..], &options].concat());
    let file = [&one[..], &all, &one, &all].concat();
    let mut reader = Reader::new(&*file).unwrap();
    while reader.next_packet().unwrap().is_some() {}
    assert_eq!(reader.dropped(), u64::MAX);
}

#[test]
fn a_file_that_is_cut_ends_with_the_last_whole_packet() {
    let frame = [&[0; 12][..], &[8, 0], &datagram(53, b"abc")].concat();
    let pcap = pcap_file(1, &[frame.clone(), frame.clone()]);
    let pcapng = [pcapng_file(9, 1, &frame), pcapng_file(9, 2, &frame)].concat();
    for (file, header) in [(pcap, 24), (pcapng, 28)] {
        let mut whole = 0;
        for len in 0..file.len() {
            match read(&file[..len]) {
                Ok((packets, cut)) => {
                    assert!(len >= header, "{len}");
                    assert!(packets.len() >= whole && packets.len() < 2, "{len}");
                    whole = packets.len();
                    assert!(cut.is_none_or(|at| at < len as u64), "{len}: {cut:?}");
                }
                Err(error) => assert!(len < header, "{len}: {error}"),
            }
        }
        assert_eq!(read(&file).unwrap().0.len(), 2);
    }
    assert_eq!(wrong(b""), "octet 0: the file is empty");
    assert_eq!(wrong(&[0xa1, 0xb2]), "octet 2: the file ends in its header");
}

#[test]
fn what_is_damaged_is_named_with_its_place() {
    assert!(!is_capture(b"[INFO] 10.0.0.1:4000"));
    assert_eq!(
        wrong(b"[INFO] 10.0.0.1"),
        "octet 0: 0x5b494e46 begins neither a pcap nor a pcapng file"
    );
    assert_eq!(wrong(&[0x1f, 0x8b, 8, 0]), "octet 0: the file is packed by gzip; unpack it first");
    let strange = pcap_file(189, &[]);
    assert!(is_capture(&strange));
    assert_eq!(wrong(&strange), "octet 20: packets of link type 189 are not read");
    let mut long = pcap_file(101, &[datagram(53, b"")]);
    long[24 + 8 + 3] = 1;
    assert_eq!(wrong(&long), "octet 24: a packet of 16777244 octets: the file is damaged");
    let frame = vec![0; 60];
    let mut block = pcapng_file(9, 1, &frame);
    let at = block.len() - 12 - 20 - 60;
    block[at + 7] = 9;
    assert_eq!(wrong(&block), format!("octet {at}: a block of 9 octets: the file is damaged"));
}

/// Whatever the octets are: no panic, and no memory beyond a packet.
#[test]
fn bent_files_end_or_are_damaged() {
    let frame = [&[0; 12][..], &[8, 0], &datagram(53, b"abc")].concat();
    for file in [pcap_file(1, std::slice::from_ref(&frame)), pcapng_file(9, 1, &frame)] {
        for at in 0..file.len() {
            for bits in [0xff, 0x80, 0x01] {
                let mut bent = file.clone();
                bent[at] ^= bits;
                read(&bent).ok();
            }
        }
    }
}
