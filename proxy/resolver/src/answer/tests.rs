//! What a client sees of an entry: flags, case, ages, cuts, turns.

use std::time::Duration;

use dns::{Class, Composer, Name, Question, Rcode};

use super::*;
use crate::cache::{CacheConfig, Entry, Head, Kind, admit};
use crate::query::Retained;

fn start() -> Moment {
    Moment::from_micros(1_000_000)
}

/// `count` addresses of `www.example.` with TTL 60, as an upstream sends them.
fn addresses(count: u8) -> Entry {
    many_addresses(count.into())
}

fn many_addresses(count: u16) -> Entry {
    let name = Name::from_text("www.example.").unwrap();
    let mut message = Vec::new();
    let mut composer = Composer::new(&mut message, &name, Rtype::A, Class::IN);
    for n in 0..count {
        composer
            .own_record(&name, Rtype::A, 60, &[&[10, 0], &n.to_be_bytes()[..]].concat())
            .unwrap();
    }
    let flags = Flags(Flags::QR | Flags::AA | Flags::AD);
    composer
        .finish(&Header { id: 9, flags, counts: [1, count, 0, 0] })
        .unwrap();
    let question = Question { qname: name.as_wire(), qtype: Rtype::A, qclass: Class::IN };
    let admitted = admit(&message, &question, start(), &CacheConfig::default()).unwrap();
    assert!(admitted.cacheable);
    admitted.entry
}

fn ask(flags: u16, edns: Option<Opt>) -> Retained {
    let qname = Name::from_text("wWw.Example.").unwrap();
    Retained { id: 77, flags: Flags(flags), qname, qtype: Rtype::A, qclass: Class::IN, edns }
}

fn answer(
    entry: &Entry,
    query: &Retained,
    later: u64,
    limit: usize,
    rotation: Option<u32>,
) -> Vec<u8> {
    let mut out = vec![0; 65_535];
    let now = start() + Duration::from_secs(later);
    let len = render(&entry.view(), &query.as_query(), now, limit, rotation, &mut out)
        .unwrap()
        .len;
    out.truncate(len);
    out
}

fn ttls(message: &[u8]) -> Vec<u32> {
    let header = Header::parse(message).unwrap();
    let at = Question::parse(message).unwrap().end();
    dns::Records::new(message, at, &header)
        .map(|record| record.unwrap().ttl)
        .collect()
}

#[test]
fn the_answer_is_the_askers_own() {
    let out = answer(&addresses(1), &ask(Flags::RD | Flags::CD, None), 0, 512, None);
    let header = Header::parse(&out).unwrap();
    assert_eq!((header.id, header.counts), (77, [1, 1, 0, 0]));
    assert_eq!(header.flags.0, Flags::QR | Flags::AA | Flags::RA | Flags::RD | Flags::CD);
    assert_eq!(Question::parse(&out).unwrap().qname, b"\x03wWw\x07Example\0");
}

#[test]
fn ad_is_for_those_who_understand_it() {
    let understands = answer(&addresses(1), &ask(Flags::AD, None), 0, 512, None);
    assert!(Header::parse(&understands).unwrap().flags.has(Flags::AD));
}

#[test]
fn ttls_age_and_end_at_zero() {
    let entry = addresses(2);
    for (later, left) in [(0, 60), (59, 1), (60, 0), (100, 0)] {
        assert_eq!(ttls(&answer(&entry, &ask(0, None), later, 512, None)), [left, left]);
    }
}

#[test]
fn what_does_not_fit_is_cut_at_a_whole_record_and_never_to_nothing() {
    let entry = addresses(100);
    let out = answer(&entry, &ask(0, None), 0, 512, None);
    let header = Header::parse(&out).unwrap();
    assert!(header.flags.has(Flags::TC));
    // 29 octets of header and question, 16 for each record.
    assert_eq!((header.counts[1], out.len()), (30, 29 + 30 * 16));
    assert_eq!(ttls(&out).len(), 30);
    let whole = answer(&entry, &ask(0, None), 0, 65_535, None);
    assert!(!Header::parse(&whole).unwrap().flags.has(Flags::TC));
}

#[test]
fn an_opt_record_comes_exactly_when_the_query_had_one() {
    let opt = Opt { udp_payload_size: 4096, extended_rcode: 0, version: 0, dnssec_ok: true };
    let out = answer(&addresses(100), &ask(0, Some(opt)), 0, 1232, None);
    let header = Header::parse(&out).unwrap();
    assert_eq!(header.counts[3], 1);
    assert!(out.len() <= 1232);
    assert_eq!(out[out.len() - Opt::LEN..][..5], [0, 0, 41, 4, 208]);
    assert_eq!(out[out.len() - 4], 0x80, "DO comes back");
}

#[test]
fn a_failure_says_why() {
    let entry = failed(b"nobody is there");
    let with_opt = ask(0, Some(own_opt(0, false)));
    let out = answer(&entry, &with_opt, 0, 512, None);
    assert_eq!(Header::parse(&out).unwrap().flags.rcode(), Rcode::SERVFAIL);
    assert!(out.ends_with(b"\0\x0f\0\x11\0\x16nobody is there"), "{out:?}");
    let plain = answer(&entry, &ask(0, None), 0, 512, None);
    assert_eq!(plain.len(), out.len() - Opt::LEN - 21, "no OPT, no reason");
}

/// The reason is dropped before anything else: first its text, then its code.
#[test]
fn a_reason_never_makes_an_answer_too_long() {
    let query = ask(0, Some(own_opt(0, false)));
    let text = [b'x'; ExtendedError::MAX_TEXT];
    let error = Some(ExtendedError::NETWORK_ERROR);
    let mut entry = failed(&text);
    let bare = answer(&entry, &ask(0, None), 0, 512, None).len() + Opt::LEN;
    for (limit, reason) in [
        (bare + 6 + text.len(), 6 + text.len()),
        (bare + 5 + text.len(), 6),
        (bare + 6, 6),
        (bare + 5, 0),
        (bare, 0),
    ] {
        let out = answer(&entry, &query, 0, limit, None);
        assert_eq!(out.len(), bare + reason, "{limit}");
        assert!(!Header::parse(&out).unwrap().flags.has(Flags::TC));
    }
    entry = addresses(29);
    let full = answer(&entry, &query, 0, 512, None).len();
    entry.head.ede = error;
    for limit in [full, full + 5] {
        let out = answer(&entry, &query, 0, limit, None);
        assert_eq!((out.len(), Header::parse(&out).unwrap().counts[1]), (full, 29));
    }
}

fn failed(text: &[u8]) -> Entry {
    let error = ExtendedError { code: 22, text };
    let ttl = Duration::from_secs(1);
    crate::cache::failure(&ask(0, None), Rcode::SERVFAIL, error, ttl, start())
}

#[test]
fn addresses_take_turns_and_none_gets_lost() {
    let entry = addresses(3);
    let order = |rotation| {
        let out = answer(&entry, &ask(0, None), 0, 512, rotation);
        [0, 1, 2].map(|record| out[29 + record * 16 + 15])
    };
    assert_eq!(order(None), [0, 1, 2]);
    assert_eq!(order(Some(1)), [1, 2, 0]);
    assert_eq!(order(Some(5)), [2, 0, 1]);
}

/// The rotation comes before the cut: else a client that gets only what fits would
/// never see the other addresses.
#[test]
fn every_address_gets_its_turn_in_a_cut_answer() {
    let entry = addresses(100);
    let mut first = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for rotation in 0..100 {
        let out = answer(&entry, &ask(0, None), 0, 512, Some(rotation));
        let addresses: Vec<_> = (0..30).map(|record| out[29 + record * 16 + 15]).collect();
        first.push(addresses[0]);
        seen.extend(addresses);
        assert_eq!(ttls(&out), [60; 30]);
    }
    assert_eq!(seen.len(), 100);
    assert_eq!(first, (0..100).collect::<Vec<_>>());
}

/// Of thousands of records only as many are looked at as can be sent soon, and none
/// is lost where all are.
#[test]
fn a_long_rrset_is_turned_in_parts() {
    let entry = many_addresses(4_000);
    let numbers = |out: &[u8], records: usize| -> Vec<u16> {
        let at = |record| 29 + record * 16 + 14;
        (0..records)
            .map(|record| get_u16(out, at(record)).unwrap())
            .collect()
    };
    let cut = answer(&entry, &ask(0, None), 0, 1232, Some(300));
    let first: Vec<_> = (0..75).map(|n| (n + 300) % 256).collect();
    assert_eq!(numbers(&cut, 75), first);
    let mut all = numbers(&answer(&entry, &ask(0, None), 0, 65_535, Some(300)), 4_000);
    assert_eq!(all[..75], first);
    all.sort_unstable();
    assert_eq!(all, (0..4_000).collect::<Vec<_>>());
}

/// One after the other in one answer: each in its own circle.
#[test]
fn each_rrset_of_addresses_is_turned() {
    let name = Name::from_text("www.example.").unwrap();
    let other = Name::from_text("example.").unwrap();
    let mut message = Vec::new();
    let mut composer = Composer::new(&mut message, &name, Rtype::A, Class::IN);
    let mut ttls = Vec::new();
    for (owner, n) in [(&name, 1), (&name, 2), (&other, 3), (&other, 4), (&other, 5)] {
        composer
            .own_record(owner, Rtype::A, 60, &[10, 0, 0, n])
            .unwrap();
        ttls.extend([0, 29 + (n - 1) * 16 + 6]);
    }
    let header = Header { id: 0, flags: Flags(Flags::QR), counts: [1, 5, 0, 0] };
    composer.finish(&header).unwrap();
    let head = addresses(1).head;
    let entry = Entry { head, message, ttls, text: Vec::new() };
    let out = answer(&entry, &ask(0, None), 0, 512, Some(1));
    let order: Vec<_> = (0..5).map(|record| out[29 + record * 16 + 15]).collect();
    assert_eq!(order, [2, 1, 4, 5, 3]);
}

/// Without an OPT the upper bits of BADVERS (16) are lost, and the lower ones
/// say that all is well.
#[test]
fn an_extended_rcode_is_servfail_without_edns() {
    let head = Head { kind: Kind::Failure, rcode: Rcode(16), ..addresses(1).head };
    let entry = Entry { head, ..addresses(1) };
    let rcode = |edns| {
        let out = answer(&entry, &ask(0, edns), 0, 512, None);
        Header::parse(&out).unwrap().flags.rcode()
    };
    assert_eq!(rcode(None), Rcode::SERVFAIL);
    assert_eq!(rcode(Some(own_opt(0, false))), Rcode::NOERROR, "the rest stands in the OPT");
}

/// RFC 8767, section 4: 30 s; and the reason as an Extended DNS Error.
#[test]
fn a_stale_answer_has_a_ttl_of_its_own() {
    let mut stale = addresses(2);
    stale.head = Head { stale: true, ede: Some(3), ..stale.head };
    let opt = Opt { udp_payload_size: 1232, extended_rcode: 0, version: 0, dnssec_ok: false };
    let out = answer(&stale, &ask(0, Some(opt)), 4_000, 1232, None);
    for record in 0..2 {
        assert_eq!(get_u32(&out, 29 + record * 16 + 6), Some(30));
    }
    assert_eq!(out[out.len() - 2..], [0, 3]);
}
