//! One shard: two logs of octets that hold the answers, and an index over them.
//!
//! Each log is a queue: a new answer goes to its head, the oldest leaves at its
//! tail. A new name starts in the small queue. If it was used by the time it
//! reaches the tail, it is promoted to the main queue. If not, it is evicted and
//! only its hash is kept, as a ghost: a name that comes back while its ghost is
//! there starts in the main queue. An answer at the tail of the main queue that
//! was used since its last pass goes back to the head. This is S3-FIFO, by
//! moving octets: names that are asked once pass through a tenth of the memory,
//! and the logs have no holes that stay, so the bound is exact and there is no
//! allocator to fragment.
//!
//! Negative answers may hold a part of the main queue only. Above that they stay
//! in the small queue: a used one starts there once more, the others are the
//! first to go. Failures are for seconds, and stay in the small queue always.

use std::time::Duration;

use dns::HEADER_LEN;

use super::CacheConfig;
use super::entry::{Entry, EntryView, Kind};
use super::key::KeyView;
use crate::clock::Moment;

mod budget;
mod ghosts;
mod header;
mod index;
mod inspect;
mod log;
mod policy;

use budget::EvictionBudget;
use ghosts::Ghosts;
use header::EntryHeader;
use index::Index;
use log::Log;

/// Answers of the questions whose hash leads here.
#[derive(Debug)]
pub(super) struct Shard {
    octets: Vec<u8>,
    small: Log,
    main: Log,
    ghosts: Ghosts,
    index: Index,
    /// Octets of the main queue that hold negative answers.
    negative: usize,
    /// How many may.
    most_negative: usize,
    /// How long after its arrival an answer may be used stale.
    max_stale: Duration,
    /// Whether names that are asked for often are asked for anew in time.
    prefetch: bool,
    evictions: u64,
}

/// The queues of S3-FIFO, each in a log of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Queue {
    /// New names, until they have proven themselves.
    Small,
    /// Names that were asked more than once.
    Main,
}

impl Shard {
    /// Divides `bytes` between the logs, index and remembered hashes.
    pub(super) fn new(bytes: usize, config: &CacheConfig) -> Self {
        let slots = bytes / BYTES_PER_SLOT;
        let (index, ghosts) = (Index::new(slots), Ghosts::new(slots));
        let logs = bytes.saturating_sub(index.bytes() + ghosts.bytes()) / UNIT * UNIT;
        let border = logs / SMALL_SHARE / UNIT * UNIT;
        Self {
            octets: vec![0; logs],
            small: Log::new(0, border),
            main: Log::new(border, logs),
            ghosts,
            index,
            negative: 0,
            most_negative: (logs / 100 * usize::from(config.negative_share)).saturating_sub(border),
            max_stale: config.max_stale,
            prefetch: config.prefetch,
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
        let Some(header) = EntryHeader::new(key, entry) else { return };
        let size = header.size();
        if size > self.main.len() / 2 {
            return;
        }
        // A name that is asked again has proven itself.
        let proven = self.ghosts.take(key.hash) || old.is_some();
        let fits_small = size <= self.small.len() / 2;
        let queue = match self.may_stay(&header) {
            true if proven || !fits_small => Queue::Main,
            false if !fits_small => return,
            _ => Queue::Small,
        };
        self.make_room(queue, size, &mut EvictionBudget::at(entry.head.born));
        let at = self.log(queue).head();
        let Some(octets) = self.octets.get_mut(at..at + size) else { return };
        if header.write(octets, entry).is_some() {
            self.push(queue, &header);
            self.index.add(key.hash, at);
        }
    }

    /// Takes an entry in at the head of a log, where it lies already.
    fn push(&mut self, queue: Queue, header: &EntryHeader) {
        self.log(queue).push(header.size());
        if queue == Queue::Main && header.is_negative() {
            self.negative += header.size();
        }
    }

    /// Returns whether the main queue takes an entry: a negative one only within
    /// their part of it, and no failure.
    fn may_stay(&self, header: &EntryHeader) -> bool {
        match header.head.kind {
            Kind::Positive => true,
            Kind::Negative => self.negative + header.size() <= self.most_negative,
            Kind::Failure => false,
        }
    }

    /// Takes what has become a hole in the main queue off the account of the
    /// negative ones.
    fn forget_negative(&mut self, at: usize) {
        let octets = self.octets.get_mut(at..).unwrap_or_default();
        let header = EntryHeader::read(octets).filter(EntryHeader::is_negative);
        if let Some(header) = header.filter(|_| self.main.contains(at)) {
            header::mark_positive(octets);
            self.negative = self.negative.saturating_sub(header.size());
        }
    }

    /// Returns where the entry under `key` lies, fresh or not.
    pub(super) fn find(&self, key: &KeyView<'_>) -> Option<usize> {
        let stored = |at: &usize| {
            let entry = self.octets.get(*at..)?;
            let question = entry.get(EntryHeader::LEN + HEADER_LEN..)?;
            let (name, rest) = question.split_at_checked(key.qname.len())?;
            let same = header::is_of(entry, key.hash, key.bits())
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
        let header = EntryHeader::read(self.octets.get(at..)?)?;
        if header.head.expires <= now {
            return None;
        }
        let place = self.octets.get_mut(at..)?;
        header::mark_used(place);
        let refresh = self.prefetch && header.wants_refresh(now);
        if refresh {
            header::mark_refreshing(place);
        }
        self.view(at, &header, refresh)
    }

    /// Lets the entry at `at` be used until `until` if it has expired, and returns it;
    /// none if it is too old, or a failure.
    pub(super) fn hold_stale(&mut self, at: usize, until: Moment, now: Moment) -> Option<Entry> {
        let mut header = EntryHeader::read(self.octets.get(at..)?)?;
        let last = header.head.born + self.max_stale;
        if header.head.kind == Kind::Failure || now >= last {
            return None;
        }
        if header.head.expires > now && !header.head.stale {
            return Some(self.view(at, &header, false)?.to_entry());
        }
        let place = self.octets.get_mut(at..)?;
        header::mark_used(place);
        header.head = header::mark_stale(place, header.head, until.min(last))?;
        Some(self.view(at, &header, false)?.to_entry())
    }

    fn view(&self, at: usize, header: &EntryHeader, refresh: bool) -> Option<EntryView<'_>> {
        let message = at + EntryHeader::LEN;
        let ttls = message + usize::from(header.message_len);
        let text = ttls + usize::from(header.ttls) * 2;
        Some(EntryView {
            head: header.head,
            message: self.octets.get(message..ttls)?,
            ttls: self.octets.get(ttls..text)?,
            text: self.octets.get(text..text + usize::from(header.text_len))?,
            refresh,
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
        let tail = self.small.tail();
        let leaving = tail.and_then(|at| header::hash(&self.octets, at));
        let touched = [hash, leaving.unwrap_or(hash)]
            .map(|hash| self.index.first(hash) ^ u64::from(self.ghosts.first(hash)));
        std::hint::black_box(touched);
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.small.used() + self.main.used() + self.overhead()
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

    const fn log(&mut self, queue: Queue) -> &mut Log {
        match queue {
            Queue::Small => &mut self.small,
            Queue::Main => &mut self.main,
        }
    }

    /// Frees `size` octets in one piece at the head of a log, and a slot.
    fn make_room(&mut self, queue: Queue, size: usize, budget: &mut EvictionBudget) {
        while self.index.is_full()
            && (self.evict(Queue::Small, budget) || self.evict(Queue::Main, budget))
        {}
        while !self.log(queue).has_room(size) {
            if self.log(queue).can_wrap() {
                self.wrap(queue);
            } else if !self.evict(queue, budget) {
                return;
            }
        }
    }

    /// Takes the oldest entry or hole off the tail of a queue and returns whether
    /// there was one. An entry that may stay is moved to a head.
    fn evict(&mut self, queue: Queue, budget: &mut EvictionBudget) -> bool {
        let log = *self.log(queue);
        let Some(at) = log.tail() else { return false };
        let header = self.octets.get(at..log.end()).and_then(EntryHeader::read);
        let size = header.map_or_else(|| log.end() - at, |header| header.size());
        self.log(queue).shift(size);
        if queue == Queue::Main && header.is_some_and(|header| header.is_negative()) {
            self.negative = self.negative.saturating_sub(size);
        }
        // What the index no longer holds was replaced, and is a hole.
        let live = header.filter(|header| self.index.remove(header.hash, at));
        let Some(header) = live.filter(|header| self.is_needed(header, budget.now)) else {
            return true;
        };
        if self.may_be_promoted(queue, &header, budget) && self.promote(queue, &header, at, budget)
        {
            return true;
        }
        // A failure that comes back has proven nothing.
        if queue == Queue::Small && !header.used() && header.head.kind != Kind::Failure {
            self.ghosts.remember(header.hash);
        }
        self.evictions += 1;
        true
    }

    /// Returns whether an entry that left the tail of `queue` goes on to a head
    /// while there is budget.
    ///
    /// A new entry that was not used stays too, as long as the main queue has
    /// room that no entry needs: an empty cache fills with the first names.
    fn may_be_promoted(
        &mut self,
        queue: Queue,
        header: &EntryHeader,
        budget: &mut EvictionBudget,
    ) -> bool {
        if header.used() {
            return budget.promotions > 0;
        }
        queue == Queue::Small && self.may_stay(header) && self.has_spare_room(header.size(), budget)
    }

    /// Returns whether an entry is kept at the tail of its queue if there is room: a
    /// fresh one, and one that clients asked for and may need while no upstream
    /// answers.
    fn is_needed(&self, header: &EntryHeader, now: Moment) -> bool {
        header.head.expires > now || header.used() && header.is_usable(now, self.max_stale)
    }

    /// Returns whether the main queue has room for `size` octets, or what lies at
    /// its tail has expired and makes some.
    fn has_spare_room(&mut self, size: usize, budget: &mut EvictionBudget) -> bool {
        while !self.main.has_room(size) {
            let tail = self.main.tail().and_then(|at| self.octets.get(at..));
            let header = tail.and_then(EntryHeader::read);
            let is_live = header.is_some_and(|header| self.is_needed(&header, budget.now));
            if self.main.can_wrap() {
                self.wrap(Queue::Main);
            } else if is_live || budget.sweeps == 0 {
                return false;
            } else {
                budget.sweeps -= 1;
                self.evict(Queue::Main, budget);
            }
        }
        true
    }

    /// Continues a log at its start.
    fn wrap(&mut self, queue: Queue) {
        let log = self.log(queue);
        let (hole, end) = (log.wrap(), log.end());
        header::mark_hole(self.octets.get_mut(hole..end).unwrap_or_default());
    }

    /// Moves an entry, which has left its tail and the index, to the head of
    /// the main queue, or to that of its own if it may not stay there; says
    /// whether there was room.
    fn promote(
        &mut self,
        from: Queue,
        header: &EntryHeader,
        at: usize,
        budget: &mut EvictionBudget,
    ) -> bool {
        budget.promotions = budget.promotions.saturating_sub(1);
        let size = header.size();
        let to = if self.may_stay(header) { Queue::Main } else { Queue::Small };
        if from == Queue::Small && to == Queue::Main {
            self.make_room(Queue::Main, size, budget);
        }
        let log = *self.log(to);
        if !log.has_room(size) {
            return false;
        }
        let head = log.head();
        self.octets.copy_within(at..at + size, head);
        header::mark_unused(self.octets.get_mut(head..).unwrap_or_default());
        self.push(to, header);
        self.index.add(header.hash, head);
        true
    }
}

/// Entries lie at multiples of this, so that a slot's 32 bits reach 32 GiB.
const UNIT: usize = 8;

/// Octets that memory hands out at once.
const LINE: usize = 64;

/// Octets for each index slot: answers of the cluster take 100 to 200, so the
/// logs are full before the index.
const BYTES_PER_SLOT: usize = 80;

/// A tenth of the memory is the small queue, as in S3-FIFO.
const SMALL_SHARE: usize = 10;

#[cfg(test)]
mod tests;
