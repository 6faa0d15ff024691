//! The account of one client.

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use dns::Rcode;
use resolver::{Moment, Origin};

use super::failing::FailingNames;
use super::identity::Identity;
use super::name_tallies::{NameTallies, Named};
use crate::config::ObserveConfig;
use crate::intake::{QueryEvent, QueryFlags, Record};
use crate::lookup::{
    Ending, Guess, Held, Learner, Libraries, Lookup, LookupContext, OpenLookups, Placed, Repeated,
    Search, Source,
};
use crate::tables::{Count, Counters, Windows, hash_of_name, wait_place};

/// What one client asked and got.
#[derive(Debug)]
pub struct Client {
    /// Its address.
    pub(crate) addr: IpAddr,
    /// Its counts.
    pub(crate) counters: Counters,
    /// Its responses by where they came from.
    pub(crate) origins: Windows<{ Origin::COUNT }>,
    /// Its names that failed lately.
    pub(crate) failing: FailingNames,
    /// Its lookups by name.
    pub(crate) tallies: NameTallies,
    /// What is known about its resolv.conf.
    pub(crate) search: Search,
    /// Its lookups that are under way.
    pub(crate) lookups: OpenLookups,
    /// When its first query arrived.
    pub(crate) first: Moment,
    /// When its last query arrived.
    pub(crate) last: Moment,
    /// A bit for each of 64 classes of source ports that it used.
    pub(crate) ports: u64,
    /// Whose account it is, if that is known.
    pub(crate) identity: Option<Arc<Identity>>,
    learner: Option<Box<Learner>>,
    /// Its queries since the last settling, which are not in
    /// [`Observer::top_clients`](super::Observer::top_clients) yet.
    pub(crate) asked: u32,
    /// Says whether it asked since the eviction looked at it.
    pub(crate) touched: bool,
}

impl Client {
    pub(crate) fn new(addr: IpAddr, config: &ObserveConfig, now: Moment) -> Self {
        let search = config.rule(addr).map_or(Search::unknown(), Search::from);
        Self {
            addr,
            counters: Counters::new(now),
            origins: Windows::new(now),
            failing: FailingNames::default(),
            tallies: NameTallies::new(config.names_per_client),
            learner: (search.source == Source::Unknown).then(Box::default),
            search,
            lookups: OpenLookups::new(addr),
            first: now,
            last: now,
            ports: 0,
            identity: None,
            asked: 0,
            touched: false,
        }
    }

    /// Has the memory fetched that a query takes whose name has this hash.
    pub(crate) fn touch(&self, asked: u64) {
        self.counters.touch();
        self.origins.touch();
        self.tallies.touch(asked);
        self.lookups.touch(asked);
        black_box(self.touched);
    }

    /// Counts one query.
    pub(crate) fn note(&mut self, event: &QueryEvent<'_>, noted: &Noted, now: Moment) {
        noted.count(&mut self.counters, &mut self.origins, now);
        if noted.failed {
            self.failing.note(event, now);
        }
        self.last = self.last.max(event.record.arrived);
        self.ports |= 1 << (event.record.port % 64);
        self.asked = self.asked.saturating_add(1);
        self.touched = true;
    }

    /// Counts a response that could not be sent to it.
    pub(crate) fn note_unsent(&mut self, event: &QueryEvent<'_>, now: Moment) {
        note_unsent(&mut self.counters, &mut self.origins, &event.record, now);
        if is_answer(event.record.rcode) {
            self.failing.note(event, now);
        }
    }

    /// Learns its search list from a query for a name of which `asked` is the hash. Returns the queries before it that are to
    /// be placed again, now that it is known what they were steps of.
    pub(crate) fn learn(
        &mut self,
        event: &QueryEvent<'_>,
        asked: u64,
        context: &mut LookupContext,
    ) -> Vec<Held> {
        let Some(learner) = &mut self.learner else { return Vec::new() };
        let learned = learner.take(event, asked, &self.search, context.cluster_domain());
        let Some(learned) = learned else { return Vec::new() };
        let has_changed = learned.domains != self.search.domains;
        if has_changed && !learned.domains.starts_with(&self.search.domains) {
            self.tallies = NameTallies::new(self.tallies.capacity());
        }
        self.search = learned;
        if !has_changed {
            return Vec::new();
        }
        let hash = |held: &Held| hash_of_name(held.event().qname);
        let mut again = learner.before(event.qname);
        let names: Vec<u64> = again.iter().map(hash).collect();
        let since = self.lookups.take_back(&names, context);
        // The others were of lookups that are over.
        again.retain(|held| since.is_some_and(|since| held.may_be_of_open(since)));
        again
    }

    /// Takes up the list that was learned before it lost its account.
    pub(crate) fn remember(&mut self, search: Search) {
        if let Some(learner) = self.learner.as_mut() {
            learner.resume(search.ndots);
            self.search = search;
        }
    }

    /// Says whether it searches a list that is not known: nobody can tell what its
    /// queries are steps of.
    pub(crate) fn is_in_doubt(&self) -> bool {
        let learner = self.learner.as_ref();
        self.search.source == Source::Unknown
            && learner.is_some_and(|learner| learner.searches(self.last))
    }

    /// Puts a query to the lookup it belongs to, once its turn has come; `asked`
    /// is the hash of its name.
    pub(crate) fn place(
        &mut self,
        event: &QueryEvent<'_>,
        asked: u64,
        repeated: Option<Repeated>,
        context: &mut LookupContext,
    ) -> Placed {
        self.lookups
            .take(event, asked, repeated, &self.search, context)
    }

    /// Ends the lookups that nothing can belong to any more at `now`.
    pub(crate) fn sweep(&mut self, now: Moment, context: &mut LookupContext) -> Vec<Lookup> {
        self.lookups.sweep(now, &self.search, context)
    }

    /// Ends all its lookups.
    pub(crate) fn finish(&mut self, context: &mut LookupContext) -> Vec<Lookup> {
        self.lookups.finish(&self.search, context)
    }

    /// Counts a lookup that is over.
    pub(crate) fn close(&mut self, lookup: &Lookup, now: Moment) {
        count(&mut self.counters, lookup, now);
        self.tallies.note(lookup);
    }

    /// Counts a lookup of `name` that found it with a query that arrived then.
    pub(crate) fn close_found(
        &mut self,
        name: Named<'_>,
        ending: &Ending,
        arrived: Moment,
        now: Moment,
    ) {
        count_found(&mut self.counters, ending, now);
        self.tallies.note_found(name, ending, arrived);
    }

    /// Learns whose account this is.
    pub(crate) fn belong(&mut self, identity: Arc<Identity>) {
        if let Some(search) = &identity.search {
            self.know(search);
        }
        self.identity = Some(identity);
    }

    /// Learns what its resolv.conf says. What the configuration says goes first.
    fn know(&mut self, search: &Search) {
        if self.search.source == Source::Told || self.search == *search {
            return;
        }
        // Lookups found with another list have their names at other places.
        if self.search.source != Source::Unknown && self.search.domains != search.domains {
            self.tallies = NameTallies::new(self.tallies.capacity());
        }
        self.search = search.clone();
        self.learner = None;
    }

    /// Guesses its resolver library.
    pub fn library(&self) -> Option<Guess> {
        self.lookups.guess()
    }

    /// Returns the libraries that it may have.
    pub fn libraries(&self) -> Libraries {
        self.lookups.possible()
    }
}

/// What is known of a client, to be drawn.
impl Client {
    /// Returns its counts.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns its responses by where they came from.
    #[must_use]
    pub const fn origins(&self) -> &Windows<{ Origin::COUNT }> {
        &self.origins
    }

    /// Returns its names that failed lately.
    #[must_use]
    pub const fn failing(&self) -> &FailingNames {
        &self.failing
    }

    /// Returns its lookups by name.
    #[must_use]
    pub const fn tallies(&self) -> &NameTallies {
        &self.tallies
    }

    /// Returns what is known about its resolv.conf.
    #[must_use]
    pub const fn search(&self) -> &Search {
        &self.search
    }

    /// Returns how many lookups of it are under way.
    #[must_use]
    pub fn open_lookups(&self) -> usize {
        self.lookups.len()
    }

    /// Returns when its first query arrived.
    #[must_use]
    pub const fn first(&self) -> Moment {
        self.first
    }

    /// Returns when its last query arrived.
    #[must_use]
    pub const fn last(&self) -> Moment {
        self.last
    }

    /// Returns from how many of 64 classes of source ports it asked.
    #[must_use]
    pub const fn port_classes(&self) -> u32 {
        self.ports.count_ones()
    }

    /// Returns whose account it is, if that is known.
    #[must_use]
    pub const fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }
}

/// What a query counts as by itself, for all who count it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted {
    asked: bool,
    /// The places of its origin and of how long it took; none if another query has its
    /// response.
    response: Option<(usize, usize)>,
    failed: bool,
    remembered: bool,
    stale: bool,
}

impl Noted {
    pub(crate) fn of(record: &Record) -> Self {
        let has_response = !record.flags.has(QueryFlags::REPEATED);
        let places = (record.counted().index(), wait_place(record.took));
        Self {
            asked: record.flags.has(QueryFlags::ASKED),
            response: has_response.then_some(places),
            failed: record.origin.is_failure(),
            remembered: record.origin == Origin::CachedFailure,
            stale: record.origin == Origin::Stale,
        }
    }

    /// Counts it.
    pub(crate) fn count(
        &self,
        counters: &mut Counters,
        origins: &mut Windows<{ Origin::COUNT }>,
        now: Moment,
    ) {
        let (queries, asked) = (Count::Queries as usize, Count::Asked as usize);
        let Some((origin, wait)) = self.response else {
            return counters.add_all([(queries, 1), (asked, self.asked.into())], now);
        };
        counters.add_all([(queries, 1), (asked, self.asked.into()), (wait, 1)], now);
        origins.add(origin, 1, now);
        // Few are any of these, whose counts lie elsewhere.
        if self.failed | self.stale {
            let more = [
                (Count::Failed as usize, self.failed.into()),
                (Count::Remembered as usize, self.remembered.into()),
                (Count::Stale as usize, self.stale.into()),
            ];
            counters.add_all(more, now);
        }
    }
}

/// Counts a response that could not be sent. One that was a failure has been counted
/// as one.
pub(crate) fn note_unsent(
    counters: &mut Counters,
    origins: &mut Windows<{ Origin::COUNT }>,
    record: &Record,
    now: Moment,
) {
    counters.add(Count::Unsent as usize, 1, now);
    if is_answer(record.rcode) {
        counters.add(Count::Failed as usize, 1, now);
        origins.add(Origin::Unsent.index(), 1, now);
    }
}

/// Says whether a response with this code was of use, had it arrived.
pub(crate) const fn is_answer(rcode: Rcode) -> bool {
    matches!(rcode, Rcode::NOERROR | Rcode::NXDOMAIN)
}

/// Counts a lookup that found its name at once.
pub(crate) fn count_found(counters: &mut Counters, ending: &Ending, now: Moment) {
    counters.add_all(
        [
            (Count::Lookups as usize, 1),
            (Count::Steps as usize, 1),
            (Count::LookupQueries as usize, 1),
            (Count::Partial as usize, ending.partial.into()),
            (Count::Captured as usize, ending.captured.into()),
            (ending.end.count() as usize, 1),
        ],
        now,
    );
}

/// Counts a lookup that is over.
pub(crate) fn count(counters: &mut Counters, lookup: &Lookup, now: Moment) {
    let micros = u64::try_from(lookup.wasted.as_micros()).unwrap_or(u64::MAX);
    let [waiting, answered, failed] = lookup.repeats;
    if lookup.is_second {
        let more = [
            (Count::LookupQueries as usize, lookup.queries.into()),
            (Count::WastedQueries as usize, lookup.wasted_queries.into()),
            (Count::WastedMicros as usize, micros),
        ];
        return counters.add_all(more, now);
    }
    // Adding nothing costs less than asking whether there is something.
    counters.add_all(
        [
            (Count::Lookups as usize, 1),
            (Count::Steps as usize, lookup.steps.into()),
            (Count::LookupQueries as usize, lookup.queries.into()),
            (Count::WastedQueries as usize, lookup.wasted_queries.into()),
            (Count::WastedMicros as usize, micros),
            (Count::Partial as usize, lookup.partial.into()),
            (Count::Captured as usize, lookup.captured.into()),
            (Count::AgainWaiting as usize, waiting.into()),
            (Count::AgainAnswered as usize, answered.into()),
            (Count::AgainFailed as usize, failed.into()),
            (lookup.end.count() as usize, 1),
        ],
        now,
    );
}
