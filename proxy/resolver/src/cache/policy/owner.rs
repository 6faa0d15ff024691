//! Names of a response, which are compared with each other many times.

use std::hash::BuildHasher as _;

use dns::{Name, ParseError, get_u16};
use foldhash::fast::RandomState;

/// A name with a hash of it, so that comparing two that differ takes no look at their
/// octets: a response may hold thousands that differ at the last one.
#[derive(Clone, Copy)]
pub(super) struct Owner {
    pub(super) name: Name,
    /// Zero in a response of one record, where there is nothing to compare with.
    pub(super) hash: u64,
}

impl PartialEq for Owner {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.name == other.name
    }
}

/// Makes the owners of one response.
pub(super) struct Owners {
    hasher: Option<RandomState>,
}

impl Owners {
    /// For a response of so many records.
    pub(super) fn for_records(records: usize) -> Self {
        Self { hasher: (records > 1).then(RandomState::default) }
    }

    pub(super) fn of(&self, name: Name) -> Owner {
        let hash = self
            .hasher
            .as_ref()
            .map_or(0, |hasher| hasher.hash_one(name));
        Owner { name, hash }
    }

    /// Reads the owner at `at`. `before` is the owner of the record before it and
    /// where that stands: in an RRset both are the same pointer.
    pub(super) fn read(
        &self,
        message: &[u8],
        at: usize,
        before: Option<(usize, &Owner)>,
    ) -> Result<Owner, ParseError> {
        let pointer = |at| get_u16(message, at).filter(|octets| *octets >= 0xc000);
        match before {
            Some((other, owner)) if pointer(at).is_some() && pointer(at) == pointer(other) => {
                Ok(*owner)
            }
            _ => Ok(self.of(Name::parse(message, at)?.0)),
        }
    }
}
