//! How often names are asked.

use crate::intake::{Record, octets_of};

/// How often names are asked, in a sketch that may count too many: an id of 16 bits
/// comes back by chance where a name is asked thousands of times.
#[derive(Debug)]
pub(super) struct Asked {
    counts: Box<[u16; NAMES]>,
    /// Which stretch of time the counts are of.
    stretch: u64,
}

impl Default for Asked {
    fn default() -> Self {
        Self { counts: Box::new([0; NAMES]), stretch: 0 }
    }
}

impl Asked {
    /// Counts a query; says whether its name is asked so seldom that an id that comes
    /// back is no chance.
    pub(super) fn note(&mut self, name: u64, record: &Record) -> bool {
        let stretch = record.arrived.as_micros() >> STRETCH;
        if stretch > self.stretch {
            self.stretch = stretch;
            self.counts.fill(0);
        }
        let client = u128::from_be_bytes(octets_of(record.client));
        #[expect(clippy::cast_possible_truncation, reason = "the low half tells clients apart")]
        let mixed = (name ^ (client as u64) ^ (u64::from(record.qtype.0) << 48)).wrapping_mul(MIX);
        let at = usize::try_from(mixed >> 52).unwrap_or_default() % NAMES;
        let Some(count) = self.counts.get_mut(at) else { return false };
        *count = count.saturating_add(1);
        *count <= SELDOM
    }
}

/// Names that are told apart; 8 KiB.
const NAMES: usize = 1 << 12;

/// A stretch of time is two to this power of microseconds: 16.8 s.
const STRETCH: u32 = 24;

/// Queries of a name in a stretch of time of which one in a thousand has an id that
/// was there before, and a time that looks like a timer's.
const SELDOM: u16 = 400;

/// An odd number without a pattern (the golden ratio).
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
