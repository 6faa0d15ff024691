//! Every way a reply can be wrong, as octets.
//!
//! A wrong reply never carries the right address: what it offers is
//! [`POISON_V4`] or [`POISON_V6`], so a client that believed it is found out.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::RecordType;

use crate::question::Question;

/// The A record of every wrong reply (RFC 5737, documentation).
pub const POISON_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 66);
/// The AAAA record of every wrong reply (RFC 3849, documentation).
pub const POISON_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x66);

/// One way to be wrong. In all but those that say otherwise the rest of the
/// reply is as it should be: id, QR, the question, one record.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Wrong {
    /// QR=0: the reply is a query (RFC 5452, section 9.1 asks to check all).
    NotAResponse,
    /// The id is another one.
    Id,
    /// The opcode is NOTIFY.
    Opcode,
    /// The question has another name.
    Name,
    /// The question has another type.
    Type,
    /// The question is of class CH.
    Class,
    /// QDCOUNT is 0 and there is no question.
    NoQuestion,
    /// QDCOUNT is 2 and the question is there twice.
    TwoQuestions,
    /// Twelve octets: a clean header, and no question.
    HeaderOnly,
    /// A datagram of no octets; over TCP a frame of length zero.
    Empty,
    /// Seven octets of a header.
    ShortHeader,
    /// The id, then 40 octets of 0xff.
    Garbage,
    /// The record ends in the middle of its fixed part.
    CutRecord,
    /// QDCOUNT is one more than there are questions.
    LyingQuestionCount,
    /// ANCOUNT is one more than there are answer records.
    LyingAnswerCount,
    /// RDLENGTH reaches past the end of the message.
    LyingRdataLength,
    /// The record's owner is a compression pointer to itself.
    CompressionLoop,
    /// The record's owner is a compression pointer to the octets after it.
    ForwardPointer,
    /// The record's owner starts with the reserved label type 0x40.
    ReservedLabel,
    /// The record's owner is longer than 255 octets (RFC 1035, section 3.1).
    LongName,
    /// The answer holds a record of another name only.
    OtherOwner,
    /// As it should be, but from another source port; over TCP it is not sent.
    SourcePort,
}

impl Wrong {
    /// Each of them once.
    pub const ALL: [Self; 22] = [
        Self::NotAResponse,
        Self::Id,
        Self::Opcode,
        Self::Name,
        Self::Type,
        Self::Class,
        Self::NoQuestion,
        Self::TwoQuestions,
        Self::HeaderOnly,
        Self::Empty,
        Self::ShortHeader,
        Self::Garbage,
        Self::CutRecord,
        Self::LyingQuestionCount,
        Self::LyingAnswerCount,
        Self::LyingRdataLength,
        Self::CompressionLoop,
        Self::ForwardPointer,
        Self::ReservedLabel,
        Self::LongName,
        Self::OtherOwner,
        Self::SourcePort,
    ];

    /// Composes this kind of reply to `question`.
    pub(crate) fn compose(self, question: &Question) -> Vec<u8> {
        let mut draft = Draft::poisoned(question);
        match self {
            Self::NotAResponse => draft.flags &= !QR,
            Self::Id => draft.id ^= 0x5555,
            Self::Opcode => draft.flags |= OPCODE_NOTIFY,
            Self::Name => draft.question = [OTHER_NAME, draft.type_and_class()].concat(),
            Self::Type => draft.set_type_and_class(|[a, b, c, d]| [a, b ^ 0x40, c, d]),
            Self::Class => draft.set_type_and_class(|[a, b, _, _]| [a, b, 0, CLASS_CH]),
            Self::NoQuestion => {
                draft.questions = 0;
                draft.question.clear();
                draft.owner = OTHER_NAME.to_vec();
            }
            Self::TwoQuestions => {
                draft.questions = 2;
                draft.question.extend_from_within(..);
            }
            Self::HeaderOnly => return draft.header([0, 0]),
            Self::Empty => return Vec::new(),
            Self::ShortHeader => draft.keep = 7,
            Self::Garbage => return [&draft.id.to_be_bytes()[..], &[0xff; 40]].concat(),
            Self::CutRecord => draft.keep = draft.record_at() + draft.owner.len() + 5,
            Self::LyingQuestionCount => draft.questions = 2,
            Self::LyingAnswerCount => draft.answers = 2,
            Self::LyingRdataLength => draft.extra_length = 200,
            Self::CompressionLoop => draft.owner = pointer(draft.record_at()),
            Self::ForwardPointer => draft.owner = pointer(draft.record_at() + 2),
            Self::ReservedLabel => draft.owner = vec![0x41, b'a', 0],
            Self::LongName => draft.owner = long_name(),
            Self::OtherOwner => draft.owner = OTHER_NAME.to_vec(),
            Self::SourcePort => {}
        }
        draft.compose()
    }
}

/// A reply in parts, each of which can be bent.
struct Draft {
    id: u16,
    flags: u16,
    questions: u16,
    answers: u16,
    question: Vec<u8>,
    owner: Vec<u8>,
    rtype: u16,
    rdata: Vec<u8>,
    /// How much RDLENGTH exceeds the data.
    extra_length: u16,
    /// How many octets of the whole are sent.
    keep: usize,
}

impl Draft {
    /// A well-formed reply with the poison address.
    fn poisoned(question: &Question) -> Self {
        let (rtype, rdata) = match question.qtype {
            RecordType::AAAA => (RecordType::AAAA, POISON_V6.octets().to_vec()),
            // Any other type gets an A too: what matters is the wrong part.
            _ => (RecordType::A, POISON_V4.octets().to_vec()),
        };
        Self {
            id: question.message.metadata.id,
            flags: QR | RD | RA,
            questions: 1,
            answers: 1,
            question: question.section().to_vec(),
            owner: pointer(crate::question::HEADER),
            rtype: rtype.into(),
            rdata,
            extra_length: 0,
            keep: usize::MAX,
        }
    }

    fn compose(&self) -> Vec<u8> {
        let mut octets = self.header([self.questions, self.answers]);
        octets.extend_from_slice(&self.question);
        octets.extend_from_slice(&self.owner);
        octets.extend_from_slice(&self.rtype.to_be_bytes());
        octets.extend_from_slice(&[0, CLASS_IN]);
        octets.extend_from_slice(&POISON_TTL.to_be_bytes());
        let length = u16::try_from(self.rdata.len()).unwrap_or(0) + self.extra_length;
        octets.extend_from_slice(&length.to_be_bytes());
        octets.extend_from_slice(&self.rdata);
        octets.truncate(self.keep);
        octets
    }

    fn header(&self, [questions, answers]: [u16; 2]) -> Vec<u8> {
        [self.id, self.flags, questions, answers, 0, 0]
            .into_iter()
            .flat_map(u16::to_be_bytes)
            .collect()
    }

    /// Where the record starts in the composed message.
    fn record_at(&self) -> usize {
        crate::question::HEADER + self.question.len()
    }

    fn type_and_class(&self) -> &[u8] {
        self.question.last_chunk::<4>().map_or(&[], |last| last)
    }

    fn set_type_and_class(&mut self, change: impl Fn([u8; 4]) -> [u8; 4]) {
        if let Some(last) = self.question.last_chunk_mut::<4>() {
            *last = change(*last);
        }
    }
}

fn pointer(to: usize) -> Vec<u8> {
    let to = u16::try_from(to).unwrap_or(u16::MAX);
    (0xc000 | (to & 0x3fff)).to_be_bytes().to_vec()
}

/// Five labels of 63 octets: 321 octets.
fn long_name() -> Vec<u8> {
    let label = [&[63][..], &[b'x'; 63]].concat();
    [label.repeat(5), vec![0]].concat()
}

const QR: u16 = 0x8000;
const OPCODE_NOTIFY: u16 = 4 << 11;
const RD: u16 = 0x0100;
const RA: u16 = 0x0080;
const CLASS_IN: u8 = 1;
const CLASS_CH: u8 = 3;
/// Long, so that a believed wrong reply stays to be seen.
const POISON_TTL: u32 = 3600;
/// `victim.example.`
const OTHER_NAME: &[u8] = b"\x06victim\x07example\x00";

#[cfg(test)]
mod tests;
