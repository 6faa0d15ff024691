//! What a walk can be the lookup of.

use super::super::lookup::Step;
use super::super::search::{First, Reading, Search};

/// One base that a walk can be of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meaning {
    pub(super) base: u64,
    pub(super) len: u8,
    pub(super) first: First,
    pub(super) at: Step,
    /// Says whether the walk began where it begins for this base.
    pub(super) whole: bool,
    /// See [`Reading::foreign`].
    pub(super) foreign: bool,
}

impl Meaning {
    pub(super) fn at_start(reading: &Reading, search: &Search) -> Self {
        let first = search.ndots.first(reading.dots);
        let whole = match reading.step {
            Step::Suffix(0) => first != First::Absolute && !reading.foreign,
            Step::Suffix(_) => false,
            // Also with fewer dots than ndots: a dot at the end, or a tool
            // that does not search.
            Step::Absolute => true,
        };
        let foreign = reading.foreign;
        Self { base: reading.base, len: reading.len, first, at: reading.step, whole, foreign }
    }

    /// Says whether a reading is of its base, and later in the walk. A name
    /// may be passed over: some resolvers remember what was denied.
    pub(super) fn goes_on(&self, reading: &Reading) -> bool {
        self.base == reading.base
            && match (self.at, reading.step) {
                (Step::Suffix(at), Step::Suffix(next)) => at < next,
                (Step::Suffix(_), Step::Absolute) => self.first != First::Absolute,
                // glibc and Go go through the list from its beginning.
                (Step::Absolute, Step::Suffix(next)) => next == 0 && self.first != First::Suffixes,
                (Step::Absolute, Step::Absolute) => false,
            }
    }

    pub(super) fn may_go_on(&self) -> bool {
        match self.at {
            Step::Suffix(_) => true,
            Step::Absolute => self.first != First::Suffixes,
        }
    }
}
