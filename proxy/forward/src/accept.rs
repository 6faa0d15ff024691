//! Which messages from an upstream are taken for its answer (RFC 5452,
//! section 9.1).
//!
//! The connected socket has checked address and port already. Whatever fails
//! here is dropped and counted, and the wait goes on: a forged or broken
//! message must not end the wait for the right one.

use dns::{Flags, Header, Name, Opcode, Question, Record, Records, Rtype, Section};

/// Why a message from an upstream was not the answer to our query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotAnAnswer {
    /// The question is of another class.
    Class,
    /// No open query of this socket or connection has its id.
    Id,
    /// Nothing is open on its socket: the answer to a query that ended.
    Late,
    /// A name, a count or a length in it is wrong.
    Malformed,
    /// The question has another name.
    Name,
    /// QR is not set.
    NotAResponse,
    /// The opcode is not QUERY.
    Opcode,
    /// It holds answers, and none of them is for the name that was asked.
    Owner,
    /// QDCOUNT is not 1 (RFC 9619).
    QuestionCount,
    /// Shorter than a header.
    Short,
    /// The question has another type.
    Type,
}

impl NotAnAnswer {
    /// All, in the order of their index.
    pub const ALL: &[Self] = &[
        Self::Class,
        Self::Id,
        Self::Late,
        Self::Malformed,
        Self::Name,
        Self::NotAResponse,
        Self::Opcode,
        Self::Owner,
        Self::QuestionCount,
        Self::Short,
        Self::Type,
    ];

    /// The place in a table of counters.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Id => "id",
            Self::Late => "late",
            Self::Malformed => "malformed",
            Self::Name => "name",
            Self::NotAResponse => "not_a_response",
            Self::Opcode => "opcode",
            Self::Owner => "owner",
            Self::QuestionCount => "question_count",
            Self::Short => "short",
            Self::Type => "type",
        }
    }
}

/// Judges whether `message` answers `asked`, which was sent with `id`; returns
/// its header.
///
/// The records of a truncated message are not looked at: some servers cut one
/// in the middle, and its TC bit counts all the same. If they are used,
/// `resolver::admit` judges them.
///
/// # Errors
///
/// Why it is not the answer.
pub fn judge(message: &[u8], asked: &Question<'_>, id: u16) -> Result<Header, NotAnAnswer> {
    let header = Header::parse(message).ok_or(NotAnAnswer::Short)?;
    if header.id != id {
        return Err(NotAnAnswer::Id);
    }
    if !header.flags.has(Flags::QR) {
        return Err(NotAnAnswer::NotAResponse);
    }
    if header.flags.opcode() != Opcode::QUERY {
        return Err(NotAnAnswer::Opcode);
    }
    if header.counts.first() != Some(&1) {
        return Err(NotAnAnswer::QuestionCount);
    }
    let question = Question::parse(message).map_err(|_| NotAnAnswer::Malformed)?;
    same_question(&question, asked)?;
    if !header.flags.has(Flags::TC) {
        check_records(message, &header, &question)?;
    }
    Ok(header)
}

fn same_question(question: &Question<'_>, asked: &Question<'_>) -> Result<(), NotAnAnswer> {
    if !question.qname.eq_ignore_ascii_case(asked.qname) {
        return Err(NotAnAnswer::Name);
    }
    if question.qtype != asked.qtype {
        return Err(NotAnAnswer::Type);
    }
    if question.qclass != asked.qclass {
        return Err(NotAnAnswer::Class);
    }
    Ok(())
}

/// Walks all records once: every owner is a name, every length fits, and of
/// the answers at least one belongs to the question. Octets after the last
/// record are let pass: they are never copied anywhere.
fn check_records(
    message: &[u8],
    header: &Header,
    question: &Question<'_>,
) -> Result<(), NotAnAnswer> {
    let (mut answers, mut belongs) = (false, false);
    for record in Records::new(message, question.end(), header) {
        let record = record.map_err(|_| NotAnAnswer::Malformed)?;
        if dns::get_u16(message, record.owner_at) == Some(Question::POINTER) {
            answers |= record.section == Section::Answer;
            belongs |= record.section == Section::Answer;
            continue;
        }
        let (owner, _) =
            Name::parse(message, record.owner_at).map_err(|_| NotAnAnswer::Malformed)?;
        if record.section == Section::Answer {
            answers = true;
            belongs |= is_for(&record, &owner, question);
        }
    }
    if answers && !belongs { Err(NotAnAnswer::Owner) } else { Ok(()) }
}

/// Says whether a record is for the name asked: it owns it, or is a DNAME
/// above it (RFC 6672, section 2.2).
fn is_for(record: &Record, owner: &Name, question: &Question<'_>) -> bool {
    let is_owner = owner.as_wire().eq_ignore_ascii_case(question.qname);
    is_owner
        || record.rtype == Rtype::DNAME
            && Name::from_wire(question.qname).is_ok_and(|qname| qname.is_within(owner))
}

#[cfg(test)]
mod tests;
