//! What a client's lookups were, counted by the name it looked up.

use std::hint::black_box;
use std::time::Duration;

use resolver::Moment;

use crate::lookup::{Ending, Joined, Lookup, Step};
use crate::tables::{HeavyHitters, Weighed, hash_of_name};
use crate::wire::dots;

mod tally;
pub(crate) use tally::{Kind, Tally, Way};

/// The lookups of a client, or of a group of clients, by base name.
///
/// It holds the names that are looked up most ([`HeavyHitters`]): one that is
/// looked up often gets in and stays in, while the counts are of what was seen
/// and nothing else.
#[derive(Clone, Debug)]
pub struct NameTallies {
    held: HeavyHitters<Tally>,
    /// Lookups of names that are not held, by the dots of the names.
    unheld: Vec<(u8, Way)>,
    totals: Totals,
    dropped: Dropped,
    /// Most dots of a base that has data under a domain of the search list.
    /// Kept apart: what it protects has to outlive its place in the table.
    deepest: Option<u8>,
    seen: Option<(Moment, Moment)>,
}

/// A name in wire form and lower case, and the hash of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    pub(crate) octets: &'a [u8],
    pub(crate) hash: u64,
}

/// One lookup, to be counted.
#[derive(Debug)]
struct Entry<'a> {
    name: Named<'a>,
    way: Way,
    wasted: Duration,
    first: Moment,
    last: Moment,
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
    /// Names; one that came back and went again counts twice, several that never
    /// had a place may count once.
    pub names: u64,
    /// Their lookups.
    pub lookups: u64,
}

impl NameTallies {
    /// Names that are held of one client, by default: more than programs look
    /// up, but for those that make names up.
    pub const CAPACITY: usize = 256;

    /// Makes a table for so many names, at least one.
    pub fn new(capacity: usize) -> Self {
        Self {
            held: HeavyHitters::new(capacity),
            unheld: Vec::new(),
            totals: Totals::default(),
            dropped: Dropped::default(),
            deepest: None,
            seen: None,
        }
    }

    /// Counts a lookup that is over.
    pub fn note(&mut self, lookup: &Lookup) {
        let octets = lookup.base.as_slice();
        self.enter(&Entry {
            name: Named { octets, hash: hash_of_name(octets) },
            way: Way::from(lookup),
            wasted: lookup.wasted,
            first: lookup.first,
            last: lookup.last,
        });
    }

    /// Counts a lookup that found its name with a query that arrived then.
    pub(crate) fn note_found(&mut self, name: Named<'_>, ending: &Ending, arrived: Moment) {
        let (way, wasted) = (Way::of_found(name.octets, ending), Duration::ZERO);
        self.enter(&Entry { name, way, wasted, first: arrived, last: arrived });
    }

    /// Has the memory of a name fetched that is noted soon.
    pub(crate) fn touch(&self, hash: u64) {
        black_box(self.held.get(hash).map(Tally::is_new));
    }

    fn enter(&mut self, entry: &Entry<'_>) {
        let Entry { name: Named { octets, hash }, way, .. } = *entry;
        self.totals.add(&Totals {
            lookups: way.lookups,
            queries: way.queries,
            wasted_queries: way.wasted_queries,
            wasted: entry.wasted,
        });
        let dots = dots(octets);
        if matches!(way.kind.found, Some(Step::Suffix(_))) && !way.kind.captured {
            self.deepest = self.deepest.max(Some(dots));
        }
        self.saw(entry.first, entry.last);
        if let Some(tally) = self.held.weigh(hash, 1) {
            return tally.note(entry);
        }
        if self.held.is_full() && way.kind.steps == 1 && way.kind.found == Some(Step::Absolute) {
            // No change saves anything of it, and none can break it: it takes
            // no other name's place.
            self.dropped.lookups += 1;
            return self.add_unheld(dots, &way);
        }
        match self.held.add_hashed(octets, hash, 1) {
            Weighed::Held => {}
            Weighed::Instead(tally) => self.note_dropped(&tally),
            Weighed::Outside(is_first) => {
                self.dropped.names += u64::from(is_first);
                self.dropped.lookups += 1;
                return self.add_unheld(dots, &way);
            }
        }
        if let Some(tally) = self.held.get_mut(hash) {
            tally.dots = dots;
            tally.note(entry);
        }
    }

    /// Counts one more query of a lookup that had found its name.
    pub(crate) fn join(&mut self, joined: &Joined, arrived: Moment) {
        self.totals.queries += 1;
        self.saw(arrived, arrived);
        if let Some(tally) = self.held.get_mut(joined.candidate.base) {
            return tally.join(joined, arrived);
        }
        let dots = joined.candidate.dots;
        let is_it = |(of, way): &&mut (u8, Way)| *of == dots && way.kind.is_of(joined);
        if let Some((_, way)) = self.unheld.iter_mut().find(is_it) {
            way.join(joined);
        }
    }

    /// Adds the lookups of another client. Their search lists should have the
    /// same number of domains: a domain is known by its place in the list.
    pub fn merge(&mut self, other: &Self) {
        self.totals.add(&other.totals);
        self.dropped.names += other.dropped.names;
        self.dropped.lookups += other.dropped.lookups;
        self.deepest = self.deepest.max(other.deepest);
        for (dots, way) in &other.unheld {
            self.add_unheld(*dots, way);
        }
        if let Some((first, last)) = other.seen {
            self.saw(first, last);
        }
        for tally in self.held.merge(&other.held, Tally::merge) {
            self.note_dropped(&tally);
        }
    }

    /// Iterates over the names that are held, in wire form and in no order.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.held.iter().map(|(name, _)| name)
    }

    /// Returns how many names it holds at most.
    pub const fn capacity(&self) -> usize {
        self.held.capacity()
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
        let tally = self.held.get(hash_of_name(base))?;
        Some(tally.last)
    }

    pub(crate) const fn deepest(&self) -> Option<u8> {
        self.deepest
    }

    /// Returns the lookups of names that are not held, by the dots of the names.
    pub(crate) fn unheld(&self) -> &[(u8, Way)] {
        &self.unheld
    }

    fn add_unheld(&mut self, dots: u8, way: &Way) {
        let is_full = self.unheld.len() >= MAX_UNHELD;
        let mut place = |dots: u8, kind: Kind| {
            let mut all = self.unheld.iter_mut();
            let mine = all.find(|(of, mine)| *of == dots && mine.kind == kind);
            mine.map(|(_, mine)| mine.add(way)).is_some()
        };
        if place(dots, way.kind) || (is_full && place(u8::MAX, Kind::REST)) {
            return;
        }
        let (dots, kind) = if is_full { (u8::MAX, Kind::REST) } else { (dots, way.kind) };
        self.unheld.push((dots, Way { kind, ..*way }));
    }

    /// Iterates over the names that are held, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &Tally)> {
        let mut all: Vec<_> = self.held.iter().collect();
        all.sort_unstable_by_key(|(base, _)| *base);
        all.into_iter()
    }

    fn saw(&mut self, first: Moment, last: Moment) {
        let (earliest, latest) = self.seen.unwrap_or((first, last));
        self.seen = Some((earliest.min(first), latest.max(last)));
    }

    /// Notes that a name had to leave its place.
    fn note_dropped(&mut self, tally: &Tally) {
        self.dropped.names += 1;
        self.dropped.lookups += tally.ways.iter().map(|way| way.lookups).sum::<u64>();
        for way in &tally.ways {
            self.add_unheld(tally.dots, way);
        }
    }
}

impl Default for NameTallies {
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

/// Twelve ways each for names of up to seven dots; one more for the rest. 5 KiB of a
/// client that makes its names up.
const MAX_UNHELD: usize = 96;

#[cfg(test)]
mod tests;
