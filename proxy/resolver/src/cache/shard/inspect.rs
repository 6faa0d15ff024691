//! What operators see and remove. Each call walks a whole shard under its lock: some
//! milliseconds for a large one, which is for people and not for traffic.

use dns::{HEADER_LEN, Name};

use super::header::EntryHeader;
use super::{Shard, header, index};
use crate::cache::inspect::Stored;

impl Shard {
    /// Returns what is stored under `name`, of any type.
    pub(in crate::cache) fn stored(&self, name: &Name) -> Vec<Stored> {
        let places = self.index.places();
        let found = places.filter(|at| self.name(*at).is_some_and(|other| other == *name));
        found.filter_map(|at| self.stored_at(at)).collect()
    }

    /// Returns everything that is stored.
    pub(in crate::cache) fn all(&self) -> Vec<Stored> {
        let places = self.index.places();
        places.filter_map(|at| self.stored_at(at)).collect()
    }

    /// Removes what is stored under names that are `meant`, and returns how many
    /// answers that were.
    pub(in crate::cache) fn remove(&mut self, meant: impl Fn(&Name) -> bool) -> usize {
        let is_meant = |at: &usize| self.name(*at).is_some_and(|name| meant(&name));
        let places: Vec<_> = self.index.places().filter(is_meant).collect();
        for at in &places {
            if let Some(hash) = header::hash(&self.octets, *at) {
                self.index.remove(hash, *at);
                self.forget_negative(*at);
            }
        }
        places.len()
    }

    fn name(&self, at: usize) -> Option<Name> {
        let question = self.octets.get(at + EntryHeader::LEN + HEADER_LEN..)?;
        // The longest name, or what is left of the shard.
        Name::parse(question, 0).ok().map(|(name, _)| name)
    }

    fn stored_at(&self, at: usize) -> Option<Stored> {
        let header = EntryHeader::read(self.octets.get(at..)?)?;
        let entry = self.view(at, &header, false)?.to_entry();
        let [dnssec_ok, checking_disabled] = header.options();
        Some(Stored { entry, dnssec_ok, checking_disabled })
    }
}

impl index::Index {
    /// Returns where all entries lie.
    fn places(&self) -> impl Iterator<Item = usize> {
        self.slots().filter_map(index::place)
    }
}
