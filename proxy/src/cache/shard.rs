//! One shard: a ring of octets that holds the answers, and an index over it.
//!
//! The ring is a queue: new answers go to its head, the oldest leave at its
//! tail. One that was used since it last came by is put back at the head
//! instead, which is what CLOCK and SIEVE do without moving octets; moving
//! them keeps the ring free of holes, so its bound is exact and there is no
//! allocator to fragment.

use dns::{Question, Rcode};

use super::entry::{EntryView, Head, Kind};
use super::key::KeyView;
use crate::moment::Moment;

mod index;
use index::Index;

/// Answers of the questions whose hash leads here.
#[derive(Debug)]
pub(super) struct Shard {
    ring: Vec<u8>,
    /// Where the next answer goes; a multiple of eight.
    head: usize,
    /// Where the oldest answer lies; a multiple of eight.
    tail: usize,
    /// The ring is in use from `tail` to its end and from 0 to `head`;
    /// otherwise from `tail` to `head`.
    wrapped: bool,
    index: Index,
    evictions: u64,
}

impl Shard {
    /// Divides `bytes` between ring and index.
    pub(super) fn new(bytes: usize) -> Self {
        let index = Index::new(bytes / BYTES_PER_SLOT);
        let ring = bytes.saturating_sub(index.bytes()) / UNIT * UNIT;
        Self { ring: vec![0; ring], head: 0, tail: 0, wrapped: false, index, evictions: 0 }
    }

    /// Stores an entry that was born just now, replacing what was under `key`.
    pub(super) fn insert(&mut self, key: &KeyView<'_>, entry: &EntryView<'_>) {
        // What it replaces turns into a hole, which the tail will pass by: also
        // where the new one is too large to stay.
        if let Some(old) = self.find(key) {
            self.index.remove(key.hash, old);
        }
        let Some(label) = Label::new(key, entry) else { return };
        let size = label.size();
        if size > self.ring.len() / 2 {
            return;
        }
        self.make_room(size, entry.head.born);
        let at = self.head;
        let Some(place) = self.ring.get_mut(at..at + size) else { return };
        if label.write(place, entry).is_some() {
            self.head += size;
            self.index.add(key.hash, at);
        }
    }

    /// Returns where the entry under `key` lies, fresh or not.
    pub(super) fn find(&self, key: &KeyView<'_>) -> Option<usize> {
        self.index.candidates(key.hash).find(|&at| {
            let stored = self.ring.get(at..).and_then(Label::read);
            stored.is_some_and(|label| label.hash == key.hash && label.bits == key.bits())
                && self.question(at).is_some_and(|question| {
                    question.matches(&Question {
                        qname: key.qname,
                        qtype: key.qtype,
                        qclass: key.qclass,
                    })
                })
        })
    }

    /// Returns the entry at `at` unless it has expired, and marks it used.
    pub(super) fn fresh(&mut self, at: usize, now: Moment) -> Option<EntryView<'_>> {
        let label = Label::read(self.ring.get(at..)?)?;
        if label.head.expires <= now {
            return None;
        }
        *self.ring.get_mut(at + USED_AT)? = 1;
        let message = at + Label::LEN;
        let ttls = message + usize::from(label.message_len);
        Some(EntryView {
            head: label.head,
            message: self.ring.get(message..ttls)?,
            ttls: self.ring.get(ttls..ttls + usize::from(label.ttls) * 2)?,
        })
    }

    /// Reads the first index slot for `hash`, only to bring it near.
    pub(super) fn touch(&self, hash: u64) -> u64 {
        self.index.first(hash)
    }

    /// Reads the entry that an index slot points to, only to bring it near.
    pub(super) fn hash_behind(&self, slot: u64) -> u64 {
        index::place(slot).map_or(0, |at| read_u64(&self.ring, at).unwrap_or_default())
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn bytes(&self) -> usize {
        let used = match self.wrapped {
            true => self.ring.len() - self.tail + self.head,
            false => self.head - self.tail,
        };
        used + self.index.bytes()
    }

    pub(super) fn capacity_bytes(&self) -> usize {
        self.ring.len() + self.index.bytes()
    }

    pub(super) fn evictions(&self) -> u64 {
        self.evictions
    }

    fn question(&self, at: usize) -> Option<Question<'_>> {
        Question::parse(self.ring.get(at + Label::LEN..)?).ok()
    }

    /// Frees `size` octets in one piece at the head, and a slot.
    fn make_room(&mut self, size: usize, now: Moment) {
        let mut second_chances = SECOND_CHANCES;
        while self.index.is_full() && self.pop(&mut second_chances, now) {}
        loop {
            if self.wrapped {
                if self.tail - self.head >= size {
                    return;
                }
                self.pop(&mut second_chances, now);
            } else if self.ring.len() - self.head >= size {
                return;
            } else {
                self.wrap();
            }
        }
    }

    /// Continues at the start of the ring; what is left at its end becomes a
    /// hole.
    fn wrap(&mut self) {
        let left = self.ring.len() - self.head;
        if let Some(hole) = self.ring.get_mut(self.head..) {
            // Shorter than a label, perhaps: a hole is known by its size.
            hole.iter_mut().take(UNIT).for_each(|octet| *octet = 0);
        }
        if left > 0 || self.tail < self.ring.len() {
            self.wrapped = true;
        } else {
            self.tail = 0;
        }
        self.head = 0;
    }

    /// Takes the oldest entry or hole off the tail; says whether there was
    /// one.
    fn pop(&mut self, second_chances: &mut u32, now: Moment) -> bool {
        if !self.wrapped && self.tail == self.head {
            return false;
        }
        let at = self.tail;
        let label = self.ring.get(at..).and_then(Label::read);
        let size = label.map_or(self.ring.len() - at, |label| label.size());
        self.tail += size;
        if self.wrapped && self.tail >= self.ring.len() {
            self.tail = 0;
            self.wrapped = false;
        }
        let Some(label) = label.filter(|label| self.index.points(label.hash, at)) else {
            return true;
        };
        let expired = label.head.expires <= now;
        if label.used && !expired && *second_chances > 0 && self.fits(size) {
            *second_chances -= 1;
            self.put_back(&label, at, size);
        } else {
            self.index.remove(label.hash, at);
            self.evictions += u64::from(!expired);
        }
        true
    }

    fn fits(&self, size: usize) -> bool {
        let end = if self.wrapped { self.tail } else { self.ring.len() };
        end - self.head >= size
    }

    /// Moves an entry, which has left the tail, to the head.
    fn put_back(&mut self, label: &Label, at: usize, size: usize) {
        self.index.remove(label.hash, at);
        self.ring.copy_within(at..at + size, self.head);
        if let Some(used) = self.ring.get_mut(self.head + USED_AT) {
            *used = 0;
        }
        self.index.add(label.hash, self.head);
        self.head += size;
    }
}

/// What stands before an entry in the ring.
#[derive(Clone, Copy, Debug)]
struct Label {
    hash: u64,
    head: Head,
    message_len: u16,
    ttls: u16,
    /// DO and CD of the key.
    bits: u8,
    /// Looked up since it last passed the tail.
    used: bool,
}

impl Label {
    /// Octets before the message.
    const LEN: usize = 40;

    /// `None` for messages that can not be.
    fn new(key: &KeyView<'_>, entry: &EntryView<'_>) -> Option<Self> {
        Some(Self {
            hash: key.hash,
            head: entry.head,
            message_len: u16::try_from(entry.message.len())
                .ok()
                .filter(|&len| len > 0)?,
            ttls: u16::try_from(entry.ttls.len() / 2).ok()?,
            bits: key.bits(),
            used: false,
        })
    }

    fn size(&self) -> usize {
        let octets = Self::LEN + usize::from(self.message_len) + usize::from(self.ttls) * 2;
        octets.next_multiple_of(UNIT)
    }

    /// Writes label and entry.
    fn write(&self, place: &mut [u8], entry: &EntryView<'_>) -> Option<()> {
        let kind = match self.head.kind {
            Kind::Positive => 0,
            Kind::Negative => 1,
            Kind::Failure => 2,
        };
        let ede = self.head.ede.unwrap_or(NO_EDE);
        dns::put_u16(place, 0, self.message_len)?;
        dns::put_u16(place, 2, self.ttls)?;
        dns::put_octets(place, 4, &[kind, self.bits, u8::from(self.used), 0])?;
        dns::put_octets(place, 8, &self.hash.to_be_bytes())?;
        dns::put_octets(place, 16, &self.head.born.as_micros().to_be_bytes())?;
        dns::put_octets(place, 24, &self.head.expires.as_micros().to_be_bytes())?;
        dns::put_u16(place, 32, self.head.rcode.0)?;
        dns::put_u16(place, 34, ede)?;
        dns::put_octets(place, Self::LEN, entry.message)?;
        dns::put_octets(place, Self::LEN + entry.message.len(), entry.ttls)
    }

    /// Reads the label at the start of `place`; `None` for a hole.
    fn read(place: &[u8]) -> Option<Self> {
        let message_len = dns::get_u16(place, 0).filter(|&len| len > 0)?;
        let place = place.get(..Self::LEN)?;
        let &[kind, bits, used, _] = place.get(4..8)? else { return None };
        let kind = match kind {
            0 => Kind::Positive,
            1 => Kind::Negative,
            _ => Kind::Failure,
        };
        let head = Head {
            kind,
            rcode: Rcode(dns::get_u16(place, 32)?),
            ede: dns::get_u16(place, 34).filter(|&ede| ede != NO_EDE),
            born: Moment::from_micros(read_u64(place, 16)?),
            expires: Moment::from_micros(read_u64(place, 24)?),
        };
        let (hash, ttls) = (read_u64(place, 8)?, dns::get_u16(place, 2)?);
        Some(Self { hash, head, message_len, ttls, bits, used: used != 0 })
    }
}

fn read_u64(octets: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(octets.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// Entries lie at multiples of this, so that a slot's 32 bits reach 32 GiB.
const UNIT: usize = 8;

/// Where in a label the mark of use is.
const USED_AT: usize = 6;

/// Stands for no Extended DNS Error; private use ends below it (RFC 8914).
const NO_EDE: u16 = u16::MAX;

/// Ring octets for each index slot: answers of the cluster take about 200,
/// so the ring is full before the index.
const BYTES_PER_SLOT: usize = 128;

/// Entries moved from tail to head by one insert at most: bounds its time,
/// whatever was used.
const SECOND_CHANCES: u32 = 8;
