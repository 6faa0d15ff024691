//! What a client's lookups were, counted by the name it looked up.

use std::time::Duration;

use crate::moment::Moment;
use crate::observe::chains::Joined;
use crate::observe::hash::{ByHash, hash_of_name};
use crate::observe::{End, Lookup, Step};

/// The lookups of a client, or of a group of clients, by base name.
///
/// It holds so many names and no more. A new one takes the place of the one
/// with the lowest rank and goes on from that rank (Space-Saving, by Metwally
/// et al.): a name that is looked up often gets in and stays in, while the
/// counts are of what was seen and nothing else.
#[derive(Clone, Debug)]
pub struct Bases {
    capacity: usize,
    tallies: Vec<Tally>,
    /// Places of tallies by the hashes of their names.
    index: ByHash<usize>,
    totals: Totals,
    dropped: Dropped,
    /// Most dots of a base that has data under a domain of the search list.
    /// Kept apart: what it protects has to outlive its place in the table.
    deepest: Option<u8>,
    seen: Option<(Moment, Moment)>,
}

/// All lookups, whether their names are still held or not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Lookups.
    pub lookups: u64,
    /// Their queries.
    pub queries: u64,
    /// Queries for names that were denied and followed by another name.
    pub wasted_queries: u64,
    /// How long the clients waited for those.
    pub wasted: Duration,
}

/// What is held no more.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Dropped {
    /// Names; one that came back and went again counts twice.
    pub bases: u64,
    /// Their lookups.
    pub lookups: u64,
}

/// The lookups of one name.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    base: Box<[u8]>,
    hash: u64,
    /// The different ways they went, at most [`MAX_WAYS`] and one for the rest.
    pub(super) ways: Vec<Way>,
    /// Wasted steps whose time is known.
    pub(super) timed_steps: u64,
    /// What they took.
    pub(super) timed: Duration,
    rank: u64,
    last: Moment,
}

/// Lookups of one name that went the same way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) kind: Kind,
    pub(super) lookups: u64,
    pub(super) queries: u64,
    /// The sum of the types that each asked for.
    pub(super) types: u64,
    pub(super) wasted_steps: u64,
    pub(super) wasted_queries: u64,
}

/// What makes two lookups of a name alike.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Kind {
    /// Where there was data.
    pub(super) found: Option<Step>,
    /// Names asked.
    pub(super) steps: u32,
    /// Seen from its beginning to an end that is no failure: a walk that can
    /// be made again.
    pub(super) whole: bool,
}

impl Bases {
    /// Names that are held of one client, by default: more than programs look
    /// up, but for those that make names up.
    pub const CAPACITY: usize = 256;

    /// Makes a table for so many names, at least one.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            tallies: Vec::new(),
            index: ByHash::default(),
            totals: Totals::default(),
            dropped: Dropped::default(),
            deepest: None,
            seen: None,
        }
    }

    /// Counts a lookup that is over.
    pub fn note(&mut self, lookup: &Lookup) {
        self.totals.add(&Totals {
            lookups: 1,
            queries: u64::from(lookup.queries),
            wasted_queries: u64::from(lookup.wasted_queries),
            wasted: lookup.wasted,
        });
        if matches!(lookup.succeeded, Some(Step::Suffix(_))) {
            self.deepest = self.deepest.max(Some(dots(&lookup.base)));
        }
        self.saw(lookup.first, lookup.last);
        let hash = hash_of_name(&lookup.base);
        if let Some(tally) = self.tally_mut(hash) {
            return tally.note(lookup);
        }
        let is_full = self.tallies.len() >= self.capacity;
        if is_full && lookup.steps == 1 && lookup.succeeded == Some(Step::Absolute) {
            // No change saves anything of it, and none can break it: it takes
            // no other name's place.
            self.dropped.lookups += 1;
            return;
        }
        let rank = if is_full { self.drop_least() } else { 0 };
        let base = lookup.base.as_slice().into();
        let mut tally = Tally { base, hash, rank, ..Tally::default() };
        tally.note(lookup);
        self.insert(tally);
    }

    /// Counts one more query of a lookup that found its name at once.
    pub(in crate::observe) fn join(&mut self, joined: &Joined) {
        let Joined { meaning, arrived } = *joined;
        self.totals.queries += 1;
        self.saw(arrived, arrived);
        let Some(tally) = self.tally_mut(meaning.base) else { return };
        tally.last = tally.last.max(arrived);
        let kind = Kind { found: Some(meaning.at), steps: 1, whole: !meaning.is_partial() };
        if let Some(way) = tally.ways.iter_mut().find(|way| way.kind == kind) {
            way.queries += 1;
            way.types += 1;
        }
    }

    fn insert(&mut self, tally: Tally) {
        self.index.insert(tally.hash, self.tallies.len());
        self.tallies.push(tally);
    }

    fn tally_mut(&mut self, hash: u64) -> Option<&mut Tally> {
        self.tallies.get_mut(*self.index.get(&hash)?)
    }

    /// Adds the lookups of another client. Their search lists should have the
    /// same number of domains: a domain is known by its place in the list.
    pub fn merge(&mut self, other: &Self) {
        self.totals.add(&other.totals);
        self.dropped.bases += other.dropped.bases;
        self.dropped.lookups += other.dropped.lookups;
        self.deepest = self.deepest.max(other.deepest);
        if let Some((first, last)) = other.seen {
            self.saw(first, last);
        }
        for tally in &other.tallies {
            match self.tally_mut(tally.hash) {
                Some(mine) => mine.merge(tally),
                None => self.insert(tally.clone()),
            }
        }
        while self.tallies.len() > self.capacity {
            self.drop_least();
        }
    }

    /// Returns how many names it holds at most.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns the sums over all lookups.
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// Returns what found no place.
    pub const fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Returns the time from the first query to the last.
    pub fn span(&self) -> Duration {
        self.seen
            .map_or(Duration::ZERO, |(first, last)| last.saturating_since(first))
    }

    /// Returns the sums of the `count` names with the most queries.
    pub fn most_queried(&self, count: usize) -> Vec<(&[u8], Totals)> {
        let mut names: Vec<_> = self
            .iter()
            .map(|(base, tally)| (base, tally.totals()))
            .collect();
        names.sort_by(|(a, a_sum), (b, b_sum)| b_sum.queries.cmp(&a_sum.queries).then(a.cmp(b)));
        names.truncate(count);
        names
    }

    /// Returns when a name was looked up last; `None` if it is not held.
    pub fn last_seen(&self, base: &[u8]) -> Option<Moment> {
        let at = self.index.get(&hash_of_name(base))?;
        self.tallies.get(*at).map(|tally| tally.last)
    }

    pub(super) const fn deepest(&self) -> Option<u8> {
        self.deepest
    }

    /// Iterates over the names that are held, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &Tally)> {
        let tallies = self.tallies.iter();
        let mut all: Vec<_> = tallies.map(|tally| (&*tally.base, tally)).collect();
        all.sort_unstable_by_key(|(base, _)| *base);
        all.into_iter()
    }

    fn saw(&mut self, first: Moment, last: Moment) {
        let (earliest, latest) = self.seen.unwrap_or((first, last));
        self.seen = Some((earliest.min(first), latest.max(last)));
    }

    /// Drops the name of the lowest rank, of those the one not seen for the
    /// longest time, and returns its rank.
    fn drop_least(&mut self) -> u64 {
        let tallies = self.tallies.iter().enumerate();
        let least = tallies.min_by_key(|(_, tally)| (tally.rank, tally.last, &tally.base));
        let Some(at) = least.map(|(at, _)| at) else { return 0 };
        let tally = self.tallies.swap_remove(at);
        self.index.remove(&tally.hash);
        if let Some(moved) = self.tallies.get(at) {
            self.index.insert(moved.hash, at);
        }
        self.dropped.bases += 1;
        self.dropped.lookups += tally.ways.iter().map(|way| way.lookups).sum::<u64>();
        tally.rank
    }
}

impl Default for Bases {
    fn default() -> Self {
        Self::new(Self::CAPACITY)
    }
}

impl Totals {
    fn add(&mut self, more: &Self) {
        self.lookups += more.lookups;
        self.queries += more.queries;
        self.wasted_queries += more.wasted_queries;
        self.wasted = self.wasted.saturating_add(more.wasted);
    }
}

impl Tally {
    fn note(&mut self, lookup: &Lookup) {
        self.add(&Way {
            kind: Kind {
                found: lookup.succeeded,
                steps: lookup.steps,
                whole: !lookup.partial && lookup.end != End::Failed,
            },
            lookups: 1,
            queries: u64::from(lookup.queries),
            types: u64::from(lookup.types),
            wasted_steps: u64::from(lookup.wasted_steps),
            wasted_queries: u64::from(lookup.wasted_queries),
        });
        if lookup.wasted < RETRANSMIT {
            self.timed_steps += u64::from(lookup.wasted_steps);
            self.timed += lookup.wasted;
        }
        self.rank += 1;
        self.last = self.last.max(lookup.last);
    }

    fn merge(&mut self, other: &Self) {
        other.ways.iter().for_each(|way| self.add(way));
        self.timed_steps += other.timed_steps;
        self.timed = self.timed.saturating_add(other.timed);
        self.rank += other.rank;
        self.last = self.last.max(other.last);
    }

    fn add(&mut self, way: &Way) {
        let known = self.ways.iter().any(|mine| mine.kind == way.kind);
        let kind = if known || self.ways.len() < MAX_WAYS { way.kind } else { Kind::REST };
        match self.ways.iter_mut().find(|mine| mine.kind == kind) {
            Some(mine) => mine.add(way),
            None => self.ways.push(Way { kind, ..*way }),
        }
    }

    /// The sums over all ways; the time is of those whose time is known.
    fn totals(&self) -> Totals {
        let sum = |of: fn(&Way) -> u64| self.ways.iter().map(of).sum();
        Totals {
            lookups: sum(|way| way.lookups),
            queries: sum(|way| way.queries),
            wasted_queries: sum(|way| way.wasted_queries),
            wasted: self.timed,
        }
    }

    /// Says whether the name is only ever found as it is, so that a dot at its
    /// end changes nothing but the cost.
    pub(super) fn may_end_in_a_dot(&self) -> bool {
        let mut found = self.ways.iter().filter_map(|way| way.kind.found).peekable();
        found.peek().is_some() && found.all(|step| step == Step::Absolute)
    }
}

impl Way {
    const fn add(&mut self, other: &Self) {
        self.lookups += other.lookups;
        self.queries += other.queries;
        self.types += other.types;
        self.wasted_steps += other.wasted_steps;
        self.wasted_queries += other.wasted_queries;
    }
}

impl Kind {
    /// Those for which there was no place: no walk asks no name, so none
    /// explains them.
    const REST: Self = Self { found: None, steps: 0, whole: false };
}

/// Dots of a name in wire form: one less than its labels.
fn dots(base: &[u8]) -> u8 {
    let mut rest = base;
    let mut labels = 0_u8;
    while let Some((length, tail)) = rest.split_first() {
        let Some(next) = tail.get(usize::from(*length)..) else { break };
        if *length == 0 {
            break;
        }
        labels = labels.saturating_add(1);
        rest = next;
    }
    labels.saturating_sub(1)
}

/// The soonest that a stub resolver with default options sends again (musl's
/// 5 s for two attempts; glibc and Go wait 5 s, c-ares 3 s). A lookup that
/// waited as long says what a lost datagram costs, not what a step does.
const RETRANSMIT: Duration = Duration::from_millis(2500);

/// Ways that are told apart. With three search domains there are five: four
/// steps to find it at, and nowhere. Partial and failed ones come on top.
const MAX_WAYS: usize = 12;

#[cfg(test)]
mod tests;
