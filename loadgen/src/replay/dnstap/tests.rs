//! Files by the specification: dnstap.proto in Frame Streams.

use dns::{Flags, Name, Rcode, Rtype};

use super::*;

/// A field by its number: a varint, four octets, or octets with their length.
fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn fixed32(field: u64, value: u32) -> Vec<u8> {
    [varint(field << 3 | 5), value.to_le_bytes().to_vec()].concat()
}

fn octets(field: u64, value: &[u8]) -> Vec<u8> {
    [&varint(field << 3 | 2)[..], &varint(value.len() as u64), value].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut octets = Vec::new();
    while value > 0x7f {
        octets.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    octets.push(value.to_le_bytes()[0]);
    octets
}

fn dns_message(id: u16, name: &str, answer: Option<Rcode>) -> Vec<u8> {
    let mut message = dns::query(id, &Name::from_text(name).unwrap(), Rtype::AAAA);
    if let Some(rcode) = answer {
        let mut header = Header::parse(&message).unwrap();
        header.flags = header.flags.with(Flags::QR).with_rcode(rcode);
        header.patch(&mut message).unwrap();
    }
    message
}

/// A query or an answer of a client at 10.0.0.7, from port 4000.
fn tapped(kind: u64, protocol: u64, seconds: Option<u64>, message: &[u8]) -> Vec<u8> {
    let inner = [
        number(1, kind),
        number(2, 1),
        number(3, protocol),
        octets(4, &[10, 0, 0, 7]),
        octets(5, &[10, 96, 0, 10]),
        number(6, 4000),
        number(7, 53),
        seconds.map_or_else(Vec::new, |seconds| {
            [number(8, seconds), fixed32(9, 250_000_000)].concat()
        }),
        octets(if kind % 2 == 1 { 10 } else { 14 }, message),
    ];
    [octets(1, b"ns1"), number(15, 1), octets(14, &inner.concat())].concat()
}

fn file(frames: &[Vec<u8>]) -> Vec<u8> {
    let start = control_frame(2, b"protobuf:dnstap.Dnstap");
    let frames = frames.iter().flat_map(|frame| {
        let len = u32::try_from(frame.len()).unwrap().to_be_bytes();
        [&len[..], frame].concat()
    });
    start
        .into_iter()
        .chain(frames)
        .chain([0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 3])
        .collect()
}

fn control_frame(kind: u32, content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).unwrap();
    let numbers = [0, 12 + len, kind, 1, len].map(u32::to_be_bytes);
    [numbers.as_flattened(), content].concat()
}

#[test]
fn a_query_and_its_answer_are_one() {
    let frames = [
        tapped(5, 1, Some(100), &dns_message(7, "a.example", None)),
        tapped(6, 1, None, &dns_message(7, "a.example", Some(Rcode::NXDOMAIN))),
        // Asked again with the same ID, and never answered.
        tapped(5, 1, Some(105), &dns_message(7, "a.example", None)),
    ];
    let tapped = read(&file(&frames)).unwrap();
    let [answered, open] = [0, 1].map(|n| tapped.queries[n]);
    assert_eq!((tapped.queries.len(), tapped.others, tapped.has_answers), (2, 0, true));
    assert_eq!(answered.at, 100_250_000_000);
    assert_eq!(answered.client.to_string(), "10.0.0.7");
    assert_eq!(
        (answered.asked.name.to_string(), answered.asked.qtype),
        ("a.example.".to_owned(), Rtype::AAAA)
    );
    assert_eq!((answered.rcode, open.rcode), (Some(Rcode::NXDOMAIN), None));
    assert_eq!(open.at, 105_250_000_000);
}

#[test]
fn answers_alone_tell_of_their_queries() {
    let frames = [
        tapped(6, 1, Some(100), &dns_message(1, "a.example", Some(Rcode::NOERROR))),
        tapped(6, 2, Some(101), &dns_message(2, "b.example", Some(Rcode::NOERROR))),
        // Without the time of the query there is nothing to play.
        tapped(6, 1, None, &dns_message(3, "c.example", Some(Rcode::NOERROR))),
        // A server's own query.
        tapped(7, 1, Some(102), &dns_message(4, "d.example", None)),
        number(15, 1),
    ];
    let tapped = read(&file(&frames)).unwrap();
    let queries: Vec<_> = tapped
        .queries
        .iter()
        .map(|line| (line.at / SECOND, line.over_tcp))
        .collect();
    assert_eq!(queries, [(100, false), (101, true)]);
    assert_eq!((tapped.queries[0].rcode, tapped.others), (Some(Rcode::NOERROR), 3));
}

#[test]
fn a_file_that_is_cut_short_has_what_is_whole() {
    let query = tapped(5, 1, Some(100), &dns_message(7, "a.example", None));
    let whole = file(&[query.clone(), query]);
    let cut = read(&whole[..whole.len() - 20]).unwrap();
    assert_eq!((cut.queries.len(), cut.others), (1, 1));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let message = dns_message(7, "a.example", None);
    let query = tapped(5, 1, Some(100), &message);
    let start = control_frame(2, b"protobuf:dnstap.Dnstap").len();
    let long = [file(&[])[..start].to_vec(), vec![0xff; 8]].concat();
    let strange = [file(&[])[..start].to_vec(), control_frame(4, b"")].concat();
    for (file, at, reason) in [
        (
            control_frame(2, b"protobuf:other"),
            20,
            "\"protobuf:other\" is not protobuf:dnstap.Dnstap",
        ),
        (long, start, "a frame is longer than 262144 octets"),
        (strange, start + 8, "no control frame that a file has"),
        (file(&[tapped(5, 1, None, &message)]), start + 4, "a query without query_time_sec"),
        (
            file(&[query[..query.len() - 1].to_vec()]),
            start + 4 + 9,
            "a field is longer than its message",
        ),
        (file(&[vec![0x73]]), start + 4 + 1, "a field of the wire type 3"),
        (
            file(&[[vec![0x08], vec![0xff; 10]].concat()]),
            start + 4 + 1,
            "a number of more than ten octets",
        ),
        (
            file(&[octets(14, &octets(4, &[1, 2, 3]))]),
            start + 4 + 4,
            "query_address has 3 octets, not 4 or 16",
        ),
    ] {
        let error = read(&file).unwrap_err().to_string();
        assert_eq!(error, format!("at octet {at}: {reason}"));
    }
    assert!(is_dnstap(&control_frame(2, b"")) && !is_dnstap(b"[INFO]") && !is_dnstap(b""));
}

#[test]
fn no_octets_whatever_are_a_panic() {
    let frames = [
        tapped(5, 1, Some(100), &dns_message(7, "a.example", None)),
        tapped(6, 1, Some(100), &dns_message(7, "a.example", Some(Rcode::NOERROR))),
    ];
    let whole = file(&frames);
    for at in 0..whole.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut bent = whole.clone();
            bent[at] ^= change;
            // An error or a few queries, as it comes.
            assert!(read(&bent).map_or(0, |tapped| tapped.queries.len()) <= 2);
        }
    }
}
