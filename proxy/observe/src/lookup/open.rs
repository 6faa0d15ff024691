//! The lookups of one client that are under way.

use std::net::IpAddr;
use std::time::Duration;

use resolver::{Moment, Origin};

use super::context::LookupContext;
use super::finished::Verdict;
use super::library::{Guess, Habits, Libraries};
use super::outcome::Lookup;
use super::retransmit::{Again, Repeated};
use super::search::Search;
use super::walk::{Arrival, Candidate, Fit, Walk, type_bit};
use crate::intake::{QueryEvent, QueryFlags, octets_of};
use crate::tables::hash_of;

mod best;
mod chains;
mod found;
mod found_table;
mod passes;
mod walk_table;

use found::FoundLookup;
pub(crate) use found::Joined;
use found_table::FoundTable;
use passes::Passes;
use walk_table::WalkTable;

/// Puts the queries of a client together to lookups.
///
/// Queries are taken in the order in which they were answered: a resolver asks
/// its next name after the answers to the last, so that is the order of its
/// walk whatever the other walks do meanwhile.
#[derive(Debug)]
pub struct OpenLookups {
    open: WalkTable,
    found: FoundTable,
    /// So many found lookups that some are to be forgotten; see [`FEW`].
    many: usize,
    habits: Habits,
    passes: Passes,
    /// Sets this client's names apart from those of others.
    salt: u64,
    /// Says whether it may ask again in a way that looks new, as Go does.
    forgets: bool,
}

/// What a query was for.
#[derive(Debug)]
pub(crate) enum Placed {
    /// No lookup of a program: it did not parse, or we answer it ourselves.
    Unrelated,
    /// A query that was sent before.
    Retransmit,
    /// The same, which nothing but its lookup tells.
    Again(Again),
    /// A lookup that is under way.
    Open,
    /// A lookup that ended with it, or one that was over and made room.
    Ended(Lookup),
    /// A new lookup, for which this one had to end too early.
    Cut(Lookup),
    /// A lookup that found its name with this query, its first.
    AtOnce(Candidate),
    /// One more type of a lookup that had found its name, and is counted.
    Joined(Joined),
}

impl OpenLookups {
    /// Starts without any.
    pub fn new(client: IpAddr) -> Self {
        let salt = hash_of(&octets_of(client));
        Self {
            open: WalkTable::default(),
            found: FoundTable::default(),
            many: 0,
            habits: Habits::default(),
            passes: Passes::default(),
            salt,
            forgets: false,
        }
    }

    /// Has the memory fetched that a query takes whose name has this hash.
    pub(crate) fn touch(&self, asked: u64) {
        self.found.touch(asked);
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

    /// Guesses the client's resolver library.
    pub(crate) fn guess(&self) -> Option<Guess> {
        self.habits.guess()
    }

    /// Returns the libraries that the client may have.
    pub(crate) fn possible(&self) -> Libraries {
        self.habits.possible()
    }

    /// Takes a query for a name of which `asked` is the hash.
    pub(crate) fn take(
        &mut self,
        event: &QueryEvent<'_>,
        asked: u64,
        repeated: Option<Repeated>,
        search: &Search,
        context: &mut LookupContext,
    ) -> Placed {
        self.habits.query(event, repeated);
        // Neither what does not parse nor what we answer ourselves is asked by
        // a stub resolver.
        if matches!(event.record.origin, Origin::Rejected | Origin::Local) {
            return Placed::Unrelated;
        }
        if let Some(Repeated { again, .. }) = repeated {
            self.again(event, asked, again);
            return Placed::Retransmit;
        }
        let mut splits = std::mem::take(&mut context.scratch.splits);
        splits.read(event.qname, asked, search);
        let Habits { timers, .. } = self.habits;
        let pairs = self.habits.may_pair();
        let arrival = Arrival { event, asked, splits: &splits, timers, pairs };
        let placed = self.place(&arrival, search, context);
        context.scratch.splits = splits;
        placed
    }

    /// Gives a query to the lookup that it fits best, or to a new one.
    fn place(
        &mut self,
        query: &Arrival<'_>,
        search: &Search,
        context: &mut LookupContext,
    ) -> Placed {
        let open = self.best_open(query);
        let found = self.best_found(query);
        let yields = |at| self.found.get(at).is_some_and(FoundLookup::yields);
        let goes_on = |(other, _)| other == Fit::Next;
        if let Some((fit, at)) = found
            && open.is_none_or(|(other, _)| fit < other)
            && !(fit == Fit::Join && open.is_some_and(goes_on) && yields(at))
        {
            return self.join(at, fit, query.event);
        }
        let verdict = match open {
            Some((fit, _)) if fit != Fit::LateNext => Verdict::New,
            _ => self.judge(query, context),
        };
        match (verdict, open) {
            (Verdict::Repeat, _) => Placed::Retransmit,
            (Verdict::Afresh(bit, arrived), Some((fit, at))) => {
                self.take_into(at, |walk, habits| {
                    walk.take(fit, query, habits);
                    walk.add_earlier(bit, arrived);
                });
                self.close_if_found(at, search, context)
                    .map_or(Placed::Open, Placed::Ended)
            }
            (Verdict::Afresh(bit, arrived), None) => {
                let mut walk = context.scratch.walk();
                walk.begin(query, search);
                walk.add_earlier(bit, arrived);
                self.open(walk, search, context)
            }
            (Verdict::New, Some((fit, at))) => {
                self.take_into(at, |walk, habits| walk.take(fit, query, habits));
                self.close_if_found(at, search, context)
                    .map_or(Placed::Open, Placed::Ended)
            }
            (Verdict::New, None) => self.begin(query, search, context),
        }
    }

    /// Gives a walk what belongs to it.
    fn take_into(&mut self, at: usize, take: impl FnOnce(&mut Walk, &mut Habits)) {
        let Self { open, habits, .. } = self;
        open.change(at, |walk| take(walk, habits));
        self.note_pass(at);
    }

    /// Begins a lookup; after a walk with another type it is that lookup once more.
    fn begin(
        &mut self,
        query: &Arrival<'_>,
        search: &Search,
        context: &mut LookupContext,
    ) -> Placed {
        let pass = self.passes.take(query, search);
        if pass.is_none() && FoundLookup::is(query.event) {
            let candidate = Candidate::all(query.splits, search).next();
            let candidate = candidate.unwrap_or_default();
            let lingers = self.habits.may_pair();
            self.keep(FoundLookup::begin(query, candidate, lingers), context);
            return Placed::AtOnce(candidate);
        }
        let mut walk = context.scratch.walk();
        walk.begin(query, search);
        if let Some(pass) = pass {
            walk.come_after(pass.base, pass.cost);
            self.take_pass(pass, context);
        }
        self.open(walk, search, context)
    }

    /// Takes another type of a name that was found.
    fn join(&mut self, at: usize, fit: Fit, event: &QueryEvent<'_>) -> Placed {
        if fit == Fit::Repeat {
            let again = self.found.change(at, |found| found.repeat(event));
            let again = again.unwrap_or(Again::Waiting);
            let waited = self.found.get(at).map(|found| found.waited(event));
            if again == Again::Waiting {
                self.habits.timers.learn(waited.unwrap_or_default());
            }
            return Placed::Again(again);
        }
        if fit == Fit::JoinByPort || !event.record.flags.has(QueryFlags::TCP) {
            let found = self.found.get(at);
            found.inspect(|found| self.habits.pair(found.pair(event, fit)));
        }
        let joined = self.found.change(at, |found| found.join(event, fit));
        joined.map_or(Placed::Unrelated, Placed::Joined)
    }

    /// Keeps a lookup that found its name.
    fn keep(&mut self, found: FoundLookup, context: &mut LookupContext) {
        if self.found.len() >= self.many.max(FEW) {
            self.forget_found(found.first, context);
        }
        self.found.push(found);
    }

    /// Forgets found lookups, first those of which hardly anything follows.
    fn forget_found(&mut self, now: Moment, context: &mut LookupContext) {
        // One that never asked two types of a name waits for none.
        let most = if self.habits.may_pair() { MOST } else { FEW };
        let too_many = |rows: &[FoundLookup]| {
            let half = rows.len().div_ceil(2);
            let middle = rows.get(half).map_or(now, |middle| middle.first);
            let is_late = now.saturating_since(middle) > SOON;
            let are_many = rows.len() >= most || (rows.len() >= FOUND && is_late);
            if are_many { half } else { 0 }
        };
        for found in self.found.take_complete((now, SOON), too_many) {
            self.forgets |= remember(&found, self.salt, context);
        }
        // All are looked at again when as many have come.
        self.many = self.found.len() * 2;
    }

    fn judge(&self, query: &Arrival<'_>, context: &mut LookupContext) -> Verdict {
        if !self.forgets {
            return Verdict::New;
        }
        let record = &query.event.record;
        let bit = type_bit(record.qtype);
        let timers = query.timers;
        context
            .finished
            .judge(query.asked ^ self.salt, bit, record, timers)
    }

    /// Begins a lookup.
    fn open(&mut self, walk: Box<Walk>, search: &Search, context: &mut LookupContext) -> Placed {
        context.note_open();
        let at = self.open.push(walk);
        if let Some(lookup) = self.close_if_found(at, search, context) {
            return Placed::Ended(lookup);
        }
        self.make_room(search, context)
    }

    /// Ends a walk that has found its name, and keeps what may be joined.
    fn close_if_found(
        &mut self,
        at: usize,
        search: &Search,
        context: &mut LookupContext,
    ) -> Option<Lookup> {
        let found = FoundLookup::of(self.open.get(at)?, self.habits.may_pair())?;
        let lookup = context.close(self.open.remove(at)?, search);
        self.keep(found, context);
        Some(lookup)
    }

    /// Ends the lookups that nothing can belong to any more at `now`.
    pub(crate) fn sweep(
        &mut self,
        now: Moment,
        search: &Search,
        context: &mut LookupContext,
    ) -> Vec<Lookup> {
        for found in self.found.take_ended(now) {
            self.forgets |= remember(&found, self.salt, context);
        }
        let ended = self.open.take_ended(now).into_iter();
        ended
            .map(|walk| self.close(walk, search, context))
            .collect()
    }

    /// Ends them all.
    pub(crate) fn finish(&mut self, search: &Search, context: &mut LookupContext) -> Vec<Lookup> {
        self.sweep(Moment::from_micros(u64::MAX), search, context)
    }

    fn close(&mut self, walk: Box<Walk>, search: &Search, context: &mut LookupContext) -> Lookup {
        if let Some((asked, at, is_start)) = walk.remains() {
            context.finished.remember(asked ^ self.salt, at, is_start);
            self.forgets = true;
        }
        context.close(walk, search)
    }

    /// Ends the lookup that would end first, if the latest has no room: a client has
    /// some in any case, and more as long as there is room for all.
    fn make_room(&mut self, search: &Search, context: &mut LookupContext) -> Placed {
        let open = self.open.len();
        if open <= ALWAYS || (open <= MOST && !context.is_full()) {
            return Placed::Open;
        }
        let first = self.open.first_to_end();
        let Some(walk) = first.and_then(|at| self.open.remove(at)) else { return Placed::Open };
        let was_over = walk.is_over();
        let lookup = self.close(walk, search, context);
        if was_over { Placed::Ended(lookup) } else { Placed::Cut(lookup) }
    }

    /// Takes back the walks that asked one of these names last, as if their queries
    /// had not come; returns when the first of those arrived.
    pub(crate) fn take_back(
        &mut self,
        names: &[u64],
        context: &mut LookupContext,
    ) -> Option<Moment> {
        let is_meant = |walk: &Walk| names.contains(&walk.asked());
        let meant: Vec<usize> = self
            .open
            .iter()
            .filter(|(_, walk)| is_meant(walk))
            .map(|(at, _)| at)
            .collect();
        let mut since: Option<Moment> = None;
        for walk in meant.into_iter().filter_map(|at| self.open.remove(at)) {
            let first = walk.first();
            since = Some(since.map_or(first, |since| since.min(first)));
            context.forget(walk);
        }
        since
    }
}

/// Remembers a lookup that found its name, if its client may ask for that again in
/// a way that looks new; says whether it may.
fn remember(found: &FoundLookup, salt: u64, context: &mut LookupContext) -> bool {
    if found.apart {
        let asked = found.asked ^ salt;
        context
            .finished
            .remember(asked, found.first, found.is_start);
    }
    found.apart
}

/// Lookups that each client may have open, however many others have: twice as many
/// as programs have threads that look names up.
const ALWAYS: usize = 64;

/// Lookups of one client that are open at most: some hundred octets each.
const MOST: usize = 2048;

/// Lookups of one client that found their name, beyond which those go that are older than
/// [`SOON`] and of which hardly anything follows. They are counted already. A client that
/// never asks two types of a name keeps no more.
const FEW: usize = 64;

/// The same that may be asked for more types, beyond which half of them go if they are
/// older than [`SOON`].
const FOUND: usize = 256;

/// The other type of a name comes within this, but from a client that waits for the first.
const SOON: Duration = Duration::from_millis(20);
