//! What a client asks: parsed once, and judged by the rules of a listener.

mod hops;

use dns::{Class, ExtendedError, Flags, HEADER_LEN, Header, MAX_UDP_PAYLOAD, MIN_UDP_PAYLOAD};
use dns::{Name, Opcode, Opt, ParseError, Question, Rcode, Records, Rtype, put_octets};

pub use hops::Hops;

use crate::response::Rendered;

/// A query that is fit to be answered, borrowed from its datagram.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Transaction identifier.
    pub id: u16,
    /// Flags as sent; QR is clear and the opcode QUERY.
    pub flags: Flags,
    /// The one question, class IN; qname in the case it was asked in.
    pub question: Question<'a>,
    /// The OPT record, version 0, if there was one.
    pub edns: Option<Opt>,
    /// The options of that, as they are.
    pub options: &'a [u8],
}

impl<'a> Query<'a> {
    /// Parses a message from a client.
    ///
    /// The cheapest checks come first: garbage costs less than an answer.
    pub fn parse(message: &'a [u8]) -> Result<Self, QueryError> {
        let header = Header::parse(message).ok_or(QueryError::HeaderTooShort)?;
        if header.flags.has(Flags::QR) {
            return Err(QueryError::NotAQuery);
        }
        if header.flags.opcode() != Opcode::QUERY {
            return Err(QueryError::Opcode);
        }
        let [1, ..] = header.counts else { return Err(QueryError::QuestionCount) };
        let question = Question::parse(message).map_err(|_| QueryError::Malformed)?;
        let (edns, options) = find_opt(message, question.end(), &header)?.unzip();
        if edns.is_some_and(|opt| opt.version != 0) {
            return Err(QueryError::BadVersion);
        }
        if question.qclass != Class::IN {
            return Err(QueryError::Class);
        }
        if matches!(question.qtype, Rtype::AXFR | Rtype::IXFR) {
            return Err(QueryError::Transfer);
        }
        let options = options.unwrap_or_default();
        Ok(Self { id: header.id, flags: header.flags, question, edns, options })
    }

    /// Returns the octets that an answer over UDP may have: the size in the
    /// client's OPT, 512 without EDNS, never more than 1232 (RFC 9715).
    pub fn udp_limit(&self) -> usize {
        let size = self
            .edns
            .map_or(MIN_UDP_PAYLOAD, |opt| opt.udp_payload_size);
        usize::from(size.clamp(MIN_UDP_PAYLOAD, MAX_UDP_PAYLOAD))
    }

    /// Says whether the client understands the AD bit (RFC 6840, 5.7).
    pub fn wants_ad(&self) -> bool {
        self.flags.has(Flags::AD) || self.dnssec_ok()
    }

    /// Says whether the client asked for DNSSEC records (RFC 3225).
    pub fn dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|opt| opt.dnssec_ok)
    }

    /// Returns an owned twin that outlives the datagram.
    pub fn retain(&self) -> Retained {
        Retained {
            id: self.id,
            flags: self.flags,
            // The question was parsed, so the name is one.
            qname: Name::from_wire(self.question.qname).unwrap_or(Name::ROOT),
            qtype: self.question.qtype,
            qclass: self.question.qclass,
            edns: self.edns,
        }
    }
}

/// A [`Query`] that owns its name, for those who wait for an upstream.
#[derive(Clone, Copy, Debug)]
pub struct Retained {
    /// Transaction identifier.
    pub id: u16,
    /// Flags as sent.
    pub flags: Flags,
    /// The name in the case it was asked in.
    pub qname: Name,
    /// The type asked for.
    pub qtype: Rtype,
    /// The class asked for.
    pub qclass: Class,
    /// The OPT record, if there was one.
    pub edns: Option<Opt>,
}

impl Retained {
    /// Borrows the query back, without its options.
    pub fn as_query(&self) -> Query<'_> {
        let Self { id, flags, edns, .. } = *self;
        Query { id, flags, question: self.question(), edns, options: &[] }
    }

    /// Borrows the question.
    pub fn question(&self) -> Question<'_> {
        Question { qname: self.qname.as_wire(), qtype: self.qtype, qclass: self.qclass }
    }
}

/// Why a message from a client gets no answer from the cache or an upstream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum QueryError {
    /// An EDNS version other than 0 (RFC 6891, section 6.1.3).
    BadVersion,
    /// A class other than IN.
    Class,
    /// Fewer than twelve octets.
    HeaderTooShort,
    /// Question or records that do not parse, octets left over, two OPTs.
    Malformed,
    /// A response; answering one invites a loop.
    NotAQuery,
    /// A client whose network is not allowed to ask.
    NotAllowed,
    /// An opcode other than QUERY.
    Opcode,
    /// Not exactly one question (RFC 9619).
    QuestionCount,
    /// A TCP frame that no query needs: over 4 KiB.
    TooLong,
    /// A zone transfer; a cache has no zones.
    Transfer,
    /// A TCP frame of length zero.
    ZeroLengthTcp,
}

impl QueryError {
    /// All of them, in the order of [`QueryError::index`].
    pub const ALL: &[Self] = &[
        Self::BadVersion,
        Self::Class,
        Self::HeaderTooShort,
        Self::Malformed,
        Self::NotAQuery,
        Self::NotAllowed,
        Self::Opcode,
        Self::QuestionCount,
        Self::TooLong,
        Self::Transfer,
        Self::ZeroLengthTcp,
    ];

    /// Returns the place in [`QueryError::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns the RCODE that the client gets; `None` means silence.
    pub const fn rcode(self) -> Option<Rcode> {
        match self {
            Self::BadVersion => Some(Rcode::BADVERS),
            Self::Class | Self::NotAllowed | Self::Transfer => Some(Rcode::REFUSED),
            Self::Malformed | Self::QuestionCount => Some(Rcode::FORMERR),
            Self::Opcode => Some(Rcode::NOTIMP),
            Self::HeaderTooShort | Self::NotAQuery | Self::TooLong | Self::ZeroLengthTcp => None,
        }
    }

    /// Returns the value of the metric label `reason`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::BadVersion => "bad_version",
            Self::Class => "class",
            Self::HeaderTooShort => "header_too_short",
            Self::Malformed => "malformed",
            Self::NotAQuery => "not_a_query",
            Self::NotAllowed => "not_allowed",
            Self::Opcode => "opcode",
            Self::QuestionCount => "question_count",
            Self::TooLong => "too_long",
            Self::Transfer => "transfer",
            Self::ZeroLengthTcp => "zero_length_tcp",
        }
    }

    /// Returns the Extended DNS Error of the reply. Only a client that may not ask
    /// gets one, without text: no reply should be longer than its message, and
    /// REFUSED alone could be a zone that an upstream does not serve.
    const fn extended(self) -> Option<ExtendedError<'static>> {
        match self {
            Self::NotAllowed => Some(ExtendedError { code: ExtendedError::PROHIBITED, text: &[] }),
            _ => None,
        }
    }

    /// Composes the error reply to `message`; `None` for silence.
    ///
    /// The question and the OPT record come back as far as they parse.
    pub fn reply(self, message: &[u8], out: &mut [u8]) -> Option<Rendered> {
        let rcode = self.rcode()?;
        let asked = Header::parse(message)?;
        if asked.flags.has(Flags::QR) {
            return None;
        }
        let flags = Flags(asked.flags.0 & OPCODE_BITS)
            .with(Flags::QR | Flags::RA)
            .copying(asked.flags, Flags::RD | Flags::CD)
            .with_rcode(rcode);
        let mut header = Header { id: asked.id, flags, counts: [0; 4] };
        let question = Question::parse(message)
            .ok()
            .filter(|_| asked.counts.starts_with(&[1]));
        let mut len = HEADER_LEN;
        if let Some(question) = question {
            let octets = message.get(HEADER_LEN..question.end())?;
            put_octets(out, HEADER_LEN, octets)?;
            len = question.end();
            header.counts = [1, 0, 0, 0];
            if let Ok(Some((opt, _))) = find_opt(message, len, &asked) {
                let extended_rcode = u8::try_from(rcode.0 >> 4).unwrap_or_default();
                let ours = own_opt(extended_rcode, opt.dnssec_ok);
                len += ours.patch(out.get_mut(len..)?, self.extended())?;
                header.counts = [1, 0, 0, 1];
            }
        }
        header.patch(out)?;
        Some(Rendered { len, header, rcode })
    }
}

/// Returns the OPT record of an answer of ours.
pub(crate) const fn own_opt(extended_rcode: u8, dnssec_ok: bool) -> Opt {
    Opt { udp_payload_size: MAX_UDP_PAYLOAD, extended_rcode, version: 0, dnssec_ok }
}

/// Walks the records behind the question for the one OPT there may be.
fn find_opt<'m>(
    message: &'m [u8],
    at: usize,
    header: &Header,
) -> Result<Option<(Opt, &'m [u8])>, QueryError> {
    let mut records = Records::new(message, at, header);
    let mut found = None;
    for record in records.by_ref() {
        let record = record.map_err(|_: ParseError| QueryError::Malformed)?;
        let Some(opt) = Opt::from_record(&record) else { continue };
        // Its owner is the root, and there is only one (RFC 6891, 6.1.1).
        let owner_is_root = message.get(record.owner_at) == Some(&0);
        if !owner_is_root || record.section != dns::Section::Additional || found.is_some() {
            return Err(QueryError::Malformed);
        }
        found = Some((opt, message.get(record.rdata).unwrap_or_default()));
    }
    if records.offset() == message.len() { Ok(found) } else { Err(QueryError::Malformed) }
}

/// The opcode within the flags.
const OPCODE_BITS: u16 = 0x7800;

#[cfg(test)]
mod tests;
