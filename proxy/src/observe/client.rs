//! The account of one client.

use super::count::{Count, Counters};
use super::record::{Origin, Seen, Traits};
use super::window::Windows;
use crate::moment::Moment;

/// What one client asked and got.
#[derive(Debug)]
pub struct Client {
    /// Its counts.
    pub counters: Counters,
    /// Its responses by where they came from.
    pub origins: Windows<{ Origin::COUNT }>,
    /// When its first query arrived.
    pub first: Moment,
    /// When its last query arrived.
    pub last: Moment,
    /// Says whether it asked since the eviction looked at it.
    pub(super) touched: bool,
}

impl Client {
    pub(super) const fn new(now: Moment) -> Self {
        Self {
            counters: Counters::new(now),
            origins: Windows::new(now),
            first: now,
            last: now,
            touched: false,
        }
    }

    /// Counts one query.
    pub(super) fn note(&mut self, seen: &Seen<'_>, now: Moment) {
        note(&mut self.counters, &mut self.origins, seen, now);
        self.last = self.last.max(seen.record.arrived);
        self.touched = true;
    }
}

/// Counts a query by what it says itself.
pub(super) fn note(
    counters: &mut Counters,
    origins: &mut Windows<{ Origin::COUNT }>,
    seen: &Seen<'_>,
    now: Moment,
) {
    let Seen { record, .. } = seen;
    counters.add(Count::Queries as usize, 1, now);
    if record.traits.has(Traits::ASKED) {
        counters.add(Count::Asked as usize, 1, now);
    }
    if record.traits.has(Traits::REPEATED) {
        return;
    }
    origins.add(record.origin.index(), 1, now);
    if record.origin.is_failure() {
        counters.add(Count::Failed as usize, 1, now);
    }
}
