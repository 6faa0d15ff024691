//! The lookups of one client that are under way.

use std::net::IpAddr;

use super::family::Habits;
use super::finished::{Finished, Verdict};
use super::hash::hash_of;
use super::lookup::Lookup;
use super::record::{Origin, Seen, octets_of};
use super::retransmit::Again;
use super::search::{Readings, Search};
use super::walk::{Fit, Walk, type_bit};
use crate::moment::Moment;

mod open;

use open::Open;

/// Puts the queries of a client together to lookups.
///
/// Queries are taken in the order in which they were answered: a resolver asks
/// its next name after the answers to the last, so that is the order of its
/// walk whatever the other walks do meanwhile.
#[derive(Debug)]
pub struct Chains {
    open: Open,
    capacity: usize,
    /// Sets this client's names apart from those of others.
    salt: u64,
    /// Says whether it may ask again in a way that looks new, as Go does.
    forgets: bool,
}

/// What is shared by all clients while their queries are taken.
#[derive(Debug, Default)]
pub struct Closer {
    /// The cluster's domain in wire form and lower case.
    cluster_domain: Box<[u8]>,
    readings: Readings,
    #[expect(clippy::vec_box, reason = "they go back to where boxes are")]
    spare: Vec<Box<Walk>>,
    /// Memory for the names of the next lookups.
    pub(super) names: Vec<Vec<u8>>,
    /// Where the key of a client and a name is put together.
    pub(super) pair: Vec<u8>,
    /// Lookups that had to end for want of room.
    pub cut: u64,
    pub(super) finished: Finished,
    /// Lookups that ended and were not collected yet.
    pub closed: Vec<Lookup>,
}

impl Closer {
    /// Names below `cluster_domain` are the cluster's.
    pub fn new(cluster_domain: &dns::Name) -> Self {
        Self {
            cluster_domain: cluster_domain.folded().as_wire().into(),
            readings: Readings::default(),
            spare: Vec::new(),
            names: Vec::new(),
            pair: Vec::new(),
            cut: 0,
            finished: Finished::default(),
            closed: Vec::new(),
        }
    }

    fn close(&mut self, walk: Box<Walk>, search: &Search, salt: u64) -> bool {
        let remains = walk.remains();
        if let Some((asked, at, is_start)) = remains {
            self.finished.remember(asked ^ salt, at, is_start);
        }
        let name = self.names.pop().unwrap_or_default();
        self.closed
            .push(walk.close(&self.cluster_domain, search, name));
        if self.spare.len() < SPARE {
            self.spare.push(walk);
        }
        remains.is_some()
    }
}

impl Chains {
    /// Holds up to `capacity` lookups of a client, at least one.
    pub fn new(client: IpAddr, capacity: usize) -> Self {
        let salt = hash_of(&octets_of(client));
        Self { open: Open::default(), capacity: capacity.max(1), salt, forgets: false }
    }

    /// Returns how many are under way.
    pub const fn len(&self) -> usize {
        self.open.len()
    }

    /// Says whether none is under way.
    pub const fn is_empty(&self) -> bool {
        self.open.len() == 0
    }

    /// Takes a query for a name of which `asked` is the hash; `again` if it was
    /// sent before.
    pub fn take(
        &mut self,
        seen: &Seen<'_>,
        asked: u64,
        again: Option<Again>,
        search: &Search,
        habits: &mut Habits,
        closer: &mut Closer,
    ) {
        // Neither what does not parse nor what we answer ourselves is asked by
        // a stub resolver.
        if matches!(seen.record.origin, Origin::Rejected | Origin::Local) {
            return;
        }
        if let Some(again) = again {
            self.again(seen, asked, again);
            return;
        }
        let mut readings = std::mem::take(&mut closer.readings);
        readings.read(seen.qname, asked, search);
        match self.best(seen, asked, &readings) {
            Some((fit, at)) if fit != Fit::LateNext || !self.forgets => {
                self.open
                    .change(at, |walk| walk.take(fit, seen, asked, &readings, habits));
            }
            late => match self.judge(seen, asked, closer) {
                Verdict::Repeat => {}
                Verdict::Afresh(bit, arrived) => {
                    let earlier = Some((bit, arrived));
                    self.begin(seen, asked, &readings, search, closer, earlier);
                }
                Verdict::New => match late {
                    Some((fit, at)) => self
                        .open
                        .change(at, |walk| walk.take(fit, seen, asked, &readings, habits)),
                    None => self.begin(seen, asked, &readings, search, closer, None),
                },
            },
        }
        closer.readings = readings;
    }

    fn judge(&self, seen: &Seen<'_>, asked: u64, closer: &mut Closer) -> Verdict {
        if !self.forgets {
            return Verdict::New;
        }
        let bit = type_bit(seen.record.qtype);
        closer.finished.judge(asked ^ self.salt, bit, &seen.record)
    }

    fn begin(
        &mut self,
        seen: &Seen<'_>,
        asked: u64,
        readings: &Readings,
        search: &Search,
        closer: &mut Closer,
        earlier: Option<(u8, Moment)>,
    ) {
        let mut walk = closer.spare.pop().unwrap_or_default();
        walk.begin(seen, asked, readings, search);
        if let Some((bit, arrived)) = earlier {
            walk.add_earlier(bit, arrived);
        }
        self.make_room(search, closer);
        self.open.push(walk);
    }

    /// Ends the lookups that nothing can belong to any more at `now`.
    pub fn sweep(&mut self, now: Moment, search: &Search, closer: &mut Closer) {
        let mut from = 0;
        while let Some(at) = self.open.ended(from, now) {
            self.close(at, search, closer);
            from = at;
        }
    }

    /// Ends them all.
    pub fn finish(&mut self, search: &Search, closer: &mut Closer) {
        for walk in self.open.drain() {
            closer.close(walk, search, self.salt);
        }
    }

    fn close(&mut self, at: usize, search: &Search, closer: &mut Closer) {
        let forgets = closer.close(self.open.remove(at), search, self.salt);
        self.forgets |= forgets;
    }

    /// Lets the walk wait longer whose query came again: if several ask the
    /// same name, that of its port.
    fn again(&mut self, seen: &Seen<'_>, asked: u64, again: Again) {
        let waiting = self.open.waiting(asked, |walk| walk.waits_for(seen, asked));
        if let Some(at) = waiting {
            self.open.change(at, |walk| walk.again(seen, again));
        }
    }

    /// Finds the walk that a query belongs to: by its port, as another type of
    /// a name, as the next name of the walk that waits for it longest, and only
    /// then as a repetition.
    fn best(&self, seen: &Seen<'_>, asked: u64, readings: &Readings) -> Option<(Fit, usize)> {
        let mut best: Option<(Fit, usize)> = None;
        let bit = type_bit(seen.record.qtype);
        for (at, walk) in self.open.candidates(asked, bit, readings) {
            let Some(fit) = walk.fit(seen, asked, readings) else { continue };
            if best.is_none_or(|(found, _)| fit < found) {
                best = Some((fit, at));
            }
        }
        best
    }

    /// Ends lookups until there is room for one more: those first that have
    /// found their name.
    fn make_room(&mut self, search: &Search, closer: &mut Closer) {
        if self.open.len() < self.capacity {
            return;
        }
        let (salt, mut forgets) = (self.salt, false);
        self.open.shed(self.capacity.div_ceil(2), |walk| {
            forgets |= closer.close(walk, search, salt);
        });
        self.forgets |= forgets;
        while self.open.len() >= self.capacity
            && let Some(at) = self.open.oldest()
        {
            self.close(at, search, closer);
            closer.cut += 1;
        }
    }
}

/// Walks whose memory is kept for the next ones, and names.
pub(super) const SPARE: usize = 1024;

#[cfg(test)]
mod tests;
