//! How often names are asked.

use resolver::Moment;

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
    /// Counts a query that arrived then, by the hash of its question and its client;
    /// returns whether that is asked so seldom that an id that comes back is no chance.
    pub(super) fn note(&mut self, question: u64, arrived: Moment) -> bool {
        let stretch = arrived.as_micros() >> STRETCH;
        if stretch > self.stretch {
            self.stretch = stretch;
            self.counts.fill(0);
        }
        let at = usize::try_from(question).unwrap_or_default() % NAMES;
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
