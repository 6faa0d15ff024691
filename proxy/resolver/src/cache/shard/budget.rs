//! How much one insert may move: what bounds its time.

use crate::clock::Moment;

/// How many entries one insert may move or remove.
#[derive(Debug)]
pub(super) struct EvictionBudget {
    pub(super) now: Moment,
    /// Entries that may still be promoted instead of evicted: bounds the time of
    /// an insert.
    pub(super) promotions: u32,
    /// Expired entries and holes that may still be removed to make room for an
    /// entry that was not used yet.
    pub(super) sweeps: u32,
}

impl EvictionBudget {
    /// A whole one, for an insert at `now`.
    pub(super) const fn at(now: Moment) -> Self {
        Self { now, promotions: MAX_MOVES, sweeps: MAX_MOVES }
    }
}

/// Entries promoted, and removed as expired, by one insert at most.
const MAX_MOVES: u32 = 8;
