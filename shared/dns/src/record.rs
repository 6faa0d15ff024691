//! Walking the records of a message in place (RFC 1035, section 4.1.3).

use std::ops::Range;

use crate::{Class, Header, ParseError, Rtype, get_u16, get_u32, skip_name};

/// Where in a message a record stands.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Section {
    /// What was asked for.
    Answer,
    /// Who is responsible; the SOA of a negative response.
    Authority,
    /// What may help; the OPT record.
    Additional,
}

/// One record, as offsets into its message.
#[derive(Clone, Debug)]
pub struct Record {
    /// The section it was counted in.
    pub section: Section,
    /// Offset of the owner name.
    pub owner_at: usize,
    /// Offset of the TTL field.
    pub ttl_at: usize,
    /// The record type.
    pub rtype: Rtype,
    /// The class; of an OPT record, the UDP payload size.
    pub class: Class,
    /// The TTL in seconds; of an OPT record, flags and version.
    pub ttl: u32,
    /// The RDATA, possibly with compressed names.
    pub rdata: Range<usize>,
}

impl Record {
    /// Returns the offset after the record.
    pub const fn end(&self) -> usize {
        self.rdata.end
    }
}

/// Iterates over the records of a message, section by section.
///
/// Stops for good after the first error.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    message: &'a [u8],
    at: usize,
    left: [u16; 3],
    failed: bool,
}

impl<'a> Records<'a> {
    /// Starts at `at`, the end of the question, with the counts of `header`.
    pub const fn new(message: &'a [u8], at: usize, header: &Header) -> Self {
        let [_, answers, authority, additional] = header.counts;
        Self { message, at, left: [answers, authority, additional], failed: false }
    }

    /// Returns the offset of the next record, or after the last one.
    pub const fn offset(&self) -> usize {
        self.at
    }

    fn section(&mut self) -> Option<Section> {
        let sections = [Section::Answer, Section::Authority, Section::Additional];
        let (section, left) = sections
            .into_iter()
            .zip(&mut self.left)
            .find(|(_, left)| **left > 0)?;
        *left -= 1;
        Some(section)
    }

    fn parse(&mut self, section: Section) -> Result<Record, ParseError> {
        let message = self.message;
        let owner_at = self.at;
        if owner_at >= message.len() {
            return Err(ParseError::Counts);
        }
        let fields = skip_name(message, owner_at)?;
        let length = get_u16(message, fields + 8).ok_or(ParseError::Short)?;
        let rdata = fields + 10..fields + 10 + usize::from(length);
        if rdata.end > message.len() {
            return Err(ParseError::Short);
        }
        self.at = rdata.end;
        Ok(Record {
            section,
            owner_at,
            ttl_at: fields + 4,
            rtype: Rtype(get_u16(message, fields).ok_or(ParseError::Short)?),
            class: Class(get_u16(message, fields + 2).ok_or(ParseError::Short)?),
            ttl: get_u32(message, fields + 4).ok_or(ParseError::Short)?,
            rdata,
        })
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let section = self.section()?;
        let record = self.parse(section);
        self.failed = record.is_err();
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_with_their_section_and_place() {
        let message =
            b"\x01a\0\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x01\0\0\x29\x04\xd0\0\0\x80\0\0\0";
        let header = Header { counts: [0, 1, 0, 1], ..Header::default() };
        let mut records = Records::new(message, 0, &header);
        let a = records.next().unwrap().unwrap();
        assert_eq!((a.section, a.rtype, a.ttl), (Section::Answer, Rtype::A, 60));
        assert_eq!(message.get(a.rdata), Some(&[127, 0, 0, 1][..]));
        let opt = records.next().unwrap().unwrap();
        assert_eq!(
            (opt.section, opt.rtype, opt.class),
            (Section::Additional, Rtype::OPT, Class(1232))
        );
        assert!(records.next().is_none());
        assert_eq!(records.offset(), message.len());
    }

    #[test]
    fn a_lying_count_or_length_ends_the_walk() {
        let message = b"\x01a\0\0\x01\0\x01\0\0\0\x3c\0\x05\x7f\0\0\x01";
        let one = Header { counts: [0, 1, 0, 0], ..Header::default() };
        let mut records = Records::new(message, 0, &one);
        assert_eq!(records.next().unwrap().unwrap_err(), ParseError::Short);
        assert!(records.next().is_none());
        let mut none = Records::new(b"", 0, &one);
        assert_eq!(none.next().unwrap().unwrap_err(), ParseError::Counts);
    }
}
