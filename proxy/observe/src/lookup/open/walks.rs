//! The walks of one client, and what is looked at of all of them for each
//! query, side by side: a busy client has dozens, and few can be meant.

use resolver::Moment;

use crate::lookup::search::{ANY_MARK, Splits, mark_of};
use crate::lookup::walk::{Fit, Walk};

/// Walks in the order of their beginning.
#[derive(Debug, Default)]
pub(super) struct Open {
    #[expect(clippy::vec_box, reason = "they are removed from the middle, and large")]
    walks: Vec<Box<Walk>>,
    /// Marks of the names that each asked last.
    asked: Vec<Mark>,
    /// Of which types each takes more queries for that name.
    takes: Vec<u8>,
    /// Marks of the bases that each may go on with.
    bases: Vec<[Mark; BASES]>,
    /// How many may go on at all.
    going: usize,
    /// When each ends.
    ends: Vec<Moment>,
}

/// See [`mark_of`].
type Mark = u16;

impl Open {
    pub(super) const fn len(&self) -> usize {
        self.walks.len()
    }

    pub(super) fn push(&mut self, walk: Box<Walk>) {
        let bases = marks_of(&walk);
        self.going += usize::from(bases != [NONE; BASES]);
        self.asked.push(mark_of(walk.asked()));
        self.takes.push(walk.takes());
        self.bases.push(bases);
        self.ends.push(walk.deadline());
        self.walks.push(walk);
    }

    pub(super) fn get(&self, at: usize) -> Option<&Walk> {
        self.walks.get(at).map(|walk| &**walk)
    }

    pub(super) fn remove(&mut self, at: usize) -> Box<Walk> {
        self.going -= usize::from(self.bases.remove(at) != [NONE; BASES]);
        self.asked.remove(at);
        self.takes.remove(at);
        self.ends.remove(at);
        self.walks.remove(at)
    }

    /// Finds the walk that a query for a name fits best, the oldest if several
    /// do. Only those are asked whether it fits that asked the name last and
    /// take more of its type, or may go on with one of its bases.
    pub(super) fn best(
        &self,
        asked: u64,
        bit: u8,
        splits: &Splits,
        fit: impl Fn(&Walk) -> Option<Fit>,
    ) -> Option<(Fit, usize)> {
        let mut best: Option<(Fit, usize)> = None;
        let mut look = |at: usize| {
            if let Some(fit) = self.walks.get(at).and_then(|walk| fit(walk))
                && best.is_none_or(|(found, _)| fit < found)
            {
                best = Some((fit, at));
            }
            best
        };
        for at in self.that_asked(mark_of(asked)) {
            let takes = self.takes.get(at).is_some_and(|takes| takes & bit != 0);
            if takes && let Some((Fit::JoinByPort, _)) = look(at) {
                return best;
            }
        }
        if self.going > 0 {
            self.that_go_on(splits.marks()).for_each(|at| {
                look(at);
            });
        }
        best
    }

    /// Finds those that asked a name last.
    fn that_asked(&self, wanted: Mark) -> impl Iterator<Item = usize> {
        let (groups, rest) = self.asked.as_chunks::<GROUP>();
        let starts = (0..).step_by(GROUP);
        let meant = starts
            .zip(groups)
            .filter(move |(_, marks)| has(marks, wanted))
            .map(|(start, marks)| (start, &marks[..]));
        let all = meant.chain([(groups.len() * GROUP, rest)]);
        let all = all.flat_map(|(start, marks)| (start..).zip(marks));
        all.filter(move |(_, mark)| **mark == wanted)
            .map(|(at, _)| at)
    }

    /// Finds those that may go on with one of these bases.
    fn that_go_on(&self, wanted: &[Mark]) -> impl Iterator<Item = usize> {
        let (groups, rest) = self.bases.as_chunks::<GROUP>();
        let starts = (0..).step_by(GROUP);
        let meant = starts
            .zip(groups)
            .filter(|(_, bases)| wanted.iter().any(|mark| has_one(bases, *mark)))
            .map(|(start, bases)| (start, &bases[..]));
        let all = meant.chain([(groups.len() * GROUP, rest)]);
        let all = all.flat_map(|(start, bases)| (start..).zip(bases));
        all.filter(|(_, bases)| wanted.iter().any(|mark| bases.contains(mark)))
            .map(|(at, _)| at)
    }

    /// Finds the walk that waits for the name, by preference one that does so on
    /// this port, and says whether it does.
    pub(super) fn waiting(
        &self,
        asked: u64,
        waits: impl Fn(&Walk) -> Option<bool>,
    ) -> Option<(bool, usize)> {
        let mut found = None;
        for (at, _) in self
            .asked
            .iter()
            .enumerate()
            .filter(|(_, last)| **last == mark_of(asked))
        {
            match self.walks.get(at).and_then(|walk| waits(walk)) {
                Some(true) => return Some((true, at)),
                Some(false) => found = found.or(Some((false, at))),
                None => {}
            }
        }
        found
    }

    /// Changes a walk.
    pub(super) fn change(&mut self, at: usize, change: impl FnOnce(&mut Walk)) {
        let Some(walk) = self.walks.get_mut(at) else { return };
        change(walk);
        if let Some(old) = self.asked.get_mut(at) {
            *old = mark_of(walk.asked());
        }
        if let Some(old) = self.takes.get_mut(at) {
            *old = walk.takes();
        }
        if let Some(old) = self.bases.get_mut(at) {
            let bases = marks_of(walk);
            self.going += usize::from(bases != [NONE; BASES]);
            self.going -= usize::from(*old != [NONE; BASES]);
            *old = bases;
        }
        if let Some(old) = self.ends.get_mut(at) {
            *old = walk.deadline();
        }
    }

    /// Finds the one that ends first.
    pub(super) fn oldest(&self) -> Option<usize> {
        let ends = self.ends.iter().enumerate();
        ends.min_by_key(|(_, end)| **end).map(|(at, _)| at)
    }

    /// Finds one after `from` that ended before `now`.
    pub(super) fn ended(&self, from: usize, now: Moment) -> Option<usize> {
        let ends = self.ends.iter().enumerate().skip(from);
        let mut ended = ends.filter(|(_, end)| **end < now);
        ended.next().map(|(at, _)| at)
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Box<Walk>> {
        self.asked.clear();
        self.takes.clear();
        self.bases.clear();
        self.going = 0;
        self.ends.clear();
        self.walks.drain(..)
    }
}

/// Says whether a mark is among others: in numbers, for the compiler to compare
/// them at once.
fn has(marks: &[Mark; GROUP], wanted: Mark) -> bool {
    let same = marks.iter().map(|mark| Mark::from(*mark == wanted));
    same.fold(0, |any, same| any | same) != 0
}

/// The same for the marks of several walks.
fn has_one(all: &[[Mark; BASES]; GROUP], wanted: Mark) -> bool {
    let same = all.as_flattened().iter();
    let same = same.map(|mark| Mark::from(*mark == wanted));
    same.fold(0, |any, same| any | same) != 0
}

/// Returns the marks of the bases that a walk may go on with.
fn marks_of(walk: &Walk) -> [Mark; BASES] {
    let mut marks = [NONE; BASES];
    let mut bases = walk.bases();
    for (mark, base) in marks.iter_mut().zip(&mut bases) {
        *mark = mark_of(base);
    }
    if bases.next().is_some() {
        marks = [ANY_MARK; BASES];
    }
    marks
}

/// No mark.
const NONE: Mark = 0;

/// Bases of a walk: with Kubernetes' three domains each name has four.
const BASES: usize = 4;

/// Walks that are compared at once.
const GROUP: usize = 8;
