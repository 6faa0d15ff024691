//! The twelve octets in front of every message (RFC 1035, section 4.1.1).

use crate::{HEADER_LEN, Opcode, Rcode, get_u16};

/// A message header as types.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Header {
    /// Transaction identifier.
    pub id: u16,
    /// The second 16 bits.
    pub flags: Flags,
    /// Questions, answers, authority and additional records, as counted by
    /// the sender.
    pub counts: [u16; 4],
}

impl Header {
    /// Parses the first twelve octets, or returns `None` when there are fewer.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let field = |n: usize| get_u16(message, n * 2);
        let counts = [field(2)?, field(3)?, field(4)?, field(5)?];
        Some(Self { id: field(0)?, flags: Flags(field(1)?), counts })
    }

    /// Parses the header of a response to the query with this `id`.
    pub fn of_response(message: &[u8], id: u16) -> Option<Self> {
        Self::parse(message).filter(|header| header.id == id && header.flags.has(Flags::QR))
    }

    /// Writes the header over the first twelve octets of `out`.
    pub fn patch(&self, out: &mut [u8]) -> Option<()> {
        let [questions, answers, authorities, additionals] = self.counts;
        let fields = [self.id, self.flags.0, questions, answers, authorities, additionals];
        // One check and one copy for all six.
        let octets = out.first_chunk_mut::<HEADER_LEN>()?;
        for (place, field) in octets.as_chunks_mut::<2>().0.iter_mut().zip(fields) {
            *place = field.to_be_bytes();
        }
        Some(())
    }
}

/// The flags of a header, opcode and the low bits of the RCODE included.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flags(pub u16);

impl Flags {
    /// Set on responses.
    pub const QR: u16 = 0x8000;
    /// Authoritative answer.
    pub const AA: u16 = 0x0400;
    /// Truncated.
    pub const TC: u16 = 0x0200;
    /// Recursion desired.
    pub const RD: u16 = 0x0100;
    /// Recursion available.
    pub const RA: u16 = 0x0080;
    /// Authentic data (RFC 4035, 3.2.3).
    pub const AD: u16 = 0x0020;
    /// Checking disabled (RFC 4035, 3.2.2).
    pub const CD: u16 = 0x0010;

    /// Returns whether all bits of `mask` are set.
    pub const fn has(self, mask: u16) -> bool {
        self.0 & mask == mask
    }

    /// Returns the flags with the bits of `mask` set.
    #[must_use]
    pub const fn with(self, mask: u16) -> Self {
        Self(self.0 | mask)
    }

    /// Returns the flags with the bits of `mask` cleared.
    #[must_use]
    pub const fn without(self, mask: u16) -> Self {
        Self(self.0 & !mask)
    }

    /// Returns the flags with those bits of `mask` that `from` has.
    #[must_use]
    pub const fn copying(self, from: Self, mask: u16) -> Self {
        Self(self.0 & !mask | from.0 & mask)
    }

    /// Returns the opcode.
    pub const fn opcode(self) -> Opcode {
        Opcode((self.0 >> 11 & 0x0f) as u8)
    }

    /// Returns the four RCODE bits of the header.
    pub const fn rcode(self) -> Rcode {
        Rcode(self.0 & 0x0f)
    }

    /// Returns the flags with the low four bits of `rcode`; the rest of an
    /// extended RCODE belongs into the OPT record.
    #[must_use]
    pub const fn with_rcode(self, rcode: Rcode) -> Self {
        Self(self.0 & !0x0f | rcode.0 & 0x0f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_its_octets() {
        let flags = Flags(Flags::QR | Flags::RD).with_rcode(Rcode::NXDOMAIN);
        let header = Header { id: 0x1234, flags, counts: [1, 2, 3, 4] };
        let mut octets = [0; HEADER_LEN];
        header.patch(&mut octets).unwrap();
        assert_eq!(octets, [0x12, 0x34, 0x81, 0x03, 0, 1, 0, 2, 0, 3, 0, 4]);
        assert_eq!(Header::parse(&octets), Some(header));
        assert_eq!(Header::parse(&octets[..11]), None);
        assert_eq!(header.patch(&mut [0; 11]), None);
    }

    #[test]
    fn only_a_response_with_the_id_of_the_query_is_one() {
        let message = |id: u16, flags: u16| {
            let mut octets = [0; HEADER_LEN];
            let header = Header { id, flags: Flags(flags), counts: [1, 0, 0, 0] };
            header.patch(&mut octets).unwrap();
            octets
        };
        assert!(Header::of_response(&message(7, Flags::QR), 7).is_some());
        assert_eq!(Header::of_response(&message(7, Flags::RD), 7), None);
        assert_eq!(Header::of_response(&message(8, Flags::QR), 7), None);
        assert_eq!(Header::of_response(&message(7, Flags::QR)[..11], 7), None);
    }

    #[test]
    fn flags_are_copied_bit_by_bit() {
        let asked = Flags(Flags::RD | Flags::CD | Flags::AD);
        let answer = Flags(Flags::QR | Flags::AD).copying(asked, Flags::RD | Flags::CD);
        assert_eq!(answer, Flags(Flags::QR | Flags::AD | Flags::RD | Flags::CD));
        assert_eq!(Flags(0x2800).opcode(), Opcode(5));
        assert!(!answer.has(Flags::QR | Flags::AA));
    }
}
