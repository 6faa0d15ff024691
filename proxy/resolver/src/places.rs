//! Places for connections: which address gets one, and which gives one up when
//! they run out.
//!
//! One bound for all would be no bound: the address that opens connections fastest
//! would hold every place. So each address has a share, and when all places are
//! held the address with the most gives up its oldest idle one.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::clock::Moment;

/// Places of connections, and the address that holds each.
#[derive(Debug)]
pub struct Places<T> {
    capacity: usize,
    share: usize,
    /// By number; a free one is `None`.
    holders: Vec<Option<Holder<T>>>,
    free: Vec<usize>,
    /// Places by address; an address without any is not in it.
    held: HashMap<IpAddr, usize, RandomState>,
    /// Tells a place from the next one with its number.
    turn: u64,
}

/// A place that was taken. It may be gone: an evicted connection still has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    number: usize,
    turn: u64,
}

#[derive(Debug)]
struct Holder<T> {
    addr: IpAddr,
    tag: T,
    turn: u64,
    is_idle: bool,
    /// When something last happened on the connection.
    since: Moment,
}

impl<T> Places<T> {
    /// Makes `capacity` places, of which one address may hold `share`. Both are at
    /// least 1.
    pub fn new(capacity: usize, share: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            share: share.max(1),
            holders: Vec::new(),
            free: Vec::new(),
            held: HashMap::default(),
            turn: 0,
        }
    }

    /// Takes a place for a connection from `addr`, idle from `now` on. Returns it
    /// with the tag of the connection that gave way, if one had to.
    ///
    /// # Errors
    ///
    /// Gives `tag` back when there is no place: no other address holds more than
    /// this one, and all of its own connections are busy.
    pub fn take(&mut self, addr: IpAddr, tag: T, now: Moment) -> Result<(Place, Option<T>), T> {
        let mine = self.held_by(addr) + 1;
        let evicted = if mine > self.share {
            self.oldest_idle_of(addr)
        } else if self.len() >= self.capacity {
            self.victim(Some((addr, mine)))
        } else {
            return Ok((self.hold(addr, tag, now), None));
        };
        let Some(evicted) = evicted.and_then(|number| self.release(number)) else {
            return Err(tag);
        };
        Ok((self.hold(addr, tag, now), Some(evicted)))
    }

    /// Frees the place that gives way first, where something other than places has
    /// run out; returns the tag of its connection.
    pub fn evict(&mut self) -> Option<T> {
        let number = self.victim(None)?;
        self.release(number)
    }

    /// Notes that something happened on a connection, and whether it waits for
    /// nothing now.
    pub fn touch(&mut self, place: Place, is_idle: bool, now: Moment) {
        let holder = self.holders.get_mut(place.number).and_then(Option::as_mut);
        if let Some(holder) = holder.filter(|holder| holder.turn == place.turn) {
            (holder.is_idle, holder.since) = (is_idle, now);
        }
    }

    /// Frees a place, unless its connection has lost it already.
    pub fn leave(&mut self, place: Place) {
        let holder = self.holders.get(place.number).and_then(Option::as_ref);
        if holder.is_some_and(|holder| holder.turn == place.turn) {
            self.release(place.number);
        }
    }

    /// Changes how many places there are, and how many of them an address may hold.
    /// Nobody loses one: those above the bound are not given again.
    pub fn resize(&mut self, capacity: usize, share: usize) {
        (self.capacity, self.share) = (capacity.max(1), share.max(1));
    }

    /// Returns how many places are held.
    pub const fn len(&self) -> usize {
        self.holders.len() - self.free.len()
    }

    /// Returns whether no place is held.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many places there are.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns how long a connection may be idle, of the time that it may be at
    /// quiet times: all of it until half of the places are held, then less, down to
    /// a tenth (RFC 7766, section 6.2.3).
    pub fn patience(&self, quiet: Duration) -> Duration {
        let half = self.capacity / 2;
        let (over, room) = (self.len().saturating_sub(half), (self.capacity - half).max(1));
        let cut = quiet.mul_f64(LEAST_CUT) * parts(over.min(room)) / parts(room);
        quiet.saturating_sub(cut)
    }

    fn held_by(&self, addr: IpAddr) -> usize {
        self.held.get(&addr).copied().unwrap_or_default()
    }

    fn hold(&mut self, addr: IpAddr, tag: T, now: Moment) -> Place {
        self.turn += 1;
        let turn = self.turn;
        let holder = Some(Holder { addr, tag, turn, is_idle: true, since: now });
        let number = self.free.pop().unwrap_or(self.holders.len());
        match self.holders.get_mut(number) {
            Some(place) => *place = holder,
            None => self.holders.push(holder),
        }
        *self.held.entry(addr).or_default() += 1;
        Place { number, turn }
    }

    fn release(&mut self, number: usize) -> Option<T> {
        let holder = self.holders.get_mut(number)?.take()?;
        self.free.push(number);
        if let Some(held) = self.held.get_mut(&holder.addr) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&holder.addr);
            }
        }
        Some(holder.tag)
    }

    fn oldest_idle_of(&self, addr: IpAddr) -> Option<usize> {
        let own = self
            .taken()
            .filter(|(_, holder)| holder.addr == addr && holder.is_idle);
        own.min_by_key(|(_, holder)| holder.since)
            .map(|(number, _)| number)
    }

    /// Chooses the place that gives way: of the address that holds most, idle
    /// before busy, the oldest. A newcomer counts with the place that it wants, and
    /// takes a busy one only from an address that holds more.
    ///
    /// A scan, in which 1,024 places take some microseconds: only a listener
    /// without a free place pays for it.
    fn victim(&self, newcomer: Option<(IpAddr, usize)>) -> Option<usize> {
        let count = |addr: IpAddr| match newcomer {
            Some((own, mine)) if own == addr => mine,
            _ => self.held_by(addr),
        };
        let ranked = self.taken().map(|(number, holder)| {
            let held = count(holder.addr);
            ((Reverse(held), !holder.is_idle, holder.since), number, held)
        });
        let ((_, is_busy, _), number, held) = ranked.min_by_key(|(rank, ..)| *rank)?;
        let mine = newcomer.map_or(0, |(_, mine)| mine);
        (!is_busy || held > mine).then_some(number)
    }

    fn taken(&self) -> impl Iterator<Item = (usize, &Holder<T>)> {
        let numbered = self.holders.iter().enumerate();
        numbered.filter_map(|(number, holder)| Some((number, holder.as_ref()?)))
    }
}

/// A number of places as a factor of a time.
fn parts(places: usize) -> u32 {
    u32::try_from(places).unwrap_or(u32::MAX)
}

/// The part of the idle time that is cut when all places are held.
const LEAST_CUT: f64 = 0.9;

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn at(second: u64) -> Moment {
        Moment::from_micros(second * 1_000_000)
    }

    /// Takes a place with a tag of its own and returns the tag that gave way.
    fn take(places: &mut Places<u32>, from: u8, tag: u32) -> (Place, Option<u32>) {
        places.take(addr(from), tag, at(u64::from(tag))).unwrap()
    }

    #[test]
    fn an_address_over_its_share_replaces_its_own_oldest_idle_connection() {
        let mut places = Places::new(100, 3);
        let first = take(&mut places, 1, 0).0;
        let others = [take(&mut places, 1, 1), take(&mut places, 1, 2), take(&mut places, 2, 3)];
        assert!(others.iter().all(|(_, evicted)| evicted.is_none()));
        places.touch(first, true, at(9));
        assert_eq!(take(&mut places, 1, 4).1, Some(1));
        assert_eq!(places.len(), 4);
    }

    #[test]
    fn an_address_whose_share_is_busy_gets_no_more() {
        let mut places = Places::new(100, 2);
        for tag in 0..2 {
            let (place, _) = take(&mut places, 1, tag);
            places.touch(place, false, at(5));
        }
        assert_eq!(places.take(addr(1), 7, at(6)), Err(7));
        assert_eq!(take(&mut places, 2, 8).1, None);
    }

    #[test]
    fn when_all_are_held_the_greediest_gives_way() {
        let mut places = Places::new(6, 6);
        take(&mut places, 2, 0);
        let busy = take(&mut places, 1, 1).0;
        places.touch(busy, false, at(1));
        for tag in 2..6 {
            take(&mut places, 1, tag);
        }
        assert_eq!(places.len(), 6);
        // Idle before busy, and the oldest of them.
        assert_eq!(take(&mut places, 3, 6).1, Some(2));
        // Also for an address that has one already.
        assert_eq!(take(&mut places, 2, 7).1, Some(3));
        assert_eq!(places.len(), 6);
    }

    #[test]
    fn a_greedy_address_without_an_idle_connection_loses_a_busy_one() {
        let mut places = Places::new(3, 3);
        for tag in 0..3 {
            let (place, _) = take(&mut places, 1, tag);
            places.touch(place, false, at(u64::from(tag)));
        }
        assert_eq!(take(&mut places, 2, 3).1, Some(0));
        // Now each would have two: no reason to cut one of them off.
        let (place, evicted) = take(&mut places, 2, 4);
        assert_eq!(evicted, Some(3), "its own idle one");
        places.touch(place, false, at(4));
        assert_eq!(places.take(addr(2), 5, at(5)), Err(5));
    }

    #[test]
    fn what_was_evicted_cannot_free_the_place_of_its_successor() {
        let mut places = Places::new(1, 1);
        let (old, _) = take(&mut places, 1, 0);
        let (new, evicted) = take(&mut places, 2, 1);
        assert_eq!(evicted, Some(0));
        places.leave(old);
        assert_eq!(places.len(), 1);
        places.leave(new);
        assert!(places.is_empty() && places.held.is_empty());
    }

    #[test]
    fn a_lack_elsewhere_frees_the_place_of_the_greediest() {
        let mut places = Places::new(10, 10);
        take(&mut places, 1, 0);
        take(&mut places, 2, 1);
        take(&mut places, 2, 2);
        assert_eq!([places.evict(), places.evict(), places.evict()], [Some(1), Some(0), Some(2)]);
        assert_eq!(places.evict(), None);
    }

    #[test]
    fn patience_falls_above_half_of_the_places() {
        let mut places = Places::new(10, 10);
        let mut seen = Vec::new();
        for tag in 0..10 {
            take(&mut places, 1, tag);
            seen.push(places.patience(Duration::from_secs(10)).as_millis());
        }
        assert_eq!(seen, [10_000, 10_000, 10_000, 10_000, 10_000, 8200, 6400, 4600, 2800, 1000]);
    }
}
