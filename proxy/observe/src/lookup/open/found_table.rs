//! The lookups of one client that have found their name, by the hash of that name: a busy
//! client has hundreds, and few can be meant by a query.

use std::hint::black_box;
use std::time::Duration;

use resolver::Moment;

use super::chains::{END, LOOKED_AT};
use super::found::FoundLookup;

/// Lookups in the order of their beginning.
#[derive(Debug, Default)]
pub(super) struct FoundTable {
    rows: Vec<FoundLookup>,
    /// Beside each row its place in its chain.
    links: Vec<Link>,
    /// The chains: rows whose names have the same last bits in their hashes.
    heads: Vec<Head>,
}

/// Rows whose names are alike, the latest first.
#[derive(Clone, Copy, Debug)]
struct Head {
    latest: u16,
    /// A bit for each type that a row of the chain took when it was linked, or took later:
    /// one client that asks one name for one type needs no look at any row.
    takes: u8,
}

/// A row's place in its chain.
#[derive(Clone, Copy, Debug)]
struct Link {
    before: u16,
    /// A bit for each type of which the row takes a query.
    takes: u8,
    /// See [`tag_of`].
    tag: u8,
}

impl FoundTable {
    /// Has the memory fetched in which a name is looked for, and the next row is put.
    pub(super) fn touch(&self, asked: u64) {
        black_box(self.heads.get(self.place_of(asked)).map(|head| head.takes));
        black_box(self.links.last().map(|link| link.takes));
        black_box(self.rows.last().map(|row| row.asked));
    }

    pub(super) const fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&FoundLookup> {
        self.rows.get(at)
    }

    pub(super) fn push(&mut self, row: FoundLookup) {
        self.rows.push(row);
        if self.rows.len() > self.heads.len() {
            return self.link_all((self.heads.len() * 2).max(LEAST));
        }
        self.link(&row);
    }

    /// Changes a row, and returns what `change` does; its name stays.
    pub(super) fn change<T>(
        &mut self,
        at: usize,
        change: impl FnOnce(&mut FoundLookup) -> T,
    ) -> Option<T> {
        let row = self.rows.get_mut(at)?;
        let changed = change(row);
        let (asked, takes) = (row.asked, row.takes());
        if let Some(link) = self.links.get_mut(at) {
            link.takes = takes;
        }
        if let Some(head) = self.head_mut(asked) {
            head.takes |= takes;
        }
        Some(changed)
    }

    /// Takes out those of which hardly anything follows that began so long before `now`,
    /// and then the oldest of the rows that are left, as many as `more` returns for them.
    pub(super) fn take_complete(
        &mut self,
        (now, after): (Moment, Duration),
        more: impl FnOnce(&[FoundLookup]) -> usize,
    ) -> Vec<FoundLookup> {
        let is_complete =
            |row: &mut FoundLookup| row.is_complete() && now.saturating_since(row.first) > after;
        let mut gone: Vec<_> = self.rows.extract_if(.., is_complete).collect();
        let more = more(&self.rows).min(self.rows.len());
        gone.extend(self.rows.drain(..more));
        // Once for both, since it is most of what this costs.
        self.link_all(self.heads.len());
        gone
    }

    /// Takes out those that ended before `now`, and gives back what a burst took.
    pub(super) fn take_ended(&mut self, now: Moment) -> Vec<FoundLookup> {
        let ended = self.rows.extract_if(.., |row| row.deadline() < now);
        let ended: Vec<_> = ended.collect();
        if !ended.is_empty() {
            let used = self.rows.len().saturating_mul(2).max(LEAST);
            if self.rows.capacity() > used.saturating_mul(2) {
                self.rows.shrink_to(used);
                self.links.shrink_to(used);
                self.heads = Vec::new();
            }
            self.link_all(self.heads.len().max(used.next_power_of_two()));
        }
        ended
    }

    /// Iterates over those of a name that take a query of this type, or of any if there is
    /// no `bit`, the latest first, as far as they are looked at.
    pub(super) fn of_name(
        &self,
        asked: u64,
        bit: Option<u8>,
    ) -> impl Iterator<Item = (usize, &FoundLookup)> {
        let tag = tag_of(asked);
        let head = self.heads.get(self.place_of(asked));
        let takes = move |types: u8| bit.is_none_or(|bit| types & bit != 0);
        let head = head.filter(|head| takes(head.takes));
        let mut next = head.map_or(END, |head| head.latest);
        let chain = std::iter::from_fn(move || {
            let at = usize::from(next);
            let link = self.links.get(at)?;
            next = link.before;
            Some((at, *link))
        });
        chain
            .take(LOOKED_AT)
            .filter(move |(_, link)| link.tag == tag && takes(link.takes))
            .filter_map(|(at, _)| Some((at, self.rows.get(at)?)))
            .filter(move |(_, row)| row.asked == asked)
    }

    /// Links all rows anew, in so many chains.
    fn link_all(&mut self, chains: usize) {
        self.links.clear();
        self.heads.clear();
        self.heads.resize(chains, Head { latest: END, takes: 0 });
        for at in 0..self.rows.len() {
            if let Some(row) = self.rows.get(at).copied() {
                self.link(&row);
            }
        }
    }

    /// Puts the next row, which is this one, before its chain.
    fn link(&mut self, row: &FoundLookup) {
        let (at, takes) = (u16::try_from(self.links.len()).unwrap_or(END), row.takes());
        let Some(head) = self.head_mut(row.asked) else { return };
        let before = std::mem::replace(&mut head.latest, at);
        head.takes |= takes;
        self.links
            .push(Link { before, takes, tag: tag_of(row.asked) });
    }

    fn head_mut(&mut self, asked: u64) -> Option<&mut Head> {
        let place = self.place_of(asked);
        self.heads.get_mut(place)
    }

    /// The chain of a name: there are as many as a power of two.
    fn place_of(&self, asked: u64) -> usize {
        usize::try_from(asked).unwrap_or_default() & self.heads.len().wrapping_sub(1)
    }
}

/// What is left of a hash beside a row, for few others to be looked at.
const fn tag_of(asked: u64) -> u8 {
    let [tag, ..] = asked.to_be_bytes();
    tag
}

/// Chains that there are at least: one cache line of them.
const LEAST: usize = 16;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use dns::Rtype;
    use resolver::Origin;

    use super::*;
    use crate::intake::{QueryEvent, QueryFlags, Record};
    use crate::lookup::search::Splits;
    use crate::lookup::timers::Timers;
    use crate::lookup::walk::{Arrival, Candidate, type_bit};

    /// A lookup that was found by a query for a name of this hash.
    fn found(asked: u64, millis: u64, lingers: bool) -> FoundLookup {
        let peer = (Ipv4Addr::LOCALHOST, 1).into();
        let arrived = Moment::from_micros(millis * 1000);
        let flags = QueryFlags::ANSWERED | QueryFlags::DATA;
        let unparsed = Record::unparsed(1, peer, arrived);
        let record = Record { qtype: Rtype::A, origin: Origin::Cache, flags, ..unparsed };
        let event = QueryEvent { record, qname: b"\x01a\0" };
        let (splits, timers) = (Splits::default(), Timers::default());
        let query = Arrival { event: &event, asked, splits: &splits, timers, pairs: true };
        FoundLookup::begin(&query, Candidate::default(), lingers)
    }

    #[test]
    fn rows_are_found_by_name_and_missing_type() {
        let mut table = FoundTable::default();
        for n in 0..200 {
            table.push(found(n % 100, n, true));
        }
        let bit = |qtype| Some(type_bit(qtype));
        let places = |table: &FoundTable, bit| {
            let rows = table.of_name(7, bit);
            rows.map(|(at, _)| at).collect::<Vec<_>>()
        };
        assert_eq!(places(&table, bit(Rtype::AAAA)), [107, 7]);
        assert_eq!(places(&table, None), [107, 7]);
        assert!(places(&table, bit(Rtype::A)).is_empty(), "each has A");
        let of_long_ago = (Moment::from_micros(0), Duration::ZERO);
        let oldest = table.take_complete(of_long_ago, |rows| rows.len() / 4);
        assert_eq!((oldest.len(), places(&table, None)), (50, vec![57]));
    }

    #[test]
    fn what_waits_for_its_other_type_stays_longest() {
        let mut table = FoundTable::default();
        table.push(found(1, 0, true));
        table.push(found(2, 0, false));
        table.push(found(3, 90, false));
        let now = Moment::from_micros(100_000);
        let gone = table.take_complete((now, Duration::from_millis(20)), |_| 0);
        assert_eq!(gone.iter().map(|row| row.asked).collect::<Vec<_>>(), [2]);
        let ended = table.take_ended(Moment::from_micros(3_000_000));
        assert_eq!(ended.iter().map(|row| row.asked).collect::<Vec<_>>(), [3]);
        assert_eq!(table.of_name(1, None).next().map(|(at, _)| at), Some(0));
    }
}
