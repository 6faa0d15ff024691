//! The lookups of one client that are under way, by what a query may have in common with
//! them: a busy client has hundreds, and few can be meant.

use resolver::Moment;

use super::chains::{Chains, UNLINKED};
use crate::lookup::search::{ANY_MARK, mark_of};
use crate::lookup::walk::Walk;

/// Walks in places that they keep until they are over.
#[derive(Debug, Default)]
pub(super) struct WalkTable {
    places: Vec<Place>,
    free: Vec<u16>,
    /// By the name that each asked last.
    by_name: Chains,
    /// By the bases that each may go on with: [`BASES`] nodes for each place.
    by_base: Chains,
    /// Walks that were begun.
    begun: u64,
    /// Those that end first, the first last: they were, when they were looked for.
    soonest: Vec<(Moment, u16)>,
}

#[derive(Debug)]
struct Place {
    walk: Option<Box<Walk>>,
    /// Which walk it is, in the order of their beginning.
    begun: u64,
    /// A bit for each type of which a query for the name asked last may belong to it.
    takes: u8,
    /// After this nothing belongs to it.
    deadline: Moment,
}

impl WalkTable {
    pub(super) const fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Walk> {
        self.places.get(at)?.walk.as_deref()
    }

    /// Iterates over all, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Walk)> {
        let places = self.places.iter().enumerate();
        places.filter_map(|(at, place)| Some((at, place.walk.as_deref()?)))
    }

    /// Returns which walk it is, in the order of their beginning.
    pub(super) fn begun(&self, at: usize) -> u64 {
        self.places.get(at).map_or(u64::MAX, |place| place.begun)
    }

    /// Adds a walk, and returns its place.
    pub(super) fn push(&mut self, walk: Box<Walk>) -> usize {
        let (begun, takes, deadline) = (self.begun, walk.takes(), walk.deadline());
        self.begun += 1;
        let place = Place { walk: Some(walk), begun, takes, deadline };
        let at = match self.free.pop().map(usize::from) {
            Some(at) => {
                if let Some(free) = self.places.get_mut(at) {
                    *free = place;
                }
                at
            }
            None => {
                self.places.push(place);
                self.places.len() - 1
            }
        };
        self.link(at);
        at
    }

    pub(super) fn remove(&mut self, at: usize) -> Option<Box<Walk>> {
        let walk = self.places.get_mut(at)?.walk.take()?;
        self.free.push(u16::try_from(at).unwrap_or_default());
        self.by_name.put(at, UNLINKED);
        (0..BASES).for_each(|base| self.by_base.put(at * BASES + base, UNLINKED));
        Some(walk)
    }

    /// Changes a walk, and returns what `change` does.
    pub(super) fn change<T>(
        &mut self,
        at: usize,
        change: impl FnOnce(&mut Walk) -> T,
    ) -> Option<T> {
        let place = self.places.get_mut(at)?;
        let walk = place.walk.as_deref_mut()?;
        let changed = change(walk);
        (place.takes, place.deadline) = (walk.takes(), walk.deadline());
        self.link(at);
        Some(changed)
    }

    /// Puts a walk where it is found now.
    fn link(&mut self, at: usize) {
        let Some(walk) = self.places.get(at).and_then(|place| place.walk.as_deref()) else {
            return;
        };
        self.by_name.put(at, mark_of(walk.asked()));
        for (node, mark) in (at * BASES..).zip(bases_of(walk)) {
            self.by_base.put(node, mark);
        }
    }

    /// Iterates over those that asked a name last and take a query of this type, or of any
    /// if there is no `bit`, the latest first.
    pub(super) fn of_name(
        &self,
        asked: u64,
        bit: Option<u8>,
    ) -> impl Iterator<Item = (usize, &Walk)> {
        self.by_name.of(mark_of(asked)).filter_map(move |at| {
            let place = self.places.get(at)?;
            let takes = bit.is_none_or(|bit| place.takes & bit != 0);
            Some((at, place.walk.as_deref().filter(|_| takes)?))
        })
    }

    /// Iterates over those that may go on with a base of this mark.
    pub(super) fn going_on(&self, mark: u16) -> impl Iterator<Item = (usize, &Walk)> {
        let nodes = self.by_base.of(mark);
        nodes.filter_map(|node| Some((node / BASES, self.get(node / BASES)?)))
    }

    /// Takes out those that ended before `now`, in the order of their beginning.
    #[expect(clippy::vec_box, reason = "they go back to where boxes are")]
    pub(super) fn take_ended(&mut self, now: Moment) -> Vec<Box<Walk>> {
        let places = self.places.iter().enumerate();
        let is_over = |place: &Place| place.walk.is_some() && place.deadline < now;
        let mut ended: Vec<_> = places
            .filter(|(_, place)| is_over(place))
            .map(|(at, place)| (place.begun, at))
            .collect();
        ended.sort_unstable();
        let ended = ended.into_iter();
        let ended = ended.filter_map(|(_, at)| self.remove(at)).collect();
        self.give_memory_back();
        ended
    }

    /// Gives back what a burst took: then all get new places.
    fn give_memory_back(&mut self) {
        if self.places.len() <= KEPT.max(self.len().saturating_mul(4)) {
            return;
        }
        let mut places = std::mem::take(self).places;
        places.sort_unstable_by_key(|place| place.begun);
        for walk in places.into_iter().filter_map(|place| place.walk) {
            self.push(walk);
        }
    }

    /// Finds one that ends first, or did when that was looked for, of all but the latest.
    pub(super) fn first_to_end(&mut self) -> Option<usize> {
        if let Some(at) = self.pop_soonest() {
            return Some(at);
        }
        let latest = self.begun.checked_sub(1)?;
        let places = (0..).zip(&self.places);
        let earlier = places.filter(|(_, place)| place.walk.is_some() && place.begun != latest);
        self.soonest
            .extend(earlier.map(|(at, place)| (place.deadline, at)));
        // Some at once, for all are looked at.
        let some = self.soonest.len().div_ceil(SHARE);
        if some < self.soonest.len() {
            self.soonest.select_nth_unstable(some);
            self.soonest.truncate(some);
        }
        self.soonest.sort_unstable_by(|a, b| b.cmp(a));
        self.pop_soonest()
    }

    fn pop_soonest(&mut self) -> Option<usize> {
        while let Some((deadline, at)) = self.soonest.pop() {
            let place = self.places.get(usize::from(at));
            if place.is_some_and(|place| place.walk.is_some() && place.deadline == deadline) {
                return Some(at.into());
            }
        }
        None
    }
}

/// Returns the marks of the bases that a walk may go on with.
fn bases_of(walk: &Walk) -> [u16; BASES] {
    let mut marks = [UNLINKED; BASES];
    let mut bases = walk.bases();
    for (mark, base) in marks.iter_mut().zip(&mut bases) {
        *mark = mark_of(base);
    }
    if bases.next().is_some() {
        marks = [UNLINKED; BASES];
        if let Some(mark) = marks.first_mut() {
            *mark = ANY_MARK;
        }
    }
    marks
}

/// The base names of a walk: with Kubernetes' three domains each name has four.
const BASES: usize = 4;

/// Places for which memory is kept.
const KEPT: usize = 64;

/// The part of all walks that is looked for at once to end first.
const SHARE: usize = 16;
