//! Packets by their time: a capture of several interfaces has them nearly in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Holds packets until none before them can come.
#[derive(Debug)]
pub(super) struct Order<T> {
    held: BinaryHeap<Reverse<Timed<T>>>,
    /// How many were pushed: of one instant they stay in the order of the file.
    count: u64,
    latest: u64,
}

#[derive(Debug)]
struct Timed<T> {
    at: u64,
    number: u64,
    what: T,
}

impl<T> Order<T> {
    /// Takes a packet of this instant, in nanoseconds.
    pub(super) fn push(&mut self, at: u64, what: T) {
        self.latest = self.latest.max(at);
        self.held
            .push(Reverse(Timed { at, number: self.count, what }));
        self.count += 1;
    }

    /// Returns the next packet whose turn has come.
    pub(super) fn next_due(&mut self) -> Option<T> {
        let Reverse(first) = self.held.peek()?;
        let is_due = first.at.saturating_add(LATE) <= self.latest || self.held.len() > MOST;
        if is_due { self.next_of_all() } else { None }
    }

    /// Returns the next packet, whether others may come before it or not.
    pub(super) fn next_of_all(&mut self) -> Option<T> {
        self.held.pop().map(|Reverse(timed)| timed.what)
    }
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self { held: BinaryHeap::new(), count: 0, latest: 0 }
    }
}

impl<T> Timed<T> {
    const fn place(&self) -> (u64, u64) {
        (self.at, self.number)
    }
}

impl<T> Ord for Timed<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place().cmp(&other.place())
    }
}

impl<T> PartialOrd for Timed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Timed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl<T> Eq for Timed<T> {}

/// Nanoseconds by which a packet may come after one of a later time: dumpcap has a thread
/// for each interface, and writes what they have in turn.
const LATE: u64 = 500_000_000;

/// Packets that are held at most: half a second of 60,000 a second.
const MOST: usize = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_by_less_than_half_a_second_has_its_place() {
        let mut order = Order::default();
        let mut out = Vec::new();
        for (at, name) in [(0, 'a'), (400, 'c'), (300, 'b'), (300, 'B'), (900, 'd'), (100, 'x')] {
            order.push(at * 1_000_000, name);
            out.extend(std::iter::from_fn(|| order.next_due()));
        }
        assert_eq!(out, ['a', 'b', 'B', 'c', 'x']);
        assert_eq!(std::iter::from_fn(|| order.next_of_all()).collect::<Vec<_>>(), ['d']);
    }

    #[test]
    fn it_holds_no_more_than_it_may() {
        let mut order = Order::default();
        for n in 0..=MOST {
            order.push(0, n);
        }
        assert_eq!((order.next_due(), order.next_due()), (Some(0), None));
    }
}
