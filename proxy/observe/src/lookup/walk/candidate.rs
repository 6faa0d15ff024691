//! What a walk can be the lookup of.

use crate::lookup::outcome::Step;
use crate::lookup::search::{First, Search, Split, Splits};

/// One base that a walk can be of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// The hash of the base.
    pub(crate) base: u64,
    pub(super) len: u8,
    /// The dots of the base.
    pub(crate) dots: u8,
    pub(super) first: First,
    pub(crate) at: Step,
    /// Says whether the walk began where it begins for this base.
    pub(crate) whole: bool,
    /// See [`Split::foreign`].
    pub(super) foreign: bool,
}

impl Candidate {
    /// What a name can mean with which a walk begins, the likeliest first: that it
    /// begins there; that it began before is believed last.
    pub(crate) fn all(splits: &Splits, search: &Search) -> impl Iterator<Item = Self> {
        let all = move || {
            let splits = splits.iter();
            splits.map(move |split| Self::at_start(split, search))
        };
        let whole = all().filter(|candidate| candidate.whole);
        whole.chain(all().filter(|candidate| !candidate.whole))
    }

    /// Says whether the beginning of the walk was not seen.
    pub(crate) const fn is_partial(&self) -> bool {
        !self.whole && !self.foreign
    }

    /// Returns the base of a walk that asked `name` first, in the memory of `base`
    /// if need be.
    pub(crate) fn base_of<'a>(&self, name: &'a [u8], base: &'a mut Vec<u8>) -> &'a [u8] {
        if self.at == Step::Absolute {
            return name;
        }
        self.write_base(name, base);
        base
    }

    /// Writes the base that a walk has which asked `name` first.
    pub(super) fn write_base(&self, name: &[u8], base: &mut Vec<u8>) {
        base.clear();
        base.extend_from_slice(name.get(..usize::from(self.len)).unwrap_or_default());
        base.push(0);
    }

    fn at_start(split: &Split, search: &Search) -> Self {
        let first = search.ndots.first(split.dots);
        let whole = match split.step {
            Step::Suffix(0) => first != First::Absolute && !split.foreign,
            Step::Suffix(_) => false,
            // Also with fewer dots than ndots: a dot at the end, or a tool
            // that does not search.
            Step::Absolute => true,
        };
        let foreign = split.foreign;
        let Split { step: at, base, len, dots, .. } = *split;
        Self { base, len, dots, first, at, whole, foreign }
    }

    /// Says whether a reading is of its base, and later in the walk. A name
    /// may be passed over: some resolvers remember what was denied.
    pub(super) fn goes_on(&self, split: &Split) -> bool {
        self.base == split.base
            && match (self.at, split.step) {
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

impl Default for Candidate {
    /// The root as it is.
    fn default() -> Self {
        Self {
            base: 0,
            len: 0,
            dots: 0,
            first: First::Absolute,
            at: Step::Absolute,
            whole: true,
            foreign: false,
        }
    }
}
