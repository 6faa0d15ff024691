//! What an upstream sends: whether it is the answer, and what is kept of it.

use dns::{Header, Question, Records, get_u32};
use forward::judge;
use resolver::{CacheConfig, Entry, Moment, Query, admit, render};

use super::{Target, outcome, size};

pub(super) const ACCEPT: Target = Target {
    name: "accept",
    feed: accept,
    folders: &["message"],
    words: &[b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x01", b"\xc0\x0c", b"\x81\x80"],
    longest: 4_096,
};

pub(super) const ADMIT: Target = Target {
    name: "admit",
    feed: kept,
    folders: &["message"],
    words: ACCEPT.words,
    longest: 8_192,
};

/// What is taken has the id and the question that were asked, and records that can be
/// walked over to the end.
fn accept(octets: &[u8]) -> u64 {
    // The question that the message itself claims, else one of its own.
    let question = Question::parse(octets);
    let own = Question { qname: b"\x01a\0", qtype: dns::Rtype::A, qclass: dns::Class::IN };
    let asked = question.as_ref().unwrap_or(&own);
    let id = dns::get_u16(octets, 0).unwrap_or_default();
    let header = match judge(octets, asked, id) {
        Ok(header) => header,
        Err(error) => return outcome(error.label()),
    };
    assert!(header.id == id && header.flags.has(dns::Flags::QR) && header.counts[0] == 1);
    if header.flags.has(dns::Flags::TC) {
        return 1;
    }
    let question = question.unwrap();
    let records = Records::new(octets, question.end(), &header);
    let types: Vec<_> = records.map(|record| record.unwrap().rtype.0).collect();
    outcome((size(types.len()), types.first().copied(), header.flags.rcode().0))
}

/// What is kept is a message of its own, with an offset for each TTL, and keeping it
/// again changes nothing. Each client gets a part that is a message as well.
fn kept(octets: &[u8]) -> u64 {
    let Ok(question) = Question::parse(octets) else { return 0 };
    let (now, config) = (Moment::from_micros(1_000_000), CacheConfig::default());
    let admitted = match admit(octets, &question, now, &config) {
        Ok(admitted) => admitted,
        Err(error) => return outcome(error.to_string()),
    };
    let entry = &admitted.entry;
    assert_whole(entry);
    let asked = Question::parse(&entry.message).unwrap();
    assert!(asked.matches(&question));
    let again = admit(&entry.message, &asked, now, &config).unwrap();
    assert!(again.entry.message.len() <= entry.message.len());
    render_all(entry, &asked);
    let header = Header::parse(&entry.message).unwrap();
    let counts = header.counts.map(|count| size(count.into()));
    outcome((counts, entry.head.rcode.0, admitted.cacheable, entry.head.ede))
}

fn assert_whole(entry: &Entry) {
    let header = Header::parse(&entry.message).unwrap();
    let question = Question::parse(&entry.message).unwrap();
    let view = entry.view();
    let mut offsets = view.ttl_offsets();
    let mut end = question.end();
    for record in Records::new(&entry.message, question.end(), &header) {
        let record = record.unwrap();
        assert_eq!(offsets.next(), Some(record.ttl_at));
        assert_eq!(get_u32(&entry.message, record.ttl_at), Some(record.ttl));
        end = record.end();
    }
    assert_eq!((offsets.next(), end), (None, entry.message.len()));
}

fn render_all(entry: &Entry, asked: &Question<'_>) {
    let mut out = vec![0; 65_535];
    let later = Moment::from_micros(5_000_000);
    for (limit, rotation) in [(512, None), (512, Some(7)), (1_232, Some(1)), (65_535, Some(3))] {
        let query = Query {
            id: 7,
            flags: dns::Flags(dns::Flags::RD),
            question: Question { ..*asked },
            edns: None,
            options: &[],
        };
        let rendered = render(&entry.view(), &query, later, limit, rotation, &mut out);
        let Some(rendered) = rendered else { continue };
        let message = &out[..rendered.len];
        assert!(rendered.len <= limit);
        let header = Header::parse(message).unwrap();
        let question = Question::parse(message).unwrap();
        let records = Records::new(message, question.end(), &header);
        let end = records.map(|record| record.unwrap().end()).last();
        assert_eq!(end.unwrap_or_else(|| question.end()), rendered.len);
    }
}
