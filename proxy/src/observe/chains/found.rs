//! Lookups of one client that found their name with their first query.
//!
//! Most are so: Services of a program's own namespace, and names with a dot at
//! their end. Nothing can follow but other types of the same name, so they are
//! counted when they begin, and only what tells their other types from new
//! lookups is kept.

use super::super::record::{Seen, Traits};
use super::super::retransmit::Again;
use super::super::search::mark_of;
use super::super::walk::{Fit, LINGER, Meaning, TOGETHER, type_bit};
use crate::moment::Moment;

/// In the order of their beginning.
#[derive(Debug, Default)]
pub(super) struct FoundAtOnce {
    /// What is left of the hashes of their names.
    marks: Vec<u16>,
    all: Vec<Found>,
}

/// What is kept of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// The hash of the name that was asked.
    pub(super) asked: u64,
    /// What was looked up by it.
    pub(super) meaning: Meaning,
    /// A bit for each type asked.
    types: u8,
    port: u16,
    /// Says whether two types came from two ports.
    pub(super) apart: bool,
    pub(super) first: Moment,
    /// When its last answer was sent.
    last: Moment,
    /// After this nothing belongs to it.
    deadline: Moment,
}

impl FoundAtOnce {
    pub(super) const fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn push(&mut self, found: Found) {
        self.marks.push(mark_of(found.asked));
        self.all.push(found);
    }

    /// Finds the one that a query of a name belongs to, if it is of another type:
    /// by its port, or else the oldest.
    pub(super) fn best(&self, seen: &Seen<'_>, asked: u64) -> Option<(Fit, usize)> {
        let mut best: Option<(Fit, usize)> = None;
        for (at, found) in self.of(asked) {
            let Some(fit) = found.fit(seen) else { continue };
            if best.is_none_or(|(least, _)| fit < least) {
                best = Some((fit, at));
            }
        }
        best
    }

    /// Finds the one whose name was asked, by preference from this port, and says
    /// whether it was.
    pub(super) fn waiting(&self, seen: &Seen<'_>, asked: u64) -> Option<(bool, usize)> {
        let waiting = self
            .of(asked)
            .filter(|(_, found)| seen.record.arrived <= found.deadline)
            .map(|(at, found)| (found.port == seen.record.port, at));
        waiting.max_by_key(|(by_port, at)| (*by_port, std::cmp::Reverse(*at)))
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Found> {
        self.all.get_mut(at)
    }

    /// Takes out the oldest half.
    pub(super) fn shed(&mut self) -> impl Iterator<Item = Found> {
        let half = self.all.len().div_ceil(2);
        self.marks.drain(..half);
        self.all.drain(..half)
    }

    /// Takes out those that nothing can belong to any more at `now`.
    pub(super) fn ended(&mut self, now: Moment) -> impl Iterator<Item = Found> {
        let mut ends = self.all.iter().map(|found| found.deadline < now);
        self.marks.retain(|_| ends.next() == Some(false));
        self.all.extract_if(.., move |found| found.deadline < now)
    }

    /// Takes them all out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Found> {
        self.marks.clear();
        self.all.drain(..)
    }

    fn of(&self, asked: u64) -> impl Iterator<Item = (usize, &Found)> {
        let mark = mark_of(asked);
        let groups = self.marks.chunks(GROUP).enumerate();
        // In numbers, for the compiler to compare them at once.
        let meant = groups.filter(move |(_, marks)| {
            let same = marks.iter().map(|other| u16::from(*other == mark));
            same.fold(0, |any, same| any | same) != 0
        });
        let found = meant.flat_map(|(group, _)| {
            let start = group * GROUP;
            (start..).zip(self.all.get(start..).unwrap_or_default().iter().take(GROUP))
        });
        found.filter(move |(_, found)| found.asked == asked)
    }
}

impl Found {
    /// Says whether a query found its name, and all of the answer fitted.
    pub(super) const fn is(seen: &Seen<'_>) -> bool {
        let traits = seen.record.traits;
        traits.has(Traits::DATA) && !traits.has(Traits::TC)
    }

    pub(super) fn begin(seen: &Seen<'_>, asked: u64, meaning: Meaning) -> Self {
        let record = &seen.record;
        let last = record.arrived + record.took;
        Self {
            asked,
            meaning,
            types: type_bit(record.qtype),
            port: record.port,
            apart: false,
            first: record.arrived,
            last,
            deadline: last + TOGETHER,
        }
    }

    fn fit(&self, seen: &Seen<'_>) -> Option<Fit> {
        let record = &seen.record;
        let takes = record.arrived <= self.deadline && self.types & type_bit(record.qtype) == 0;
        let fit = if self.port == record.port { Fit::JoinByPort } else { Fit::Join };
        takes.then_some(fit)
    }

    /// Takes another type of its name.
    pub(super) fn join(&mut self, seen: &Seen<'_>, fit: Fit) {
        self.types |= type_bit(seen.record.qtype);
        self.apart |= fit == Fit::Join;
        self.answered(seen);
    }

    /// Takes a query of its name that was sent again.
    pub(super) fn again(&mut self, seen: &Seen<'_>, again: Again) {
        if again == Again::Waiting {
            self.deadline = self.deadline.max(seen.record.arrived + LINGER);
        } else {
            self.answered(seen);
        }
    }

    fn answered(&mut self, seen: &Seen<'_>) {
        let record = &seen.record;
        self.last = self.last.max(record.arrived + record.took);
        self.deadline = self.last + TOGETHER;
    }
}

/// Those that are compared at once.
const GROUP: usize = 16;
