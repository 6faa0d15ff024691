//! One table: what a message is, and why it is not the answer.

use dns::{Class, Composer, HEADER_LEN, Rcode};

use super::*;

const ID: u16 = 0x1234;
const QR: Flags = Flags(Flags::QR | Flags::RA);

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

/// An answer to `web.example. A` with one record of `owner`.
fn answer(owner: &str, rtype: Rtype, rdata: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    let mut composer = Composer::new(&mut message, &name("web.example."), Rtype::A, Class::IN);
    composer.own_record(&name(owner), rtype, 30, rdata).unwrap();
    let header = Header { id: ID, flags: QR, counts: [1, 1, 0, 0] };
    composer.finish(&header).unwrap();
    message
}

fn right() -> Vec<u8> {
    answer("web.example.", Rtype::A, &[192, 0, 2, 1])
}

fn judged(message: &[u8]) -> Result<Header, NotAnAnswer> {
    let qname = name("WEB.example.");
    let asked = Question { qname: qname.as_wire(), qtype: Rtype::A, qclass: Class::IN };
    judge(message, &asked, ID)
}

/// The right answer with some octets replaced.
fn with(at: usize, octets: &[u8]) -> Vec<u8> {
    let mut message = right();
    message[at..at + octets.len()].copy_from_slice(octets);
    message
}

#[test]
fn the_right_answer_is_taken_whatever_its_rcode_and_case() {
    assert!(judged(&right()).is_ok());
    assert!(judged(&with(13, b"wEb")).is_ok());
    let header = judged(&with(2, &[0x84, 0x03])).unwrap();
    assert_eq!(header.flags.rcode(), Rcode::NXDOMAIN);
    assert!(judged(&[right(), vec![0; 3]].concat()).is_ok(), "octets behind it do no harm");
}

#[test]
fn anything_else_is_told_by_its_reason() {
    let owner_at = HEADER_LEN + 13 + 4;
    let cut = right().len() - 7;
    let table = [
        (NotAnAnswer::Short, right()[..11].to_vec()),
        (NotAnAnswer::Id, with(0, &[0x12, 0x35])),
        (NotAnAnswer::NotAResponse, with(2, &[0x00])),
        (NotAnAnswer::Opcode, with(2, &[0xa0])),
        (NotAnAnswer::QuestionCount, with(4, &[0, 0])),
        (NotAnAnswer::QuestionCount, with(4, &[0, 2])),
        (NotAnAnswer::Malformed, right()[..HEADER_LEN].to_vec()),
        (NotAnAnswer::Name, with(13, b"wec")),
        (NotAnAnswer::Type, with(HEADER_LEN + 13, &[0, 28])),
        (NotAnAnswer::Class, with(HEADER_LEN + 15, &[0, 3])),
        (NotAnAnswer::Malformed, right()[..cut].to_vec()),
        (NotAnAnswer::Malformed, with(6, &[0, 2])),
        (NotAnAnswer::Malformed, with(owner_at, &[0xc0, 29])),
        (NotAnAnswer::Malformed, with(owner_at, &[0xc0, 31])),
        (NotAnAnswer::Owner, answer("other.example.", Rtype::A, &[192, 0, 2, 66])),
    ];
    for (reason, message) in table {
        assert_eq!(judged(&message).unwrap_err(), reason, "{message:?}");
    }
}

#[test]
fn a_dname_above_the_name_belongs_to_it() {
    let target = name("example.net.");
    assert!(judged(&answer("example.", Rtype::DNAME, target.as_wire())).is_ok());
    let elsewhere = answer("example.org.", Rtype::DNAME, target.as_wire());
    assert_eq!(judged(&elsewhere).unwrap_err(), NotAnAnswer::Owner);
}

#[test]
fn a_truncated_answer_needs_no_records() {
    let mut message = right();
    message[2] |= 0x02;
    message.truncate(HEADER_LEN + 13 + 4);
    assert!(judged(&message).unwrap().flags.has(Flags::TC));
}

#[test]
fn reasons_have_their_places() {
    assert!(
        NotAnAnswer::ALL
            .iter()
            .enumerate()
            .all(|(at, reason)| at == reason.index())
    );
    assert!(NotAnAnswer::ALL.len() <= observe::LABELS);
}
