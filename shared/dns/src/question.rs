//! The question of a message (RFC 1035, section 4.1.2).

use crate::{Class, HEADER_LEN, Name, NameError, ParseError, Rtype, get_u16};

/// The one question of a query or response, as it stands in the message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Question<'a> {
    /// The name asked for, uncompressed wire form, case as sent.
    pub qname: &'a [u8],
    /// The type asked for.
    pub qtype: Rtype,
    /// The class asked for.
    pub qclass: Class,
}

impl<'a> Question<'a> {
    /// The compression pointer to the name of a message's question, which most
    /// records of an answer have as their owner (RFC 1035, section 4.1.4).
    pub const POINTER: u16 = 0xc00c;

    /// Parses the question behind the header.
    ///
    /// A compressed name is an error: nothing stands before it that it could
    /// point to.
    pub fn parse(message: &'a [u8]) -> Result<Self, ParseError> {
        let end = uncompressed_end(message)?;
        let qname = message.get(HEADER_LEN..end).ok_or(ParseError::Short)?;
        let qtype = Rtype(get_u16(message, end).ok_or(ParseError::Short)?);
        let qclass = Class(get_u16(message, end + 2).ok_or(ParseError::Short)?);
        Ok(Self { qname, qtype, qclass })
    }

    /// Returns the offset after the question, where records start.
    pub const fn end(&self) -> usize {
        HEADER_LEN + self.qname.len() + 4
    }

    /// Returns whether both ask the same, whatever the case of the name.
    pub fn matches(&self, other: &Question<'_>) -> bool {
        self.qtype == other.qtype
            && self.qclass == other.qclass
            && self.qname.eq_ignore_ascii_case(other.qname)
    }
}

/// Returns the offset after the name of the question.
fn uncompressed_end(message: &[u8]) -> Result<usize, NameError> {
    let mut here = HEADER_LEN;
    loop {
        let length = *message.get(here).ok_or(NameError::Short)?;
        here += usize::from(length) + 1;
        match length {
            0 if here - HEADER_LEN > Name::MAX_LEN => return Err(NameError::LongName),
            0 => return Ok(here),
            1..=0x3f => {}
            0xc0.. => return Err(NameError::Pointer),
            _ => return Err(NameError::LabelType),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tail: &[u8]) -> Vec<u8> {
        let mut message = vec![0; HEADER_LEN];
        message.extend(tail);
        message
    }

    #[test]
    fn a_question_is_read_in_place() {
        let message = message(b"\x01A\x01b\0\0\x1c\0\x01rest");
        let question = Question::parse(&message).unwrap();
        assert_eq!(
            question,
            Question { qname: b"\x01A\x01b\0", qtype: Rtype::AAAA, qclass: Class::IN }
        );
        assert_eq!(message.get(question.end()..), Some(&b"rest"[..]));
        let folded = Question { qname: b"\x01a\x01B\0", ..question };
        assert!(question.matches(&folded));
        assert!(!question.matches(&Question { qtype: Rtype::A, ..question }));
    }

    #[test]
    fn a_compressed_or_cut_question_is_an_error() {
        for (tail, error) in [
            (&b"\xc0\x0c\0\x01\0\x01"[..], ParseError::Name(NameError::Pointer)),
            (b"\x01a\xc0\x00\0\x01\0\x01", ParseError::Name(NameError::Pointer)),
            (b"\x01a\0\0\x01\0", ParseError::Short),
            (b"\x01a", ParseError::Name(NameError::Short)),
        ] {
            assert_eq!(Question::parse(&message(tail)).unwrap_err(), error, "{tail:?}");
        }
        let long = [b"\x01x".repeat(127), b"\x01x\0\0\x01\0\x01".to_vec()].concat();
        assert_eq!(Question::parse(&message(&long)).unwrap_err(), NameError::LongName.into());
    }
}
