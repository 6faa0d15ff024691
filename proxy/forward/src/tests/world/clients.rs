//! What clients get.

use super::names::told;
use super::*;

impl World {
    /// Returns how many queries the upstreams were sent for `name`.
    pub(crate) fn asked(&self, name: &str) -> usize {
        let name = Name::from_text(name).unwrap();
        self.queries
            .iter()
            .filter(|query| query.name == name)
            .count()
    }

    /// What is in the cache under `name`.
    pub(crate) fn cached(&self, name: &Name) -> Option<(Rcode, Option<IpAddr>)> {
        let query = retained(*name, 0);
        let key = Key::of(&query.as_query(), &self.hasher);
        let read = |entry: &EntryView<'_>| (entry.head.rcode, address(entry.message));
        self.cache
            .lookup(&key.view(), self.now, |entry| entry.as_ref().map(read))
    }

    /// What the cache has for a query, and whether it is to be asked for anew.
    pub(super) fn look_up(&self, ask: &Ask) -> Option<(What, bool)> {
        let read = |entry: EntryView<'_>| {
            let origin = if entry.head.stale { Origin::Stale } else { Origin::Cache };
            ((entry.head.rcode, address(entry.message), origin), entry.refresh)
        };
        self.cache
            .lookup(&ask.key_view(), self.now, |entry| entry.map(read))
    }

    /// What a client got.
    pub(crate) fn answer(&self, number: u64) -> &Answer {
        let found = self.answers.iter().find(|answer| answer.number == number);
        found.expect("it is answered")
    }

    /// All who wait for a question are answered.
    pub(super) fn answer_all(&mut self, closed: &Closed) {
        for ask in &closed.waiters {
            if ask.reply_to.peer().is_some() {
                self.answered(number_of(ask), told(closed, ask));
            }
        }
    }
}
