//! Counts of each ten seconds, for the last ten minutes.

use std::collections::VecDeque;

use resolver::Moment;

/// Counts of `N` kinds for each full ten seconds, of which the latest
/// [`TENS`] are kept.
///
/// [`Windows`](super::Windows) keeps a minute for everybody; this is for the
/// node alone, where somebody wants to see when it began.
#[derive(Clone, Debug)]
pub struct History<const N: usize> {
    /// The latest last; the one that runs is not among them.
    full: VecDeque<[u32; N]>,
    running: [u32; N],
    /// The number of the ten seconds that run.
    ten: u64,
}

impl<const N: usize> History<N> {
    /// Starts without any.
    pub const fn new(now: Moment) -> Self {
        Self { full: VecDeque::new(), running: [0; N], ten: now.as_secs() / 10 }
    }

    /// Adds one of kind `index`; what arrives late counts for the time that
    /// runs.
    pub fn add(&mut self, index: usize, now: Moment) {
        self.advance(now);
        if let Some(count) = self.running.get_mut(index) {
            *count = count.saturating_add(1);
        }
    }

    /// Closes the ten seconds that are over.
    pub fn advance(&mut self, now: Moment) {
        if now < end_of(self.ten) {
            return;
        }
        let ten = now.as_secs() / 10;
        // After a longer gap all that is kept would be zeros anyway.
        let over = ten
            .saturating_sub(self.ten)
            .min(u64::try_from(TENS).unwrap_or(u64::MAX));
        for _ in 0..over {
            if self.full.len() == TENS {
                self.full.pop_front();
            }
            self.full
                .push_back(std::mem::replace(&mut self.running, [0; N]));
        }
        self.ten = self.ten.max(ten);
    }

    /// Returns the counts of kind `index`, the oldest ten seconds first.
    pub fn of(&self, index: usize) -> Vec<u32> {
        let count = |row: &[u32; N]| row.get(index).copied().unwrap_or_default();
        self.full.iter().map(count).collect()
    }
}

/// When these ten seconds are over.
const fn end_of(ten: u64) -> Moment {
    Moment::from_micros(ten.saturating_add(1).saturating_mul(10_000_000))
}

/// Rows that are kept: ten minutes, in 4 KiB.
pub const TENS: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Moment {
        Moment::from_micros(second * 1_000_000)
    }

    #[test]
    fn full_tens_are_kept_in_order() {
        let mut history = History::<2>::new(at(3));
        assert!(history.of(0).is_empty());
        for second in 3..35 {
            history.add(0, at(second));
        }
        history.add(1, at(35));
        assert_eq!((history.of(0), history.of(1)), (vec![7, 10, 10], vec![0, 0, 0]));
        history.add(1, at(12));
        history.advance(at(40));
        assert_eq!((history.of(0), history.of(1)), (vec![7, 10, 10, 5], vec![0, 0, 0, 2]));
    }

    #[test]
    fn no_more_than_ten_minutes_are_kept() {
        let mut history = History::<1>::new(at(0));
        for ten in 0..100 {
            history.add(0, at(ten * 10));
        }
        history.advance(at(1000));
        assert_eq!(history.of(0), [1; TENS]);
        history.advance(at(1_000_000));
        assert_eq!(history.of(0), [0; TENS]);
    }
}
