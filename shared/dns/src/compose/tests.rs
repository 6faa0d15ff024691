//! What is composed is what hickory-proto reads, whatever the source was.

use std::str::FromStr;

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::{CNAME, MX, NAPTR, SOA, SRV, TXT};
use hickory_proto::rr::{Name as HickoryName, RData, Record as HickoryRecord};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::{Question, Records};

mod reference;

fn hickory(text: &str) -> HickoryName {
    HickoryName::from_str(text).unwrap()
}

/// Composes `source` anew, question and all.
fn recompose(source: &[u8]) -> Result<Vec<u8>, ParseError> {
    let header = Header::parse(source).ok_or(ParseError::Short)?;
    let question = Question::parse(source)?;
    let qname = Name::from_wire(question.qname)?;
    let mut out = Vec::new();
    let mut composer = Composer::new(&mut out, &qname, question.qtype, question.qclass);
    for record in Records::new(source, question.end(), &header) {
        let record = record?;
        composer.record(source, &record, record.ttl)?;
    }
    composer.finish(&header)?;
    Ok(out)
}

#[test]
fn every_name_in_rdata_survives_being_moved() {
    let owner = hickory("_dns._udp.example.com.");
    let rdata = [
        RData::CNAME(CNAME(hickory("www.example.com."))),
        RData::MX(MX::new(10, hickory("mail.example.com."))),
        RData::SRV(SRV::new(1, 2, 53, hickory("ns.example.com."))),
        RData::NAPTR(NAPTR::new(
            1,
            2,
            b"u"[..].into(),
            b"E2U"[..].into(),
            b"!x!"[..].into(),
            hickory("example.com."),
        )),
        RData::SOA(SOA::new(
            hickory("ns.example.com."),
            hickory("root.example.com."),
            1,
            2,
            3,
            4,
            5,
        )),
        RData::TXT(TXT::new(vec!["two".into(), "strings".into()])),
    ];
    let mut message = Message::response(7, hickory_proto::op::OpCode::Query);
    message.add_query(hickory_proto::op::Query::query(
        owner.clone(),
        hickory_proto::rr::RecordType::ANY,
    ));
    for rdata in rdata {
        message.add_answer(HickoryRecord::from_rdata(owner.clone(), 30, rdata));
    }
    let source = message.to_vec().unwrap();
    let out = recompose(&source).unwrap();
    assert_eq!(Message::from_vec(&out).unwrap(), message);
    assert_eq!(recompose(&out).unwrap(), out);
}

#[test]
fn the_owner_that_was_asked_for_becomes_a_pointer_to_the_question() {
    let source = b"\0\x01\x81\x80\0\x01\0\x01\0\0\0\0\x01A\x01b\0\0\x01\0\x01\x01a\x01B\0\0\x01\0\x01\0\0\0\x05\0\x04\x01\x02\x03\x04";
    let out = recompose(source).unwrap();
    assert_eq!(out.get(21..23), Some(&b"\xc0\x0c"[..]));
    assert_eq!(out.len(), source.len() - 3);
}

#[test]
fn rdata_that_does_not_fit_its_type_is_an_error() {
    for (rtype, rdata) in [
        (1_u8, &b"\x01\x02\x03"[..]),
        (5, b"\xc0\x0cx"),
        (33, b"\0\0\0"),
        (15, b"\0\x0a"),
        (35, b"\0\0\0\0\x05a"),
    ] {
        let mut source =
            b"\0\x01\x81\x80\0\x01\0\x01\0\0\0\0\x01a\0\0\x01\0\x01\xc0\x0c\0".to_vec();
        source.extend([rtype, 0, 1, 0, 0, 0, 5, 0, u8::try_from(rdata.len()).unwrap()]);
        source.extend(rdata);
        assert!(recompose(&source).is_err(), "type {rtype}");
    }
}

#[test]
fn an_unknown_type_is_copied_octet_for_octet() {
    let source = b"\0\x01\x81\x80\0\x01\0\x01\0\0\0\0\x01a\0\xff\x10\0\x01\xc0\x0c\xff\x10\0\x01\0\0\0\x05\0\x04\xc0\x0c\xff\xff";
    assert_eq!(recompose(source).unwrap(), source);
}

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

/// A message in which nothing is compressed: `question`, and records of no data with
/// these owners.
fn composed(question: &Name, owners: &[Name]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut composer = Composer::new(&mut out, question, Rtype::A, Class::IN);
    for owner in owners {
        composer.own_record(owner, Rtype::TXT, 1, b"").unwrap();
    }
    let counts = [1, u16::try_from(owners.len()).unwrap(), 0, 0];
    composer
        .finish(&Header { counts, ..Header::default() })
        .unwrap();
    out
}

/// The names of a message: that of the question, and the owners.
fn names(message: &[u8]) -> Vec<Name> {
    let header = Header::parse(message).unwrap();
    let question = Question::parse(message).unwrap();
    let owner =
        |record: Result<Record, _>| Name::parse(message, record.unwrap().owner_at).unwrap().0;
    let owners = Records::new(message, question.end(), &header).map(owner);
    std::iter::once(Name::from_wire(question.qname).unwrap())
        .chain(owners)
        .collect()
}

/// As in real responses: few labels, many of them again.
fn ordinary_names(most: usize) -> impl Strategy<Value = Vec<Name>> {
    const LABELS: &[&str] =
        &["www", "WWW", "a", "svc", "cluster", "local", "example", "_tcp", "x1", "x2"];
    let name = prop::collection::vec(prop::sample::select(LABELS), 0..6).prop_map(|labels| {
        let text = labels.join(".");
        name(if text.is_empty() { "." } else { &text })
    });
    prop::collection::vec(name, 1..most)
}

/// Whatever names there are: they are read as they were, and need no more octets than
/// with every comparison made.
#[test]
fn names_come_back_and_are_as_short_as_can_be() {
    let mut runner = TestRunner::deterministic();
    for most in [4, 80] {
        let holds = runner.run(&ordinary_names(most), |all| {
            let (question, owners) = all.split_first().unwrap();
            let message = composed(question, owners);
            let read: Vec<_> = names(&message)
                .iter()
                .map(|name| name.as_wire().to_ascii_lowercase())
                .collect();
            let asked: Vec<_> = all
                .iter()
                .map(|name| name.as_wire().to_ascii_lowercase())
                .collect();
            prop_assert_eq!(read, asked);
            let slow = reference::composed(question, owners);
            if most == 4 {
                prop_assert_eq!(&message, &slow, "few names: octet for octet");
            }
            prop_assert!(message.len() <= slow.len());
            Ok(())
        });
        holds.unwrap();
    }
}

/// Names of 120 labels that differ at the end: every comparison would be as deep as
/// they are.
#[test]
fn hostile_names_are_written_within_the_bound() {
    let deep = |n: usize| name(&format!("{}b{n:03}.evil.test.", "a.".repeat(110)));
    let owners: Vec<_> = (0..240).map(deep).collect();
    let message = composed(&name("evil.test."), &owners);
    assert_eq!(names(&message)[1..], owners);
}

/// Two owners in turn, each a pointer: the bound on comparisons is reached, and names
/// are written whole from there on.
#[test]
fn what_is_past_the_bound_is_whole() {
    let deep = |end: &str| name(&format!("{}{end}.evil.test.", "a.".repeat(115)));
    let owners: Vec<_> = ["x", "y"].into_iter().cycle().take(600).map(deep).collect();
    let message = composed(&name("evil.test."), &owners);
    assert_eq!(names(&message)[1..], owners);
    let pointers = 600 * 12 + 1_000;
    assert!(message.len() > 2 * pointers, "{} octets", message.len());
}

/// The bound is found when it is passed, not at the end.
#[test]
fn a_message_that_is_too_long_is_an_error_at_once() {
    let mut out = Vec::new();
    let mut composer = Composer::new(&mut out, &name("a."), Rtype::A, Class::IN);
    let add =
        |composer: &mut Composer<'_>| composer.own_record(&name("a."), Rtype::TXT, 1, &[0; 30_000]);
    assert_eq!(add(&mut composer), Ok(()));
    assert_eq!(add(&mut composer), Ok(()));
    assert_eq!(add(&mut composer), Err(ParseError::TooLong));
}
