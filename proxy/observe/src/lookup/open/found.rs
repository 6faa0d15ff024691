//! Lookups of one client that have found their name.
//!
//! Nothing can follow but other types of the same name, so they are counted at
//! once, and only what tells their other types from new lookups is kept. Most
//! find it with their first query: Services of a program's own namespace, and
//! names with a dot at their end.

use resolver::Moment;

use crate::intake::{QueryEvent, QueryFlags};
use crate::lookup::retransmit::Again;
use crate::lookup::walk::{Candidate, Fit, LINGER, Last, TOGETHER, Walk, type_bit};

/// In the order of their beginning.
#[derive(Debug, Default)]
pub(super) struct AllFound {
    marks: Vec<Mark>,
    all: Vec<Found>,
}

/// What is kept of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// The hash of the name that was asked.
    pub(super) asked: u64,
    /// What was looked up by it.
    candidate: Candidate,
    /// Names asked until then, this one included.
    steps: u32,
    /// Says whether a lookup of this begins with this name.
    pub(super) is_start: bool,
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

/// One more query of a lookup that is counted already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joined {
    /// What the lookup is of.
    pub(crate) candidate: Candidate,
    /// Names asked for it.
    pub(crate) steps: u32,
    /// Says whether it has a type more now.
    pub(crate) is_type: bool,
}

impl AllFound {
    pub(super) const fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn push(&mut self, found: Found) {
        self.marks.push(found.mark());
        self.all.push(found);
    }

    /// Finds the one that a query of a name belongs to, if it is of another type:
    /// by its port, or else the oldest.
    pub(super) fn best(&self, seen: &QueryEvent<'_>, asked: u64) -> Option<(Fit, usize)> {
        let mut best: Option<(Fit, usize)> = None;
        let wanted = Wanted::without(asked, type_bit(seen.record.qtype));
        self.of(asked, wanted, |at, found| {
            if let Some(fit) = found.fit(seen)
                && best.is_none_or(|(least, _)| fit < least)
            {
                best = Some((fit, at));
            }
        });
        best
    }

    /// Finds the one whose name was asked, by preference from this port, and says
    /// whether it was.
    pub(super) fn waiting(&self, seen: &QueryEvent<'_>, asked: u64) -> Option<(bool, usize)> {
        let mut waiting: Option<(bool, usize)> = None;
        self.of(asked, Wanted::of(asked), |at, found| {
            let by_port = found.port == seen.record.port;
            if seen.record.arrived <= found.deadline
                && waiting.is_none_or(|(other, _)| by_port && !other)
            {
                waiting = Some((by_port, at));
            }
        });
        waiting
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Found> {
        self.all.get_mut(at)
    }

    /// Adds another type of its name to the one at `at`.
    pub(super) fn join(&mut self, at: usize, seen: &QueryEvent<'_>, fit: Fit) -> Option<Joined> {
        let found = self.all.get_mut(at)?;
        let joined = found.join(seen, fit);
        if let Some(mark) = self.marks.get_mut(at) {
            *mark = found.mark();
        }
        Some(joined)
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

    /// Looks at all of a name that have the wanted mark.
    fn of(&self, asked: u64, wanted: Wanted, mut look: impl FnMut(usize, &Found)) {
        let mut start = 0;
        let (groups, rest) = self.marks.as_chunks::<GROUP>();
        for marks in groups.iter().map(|marks| &marks[..]).chain([rest]) {
            if wanted.is_among(marks) {
                let all = self.all.get(start..).unwrap_or_default();
                for (at, found) in (start..).zip(all).take(marks.len()) {
                    if found.asked == asked {
                        look(at, found);
                    }
                }
            }
            start += GROUP;
        }
    }
}

/// What is compared before a lookup is looked at: a bit for each type asked
/// (see [`type_bit`]), below a part of the hash of its name.
#[derive(Clone, Copy, Debug)]
struct Mark(u16);

/// The marks that are looked for: those with these bits, of those in the mask.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    bits: u16,
    mask: u16,
}

impl Wanted {
    /// Those of a name that were not asked for a type.
    const fn without(asked: u64, bit: u8) -> Self {
        Self { bits: part_of(asked), mask: NAME | bit as u16 }
    }

    /// Those of a name.
    const fn of(asked: u64) -> Self {
        Self { bits: part_of(asked), mask: NAME }
    }

    /// In numbers, for the compiler to compare them at once.
    fn is_among(self, marks: &[Mark]) -> bool {
        let same = marks
            .iter()
            .map(|mark| u16::from(mark.0 & self.mask == self.bits));
        same.fold(0, |any, same| any | same) != 0
    }
}

const fn part_of(hash: u64) -> u16 {
    (hash >> 48) as u16 & NAME
}

/// Where the types are not.
const NAME: u16 = 0xff80;

impl Found {
    /// Says whether a query found its name, and all of the answer fitted.
    pub(super) const fn is(seen: &QueryEvent<'_>) -> bool {
        let flags = seen.record.flags;
        flags.has(QueryFlags::DATA) && !flags.has(QueryFlags::TC)
    }

    pub(super) fn begin(seen: &QueryEvent<'_>, asked: u64, candidate: Candidate) -> Self {
        let record = &seen.record;
        let last = record.arrived + record.took;
        Self {
            asked,
            candidate,
            steps: 1,
            is_start: candidate.whole,
            types: type_bit(record.qtype),
            port: record.port,
            apart: false,
            first: record.arrived,
            last,
            deadline: last + TOGETHER,
        }
    }

    /// What is left of a walk that found its name.
    pub(super) fn of(walk: &Walk) -> Option<Self> {
        let Last { asked, step, candidate, steps, is_start } = walk.found()?;
        Some(Self {
            asked,
            candidate: *candidate,
            steps,
            is_start,
            types: step.types,
            port: step.port,
            apart: step.apart,
            first: step.first,
            last: step.last,
            deadline: walk.deadline(),
        })
    }

    const fn mark(&self) -> Mark {
        Mark(part_of(self.asked) | self.types as u16)
    }

    fn fit(&self, seen: &QueryEvent<'_>) -> Option<Fit> {
        let record = &seen.record;
        let takes = record.arrived <= self.deadline && self.types & type_bit(record.qtype) == 0;
        let fit = if self.port == record.port { Fit::JoinByPort } else { Fit::Join };
        takes.then_some(fit)
    }

    /// Takes another type of its name; one that was truncated will be asked for
    /// again, over TCP.
    fn join(&mut self, seen: &QueryEvent<'_>, fit: Fit) -> Joined {
        let flags = seen.record.flags;
        let is_type = !flags.has(QueryFlags::TC);
        if is_type {
            self.types |= type_bit(seen.record.qtype);
        }
        self.apart |= fit == Fit::Join && !flags.has(QueryFlags::TCP);
        self.answered(seen);
        Joined { candidate: self.candidate, steps: self.steps, is_type }
    }

    /// Takes a query of its name that was sent again.
    pub(super) fn again(&mut self, seen: &QueryEvent<'_>, again: Again) {
        if again == Again::Waiting {
            self.deadline = self.deadline.max(seen.record.arrived + LINGER);
        } else {
            self.answered(seen);
        }
    }

    fn answered(&mut self, seen: &QueryEvent<'_>) {
        let record = &seen.record;
        self.last = self.last.max(record.arrived + record.took);
        self.deadline = self.last + TOGETHER;
    }
}

/// Those that are compared at once.
const GROUP: usize = 16;
