//! Whole messages: read, composed anew, taken for a client's query.

use dns::{Composer, HEADER_LEN, Header, Name, Opt, ParseError, Question, Record, Records, Rtype};
use resolver::{KeyHasher, KeyView, Query};

use super::{Target, outcome, size};

pub(super) const MESSAGE: Target =
    Target { name: "message", feed: message, folders: &["message"], words: WORDS, longest: 4_096 };

pub(super) const COMPOSE: Target =
    Target { name: "compose", feed: compose, folders: &["message"], words: WORDS, longest: 8_192 };

pub(super) const QUERY: Target =
    Target { name: "query", feed: query, folders: &["message"], words: WORDS, longest: 1_024 };

/// The walk over the records of a message ends, stays inside, and each record begins
/// where the one before ended.
fn message(octets: &[u8]) -> u64 {
    let Some(header) = Header::parse(octets) else { return 0 };
    let question = match Question::parse(octets) {
        Ok(question) => question,
        Err(error) => return outcome(error.to_string()),
    };
    let mut end = question.end();
    let (mut seen, mut options) = ([0; 4], 0);
    for record in Records::new(octets, question.end(), &header) {
        let record = match record {
            Ok(record) => record,
            Err(error) => return outcome((error.to_string(), seen.map(size))),
        };
        assert!(record.owner_at == end && record.end() <= octets.len());
        end = record.end();
        seen[record.section as usize] += 1;
        // An error is an answer too.
        options += usize::from(matches!(Opt::extended_error(octets, &record), Ok(Some(_))));
    }
    outcome((seen.map(size), options, header.flags.0 >> 11))
}

/// What is composed of a message has the same records, is not longer than without
/// compression, and is composed to the same octets again.
fn compose(octets: &[u8]) -> u64 {
    let Some(header) = Header::parse(octets) else { return 0 };
    let Ok(question) = Question::parse(octets) else { return 1 };
    let composed = match recompose(octets, &header, &question) {
        Ok(composed) => composed,
        Err(error) => return outcome(error.to_string()),
    };
    let again = Question::parse(&composed).unwrap();
    assert!(again.matches(&question));
    let records = |message: &[u8], question: &Question<'_>| -> Vec<Vec<u8>> {
        let whole = |record: Result<Record, ParseError>| uncompressed(message, &record.unwrap());
        Records::new(message, question.end(), &header)
            .map(whole)
            .collect()
    };
    let (before, after) = (records(octets, &question), records(&composed, &again));
    assert_eq!(before, after, "the records are the same");
    let all = Records::new(octets, question.end(), &header).filter_map(Result::ok);
    let beside: usize = all.map(|record| not_compared(&record)).sum();
    let most = again.end() + before.iter().map(Vec::len).sum::<usize>() + beside;
    assert!(composed.len() <= most, "{} octets, {most} without compression", composed.len());
    assert_eq!(recompose(&composed, &header, &again).unwrap(), composed);
    let types = Records::new(octets, question.end(), &header).filter_map(Result::ok);
    let types: Vec<_> = types.map(|record| record.rtype.0).take(3).collect();
    outcome((types, size(before.len()), size(composed.len())))
}

/// Composes a message of the records of another, question and all.
fn recompose(
    message: &[u8],
    header: &Header,
    question: &Question<'_>,
) -> Result<Vec<u8>, ParseError> {
    let qname = Name::from_wire(question.qname)?;
    let mut out = Vec::with_capacity(HEADER_LEN);
    let mut composer = Composer::new(&mut out, &qname, question.qtype, question.qclass);
    for record in Records::new(message, question.end(), header) {
        let record = record?;
        composer.record(message, &record, record.ttl)?;
    }
    composer.finish(header)?;
    Ok(out)
}

/// A record without compression and in lower case, as far as its type lets us change
/// the names in it.
fn uncompressed(message: &[u8], record: &Record) -> Vec<u8> {
    let (owner, _) = Name::parse(message, record.owner_at).unwrap();
    let mut octets = owner.folded().as_wire().to_vec();
    octets.extend(record.rtype.0.to_be_bytes());
    octets.extend(record.class.0.to_be_bytes());
    octets.extend(record.ttl.to_be_bytes());
    octets.extend([0, 0]);
    let (before, names) = match record.rtype {
        Rtype::NS | Rtype::CNAME | Rtype::PTR | Rtype::DNAME => (0, 1),
        Rtype::SOA | Rtype::MINFO | Rtype::RP => (0, 2),
        Rtype::MX | Rtype::AFSDB | Rtype::RT | Rtype::KX => (2, 1),
        Rtype::SRV => (6, 1),
        Rtype::PX => (2, 2),
        Rtype::MB | Rtype::MD | Rtype::MF | Rtype::MG | Rtype::MR => (0, 1),
        // Those with strings before their name, or with anything after it: only their
        // owners are compared.
        Rtype::NAPTR | Rtype::SIG | Rtype::NXT => return octets,
        _ => (record.rdata.len(), 0),
    };
    let mut at = record.rdata.start + before;
    octets.extend(&message[record.rdata.start..at]);
    for _ in 0..names {
        let (name, end) = Name::parse(message, at).unwrap();
        octets.extend(name.folded().as_wire());
        at = end;
    }
    octets.extend(&message[at..record.rdata.end]);
    octets
}

/// The octets that data may take which [`uncompressed`] leaves out: its one name is
/// written whole.
fn not_compared(record: &Record) -> usize {
    match record.rtype {
        Rtype::NAPTR | Rtype::SIG | Rtype::NXT => record.rdata.len() + Name::MAX_LEN,
        _ => 0,
    }
}

/// A client's query: what is read is within bounds, and survives being kept.
fn query(octets: &[u8]) -> u64 {
    let query = match Query::parse(octets) {
        Ok(query) => query,
        Err(error) => return outcome(format!("{error:?}")),
    };
    assert!((512..=1232).contains(&query.udp_limit()));
    let retained = query.retain();
    assert_eq!(retained.qname.as_wire(), query.question.qname);
    let hasher = KeyHasher::default();
    let [one, other] = [&query, &retained.as_query()].map(|query| KeyView::of(query, &hasher).hash);
    assert_eq!(one, other);
    outcome((query.edns.is_some(), size(query.options.len()), size(query.question.qname.len())))
}

/// Types with names in their data, class IN, and the length of data that follows.
const WORDS: &[&[u8]] = &[
    b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x01",
    b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x02\xc0\x0c",
    b"\xc0\x0c\0\x0f\0\x01\0\0\0\x3c\0\x04\0\x0a\xc0\x0c",
    b"\xc0\x0c\0\x06\0\x01\0\0\0\x3c\0\x18\xc0\x0c\xc0\x0c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    b"\xc0\x0c\0\x21\0\x01\0\0\0\x3c\0\x08\0\0\0\0\0\x35\xc0\x0c",
    b"\0\0\x29\x04\xd0\0\0\x80\0\0\0",
    b"\0\x0f\0\x02\0\x12",
    b"\x01a\x01b\0",
    b"\xc0\x0c",
];
