//! What each upstream did for its questions.

use resolver::{Moment, Origin};

use crate::counters::{BOUNDS_MICROS, bucket_of};
use crate::intake::{QueryEvent, QueryFlags};
use crate::tables::Windows;

/// The account of one upstream.
#[derive(Clone, Debug)]
pub struct UpstreamAccount {
    /// Questions by how they ended: [`Origin`] of each.
    pub origins: Windows<{ Origin::COUNT }>,
    /// Answered questions by how long they took, see [`BOUNDS_MICROS`].
    pub took: Windows<{ BOUNDS_MICROS.len() + 1 }>,
}

impl UpstreamAccount {
    pub(crate) const fn new(now: Moment) -> Self {
        Self { origins: Windows::new(now), took: Windows::new(now) }
    }

    /// Counts one question that this upstream was asked last.
    pub(crate) fn note(&mut self, event: &QueryEvent<'_>, now: Moment) {
        let record = &event.record;
        if !record.flags.has(QueryFlags::ASKED) {
            return;
        }
        self.origins.add(record.origin.index(), 1, now);
        if record.origin == Origin::Upstream {
            self.took.add(bucket_of(record.took), 1, now);
        }
    }

    pub(crate) fn advance(&mut self, now: Moment) {
        self.origins.advance(now);
        self.took.advance(now);
    }
}
