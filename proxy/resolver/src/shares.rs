//! Who holds how much of something that is bounded.
//!
//! While there is room, any holder may have all of it. When there is none, the one
//! that holds most gives way first, with what it has held longest. So a client
//! that takes all of it only takes it from itself.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use foldhash::fast::RandomState;

/// What each holder `K` holds, as handles `H`.
#[derive(Debug)]
pub struct Shares<K, H> {
    index: HashMap<K, usize, RandomState>,
    accounts: Vec<Account<K, H>>,
    free: Vec<usize>,
    /// The accounts by how much they hold. One step up or down is a move from a
    /// list to its neighbor, so the greediest is always at hand. Those that hold
    /// nothing are kept for a while: most come back soon.
    by_count: Vec<Vec<usize>>,
    /// The count of the greediest.
    most: usize,
}

#[derive(Debug)]
struct Account<K, H> {
    holder: K,
    /// What it holds, the oldest first.
    held: VecDeque<H>,
    /// Its place in its list of `by_count`.
    place: usize,
}

impl<K: Copy + Eq + Hash, H: Copy + PartialEq> Shares<K, H> {
    /// Starts with nothing held.
    #[must_use]
    pub fn new() -> Self {
        Self {
            index: HashMap::default(),
            accounts: Vec::new(),
            free: Vec::new(),
            by_count: Vec::new(),
            most: 0,
        }
    }

    /// Notes that `holder` holds one more.
    pub fn take(&mut self, holder: K, what: H) {
        let at = match self.index.get(&holder) {
            Some(at) => *at,
            None => self.enter(holder),
        };
        let Some(account) = self.accounts.get_mut(at) else { return };
        let count = account.held.len();
        account.held.push_back(what);
        self.leave_list(at, count);
        self.enter_list(at, count + 1);
        self.most = self.most.max(count + 1);
    }

    /// Notes that `holder` holds `what` no longer. What it does not hold changes
    /// nothing.
    pub fn give_back(&mut self, holder: &K, what: &H) {
        let Some(at) = self.index.get(holder).copied() else { return };
        let Some(account) = self.accounts.get_mut(at) else { return };
        // Most are given back in the order they were taken, so this is short.
        let Some(place) = account.held.iter().position(|held| held == what) else { return };
        let count = account.held.len();
        account.held.remove(place);
        self.leave_list(at, count);
        self.enter_list(at, count - 1);
        if count == 1 {
            self.rest(at);
        }
        // The one that left is one below, if no other is as greedy.
        if count == self.most && self.by_count.get(count).is_none_or(Vec::is_empty) {
            self.most = count - 1;
        }
    }

    /// Returns how much `holder` holds.
    pub fn held(&self, holder: &K) -> usize {
        let account = self.index.get(holder).and_then(|at| self.accounts.get(*at));
        account.map_or(0, |account| account.held.len())
    }

    /// Returns who gives way next, and with what. Nothing changes by that.
    pub fn greediest(&self) -> Option<(K, H)> {
        let at = *self.by_count.get(self.most)?.last()?;
        let account = self.accounts.get(at)?;
        Some((account.holder, *account.held.front()?))
    }

    /// Returns how many hold any.
    pub fn len(&self) -> usize {
        self.index.len() - self.by_count.first().map_or(0, Vec::len)
    }

    /// Says whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn enter(&mut self, holder: K) -> usize {
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                self.accounts
                    .push(Account { holder, held: VecDeque::new(), place: 0 });
                self.accounts.len() - 1
            }
        };
        if let Some(account) = self.accounts.get_mut(at) {
            account.holder = holder;
        }
        self.index.insert(holder, at);
        at
    }

    /// Keeps an account that holds nothing, without the memory of one that was
    /// greedy; and closes another one where there are many.
    fn rest(&mut self, at: usize) {
        if let Some(account) = self.accounts.get_mut(at) {
            account.held.shrink_to(KEPT);
        }
        let resting = self.by_count.first();
        let Some(other) = resting.filter(|resting| resting.len() > RESTING) else { return };
        let Some(other) = other.first().copied() else { return };
        self.leave_list(other, 0);
        if let Some(account) = self.accounts.get(other) {
            self.index.remove(&account.holder);
            self.free.push(other);
        }
    }

    fn enter_list(&mut self, at: usize, count: usize) {
        if self.by_count.len() <= count {
            self.by_count.resize_with(count + 1, Vec::new);
        }
        if let (Some(list), Some(account)) =
            (self.by_count.get_mut(count), self.accounts.get_mut(at))
        {
            account.place = list.len();
            list.push(at);
        }
    }

    /// The last of the list takes its place.
    fn leave_list(&mut self, at: usize, count: usize) {
        let place = self.accounts.get(at).map_or(0, |account| account.place);
        let Some(list) = self.by_count.get_mut(count) else { return };
        if list.get(place) != Some(&at) {
            return;
        }
        list.swap_remove(place);
        if let Some(moved) = list.get(place)
            && let Some(moved) = self.accounts.get_mut(*moved)
        {
            moved.place = place;
        }
    }
}

impl<K: Copy + Eq + Hash, H: Copy + PartialEq> Default for Shares<K, H> {
    fn default() -> Self {
        Self::new()
    }
}

/// Handles for which room is kept with an account that holds none: what a client
/// asks at once.
const KEPT: usize = 16;

/// Accounts that are kept though they hold nothing: twice the pods of a node. Some
/// 64 KiB.
const RESTING: usize = 256;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    #[test]
    fn the_greediest_gives_way_with_its_oldest() {
        let mut shares = Shares::new();
        assert_eq!(shares.greediest(), None);
        shares.take("quiet", 1);
        for what in 2..5 {
            shares.take("greedy", what);
        }
        assert_eq!(shares.greediest(), Some(("greedy", 2)));
        shares.give_back(&"greedy", &2);
        assert_eq!((shares.greediest(), shares.held(&"greedy")), (Some(("greedy", 3)), 2));
        shares.give_back(&"greedy", &4);
        shares.give_back(&"greedy", &3);
        assert_eq!(shares.greediest(), Some(("quiet", 1)));
        shares.give_back(&"quiet", &1);
        assert!(shares.is_empty());
        assert_eq!(shares.greediest(), None);
    }

    #[test]
    fn what_is_not_held_changes_nothing() {
        let mut shares = Shares::new();
        shares.take(1, 'a');
        shares.give_back(&1, &'b');
        shares.give_back(&2, &'a');
        assert_eq!((shares.held(&1), shares.held(&2), shares.len()), (1, 0, 1));
    }

    /// Beside a model that counts anew each time.
    #[test]
    fn it_is_what_counting_finds() {
        let mut rng = StdRng::seed_from_u64(5);
        let mut shares = Shares::new();
        let mut model: BTreeMap<u16, VecDeque<u32>> = BTreeMap::new();
        for what in 0..20_000_u32 {
            let holder = rng.random_range(0..12_u16).min(rng.random_range(0..12));
            // Some hold one thing and do not come back.
            let holder = if what % 8 == 0 { u16::try_from(what % 4_096).unwrap() } else { holder };
            if rng.random_bool(0.5) {
                shares.take(holder, what);
                model.entry(holder).or_default().push_back(what);
            } else if let Some(held) = model.get_mut(&holder) {
                let at = rng.random_range(0..held.len());
                shares.give_back(&holder, &held.remove(at).unwrap());
                model.retain(|_, held| !held.is_empty());
            }
            let most = model.values().map(VecDeque::len).max();
            let found = shares.greediest();
            assert_eq!(found.map(|(holder, _)| model[&holder].len()), most);
            assert_eq!(found.map(|(_, what)| what), found.map(|(holder, _)| model[&holder][0]));
            assert_eq!(shares.len(), model.len());
        }
    }
}
