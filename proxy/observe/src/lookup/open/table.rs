//! Lookups of one client, and what is compared of all of them for each query,
//! side by side: a busy client has dozens, and few can be meant.

use std::ops::ControlFlow;

use crate::lookup::search::{ANY_MARK, mark_of};
use resolver::Moment;

/// What a table keeps of a lookup beside it.
pub(super) trait Row {
    /// Whether rows may go on with another name. Of those that may not, no bases
    /// are kept.
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
    bases: Vec<Bases>,
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
type Bases = [u16; BASES];

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
        }
        self.deadlines.push(row.deadline());
        self.rows.push(row);
    }

    pub(super) fn remove(&mut self, at: usize) -> R {
        self.tags.remove(at);
        if R::GOES_ON {
            self.going -= usize::from(self.bases.remove(at) != [NONE; BASES]);
        }
        self.deadlines.remove(at);
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
        {
            let bases = bases_of(row);
            self.going += usize::from(bases != [NONE; BASES]);
            self.going -= usize::from(*old != [NONE; BASES]);
            *old = bases;
        }
        if let Some(old) = self.deadlines.get_mut(at) {
            *old = row.deadline();
        }
        Some(changed)
    }

    /// Takes out the oldest `count`.
    pub(super) fn take_oldest(&mut self, count: usize) -> Vec<R> {
        self.tags.drain(..count);
        if R::GOES_ON {
            let gone = self.bases.drain(..count);
            self.going -= gone.filter(|bases| *bases != [NONE; BASES]).count();
        }
        self.deadlines.drain(..count);
        self.rows.drain(..count).collect()
    }

    /// Takes out those that ended before `now`.
    pub(super) fn take_ended(&mut self, now: Moment) -> Vec<R> {
        if self.deadlines.iter().all(|deadline| *deadline >= now) {
            return Vec::new();
        }
        let stays = |deadline: &Moment| *deadline >= now;
        let mut each = self.deadlines.iter().map(stays);
        self.tags.retain(|_| each.next() == Some(true));
        if R::GOES_ON {
            let mut each = self.deadlines.iter().map(stays);
            self.bases.retain(|_| each.next() == Some(true));
            let going = self.bases.iter();
            self.going = going.filter(|bases| **bases != [NONE; BASES]).count();
        }
        let mut each = self.deadlines.iter().map(stays);
        let ended = self
            .rows
            .extract_if(.., |_| each.next() == Some(false))
            .collect();
        self.deadlines.retain(stays);
        ended
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
        let mut start = 0;
        let (groups, rest) = self.tags.as_chunks::<TAGS>();
        for tags in groups.iter().map(|tags| &tags[..]).chain([rest]) {
            if wanted.is_among(tags) {
                let rows = self.rows.get(start..).unwrap_or_default();
                for ((at, row), tag) in (start..).zip(rows).zip(tags) {
                    if wanted.is(*tag) && look(at, row).is_break() {
                        return;
                    }
                }
            }
            start += TAGS;
        }
    }

    /// Looks at those that may go on with a base that has one of these marks.
    pub(super) fn going_on(&self, wanted: &[u16], mut look: impl FnMut(usize, &R)) {
        if self.going == 0 {
            return;
        }
        let mut start = 0;
        let (groups, rest) = self.bases.as_chunks::<GROUP>();
        for bases in groups.iter().map(|bases| &bases[..]).chain([rest]) {
            if wanted.iter().any(|mark| has_one(bases, *mark)) {
                let rows = self.rows.get(start..).unwrap_or_default();
                for ((at, row), bases) in (start..).zip(rows).zip(bases) {
                    if wanted.iter().any(|mark| bases.contains(mark)) {
                        look(at, row);
                    }
                }
            }
            start += GROUP;
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
    fn is_among(self, tags: &[Tag]) -> bool {
        let same = tags.iter().map(|tag| u16::from(self.is(*tag)));
        same.fold(0, |any, same| any | same) != 0
    }
}

const fn part_of(hash: u64) -> u16 {
    (hash >> 48) as u16 & NAME
}

/// Says whether a mark is among those of several lookups: in numbers, for the
/// compiler to compare them at once.
fn has_one(all: &[Bases], wanted: u16) -> bool {
    let same = all.as_flattened().iter();
    let same = same.map(|mark| u16::from(*mark == wanted));
    same.fold(0, |any, same| any | same) != 0
}

/// Returns the marks of the bases that a lookup may go on with.
fn bases_of(row: &impl Row) -> Bases {
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

/// Bases of a lookup: with Kubernetes' three domains each name has four.
const BASES: usize = 4;

/// Tags that are compared at once.
const TAGS: usize = 16;

/// Lookups whose bases are compared at once.
const GROUP: usize = 8;
