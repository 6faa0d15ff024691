//! Composing a message record by record, names compressed.
//!
//! Used once for each response that comes from an upstream and for what we
//! say ourselves; answers from the cache are copies of its result.

use crate::{Class, Flags, HEADER_LEN, Header, Name, ParseError, Record, Rtype, put_u16};

mod tails;
mod targets;

use tails::{MAX_LABELS, Tails, USUAL_LABELS};
use targets::{Targets, is_target};

/// Composes a query with recursion desired, for one question of class IN and nothing else.
pub fn query(id: u16, qname: &Name, qtype: Rtype) -> Vec<u8> {
    let mut message = Vec::new();
    let composer = Composer::new(&mut message, qname, qtype, Class::IN);
    let header = Header { id, flags: Flags(Flags::RD), counts: [1, 0, 0, 0] };
    // A question alone always fits, and the header's place is there.
    composer.finish(&header).unwrap_or_default();
    message
}

/// Appends to a message; the header is written last, by [`Composer::finish`].
///
/// The work is linear in the octets of the names, whatever they are: an upstream's
/// response is written by whoever owns the zone.
#[derive(Debug)]
pub struct Composer<'a> {
    out: &'a mut Vec<u8>,
    targets: Targets,
    /// The last owner, or the question's name before there is one, and where it can
    /// be pointed to. Most records have the owner of the one before.
    owner: Name,
    owner_at: Option<u16>,
    /// Whether the question's name is among the targets. Most answers need no other.
    knows_question: bool,
}

impl<'a> Composer<'a> {
    /// Starts a message in `out`, whatever it held before, with one question.
    pub fn new(out: &'a mut Vec<u8>, qname: &Name, qtype: Rtype, qclass: Class) -> Self {
        out.clear();
        out.resize(HEADER_LEN, 0);
        out.extend(qname.as_wire());
        out.extend(qtype.0.to_be_bytes());
        out.extend(qclass.0.to_be_bytes());
        // The root is shorter than a pointer.
        let owner_at = is_target(HEADER_LEN).filter(|_| *qname != Name::ROOT);
        Self { out, targets: Targets::default(), owner: *qname, owner_at, knows_question: false }
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
        self.record_of(&owner, source, record, ttl)
    }

    /// As [`Composer::record`], where the owner has been read already.
    pub fn record_of(
        &mut self,
        owner: &Name,
        source: &[u8],
        record: &Record,
        ttl: u32,
    ) -> Result<usize, ParseError> {
        let ttl_at = self.head(owner, record.rtype, record.class, ttl);
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
        self.check_len()?;
        header.patch(self.out).ok_or(ParseError::Short)
    }

    fn head(&mut self, owner: &Name, rtype: Rtype, class: Class, ttl: u32) -> usize {
        self.owner(owner);
        self.out.extend(rtype.0.to_be_bytes());
        self.out.extend(class.0.to_be_bytes());
        let ttl_at = self.out.len();
        self.out.extend(ttl.to_be_bytes());
        self.out.extend([0, 0]);
        ttl_at
    }

    /// Fills in RDLENGTH, which stands behind the TTL. A message that is too long is
    /// found here, so that no more of it is worked on.
    fn close(&mut self, ttl_at: usize) -> Result<(), ParseError> {
        let length = self.out.len() - (ttl_at + 6);
        let length = u16::try_from(length).map_err(|_| ParseError::TooLong)?;
        put_u16(self.out, ttl_at + 4, length).ok_or(ParseError::Short)?;
        self.check_len()
    }

    const fn check_len(&self) -> Result<(), ParseError> {
        if self.out.len() > u16::MAX as usize { Err(ParseError::TooLong) } else { Ok(()) }
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
                self.name(&name);
            } else {
                self.out.extend(name.as_wire());
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

    /// Appends an owner name.
    fn owner(&mut self, owner: &Name) {
        if let Some(at) = self.owner_at
            && self.owner.as_wire() == owner.as_wire()
        {
            self.pointer(at);
            return;
        }
        self.owner_at = self.name(owner);
        self.owner = *owner;
    }

    /// Appends a name, as a pointer from the first tail that stands already; returns
    /// where the whole of it can be pointed to.
    fn name(&mut self, name: &Name) -> Option<u16> {
        self.learn_question();
        if is_usual(name) {
            self.name_of::<USUAL_LABELS>(name)
        } else {
            self.name_of::<MAX_LABELS>(name)
        }
    }

    fn name_of<const LABELS: usize>(&mut self, name: &Name) -> Option<u16> {
        let (start, wire) = (self.out.len(), name.as_wire());
        let tails = Tails::<LABELS>::of(wire);
        let mut written = wire.len().saturating_sub(1);
        let mut target = None;
        for (at, hash) in tails.longest_first() {
            let tail = wire.get(at..).unwrap_or_default();
            target = self.targets.find(hash, self.out, tail);
            if target.is_some() {
                written = at;
                break;
            }
            self.targets.remember(hash, start + at);
        }
        self.out.extend(wire.get(..written).unwrap_or_default());
        match target {
            Some(target) => self.pointer(target),
            None => self.out.push(0),
        }
        match target {
            Some(target) if written == 0 => Some(target),
            _ => is_target(start).filter(|_| wire.len() > 1),
        }
    }

    /// Makes the question's name known, where names are compared for the first time.
    fn learn_question(&mut self) {
        if self.knows_question {
            return;
        }
        self.knows_question = true;
        // There is no record yet whose owner is another: `owner` is still the
        // question's name.
        if is_usual(&self.owner) {
            self.learn_owner::<USUAL_LABELS>();
        } else {
            self.learn_owner::<MAX_LABELS>();
        }
    }

    fn learn_owner<const LABELS: usize>(&mut self) {
        for (at, hash) in Tails::<LABELS>::of(self.owner.as_wire()).longest_first() {
            self.targets.remember(hash, HEADER_LEN + at);
        }
    }

    fn pointer(&mut self, target: u16) {
        self.out.extend((0xc000 | target).to_be_bytes());
    }
}

/// Whether a name has no more labels than are usual.
fn is_usual(name: &Name) -> bool {
    name.as_wire().len() < USUAL_LABELS * 2
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

#[cfg(test)]
mod tests;
