//! Lookups of one client, and what is compared of all of them for each query,
//! side by side: a busy client has dozens, and few can be meant.

use std::ops::ControlFlow;

use crate::lookup::search::{ANY_MARK, mark_of};
use resolver::Moment;

/// What a table keeps of a lookup beside it.
pub(super) trait Row {
    /// Whether rows may go on with another name, as walks do, which are large and
    /// lie elsewhere. Of others neither bases nor deadlines are kept beside: one
    /// more cache line for each client is what costs most.
    const GOES_ON: bool;

    /// The hash of the name that was asked last.
    fn asked(&self) -> u64;

    /// A bit for each type of which a query for that name may belong to it.
    fn takes(&self) -> u8;

    /// The hashes of the bases that it may go on with.
    fn bases(&self) -> impl Iterator<Item = u64>;

    /// After this nothing belongs to it.
    fn deadline(&self) -> Moment;
}

/// Rows in the order of their beginning.
#[derive(Debug)]
pub(super) struct Table<R> {
    tags: Vec<Tag>,
    /// Marks of the bases that each may go on with.
    bases: Vec<BaseMarks>,
    /// How many may go on at all.
    going: usize,
    /// When each ends.
    deadlines: Vec<Moment>,
    rows: Vec<R>,
}

/// A bit for each type that a lookup does not take (see
/// [`type_bit`](crate::lookup::walk::type_bit)), below a part of the hash of the
/// name that it asked last.
#[derive(Clone, Copy, Debug)]
struct Tag(u16);

/// The tags that are looked for: those with these bits, of those in the mask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    bits: u16,
    mask: u16,
}

/// See [`mark_of`].
type BaseMarks = [u16; BASES];

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self {
            tags: Vec::new(),
            bases: Vec::new(),
            going: 0,
            deadlines: Vec::new(),
            rows: Vec::new(),
        }
    }
}

impl<R: Row> Table<R> {
    pub(super) const fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&R> {
        self.rows.get(at)
    }

    pub(super) fn push(&mut self, row: R) {
        self.tags.push(Tag::of(&row));
        if R::GOES_ON {
            let bases = bases_of(&row);
            self.going += usize::from(bases != [NONE; BASES]);
            self.bases.push(bases);
            self.deadlines.push(row.deadline());
        }
        self.rows.push(row);
    }

    pub(super) fn remove(&mut self, at: usize) -> R {
        self.tags.remove(at);
        if R::GOES_ON {
            self.going -= usize::from(self.bases.remove(at) != [NONE; BASES]);
            self.deadlines.remove(at);
        }
        self.rows.remove(at)
    }

    /// Changes a row, and returns what `change` does.
    pub(super) fn change<T>(&mut self, at: usize, change: impl FnOnce(&mut R) -> T) -> Option<T> {
        let row = self.rows.get_mut(at)?;
        let changed = change(row);
        if let Some(old) = self.tags.get_mut(at) {
            *old = Tag::of(row);
        }
        if R::GOES_ON
            && let Some(old) = self.bases.get_mut(at)
            && let Some(deadline) = self.deadlines.get_mut(at)
        {
            let bases = bases_of(row);
            self.going += usize::from(bases != [NONE; BASES]);
            self.going -= usize::from(*old != [NONE; BASES]);
            (*old, *deadline) = (bases, row.deadline());
        }
        Some(changed)
    }

    /// Takes out the oldest `count`.
    pub(super) fn take_oldest(&mut self, count: usize) -> impl Iterator<Item = R> {
        self.tags.drain(..count);
        if R::GOES_ON {
            let gone = self.bases.drain(..count);
            self.going -= gone.filter(|bases| *bases != [NONE; BASES]).count();
            self.deadlines.drain(..count);
        }
        self.rows.drain(..count)
    }

    /// Takes out those that ended before `now`.
    pub(super) fn take_ended(&mut self, now: Moment) -> Vec<R> {
        let ended: Vec<bool> = if R::GOES_ON {
            let deadlines = self.deadlines.iter();
            deadlines.map(|deadline| *deadline < now).collect()
        } else {
            self.rows.iter().map(|row| row.deadline() < now).collect()
        };
        if !ended.contains(&true) {
            return Vec::new();
        }
        let each = || ended.iter().copied();
        let (mut of_tags, mut of_bases, mut of_deadlines) = (each(), each(), each());
        self.tags.retain(|_| of_tags.next() == Some(false));
        self.bases.retain(|_| of_bases.next() == Some(false));
        self.deadlines
            .retain(|_| of_deadlines.next() == Some(false));
        let going = self.bases.iter();
        self.going = going.filter(|bases| **bases != [NONE; BASES]).count();
        let mut of_rows = each();
        let rows = self.rows.extract_if(.., |_| of_rows.next() == Some(true));
        let ended = rows.collect();
        self.give_memory_back();
        ended
    }

    /// Gives back what a burst took.
    fn give_memory_back(&mut self) {
        let used = self.rows.len().saturating_mul(2).max(KEPT);
        if self.rows.capacity() > used.saturating_mul(2) {
            self.tags.shrink_to(used);
            self.bases.shrink_to(used);
            self.deadlines.shrink_to(used);
            self.rows.shrink_to(used);
        }
    }

    /// Finds the one that ends first, of all but the latest.
    pub(super) fn first_to_end(&self) -> Option<usize> {
        let (_, earlier) = self.deadlines.split_last()?;
        let earlier = earlier.iter().enumerate();
        earlier
            .min_by_key(|(_, deadline)| **deadline)
            .map(|(at, _)| at)
    }

    /// Looks at those with a wanted tag, until `look` breaks off.
    pub(super) fn with_tag(
        &self,
        wanted: Wanted,
        mut look: impl FnMut(usize, &R) -> ControlFlow<()>,
    ) {
        let (groups, rest) = self.tags.as_chunks::<TAGS>();
        let starts = (0..).step_by(TAGS);
        let among = starts.zip(groups).filter(|(_, tags)| wanted.is_among(tags));
        let among = among.map(|(start, tags)| (start, &tags[..]));
        for (start, tags) in among.chain([(groups.len() * TAGS, rest)]) {
            let rows = self.rows.get(start..).unwrap_or_default();
            for ((at, row), tag) in (start..).zip(rows).zip(tags) {
                if wanted.is(*tag) && look(at, row).is_break() {
                    return;
                }
            }
        }
    }

    /// Looks at those that may go on with a base that has one of these marks.
    pub(super) fn going_on(&self, wanted: &[u16], mut look: impl FnMut(usize, &R)) {
        if self.going == 0 {
            return;
        }
        let (groups, rest) = self.bases.as_chunks::<GROUP>();
        let starts = (0..).step_by(GROUP);
        let has_any = |all: &[BaseMarks; GROUP]| wanted.iter().any(|mark| has_one(all, *mark));
        let among = starts.zip(groups).filter(|(_, all)| has_any(all));
        let among = among.map(|(start, all)| (start, &all[..]));
        for (start, all) in among.chain([(groups.len() * GROUP, rest)]) {
            let rows = self.rows.get(start..).unwrap_or_default();
            for ((at, row), bases) in (start..).zip(rows).zip(all) {
                if wanted.iter().any(|mark| bases.contains(mark)) {
                    look(at, row);
                }
            }
        }
    }
}

impl Tag {
    fn of(row: &impl Row) -> Self {
        Self(part_of(row.asked()) | (u16::from(!row.takes()) & !NAME))
    }
}

impl Wanted {
    /// Lookups that asked a name last, and take another query of this type.
    pub(super) const fn taking(asked: u64, bit: u8) -> Self {
        Self { bits: part_of(asked), mask: NAME | bit as u16 }
    }

    /// Lookups that asked a name last.
    pub(super) const fn any(asked: u64) -> Self {
        Self { bits: part_of(asked), mask: NAME }
    }

    const fn is(self, tag: Tag) -> bool {
        tag.0 & self.mask == self.bits
    }

    /// In numbers, for the compiler to compare them at once.
    fn is_among(self, tags: &[Tag; TAGS]) -> bool {
        let same = tags.iter().map(|tag| u16::from(self.is(*tag)));
        same.fold(0, |any, same| any | same) != 0
    }
}

const fn part_of(hash: u64) -> u16 {
    (hash >> 48) as u16 & NAME
}

/// Says whether a mark is among those of several lookups: in numbers, for the
/// compiler to compare them at once.
fn has_one(all: &[BaseMarks; GROUP], wanted: u16) -> bool {
    let same = all.as_flattened().iter();
    let same = same.map(|mark| u16::from(*mark == wanted));
    same.fold(0, |any, same| any | same) != 0
}

/// Returns the marks of the bases that a lookup may go on with.
fn bases_of(row: &impl Row) -> BaseMarks {
    let mut marks = [NONE; BASES];
    let mut bases = row.bases();
    for (mark, base) in marks.iter_mut().zip(&mut bases) {
        *mark = mark_of(base);
    }
    if bases.next().is_some() {
        marks = [ANY_MARK; BASES];
    }
    marks
}

/// Where the types are not.
const NAME: u16 = 0xff80;

/// No mark.
const NONE: u16 = 0;

/// The base names of a lookup: with Kubernetes' three domains each name has four.
const BASES: usize = 4;

/// Tags that are compared at once.
const TAGS: usize = 16;

/// Lookups whose bases are compared at once.
const GROUP: usize = 8;

/// Rows for which memory is kept.
const KEPT: usize = 64;
