//! What is composed is what hickory-proto reads, whatever the source was.

use std::str::FromStr;

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::{CNAME, MX, NAPTR, SOA, SRV, TXT};
use hickory_proto::rr::{Name as HickoryName, RData, Record as HickoryRecord};

use super::*;
use crate::{Question, Records};

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
