//! Composing a message record by record, names compressed.
//!
//! Used once for each response that comes from an upstream and for what we
//! say ourselves; answers from the cache are copies of its result.

use crate::{Class, HEADER_LEN, Header, Name, ParseError, Record, Rtype, get_u16, put_u16};

/// Appends to a message; the header is written last, by [`Composer::finish`].
#[derive(Debug)]
pub struct Composer<'a> {
    out: &'a mut Vec<u8>,
    /// Offsets at which a name, or the tail of one, can be pointed to.
    targets: Vec<u16>,
}

impl<'a> Composer<'a> {
    /// Starts a message in `out`, whatever it held before, with one question.
    pub fn new(out: &'a mut Vec<u8>, qname: &Name, qtype: Rtype, qclass: Class) -> Self {
        out.clear();
        out.resize(HEADER_LEN, 0);
        let mut composer = Self { out, targets: Vec::with_capacity(MAX_TARGETS) };
        composer.name(qname);
        composer.out.extend(qtype.0.to_be_bytes());
        composer.out.extend(qclass.0.to_be_bytes());
        composer
    }

    /// Appends `record` of `source`, with `ttl`, and returns the offset of
    /// its TTL field.
    ///
    /// Names are written anew, for their pointers lead elsewhere now: the
    /// owner, and those inside RDATA of the types that may compress
    /// (RFC 3597, section 4). All other RDATA is copied as it is.
    pub fn record(
        &mut self,
        source: &[u8],
        record: &Record,
        ttl: u32,
    ) -> Result<usize, ParseError> {
        let (owner, _) = Name::parse(source, record.owner_at)?;
        let ttl_at = self.head(&owner, record.rtype, record.class, ttl);
        self.rdata(source, record)?;
        self.close(ttl_at)?;
        Ok(ttl_at)
    }

    /// Appends a record whose RDATA is given and holds no compressed name.
    pub fn own_record(
        &mut self,
        owner: &Name,
        rtype: Rtype,
        ttl: u32,
        rdata: &[u8],
    ) -> Result<(), ParseError> {
        let ttl_at = self.head(owner, rtype, Class::IN, ttl);
        self.out.extend(rdata);
        self.close(ttl_at)
    }

    /// Writes the header.
    pub fn finish(self, header: &Header) -> Result<(), ParseError> {
        if self.out.len() > usize::from(u16::MAX) {
            return Err(ParseError::TooLong);
        }
        header.patch(self.out).ok_or(ParseError::Short)
    }

    fn head(&mut self, owner: &Name, rtype: Rtype, class: Class, ttl: u32) -> usize {
        self.name(owner);
        self.out.extend(rtype.0.to_be_bytes());
        self.out.extend(class.0.to_be_bytes());
        let ttl_at = self.out.len();
        self.out.extend(ttl.to_be_bytes());
        self.out.extend([0, 0]);
        ttl_at
    }

    /// Fills in RDLENGTH, which stands behind the TTL.
    fn close(&mut self, ttl_at: usize) -> Result<(), ParseError> {
        let length = self.out.len() - (ttl_at + 6);
        let length = u16::try_from(length).map_err(|_| ParseError::TooLong)?;
        put_u16(self.out, ttl_at + 4, length).ok_or(ParseError::Short)
    }

    fn rdata(&mut self, source: &[u8], record: &Record) -> Result<(), ParseError> {
        let shape = Shape::of(record.rtype);
        let mut at = record.rdata.start;
        at = self.copy(source, at, shape.before, record)?;
        at = self.strings(source, at, shape.strings, record)?;
        for _ in 0..shape.names {
            let (name, end) = Name::parse(source, at)?;
            if end > record.rdata.end {
                return Err(ParseError::Rdata);
            }
            // Only the types of RFC 1035 may be compressed by us (RFC 3597).
            if shape.compress {
                self.name(&name)
            } else {
                self.out.extend(name.as_wire())
            }
            at = end;
        }
        let rest = source.get(at..record.rdata.end).ok_or(ParseError::Rdata)?;
        if shape.after.is_some_and(|after| after != rest.len()) {
            return Err(ParseError::Rdata);
        }
        self.out.extend(rest);
        Ok(())
    }

    fn copy(
        &mut self,
        source: &[u8],
        at: usize,
        len: usize,
        record: &Record,
    ) -> Result<usize, ParseError> {
        let end = at + len;
        if end > record.rdata.end {
            return Err(ParseError::Rdata);
        }
        self.out
            .extend(source.get(at..end).ok_or(ParseError::Rdata)?);
        Ok(end)
    }

    fn strings(
        &mut self,
        source: &[u8],
        at: usize,
        count: u8,
        record: &Record,
    ) -> Result<usize, ParseError> {
        let mut at = at;
        for _ in 0..count {
            let length = *source.get(at).ok_or(ParseError::Rdata)?;
            at = self.copy(source, at, usize::from(length) + 1, record)?;
        }
        Ok(at)
    }

    /// Appends a name, as a pointer from the first tail that stands already.
    fn name(&mut self, name: &Name) {
        let wire = name.as_wire();
        let mut at = 0;
        while let Some(tail) = wire.get(at..).filter(|tail| tail.len() > 1) {
            if let Some(target) = self.find(tail) {
                self.out.extend((0xc000 | target).to_be_bytes());
                return;
            }
            let length = usize::from(tail.first().copied().unwrap_or_default()) + 1;
            self.remember();
            self.out.extend(tail.get(..length).unwrap_or_default());
            at += length;
        }
        self.out.push(0);
    }

    fn find(&self, tail: &[u8]) -> Option<u16> {
        self.targets
            .iter()
            .copied()
            .find(|&target| same_name(self.out, usize::from(target), tail))
    }

    fn remember(&mut self) {
        if let Ok(here) = u16::try_from(self.out.len())
            && here < 0x4000
            && self.targets.len() < MAX_TARGETS
        {
            self.targets.push(here);
        }
    }
}

/// Where the names are in the RDATA of a type.
struct Shape {
    before: usize,
    strings: u8,
    names: u8,
    /// Octets behind the names, where the type fixes them.
    after: Option<usize>,
    compress: bool,
}

impl Shape {
    const fn of(rtype: Rtype) -> Self {
        let (before, strings, names, after, compress) = match rtype {
            Rtype::NS
            | Rtype::CNAME
            | Rtype::PTR
            | Rtype::MB
            | Rtype::MD
            | Rtype::MF
            | Rtype::MG
            | Rtype::MR => (0, 0, 1, Some(0), true),
            Rtype::SOA => (0, 0, 2, Some(20), true),
            Rtype::MINFO => (0, 0, 2, Some(0), true),
            Rtype::MX => (2, 0, 1, Some(0), true),
            Rtype::DNAME => (0, 0, 1, Some(0), false),
            Rtype::RP => (0, 0, 2, Some(0), false),
            Rtype::AFSDB | Rtype::RT | Rtype::KX => (2, 0, 1, Some(0), false),
            Rtype::PX => (2, 0, 2, Some(0), false),
            Rtype::SRV => (6, 0, 1, Some(0), false),
            Rtype::NAPTR => (4, 3, 1, Some(0), false),
            Rtype::SIG => (18, 0, 1, None, false),
            Rtype::NXT => (0, 0, 1, None, false),
            Rtype::A => (0, 0, 0, Some(4), false),
            Rtype::AAAA => (0, 0, 0, Some(16), false),
            _ => (0, 0, 0, None, false),
        };
        Self { before, strings, names, after, compress }
    }
}

/// Compares the name at `at`, which we wrote, with an uncompressed one.
fn same_name(out: &[u8], at: usize, wire: &[u8]) -> bool {
    let (mut at, mut rest) = (at, wire);
    loop {
        let Some(&length) = out.get(at) else { return false };
        if length >= 0xc0 {
            // Our own pointers lead backwards.
            match get_u16(out, at) {
                Some(pointer) => at = usize::from(pointer & 0x3fff),
                None => return false,
            }
            continue;
        }
        let label = usize::from(length) + 1;
        let (Some(ours), Some((theirs, tail))) =
            (out.get(at..at + label), rest.split_at_checked(label))
        else {
            return false;
        };
        if !ours.eq_ignore_ascii_case(theirs) {
            return false;
        }
        if length == 0 {
            return tail.is_empty();
        }
        (at, rest) = (at + label, tail);
    }
}

/// Tails remembered for compression. More would compress a little better and
/// make the work grow with the square of the message.
const MAX_TARGETS: usize = 32;

#[cfg(test)]
mod tests;
