//! Those who wait for one question.

use std::collections::VecDeque;

use super::Waiter;

/// Those who wait for one question, the first one first.
///
/// A flood of queries for one name joins and leaves here all the time: who leaves is
/// near the front, and whether one repeats another is seen without reading them all.
#[derive(Debug)]
pub struct Waiters<W> {
    waiters: VecDeque<W>,
    /// The mark of each, in the same order; empty while there are few.
    marks: VecDeque<u64>,
}

impl<W: Waiter> Waiters<W> {
    /// Starts with one.
    pub(super) fn new(waiter: W) -> Self {
        Self { waiters: VecDeque::from([waiter]), marks: VecDeque::new() }
    }

    /// Returns the one who has waited longest.
    pub fn first(&self) -> Option<&W> {
        self.waiters.front()
    }

    /// Returns all, the first one first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &W> + ExactSizeIterator + Clone {
        self.waiters.iter()
    }

    /// Returns how many wait.
    pub fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Says whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Returns all, in their order.
    pub fn into_vec(self) -> Vec<W> {
        self.waiters.into()
    }

    /// Returns whether one who waits is repeated by `waiter`.
    pub(super) fn repeats(&self, waiter: &W) -> bool {
        if self.marks.is_empty() {
            return self.iter().any(|earlier| waiter.repeats(earlier));
        }
        let mark = waiter.mark();
        let mut same = self.marks.iter().enumerate();
        same.any(|(at, other)| {
            let earlier = || self.waiters.get(at);
            *other == mark && earlier().is_some_and(|earlier| waiter.repeats(earlier))
        })
    }

    pub(super) fn push(&mut self, waiter: W) {
        if self.waiters.len() == FEW {
            self.marks = self.iter().map(Waiter::mark).collect();
        }
        if !self.marks.is_empty() {
            self.marks.push_back(waiter.mark());
        }
        self.waiters.push_back(waiter);
    }

    pub(super) fn remove(&mut self, place: usize) -> Option<W> {
        self.marks.remove(place);
        self.waiters.remove(place)
    }
}

/// So many are read one by one: they are in the processor's cache.
const FEW: usize = 16;

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Client(u64);

    impl Waiter for Client {
        fn repeats(&self, earlier: &Self) -> bool {
            self == earlier
        }

        /// Many have the same.
        fn mark(&self) -> u64 {
            self.0 % 7
        }

        fn whose(&self) -> Option<IpAddr> {
            None
        }
    }

    #[test]
    fn few_or_many_are_found_and_leave_alike() {
        for count in [1, FEW - 1, FEW, FEW + 1, 100] {
            let count = count as u64;
            let mut waiters = Waiters::new(Client(0));
            (1..count).for_each(|n| waiters.push(Client(n)));
            assert!((0..count).all(|n| waiters.repeats(&Client(n))), "{count}");
            assert!(!waiters.repeats(&Client(count)));
            let middle = count / 2;
            assert_eq!(waiters.remove(usize::try_from(middle).unwrap()), Some(Client(middle)));
            assert!(!waiters.repeats(&Client(middle)));
            waiters.push(Client(count));
            let others = (0..=count).filter(|n| *n != middle);
            assert!(others.clone().all(|n| waiters.repeats(&Client(n))), "{count}");
            assert!(waiters.into_vec().iter().map(|client| client.0).eq(others));
        }
    }
}
