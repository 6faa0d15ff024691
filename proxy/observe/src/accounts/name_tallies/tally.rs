//! The lookups of one name.

use std::time::Duration;

use resolver::Moment;
use stub::timing;

use super::{Entry, Totals};
use crate::lookup::{End, Ending, Joined, Lookup, Step};
use crate::wire::is_public;

/// The lookups of one name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// The different ways they went, at most [`MAX_WAYS`] and one for the rest.
    pub(crate) ways: Vec<Way>,
    /// Wasted steps whose time is known.
    pub(crate) timed_steps: u64,
    /// What they took.
    pub(crate) timed: Duration,
    pub(super) last: Moment,
    /// Of the name.
    pub(super) dots: u8,
}

/// Lookups of one name that went the same way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) kind: Kind,
    pub(crate) lookups: u64,
    pub(crate) queries: u64,
    /// The sum of the types that each asked for.
    pub(crate) types: u64,
    pub(crate) wasted_steps: u64,
    pub(crate) wasted_queries: u64,
}

/// What makes two lookups of a name alike.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Kind {
    /// Where there was data.
    pub(crate) found: Option<Step>,
    /// Names asked.
    pub(crate) steps: u32,
    /// Seen from its beginning to an end that is no failure: a walk that can
    /// be made again.
    pub(crate) whole: bool,
    /// Found by a wildcard in place of the name that was meant.
    pub(crate) captured: bool,
}

impl Tally {
    /// Says whether nothing was counted so far.
    pub(super) fn is_new(&self) -> bool {
        self.ways.first().is_none_or(|way| way.lookups == 0)
    }

    pub(super) fn note(&mut self, entry: &Entry<'_>) {
        self.add(&entry.way);
        if entry.wasted < RETRANSMIT {
            self.timed_steps += entry.way.wasted_steps;
            self.timed += entry.wasted;
        }
        self.last = self.last.max(entry.last);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.ways.iter().for_each(|way| self.add(way));
        self.timed_steps += other.timed_steps;
        self.timed = self.timed.saturating_add(other.timed);
        self.last = self.last.max(other.last);
    }

    fn add(&mut self, way: &Way) {
        if let Some(mine) = self.way_mut(way.kind) {
            return mine.add(way);
        }
        let kind = if self.ways.len() < MAX_WAYS { way.kind } else { Kind::REST };
        match self.way_mut(kind) {
            Some(mine) => mine.add(way),
            None => self.ways.push(Way { kind, ..*way }),
        }
    }

    fn way_mut(&mut self, kind: Kind) -> Option<&mut Way> {
        self.ways.iter_mut().find(|mine| mine.kind == kind)
    }

    /// Counts one more query of a lookup that had found its name; the types of
    /// a walk are those of its first name.
    pub(super) fn join(&mut self, joined: &Joined, arrived: Moment) {
        self.last = self.last.max(arrived);
        let is_it = |way: &&mut Way| way.kind.is_of(joined);
        if let Some(way) = self.ways.iter_mut().find(is_it) {
            way.join(joined);
        }
    }

    /// The sums over all ways; the time is of those whose time is known.
    pub(super) fn totals(&self) -> Totals {
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
    pub(crate) fn may_end_in_a_dot(&self) -> bool {
        let mut found = self.ways.iter().filter_map(|way| way.kind.found).peekable();
        found.peek().is_some() && found.all(|step| step == Step::Absolute)
    }
}

impl Way {
    /// Counts one more query of a lookup.
    pub(super) fn join(&mut self, joined: &Joined) {
        self.queries += 1;
        self.types += u64::from(joined.is_type && joined.steps == 1);
    }

    pub(super) const fn add(&mut self, other: &Self) {
        self.lookups += other.lookups;
        self.queries += other.queries;
        self.types += other.types;
        self.wasted_steps += other.wasted_steps;
        self.wasted_queries += other.wasted_queries;
    }
}

impl From<&Lookup> for Way {
    fn from(lookup: &Lookup) -> Self {
        Self {
            kind: Kind {
                found: lookup.succeeded,
                steps: lookup.steps,
                whole: !lookup.partial && lookup.end != End::Failed,
                captured: lookup.captured && is_meant_outside(&lookup.base, lookup.end),
            },
            lookups: u64::from(!lookup.is_second),
            queries: u64::from(lookup.queries),
            types: u64::from(lookup.types),
            wasted_steps: if lookup.is_second { 0 } else { u64::from(lookup.wasted_steps) },
            wasted_queries: u64::from(lookup.wasted_queries),
        }
    }
}

impl Way {
    /// A lookup of `base` that found it with its first query.
    pub(super) fn of_found(base: &[u8], ending: &Ending) -> Self {
        let captured = ending.captured && is_meant_outside(base, ending.end);
        let (found, whole) = (Some(ending.at), !ending.partial);
        Self {
            kind: Kind { found, steps: 1, whole, captured },
            lookups: 1,
            queries: 1,
            types: 1,
            wasted_steps: 0,
            wasted_queries: 0,
        }
    }
}

impl Kind {
    /// Those for which there was no place: no walk asks no name, so none
    /// explains them.
    pub(super) const REST: Self = Self { found: None, steps: 0, whole: false, captured: false };

    /// Says whether a lookup was of this kind that gets one more query.
    pub(super) fn is_of(self, joined: &Joined) -> bool {
        let Joined { candidate, steps, .. } = joined;
        let (found, whole) = (Some(candidate.at), !candidate.is_partial());
        (self.found, self.steps, self.whole) == (found, *steps, whole)
    }
}

/// Says whether a name that was found under a domain outside of the cluster can only
/// have been meant as it is: a public name, or a whole one of the cluster. Others may
/// be hosts below that domain.
fn is_meant_outside(base: &[u8], end: End) -> bool {
    end == End::FqdnNoDot || is_public(base)
}

/// The soonest that a stub resolver with default options sends again (musl's
/// 5 s for two attempts; glibc and Go wait 5 s, c-ares 3 s). A lookup that
/// waited as long says what a lost datagram costs, not what a step does.
const RETRANSMIT: Duration = timing::MUSL;

/// Ways that are told apart. With three search domains there are five: four
/// steps to find it at, and nowhere. Partial and failed ones come on top.
pub(super) const MAX_WAYS: usize = 12;
