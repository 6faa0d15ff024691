//! Looking into the cache, and removing from it by name.

use dns::Name;

use super::{Cache, Entry, relock};

/// A stored answer, expired or not.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The answer.
    pub entry: Entry,
    /// It is for queries with DO.
    pub dnssec_ok: bool,
    /// It is for queries with CD.
    pub checking_disabled: bool,
}

/// Which answers are removed.
#[derive(Clone, Copy, Debug)]
pub enum Flush {
    /// Those of one name, of any type.
    Name(Name),
    /// Those of a zone: its own name and all names below it.
    Suffix(Name),
    /// All.
    All,
}

impl Cache {
    /// Returns what is stored under `name`, of any type. Nothing counts as used by it.
    pub fn stored(&self, name: &Name) -> Vec<Stored> {
        let shards = self.shards.iter();
        shards
            .flat_map(|shard| relock(shard).stored(name))
            .collect()
    }

    /// Removes answers and cached failures, and returns how many. What is in flight
    /// meanwhile is stored after it.
    pub fn flush(&self, what: &Flush) -> usize {
        let is_meant = |name: &Name| match what {
            Flush::Name(meant) => name == meant,
            Flush::Suffix(zone) => name.is_within(zone),
            Flush::All => true,
        };
        self.shards
            .iter()
            .map(|shard| relock(shard).remove(is_meant))
            .sum()
    }
}
