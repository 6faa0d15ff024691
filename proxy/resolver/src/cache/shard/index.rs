//! The index of a shard: open addressing over slots of eight octets.
//!
//! A slot holds the upper half of the hash and the place in the log. The
//! half is enough to find a slot's home, so slots are moved and removed
//! without looking at the entries.

use super::UNIT;

/// Places in the log, by hash.
#[derive(Debug)]
pub(super) struct Index {
    /// Zero is empty.
    slots: Vec<u64>,
    len: usize,
}

impl Index {
    /// Makes `slots` slots, and at least one.
    pub(super) fn new(slots: usize) -> Self {
        Self { slots: vec![0; slots.max(1)], len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        self.slots.len() * size_of::<u64>()
    }

    /// Says whether one more would make searches long: at seven eighths.
    pub(super) fn is_full(&self) -> bool {
        self.len >= self.slots.len() / 8 * 7
    }

    /// Adds a place that is not there yet.
    pub(super) fn add(&mut self, hash: u64, place: usize) {
        let Some(slot) = slot_of(hash, place) else { return };
        if self.len + 1 >= self.slots.len() {
            return;
        }
        let mut at = self.home(tag(hash));
        while self.slot(at) != 0 {
            at = self.next(at);
        }
        if let Some(free) = self.slots.get_mut(at) {
            *free = slot;
            self.len += 1;
        }
    }

    /// Removes a place, and closes the gap so that no search ends early; says
    /// whether it was there.
    pub(super) fn remove(&mut self, hash: u64, place: usize) -> bool {
        let Some(mut gap) = self.position(hash, place) else { return false };
        self.len -= 1;
        let mut at = gap;
        loop {
            at = self.next(at);
            let slot = self.slot(at);
            if slot == 0 {
                break;
            }
            // It may move back to the gap unless its home lies behind that.
            let home = self.home(slot >> 32);
            if self.distance(home, at) >= self.distance(gap, at) {
                self.put(gap, slot);
                gap = at;
            }
        }
        self.put(gap, 0);
        true
    }

    /// Returns the places whose tag is that of `hash`.
    pub(super) fn candidates(&self, hash: u64) -> impl Iterator<Item = usize> {
        self.run(tag(hash))
            .filter(move |&(_, slot)| slot >> 32 == tag(hash))
            .filter_map(|(_, slot)| place(slot))
    }

    /// Returns the slot at the home of `hash`, whatever it is.
    pub(super) fn first(&self, hash: u64) -> u64 {
        self.slot(self.home(tag(hash)))
    }

    fn position(&self, hash: u64, place: usize) -> Option<usize> {
        let wanted = slot_of(hash, place)?;
        let found = self.run(tag(hash)).find(|&(_, slot)| slot == wanted);
        found.map(|(at, _)| at)
    }

    /// Walks the slots from the home of `tag` to the first empty one. There
    /// always is one: see [`add`](Self::add).
    fn run(&self, tag: u64) -> impl Iterator<Item = (usize, u64)> {
        let home = self.home(tag);
        let places = std::iter::successors(Some(home), |&at| Some(self.next(at)));
        places
            .map(|at| (at, self.slot(at)))
            .take_while(|&(_, slot)| slot != 0)
    }

    /// Spreads the tags over the slots, in their order.
    fn home(&self, tag: u64) -> usize {
        usize::try_from((tag * self.slots.len() as u64) >> 32).unwrap_or_default()
    }

    const fn next(&self, at: usize) -> usize {
        if at + 1 < self.slots.len() { at + 1 } else { 0 }
    }

    const fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.slots.len() - from }
    }

    /// Returns all slots, in no order of use.
    pub(super) fn slots(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().copied()
    }

    fn slot(&self, at: usize) -> u64 {
        self.slots.get(at).copied().unwrap_or_default()
    }

    fn put(&mut self, at: usize, slot: u64) {
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
    }
}

/// Returns the place in the log that a slot points to.
pub(super) fn place(slot: u64) -> Option<usize> {
    let units = usize::try_from(slot & u64::from(u32::MAX)).ok()?;
    Some(units.checked_sub(1)? * UNIT)
}

fn tag(hash: u64) -> u64 {
    hash >> 32
}

/// One more than the place in units, so that no slot in use is zero.
fn slot_of(hash: u64, place: usize) -> Option<u64> {
    let units = u32::try_from(place / UNIT + 1).ok()?;
    Some(tag(hash) << 32 | u64::from(units))
}
