//! The walks of one client, and what is looked at of all of them for each
//! query, side by side: a busy client has dozens, and few can be meant.

use std::hint::black_box;

use super::super::search::Readings;
use super::super::walk::Walk;
use crate::moment::Moment;

/// Walks in the order of their beginning.
#[derive(Debug, Default)]
pub(super) struct Open {
    #[expect(clippy::vec_box, reason = "they are removed from the middle, and large")]
    walks: Vec<Box<Walk>>,
    /// What is left of the hash of the name that each asked last.
    asked: Vec<u32>,
    /// Of which types each takes more queries for that name.
    takes: Vec<u32>,
    /// A bit for each base that it may go on with.
    bases: Vec<u32>,
    /// When each ends; those that found their name come before all others.
    ends: Vec<u64>,
}

impl Open {
    pub(super) const fn len(&self) -> usize {
        self.walks.len()
    }

    pub(super) fn push(&mut self, walk: Box<Walk>) {
        self.asked.push(part_of(walk.asked()));
        self.takes.push(walk.takes().into());
        self.bases.push(walk.bases());
        self.ends.push(end_of(&walk));
        self.walks.push(walk);
    }

    pub(super) fn remove(&mut self, at: usize) -> Box<Walk> {
        self.asked.remove(at);
        self.takes.remove(at);
        self.bases.remove(at);
        self.ends.remove(at);
        self.walks.remove(at)
    }

    /// Iterates over the walks that a query for a name may belong to: those
    /// that asked it last and take more of its type, and those that may go on
    /// with one of its bases.
    pub(super) fn candidates(
        &self,
        asked: u64,
        bit: u8,
        readings: &Readings,
    ) -> impl Iterator<Item = (usize, &Walk)> {
        let (asked, bit, bases) = (part_of(asked), u32::from(bit), readings.bases());
        // Without branches, for several to be compared at once.
        let may_be = move |((last, takes), own): ((&u32, &u32), &u32)| {
            (*last == asked) & (*takes & bit != 0) | (*own & bases != 0)
        };
        let groups = self.asked.chunks(GROUP).zip(self.takes.chunks(GROUP));
        let groups = groups.zip(self.bases.chunks(GROUP)).enumerate();
        let meant = groups.filter(move |(_, ((asked, takes), bases))| {
            let all = asked.iter().zip(*takes).zip(*bases);
            all.fold(false, |any, one| any | may_be(one))
        });
        let meant = meant.flat_map(move |(group, ((asked, takes), bases))| {
            let all = asked.iter().zip(takes).zip(bases).enumerate();
            let meant = all.filter(move |(_, one)| may_be(*one));
            meant.map(move |(at, _)| group * GROUP + at)
        });
        meant.filter_map(|at| Some((at, &**self.walks.get(at)?)))
    }

    /// Finds the walk that waits for the name, or by preference the one that
    /// does so on this port.
    pub(super) fn waiting(
        &self,
        asked: u64,
        waits: impl Fn(&Walk) -> Option<bool>,
    ) -> Option<usize> {
        let mut found = None;
        for (at, _) in self
            .asked
            .iter()
            .enumerate()
            .filter(|(_, last)| **last == part_of(asked))
        {
            match self.walks.get(at).and_then(|walk| waits(walk)) {
                Some(true) => return Some(at),
                Some(false) => found = found.or(Some(at)),
                None => {}
            }
        }
        found
    }

    /// Changes a walk.
    pub(super) fn change(&mut self, at: usize, change: impl FnOnce(&mut Walk)) {
        let Some(walk) = self.walks.get_mut(at) else { return };
        change(walk);
        let (asked, takes, bases) = (part_of(walk.asked()), walk.takes().into(), walk.bases());
        let all = [(&mut self.asked, asked), (&mut self.takes, takes), (&mut self.bases, bases)];
        for (all, new) in all {
            if let Some(old) = all.get_mut(at) {
                *old = new;
            }
        }
        if let Some(old) = self.ends.get_mut(at) {
            *old = end_of(walk);
        }
    }

    /// Finds the one that ends first.
    pub(super) fn oldest(&self) -> Option<usize> {
        let ends = self.ends.iter().enumerate();
        ends.min_by_key(|(_, end)| **end).map(|(at, _)| at)
    }

    /// Takes out those that found their name and end first, about `most` of
    /// them; none if none has found it.
    pub(super) fn shed(&mut self, most: usize, mut take: impl FnMut(Box<Walk>)) {
        let found = self.ends.iter().filter(|end| **end < UNFINISHED);
        let mut found: Vec<u64> = found.copied().collect();
        if found.is_empty() {
            return;
        }
        let last = most.min(found.len()) - 1;
        let (_, last, _) = found.select_nth_unstable(last);
        let last = *last;
        let goes: Vec<bool> = self.ends.iter().map(|end| *end <= last).collect();
        // Read side by side before they are closed one after another.
        let leaving = self.walks.iter().zip(&goes).filter(|(_, goes)| **goes);
        leaving.for_each(|(walk, _)| {
            black_box(walk.deadline());
        });
        for all in [&mut self.asked, &mut self.takes, &mut self.bases] {
            let mut goes = goes.iter();
            all.retain(|_| goes.next() == Some(&false));
        }
        self.ends.retain(|end| *end > last);
        let mut goes = goes.iter();
        self.walks
            .extract_if(.., |_| goes.next() == Some(&true))
            .for_each(&mut take);
    }

    /// Finds one after `from` that ended before `now`.
    pub(super) fn ended(&self, from: usize, now: Moment) -> Option<usize> {
        let ends = self.ends.iter().enumerate().skip(from);
        let mut ended = ends.filter(|(_, end)| **end % UNFINISHED < now.as_micros());
        ended.next().map(|(at, _)| at)
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Box<Walk>> {
        self.asked.clear();
        self.takes.clear();
        self.bases.clear();
        self.ends.clear();
        self.walks.drain(..)
    }
}

fn end_of(walk: &Walk) -> u64 {
    let micros = walk.deadline().as_micros() % UNFINISHED;
    if walk.has_data() { micros } else { micros + UNFINISHED }
}

const fn part_of(hash: u64) -> u32 {
    (hash & 0xffff_ffff) as u32
}

/// Walks that are compared at once.
const GROUP: usize = 16;

/// No moment has this bit: half a million years.
const UNFINISHED: u64 = 1 << 63;
