//! The lookups of one client that are under way.

use std::net::IpAddr;

use resolver::{Moment, Origin};

use super::finished::{Finished, Verdict};
use super::library::Habits;
use super::outcome::Lookup;
use super::retransmit::Again;
use super::search::{Search, Splits};
use super::walk::{Fit, Walk};
use crate::intake::{QueryEvent, QueryFlags, octets_of};
use crate::lookup::walk::{Candidate, LookupRules, type_bit};
use crate::tables::hash_of;

mod found;
mod walks;

pub(crate) use found::Joined;
use found::{AllFound, Found};
use walks::Open;

/// Puts the queries of a client together to lookups.
///
/// Queries are taken in the order in which they were answered: a resolver asks
/// its next name after the answers to the last, so that is the order of its
/// walk whatever the other walks do meanwhile.
#[derive(Debug)]
pub struct OpenLookups {
    open: Open,
    found: AllFound,
    /// Of either.
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
    splits: Splits,
    #[expect(clippy::vec_box, reason = "they go back to where boxes are")]
    spare: Vec<Box<Walk>>,
    /// Memory for the names of the next lookups.
    pub(crate) names: Vec<Vec<u8>>,
    /// Where the key of a client and a name is put together.
    pub(crate) pair: Vec<u8>,
    /// Lookups that had to end for want of room.
    pub cut: u64,
    pub(crate) finished: Finished,
    /// Lookups that ended and were not collected yet.
    pub closed: Vec<Lookup>,
    /// What the last query was for, if it belongs to no walk.
    pub(crate) at_once: Option<AtOnce>,
}

impl Closer {
    /// Names below `cluster_domain` are the cluster's.
    pub fn new(cluster_domain: &dns::Name) -> Self {
        Self {
            cluster_domain: cluster_domain.folded().as_wire().into(),
            splits: Splits::default(),
            spare: Vec::new(),
            names: Vec::new(),
            pair: Vec::new(),
            cut: 0,
            finished: Finished::default(),
            closed: Vec::new(),
            at_once: None,
        }
    }

    /// What the ends of lookups depend on.
    pub(crate) fn rules_for<'a>(&'a self, search: &'a Search) -> LookupRules<'a> {
        LookupRules { cluster_domain: &self.cluster_domain, search }
    }

    fn close(&mut self, walk: Box<Walk>, search: &Search, salt: u64) -> bool {
        let remains = walk.remains();
        if let Some((asked, at, is_start)) = remains {
            self.finished.remember(asked ^ salt, at, is_start);
        }
        self.count(walk, search);
        remains.is_some()
    }

    fn count(&mut self, walk: Box<Walk>, search: &Search) {
        let name = self.names.pop().unwrap_or_default();
        self.closed.push(walk.close(self.rules_for(search), name));
        if self.spare.len() < SPARE {
            self.spare.push(walk);
        }
    }
}

/// What a query was for that no walk waits for any more.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AtOnce {
    /// It found its name: a lookup of this.
    Found(Candidate),
    /// It asked for one more type of a lookup that had found its name.
    Joined(Joined),
}

impl OpenLookups {
    /// Holds up to `capacity` lookups of a client, at least one.
    pub fn new(client: IpAddr, capacity: usize) -> Self {
        let salt = hash_of(&octets_of(client));
        Self {
            open: Open::default(),
            found: AllFound::default(),
            capacity: capacity.max(1),
            salt,
            forgets: false,
        }
    }

    /// Returns how many are under way, or may be asked for more types.
    pub const fn len(&self) -> usize {
        self.open.len() + self.found.len()
    }

    /// Says whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Says whether all were counted.
    pub(crate) const fn are_counted(&self) -> bool {
        self.open.len() == 0
    }

    /// Takes a query for a name of which `asked` is the hash; `again` if it was
    /// sent before.
    pub fn take(
        &mut self,
        seen: &QueryEvent<'_>,
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
        let mut splits = std::mem::take(&mut closer.splits);
        splits.read(seen.qname, asked, search);
        let walk = self.best(seen, asked, &splits);
        let found = self.found.best(seen, asked);
        if let Some((fit, at)) = found
            && walk.is_none_or(|(other, _)| fit < other)
        {
            self.join(at, fit, seen, habits, closer);
        } else {
            self.take_walk(walk, seen, asked, &splits, search, habits, closer);
        }
        closer.splits = splits;
    }

    /// Gives a query to the walk that it fits best, or to a new one.
    #[expect(clippy::too_many_arguments, reason = "what `take` has, and what it found")]
    fn take_walk(
        &mut self,
        walk: Option<(Fit, usize)>,
        seen: &QueryEvent<'_>,
        asked: u64,
        splits: &Splits,
        search: &Search,
        habits: &mut Habits,
        closer: &mut Closer,
    ) {
        let verdict = match walk {
            Some((fit, _)) if fit != Fit::LateNext => Verdict::New,
            _ => self.judge(seen, asked, closer),
        };
        match (verdict, walk) {
            (Verdict::Repeat, _) => {}
            (Verdict::Afresh(bit, arrived), _) => {
                let earlier = Some((bit, arrived));
                self.begin(seen, asked, splits, search, closer, earlier);
            }
            (Verdict::New, Some((fit, at))) => {
                self.open
                    .change(at, |walk| walk.take(fit, seen, asked, splits, habits));
                self.close_if_found(at, search, closer);
            }
            (Verdict::New, None) if Found::is(seen) => {
                let candidate = Candidate::all(splits, search).next().unwrap_or_default();
                closer.at_once = Some(AtOnce::Found(candidate));
                self.keep(Found::begin(seen, asked, candidate), closer);
            }
            (Verdict::New, None) => self.begin(seen, asked, splits, search, closer, None),
        }
    }

    /// Takes another type of a name that was found.
    fn join(
        &mut self,
        at: usize,
        fit: Fit,
        seen: &QueryEvent<'_>,
        habits: &mut Habits,
        closer: &mut Closer,
    ) {
        let Some(joined) = self.found.join(at, seen, fit) else { return };
        let shared_port = fit == Fit::JoinByPort;
        if shared_port || !seen.record.flags.has(QueryFlags::TCP) {
            habits.pair(shared_port);
        }
        closer.at_once = Some(AtOnce::Joined(joined));
    }

    /// Keeps a lookup that found its name.
    fn keep(&mut self, found: Found, closer: &mut Closer) {
        if self.found.len() >= self.capacity {
            for found in self.found.shed() {
                self.forgets |= remember(&found, self.salt, closer);
            }
        }
        self.found.push(found);
    }

    fn judge(&self, seen: &QueryEvent<'_>, asked: u64, closer: &mut Closer) -> Verdict {
        if !self.forgets {
            return Verdict::New;
        }
        let bit = type_bit(seen.record.qtype);
        closer.finished.judge(asked ^ self.salt, bit, &seen.record)
    }

    fn begin(
        &mut self,
        seen: &QueryEvent<'_>,
        asked: u64,
        splits: &Splits,
        search: &Search,
        closer: &mut Closer,
        earlier: Option<(u8, Moment)>,
    ) {
        let mut walk = closer.spare.pop().unwrap_or_default();
        walk.begin(seen, asked, splits, search);
        if let Some((bit, arrived)) = earlier {
            walk.add_earlier(bit, arrived);
        }
        self.make_room(search, closer);
        self.open.push(walk);
        self.close_if_found(self.open.len() - 1, search, closer);
    }

    /// Counts a walk that has found its name, and keeps what may be joined.
    fn close_if_found(&mut self, at: usize, search: &Search, closer: &mut Closer) {
        let Some(found) = self.open.get(at).and_then(Found::of) else { return };
        closer.count(self.open.remove(at), search);
        self.keep(found, closer);
    }

    /// Ends the lookups that nothing can belong to any more at `now`.
    pub fn sweep(&mut self, now: Moment, search: &Search, closer: &mut Closer) {
        let mut from = 0;
        while let Some(at) = self.open.ended(from, now) {
            self.close(at, search, closer);
            from = at;
        }
        for found in self.found.ended(now) {
            self.forgets |= remember(&found, self.salt, closer);
        }
    }

    /// Ends them all.
    pub fn finish(&mut self, search: &Search, closer: &mut Closer) {
        for walk in self.open.drain() {
            closer.close(walk, search, self.salt);
        }
        for found in self.found.drain() {
            remember(&found, self.salt, closer);
        }
    }

    fn close(&mut self, at: usize, search: &Search, closer: &mut Closer) {
        let forgets = closer.close(self.open.remove(at), search, self.salt);
        self.forgets |= forgets;
    }

    /// Lets the walk wait longer whose query came again: if several ask the
    /// same name, that of its port.
    fn again(&mut self, seen: &QueryEvent<'_>, asked: u64, again: Again) {
        let walk = self.open.waiting(asked, |walk| walk.waits_for(seen, asked));
        let found = self.found.waiting(seen, asked);
        match (walk, found) {
            (Some((by_port, at)), found)
                if by_port || found.is_none_or(|(by_port, _)| !by_port) =>
            {
                self.open.change(at, |walk| walk.again(seen, again));
            }
            (_, Some((_, at))) => {
                if let Some(found) = self.found.get_mut(at) {
                    found.again(seen, again);
                }
            }
            (_, None) => {}
        }
    }

    /// Finds the walk that a query belongs to: by its port, as another type of
    /// a name, as the next name of the walk that waits for it longest, and only
    /// then as a repetition.
    fn best(&self, seen: &QueryEvent<'_>, asked: u64, splits: &Splits) -> Option<(Fit, usize)> {
        let bit = type_bit(seen.record.qtype);
        self.open
            .best(asked, bit, splits, |walk| walk.fit(seen, asked, splits))
    }

    /// Ends lookups until there is room for one more, those first that would end
    /// first.
    fn make_room(&mut self, search: &Search, closer: &mut Closer) {
        while self.open.len() >= self.capacity
            && let Some(at) = self.open.oldest()
        {
            let was_over = self.open.get(at).is_some_and(Walk::is_over);
            closer.cut += u64::from(!was_over);
            self.close(at, search, closer);
        }
    }
}

/// Remembers a lookup that found its name, if its client may ask for that again in
/// a way that looks new; says whether it may.
fn remember(found: &Found, salt: u64, closer: &mut Closer) -> bool {
    if found.apart {
        closer
            .finished
            .remember(found.asked ^ salt, found.first, found.is_start);
    }
    found.apart
}

/// Walks whose memory is kept for the next ones, and names.
pub(crate) const SPARE: usize = 1024;
