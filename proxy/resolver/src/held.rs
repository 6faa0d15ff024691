//! Memory of answers that their clients have not taken.
//!
//! A client that asks and does not read has us keep what it asked for. One bound for
//! all would let it take the answers of others. So half of the room is open to all,
//! and of the other half each address has an eighth: a client that fills the first
//! half leaves the second to others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

/// The room for such answers.
#[derive(Debug)]
pub struct Room {
    octets: usize,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    all: usize,
    /// By address; one that uses none is not in it.
    by_holder: HashMap<IpAddr, usize, RandomState>,
}

/// A part of the room, given back when it is dropped.
#[derive(Debug)]
pub struct Held {
    room: Arc<Room>,
    holder: IpAddr,
    octets: usize,
}

impl Room {
    /// Makes room for so many octets in all.
    #[must_use]
    pub fn new(octets: usize) -> Arc<Self> {
        Arc::new(Self { octets, used: Mutex::default() })
    }

    /// Takes `octets` of it for `holder`; none if there is no room for that one.
    pub fn take(self: &Arc<Self>, holder: IpAddr, octets: usize) -> Option<Held> {
        let mut used = self.lock();
        let all = used.all.checked_add(octets)?;
        let own = used.by_holder.get(&holder).copied().unwrap_or_default() + octets;
        let half = self.octets / 2;
        if all > half && (all > self.octets || own > half / PARTS) {
            return None;
        }
        used.all = all;
        used.by_holder.insert(holder, own);
        drop(used);
        Some(Held { room: Arc::clone(self), holder, octets })
    }

    /// Returns how many octets are used.
    pub fn used(&self) -> usize {
        self.lock().all
    }

    /// Returns how many octets there are.
    pub const fn octets(&self) -> usize {
        self.octets
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut used = self.room.lock();
        used.all = used.all.saturating_sub(self.octets);
        if let Some(own) = used.by_holder.get_mut(&self.holder) {
            *own = own.saturating_sub(self.octets);
            if *own == 0 {
                used.by_holder.remove(&self.holder);
            }
        }
    }
}

/// Addresses that together fill the second half: as many as those that may have all
/// places of connections.
const PARTS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(n: u8) -> IpAddr {
        [10, 0, 0, n].into()
    }

    #[test]
    fn who_fills_it_leaves_some_to_others() {
        let room = Room::new(160);
        let greedy: Vec<_> = std::iter::from_fn(|| room.take(addr(1), 1)).collect();
        assert_eq!((greedy.len(), room.used()), (80, 80));
        let other: Vec<_> = std::iter::from_fn(|| room.take(addr(2), 1)).collect();
        assert_eq!(other.len(), 10);
        drop(other);
        assert_eq!(room.used(), 80);
        drop(greedy);
        assert!(room.take(addr(1), 80).is_some());
        assert_eq!(room.used(), 0, "what is not kept is given back");
        assert!(room.lock().by_holder.is_empty());
    }

    #[test]
    fn it_is_never_more_than_full() {
        let room = Room::new(160);
        let mut all = Vec::new();
        all.extend((0..=u8::MAX).filter_map(|n| room.take(addr(n), 10)));
        assert_eq!((all.len(), room.used()), (16, 160));
        assert!(room.take(addr(1), 1).is_none());
        assert!(room.take(addr(1), usize::MAX).is_none());
    }
}
