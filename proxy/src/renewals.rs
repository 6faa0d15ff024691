//! Whether a node's DNS comes to us, from the renewals that keep it so.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What one thread notes of its rounds, and others read.
#[derive(Debug, Default)]
pub struct Renewals {
    is_live: AtomicBool,
    /// Rounds without a renewal while the node's DNS came to us.
    missed: AtomicU64,
    /// The same, in a row.
    in_a_row: AtomicU64,
}

impl Renewals {
    /// Whether this node's DNS comes to us.
    pub fn is_live(&self) -> bool {
        self.is_live.load(Ordering::Relaxed)
    }

    /// Rounds without a renewal since the start, while this node's DNS came to us. A few
    /// in a row cost nothing: what is renewed lives for four.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// Notes a renewal; true for the first, after which the node's DNS comes to us.
    pub fn renewed(&self) -> bool {
        self.in_a_row.store(0, Ordering::Relaxed);
        !self.is_live.swap(true, Ordering::Relaxed)
    }

    /// Notes a round without one; true for that after which what was renewed is over.
    pub fn is_missed(&self) -> bool {
        if !self.is_live() {
            return false;
        }
        self.missed.fetch_add(1, Ordering::Relaxed);
        self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= MOST_MISSED && self.ended()
    }

    /// Notes that the node's DNS is given back; true if it came to us.
    pub fn ended(&self) -> bool {
        self.is_live.swap(false, Ordering::Relaxed)
    }
}

/// So many rounds and the life of what is renewed is over.
const MOST_MISSED: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_is_given_back_after_four_misses_in_a_row() {
        let renewals = Renewals::default();
        assert!(!renewals.is_missed(), "nothing was renewed yet");
        assert_eq!((renewals.renewed(), renewals.renewed()), (true, false));
        assert_eq!([(); 3].map(|()| renewals.is_missed()), [false; 3]);
        assert!(!renewals.renewed());
        assert_eq!([(); 4].map(|()| renewals.is_missed()), [false, false, false, true]);
        assert!(!renewals.is_live() && !renewals.is_missed());
        assert_eq!(renewals.missed(), 7, "those before and after are none");
        assert!(renewals.renewed() && renewals.ended() && !renewals.ended());
    }
}
