//! Each kind of wrong reply is wrong in its own way and in no other.

use std::collections::HashSet;
use std::str::FromStr;

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{DNSClass, Name, RData};

use super::*;
use crate::question::Transport;

/// `web.example. A`, id 0x1234.
fn question() -> Question {
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_str("web.example.").unwrap(), RecordType::A));
    Question::parse(&message.to_vec().unwrap(), Transport::Udp).unwrap()
}

/// What a careful client finds wrong first, looking at the octets alone.
fn complaint(octets: &[u8], question: &Question) -> &'static str {
    let Some(header) = octets.first_chunk::<12>() else {
        return if octets.is_empty() { "empty" } else { "short header" };
    };
    let field = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    if field(0) != 0x1234 {
        return "id";
    }
    if field(2) & 0x8000 == 0 {
        return "QR";
    }
    match (field(2) >> 11) & 15 {
        0 => {}
        4 => return "notify",
        _ => return "opcode and counts of 0xff",
    }
    let rest = &octets[12..];
    match field(4) {
        1 => {}
        0 if rest.is_empty() => return "header only",
        0 => return "no question",
        2 if rest.starts_with(&question.section().repeat(2)) => return "two questions",
        2 => return "one question, two counted",
        _ => unreachable!("no kind counts more questions"),
    }
    let asked = question.section();
    if !rest.starts_with(asked) {
        let name = &asked[..asked.len() - 4];
        return match rest.strip_prefix(name).map(|rest| &rest[..4]) {
            None => "another name",
            Some([0, 1, 0, 3]) => "class CH",
            Some([_, _, 0, 1]) => "another type",
            Some(_) => unreachable!("one thing at a time"),
        };
    }
    owner_complaint(&rest[asked.len()..], field(6), 12 + asked.len())
}

/// Goes on with the record, which starts at `at` of the message.
fn owner_complaint(record: &[u8], count: u16, at: usize) -> &'static str {
    match record {
        [0xc0, 12, fixed @ ..] if fixed.len() < 10 => "cut record",
        [0xc0, 12, fixed @ ..] if usize::from(fixed[9]) > fixed.len() - 10 => "RDLENGTH",
        [0xc0, 12, ..] if count == 2 => "one answer, two counted",
        [0xc0, 12, ..] => "nothing",
        [0xc0, to, ..] if usize::from(*to) == at => "pointer to itself",
        [0xc0, to, ..] if usize::from(*to) > at => "pointer forwards",
        [0x41, ..] => "reserved label",
        [63, ..] if record[..320].chunks(64).all(|label| label[0] == 63) => "name over 255",
        [6, b'v', ..] => "another owner",
        _ => unreachable!("no other owner is composed"),
    }
}

#[test]
fn each_kind_is_wrong_in_its_own_way() {
    let question = question();
    let complaints =
        Wrong::ALL.map(|wrong| (wrong, complaint(&wrong.compose(&question), &question)));
    let expected = [
        (Wrong::NotAResponse, "QR"),
        (Wrong::Id, "id"),
        (Wrong::Opcode, "notify"),
        (Wrong::Name, "another name"),
        (Wrong::Type, "another type"),
        (Wrong::Class, "class CH"),
        (Wrong::NoQuestion, "no question"),
        (Wrong::TwoQuestions, "two questions"),
        (Wrong::HeaderOnly, "header only"),
        (Wrong::Empty, "empty"),
        (Wrong::ShortHeader, "short header"),
        (Wrong::Garbage, "opcode and counts of 0xff"),
        (Wrong::CutRecord, "cut record"),
        (Wrong::LyingQuestionCount, "one question, two counted"),
        (Wrong::LyingAnswerCount, "one answer, two counted"),
        (Wrong::LyingRdataLength, "RDLENGTH"),
        (Wrong::CompressionLoop, "pointer to itself"),
        (Wrong::ForwardPointer, "pointer forwards"),
        (Wrong::ReservedLabel, "reserved label"),
        (Wrong::LongName, "name over 255"),
        (Wrong::OtherOwner, "another owner"),
        // Its octets are in order: it is the port that is wrong.
        (Wrong::SourcePort, "nothing"),
    ];
    assert_eq!(complaints, expected);
    assert_eq!(
        complaints
            .iter()
            .map(|(_, said)| said)
            .collect::<HashSet<_>>()
            .len(),
        22
    );
}

/// Kinds that a parser alone must refuse, and kinds that only a comparison with
/// the question finds out.
#[test]
fn hickory_refuses_what_is_malformed_and_parses_the_rest() {
    let malformed = [
        Wrong::Empty,
        Wrong::ShortHeader,
        Wrong::Garbage,
        Wrong::CutRecord,
        Wrong::LyingQuestionCount,
        Wrong::LyingAnswerCount,
        Wrong::LyingRdataLength,
        Wrong::CompressionLoop,
        Wrong::ForwardPointer,
        Wrong::ReservedLabel,
        Wrong::LongName,
    ];
    for wrong in Wrong::ALL {
        let parsed = Message::from_vec(&wrong.compose(&question()));
        assert_eq!(parsed.is_err(), malformed.contains(&wrong), "{wrong:?}: {parsed:?}");
    }
}

#[test]
fn what_a_wrong_reply_offers_is_poison() {
    let message = Message::from_vec(&Wrong::SourcePort.compose(&question())).unwrap();
    let [answer] = message.answers.as_slice() else { panic!("one answer: {message:?}") };
    assert_eq!(answer.data, RData::A(POISON_V4.into()));
    assert_eq!(answer.name, question().qname);
    assert_eq!(answer.dns_class, DNSClass::IN);
}
