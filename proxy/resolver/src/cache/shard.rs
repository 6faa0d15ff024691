//! One shard: two rings of octets that hold the answers, and an index over them.
//!
//! Each ring is a queue: new answers go to its head, the oldest leave at its
//! tail. A new name starts in the small ring, on probation. If it was used
//! when it comes to the tail, it goes on to the large ring; if not it is gone,
//! and only its hash is remembered: should it be asked again soon, it starts
//! in the large ring. There, one that was used since it last came by is put
//! back at the head. This is S3-FIFO, by moving octets: names that are asked
//! once pass through a tenth of the room, and the rings stay free of holes, so
//! the bound is exact and there is no allocator to fragment.
//!
//! Negative answers may hold a part of the large ring only. Above it they stay
//! on probation: one that was used starts there once more, the others are the
//! first to go.

use dns::HEADER_LEN;

use super::entry::EntryView;
use super::key::KeyView;
use crate::moment::Moment;

mod ghosts;
mod index;
mod label;
mod ring;

use ghosts::Ghosts;
use index::Index;
use label::Label;
use ring::Ring;

/// Answers of the questions whose hash leads here.
#[derive(Debug)]
pub(super) struct Shard {
    octets: Vec<u8>,
    probation: Ring,
    main: Ring,
    ghosts: Ghosts,
    index: Index,
    /// Octets of the large ring that hold negative answers.
    negative: usize,
    /// How many may.
    most_negative: usize,
    evictions: u64,
}

/// Which ring.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Probation,
    Main,
}

impl Shard {
    /// Divides `bytes` between rings, index and remembered hashes. Negative
    /// answers may hold `negative_share` percent of the rings.
    pub(super) fn new(bytes: usize, negative_share: u8) -> Self {
        let slots = bytes / BYTES_PER_SLOT;
        let (index, ghosts) = (Index::new(slots), Ghosts::new(slots));
        let rings = bytes.saturating_sub(index.bytes() + ghosts.bytes()) / UNIT * UNIT;
        let border = rings / PROBATION_SHARE / UNIT * UNIT;
        Self {
            octets: vec![0; rings],
            probation: Ring::new(0, border),
            main: Ring::new(border, rings),
            ghosts,
            index,
            negative: 0,
            most_negative: (rings / 100 * usize::from(negative_share)).saturating_sub(border),
            evictions: 0,
        }
    }

    /// Stores an entry that was born just now, replacing what was under `key`.
    pub(super) fn insert(&mut self, key: &KeyView<'_>, entry: &EntryView<'_>) {
        self.touch_for_insert(key.hash);
        // What it replaces turns into a hole, which the tail will pass by: also
        // where the new one is too large to stay.
        let old = self.find(key);
        if let Some(old) = old {
            self.index.remove(key.hash, old);
            self.forget_negative(old);
        }
        let Some(label) = Label::new(key, entry) else { return };
        let size = label.size();
        if size > self.main.len() / 2 {
            return;
        }
        // A name that is asked again has proven itself.
        let proven = self.ghosts.take(key.hash) || old.is_some();
        let fits_probation = size <= self.probation.len() / 2;
        let place = match self.may_stay(&label) {
            true if proven || !fits_probation => Place::Main,
            false if !fits_probation => return,
            _ => Place::Probation,
        };
        self.make_room(place, size, &mut Turn::at(entry.head.born));
        let at = self.ring(place).head();
        let Some(octets) = self.octets.get_mut(at..at + size) else { return };
        if label.write(octets, entry).is_some() {
            self.push(place, &label);
            self.index.add(key.hash, at);
        }
    }

    /// Takes an entry in at the head of a ring, where it lies already.
    fn push(&mut self, place: Place, label: &Label) {
        self.ring(place).push(label.size());
        if place == Place::Main && label.is_negative() {
            self.negative += label.size();
        }
    }

    /// Says whether the large ring takes an entry: a negative one only within
    /// their part of it.
    fn may_stay(&self, label: &Label) -> bool {
        !label.is_negative() || self.negative + label.size() <= self.most_negative
    }

    /// Takes what has become a hole in the large ring off the account of the
    /// negative ones.
    fn forget_negative(&mut self, at: usize) {
        let octets = self.octets.get_mut(at..).unwrap_or_default();
        let label = Label::read(octets).filter(Label::is_negative);
        if let Some(label) = label.filter(|_| self.main.contains(at)) {
            label::mark_positive(octets);
            self.negative = self.negative.saturating_sub(label.size());
        }
    }

    /// Returns where the entry under `key` lies, fresh or not.
    pub(super) fn find(&self, key: &KeyView<'_>) -> Option<usize> {
        let stored = |at: &usize| {
            let entry = self.octets.get(*at..)?;
            let question = entry.get(Label::LEN + HEADER_LEN..)?;
            let (name, rest) = question.split_at_checked(key.qname.len())?;
            let same = label::is_of(entry, key.hash, key.bits())
                && dns::get_u16(rest, 0)? == key.qtype.0
                && dns::get_u16(rest, 2)? == key.qclass.0
                && name.eq_ignore_ascii_case(key.qname);
            same.then_some(())
        };
        self.index
            .candidates(key.hash)
            .find(|at| stored(at).is_some())
    }

    /// Returns the entry at `at` unless it has expired, and marks it used.
    pub(super) fn fresh(&mut self, at: usize, now: Moment) -> Option<EntryView<'_>> {
        let label = Label::read(self.octets.get(at..)?)?;
        if label.head.expires <= now {
            return None;
        }
        label::mark_used(self.octets.get_mut(at..)?, true);
        let message = at + Label::LEN;
        let ttls = message + usize::from(label.message_len);
        let text = ttls + usize::from(label.ttls) * 2;
        Some(EntryView {
            head: label.head,
            message: self.octets.get(message..ttls)?,
            ttls: self.octets.get(ttls..text)?,
            text: self.octets.get(text..text + usize::from(label.text_len))?,
        })
    }

    /// Reads the first index slot for `hash`, only to bring it near.
    pub(super) fn touch(&self, hash: u64) -> u64 {
        self.index.first(hash)
    }

    /// Reads the first two cache lines of the entry that an index slot points
    /// to, only to bring them near. A third line for each of eight entries is
    /// more than a core waits for at once.
    pub(super) fn touch_behind(&self, slot: u64) -> u64 {
        let Some(at) = index::place(slot) else { return 0 };
        let octet = |offset| u64::from(self.octets.get(at + offset).copied().unwrap_or_default());
        octet(0) + octet(LINE)
    }

    /// Reads what an insert under `hash` looks at in four distant places: where
    /// it goes, and where what it drives out is known. Each waits for memory
    /// and for the one before, unless all are on their way already.
    fn touch_for_insert(&self, hash: u64) {
        let tail = self.probation.tail();
        let leaving = tail.and_then(|at| label::hash(&self.octets, at));
        let touched = [hash, leaving.unwrap_or(hash)]
            .map(|hash| self.index.first(hash) ^ u64::from(self.ghosts.first(hash)));
        std::hint::black_box(touched);
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.probation.used() + self.main.used() + self.overhead()
    }

    pub(super) fn capacity_bytes(&self) -> usize {
        self.octets.len() + self.overhead()
    }

    pub(super) fn evictions(&self) -> u64 {
        self.evictions
    }

    fn overhead(&self) -> usize {
        self.index.bytes() + self.ghosts.bytes()
    }

    const fn ring(&mut self, place: Place) -> &mut Ring {
        match place {
            Place::Probation => &mut self.probation,
            Place::Main => &mut self.main,
        }
    }

    /// Frees `size` octets in one piece at the head of a ring, and a slot.
    fn make_room(&mut self, place: Place, size: usize, turn: &mut Turn) {
        while self.index.is_full()
            && (self.pop(Place::Probation, turn) || self.pop(Place::Main, turn))
        {}
        while !self.ring(place).has_room(size) {
            if self.ring(place).can_wrap() {
                self.wrap(place);
            } else if !self.pop(place, turn) {
                return;
            }
        }
    }

    /// Takes the oldest entry or hole off the tail of a ring; says whether
    /// there was one.
    fn pop(&mut self, place: Place, turn: &mut Turn) -> bool {
        let ring = *self.ring(place);
        let Some(at) = ring.tail() else { return false };
        let label = self.octets.get(at..ring.end()).and_then(Label::read);
        let size = label.map_or_else(|| ring.end() - at, |label| label.size());
        self.ring(place).shift(size);
        if place == Place::Main && label.is_some_and(|label| label.is_negative()) {
            self.negative = self.negative.saturating_sub(size);
        }
        let Some(label) = label.filter(|label| self.index.remove(label.hash, at)) else {
            return true;
        };
        if label.head.expires <= turn.now {
            return true;
        }
        // On probation also one that was not used stays while there is room
        // that nobody needs: an empty cache is filled by whoever comes first.
        let stays = if label.used {
            turn.chances > 0
        } else {
            place == Place::Probation
                && self.may_stay(&label)
                && self.has_spare_room(label.size(), turn)
        };
        if stays && self.keep(place, &label, at, turn) {
            return true;
        }
        if place == Place::Probation && !label.used {
            self.ghosts.remember(label.hash);
        }
        self.evictions += 1;
        true
    }

    /// Says whether the large ring has room for `size` octets, or what lies at
    /// its tail has expired and makes some.
    fn has_spare_room(&mut self, size: usize, turn: &mut Turn) -> bool {
        while !self.main.has_room(size) {
            let tail = self.main.tail().and_then(|at| self.octets.get(at..));
            let label = tail.and_then(Label::read);
            let is_live = label.is_some_and(|label| label.head.expires > turn.now);
            if self.main.can_wrap() {
                self.wrap(Place::Main);
            } else if is_live || turn.sweeps == 0 {
                return false;
            } else {
                turn.sweeps -= 1;
                self.pop(Place::Main, turn);
            }
        }
        true
    }

    /// Continues a ring at its start.
    fn wrap(&mut self, place: Place) {
        let ring = self.ring(place);
        let (hole, end) = (ring.wrap(), ring.end());
        label::mark_hole(self.octets.get_mut(hole..end).unwrap_or_default());
    }

    /// Moves an entry, which has left its tail and the index, to the head of
    /// the large ring, or to that of its own if it may not stay there; says
    /// whether there was room.
    fn keep(&mut self, from: Place, label: &Label, at: usize, turn: &mut Turn) -> bool {
        turn.chances = turn.chances.saturating_sub(1);
        let size = label.size();
        let to = if self.may_stay(label) { Place::Main } else { Place::Probation };
        if from == Place::Probation && to == Place::Main {
            self.make_room(Place::Main, size, turn);
        }
        let ring = *self.ring(to);
        if !ring.has_room(size) {
            return false;
        }
        let head = ring.head();
        self.octets.copy_within(at..at + size, head);
        label::mark_used(self.octets.get_mut(head..).unwrap_or_default(), false);
        self.push(to, label);
        self.index.add(label.hash, head);
        true
    }
}

/// What one insert may do.
#[derive(Debug)]
struct Turn {
    now: Moment,
    /// Entries that may still be moved instead of dropped: bounds the time of
    /// an insert, whatever was used.
    chances: u32,
    /// Expired entries and holes that may still be taken away only to make room
    /// for what nobody used yet.
    sweeps: u32,
}

impl Turn {
    const fn at(now: Moment) -> Self {
        Self { now, chances: SECOND_CHANCES, sweeps: SECOND_CHANCES }
    }
}

/// Entries lie at multiples of this, so that a slot's 32 bits reach 32 GiB.
const UNIT: usize = 8;

/// Octets that memory hands out at once.
const LINE: usize = 64;

/// Octets for each index slot: answers of the cluster take 100 to 200, so the
/// rings are full before the index.
const BYTES_PER_SLOT: usize = 80;

/// A tenth of the room is for names on probation, as in S3-FIFO.
const PROBATION_SHARE: usize = 10;

/// Entries moved by one insert at most.
const SECOND_CHANCES: u32 = 8;

#[cfg(test)]
mod tests;
