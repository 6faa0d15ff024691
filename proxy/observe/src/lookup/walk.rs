//! One lookup while it is under way.

use std::time::Duration;

use dns::Rtype;
use resolver::Moment;

use super::library::{Habits, TypePair};
use super::outcome::{End, Lookup, PassCost, Step};
use super::retransmit::Again;
use super::search::{Search, Splits};
use super::timers::Timers;
use crate::intake::QueryEvent;

mod current_step;
pub(crate) use current_step::{CurrentStep, is_failure, type_bit};

mod candidate;
pub(crate) use candidate::Candidate;

mod closing;
mod passes;
mod repeats;
pub(crate) use closing::{Ending, LookupRules};

/// The names that a stub resolver asks for one lookup, as far as they came.
///
/// A name can mean several bases: `cart.svc.cluster.local` is `cart` under one
/// domain, `cart.svc` under another, or itself. All that fit are kept until the
/// next name decides.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// The name asked first; the base is its beginning.
    name: Vec<u8>,
    /// What it can be the lookup of, the likeliest first.
    candidates: Vec<Candidate>,
    /// The hash of the name asked last.
    asked: u64,
    step: CurrentStep,
    steps: u32,
    queries: u32,
    wasted_steps: u32,
    wasted_queries: u32,
    wasted: Duration,
    /// Types asked for the first name.
    types: u8,
    /// Says whether a step before this one had no answer that helps.
    failed: bool,
    /// Queries that Go sent again, as [`Again::ALL`].
    repeats: [u32; Again::ALL.len()],
    first: Moment,
    last: Moment,
    /// After this nothing belongs to it.
    deadline: Moment,
    /// The walk with another type that it came after.
    before: Option<PassCost>,
    /// See [`Arrival::pairs`].
    pairs: bool,
}

/// A query on its way to its lookup.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) event: &'a QueryEvent<'a>,
    /// The hash of its name.
    pub(crate) asked: u64,
    /// What its name can be of.
    pub(crate) splits: &'a Splits,
    /// After which times its client asks again.
    pub(crate) timers: Timers,
    /// Says whether its client asks several types for a name, or may.
    pub(crate) pairs: bool,
}

/// How a query belongs to a walk, the surest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Fit {
    /// Another type of its name, from the same port.
    JoinByPort,
    /// Another type of its name, or the same over TCP.
    Join,
    /// The next name.
    Next,
    /// Its name once more, from another port.
    Repeat,
    /// The next name, long after the last was answered: an answer was lost, or
    /// it is of another walk.
    LateNext,
}

/// The name that a walk asked last.
#[derive(Debug)]
pub(crate) struct Last<'a> {
    pub(crate) asked: u64,
    pub(crate) step: &'a CurrentStep,
    /// What the walk is a lookup of.
    pub(crate) candidate: &'a Candidate,
    /// Names asked until then.
    pub(crate) steps: u32,
    /// A bit for each type asked for it, also by the walk before.
    pub(crate) types: u8,
    /// Says whether a lookup of this begins with this name.
    pub(crate) is_start: bool,
    /// Says whether all names were asked for one type: the other may get a walk of its
    /// own.
    pub(crate) is_pass: bool,
}

impl Walk {
    /// Begins with a query, using what memory there is.
    pub(crate) fn begin(&mut self, query: &Arrival<'_>, search: &Search) {
        let Self { mut name, mut candidates, .. } = std::mem::take(self);
        name.clear();
        name.extend_from_slice(query.event.qname);
        candidates.clear();
        candidates.extend(Candidate::all(query.splits, search));
        let first = query.event.record.arrived;
        *self = Self { name, candidates, first, ..Self::default() };
        self.ask(query);
    }

    /// Says whether and how a query belongs to it.
    pub(crate) fn fit(&self, query: &Arrival<'_>) -> Option<Fit> {
        let record = &query.event.record;
        if record.arrived > self.deadline {
            return None;
        }
        if self.asked == query.asked {
            return self.fit_same(query.event, query.timers);
        }
        let goes_on = !self.step.data
            && query.splits.iter().any(|split| {
                self.candidates
                    .iter()
                    .any(|candidate| candidate.goes_on(split))
            });
        let waited = record.arrived.saturating_since(self.step.last);
        goes_on.then_some(if waited < AT_ONCE { Fit::Next } else { Fit::LateNext })
    }

    /// Takes a query that belongs to it; see [`fit`](Self::fit).
    pub(crate) fn take(&mut self, fit: Fit, query: &Arrival<'_>, habits: &mut Habits) {
        let event = query.event;
        match fit {
            Fit::Join | Fit::JoinByPort => {
                if self.step.types & type_bit(event.record.qtype) == 0 {
                    self.step.shared_port |= fit == Fit::JoinByPort;
                    self.step.apart |= fit == Fit::Join;
                    habits.pair(TypePair {
                        shared_port: fit == Fit::JoinByPort,
                        ids: [self.step.id, event.record.id],
                        after: event.record.arrived.saturating_since(self.step.last),
                    });
                }
                self.count(event);
            }
            Fit::Repeat => {
                habits.timers.learn(self.waited(event));
                self.repeat(event);
            }
            Fit::Next | Fit::LateNext => {
                self.go_on(query.splits, habits);
                self.ask(query);
            }
        }
    }

    /// Takes another type of its first name, which came before.
    pub(crate) fn add_earlier(&mut self, bit: u8, arrived: Moment) {
        self.queries += 1;
        self.step.queries += 1;
        self.step.types |= bit;
        self.step.apart = true;
        self.first = self.first.min(arrived);
        self.step.first = self.step.first.min(arrived);
    }

    /// Its last name and what it looked up, once it has found that: nothing can
    /// follow but other types of the name.
    pub(crate) fn found(&self) -> Option<Last<'_>> {
        let candidate = self.candidates.first()?;
        let is_found = self.step.data && self.step.truncated == 0;
        let (asked, step, steps) = (self.asked, &self.step, self.steps);
        let is_pass = self.before.is_some() || self.pass().is_some();
        let types = step.types | self.before.map_or(0, |before| before.types);
        let is_start = self.is_start();
        is_found.then_some(Last { asked, step, candidate, steps, types, is_start, is_pass })
    }

    /// What it leaves for the time after its end: the name asked last, when,
    /// and whether it was the first as well. `None` if nobody asks again for
    /// it in a way that looks new.
    pub(crate) fn remains(&self) -> Option<(u64, Moment, bool)> {
        let remains = (self.asked, self.step.first, self.is_start());
        self.step.apart.then_some(remains)
    }

    /// Says whether its name was asked last, and from this port.
    pub(crate) fn waits_for(&self, event: &QueryEvent<'_>, asked: u64) -> Option<bool> {
        let waits = self.asked == asked && event.record.arrived <= self.deadline;
        waits.then_some(self.step.port == event.record.port)
    }

    /// Takes a query of the name asked last that was sent again.
    pub(crate) fn again(&mut self, event: &QueryEvent<'_>, again: Again) {
        if again == Again::Waiting {
            self.deadline = self.deadline.max(event.record.arrived + LINGER);
        } else {
            self.answered(event);
        }
    }

    /// The hash of the name asked last.
    pub(crate) const fn asked(&self) -> u64 {
        self.asked
    }

    /// A bit for each type of [`type_bit`] of which a query for the name asked
    /// last may belong to it; of all others [`fit`](Self::fit) says no.
    pub(crate) fn takes(&self) -> u8 {
        let step = &self.step;
        let is_slow = step.last.saturating_since(step.first) >= LEAST_TIMEOUT;
        let may_be_late = !self.is_over() && (!self.is_start() || step.apart);
        let may_repeat = !step.shared_port && (self.may_repeat_failure() || may_be_late || is_slow);
        if may_repeat { u8::MAX } else { !step.types | step.truncated }
    }

    /// The hashes of the bases that it may go on with.
    pub(crate) fn bases(&self) -> impl Iterator<Item = u64> {
        let candidates: &[Candidate] = if self.is_over() { &[] } else { &self.candidates };
        let going = candidates.iter().filter(|candidate| candidate.may_go_on());
        going.map(|candidate| candidate.base)
    }

    /// When its first query arrived.
    pub(crate) const fn first(&self) -> Moment {
        self.first
    }

    pub(crate) const fn deadline(&self) -> Moment {
        self.deadline
    }

    /// Says what it was, event from now, with the memory of `base`.
    pub(crate) fn close(&self, names: LookupRules<'_>, mut base: Vec<u8>) -> Lookup {
        let none = Candidate::default();
        let candidate = self.candidates.first().unwrap_or(&none);
        candidate.write_base(&self.name, &mut base);
        let own = self.step.data.then_some(candidate.at);
        let counted = self.before.and_then(|before| before.found);
        let succeeded = counted.or(own);
        let is_denied = self.step.is_denied() && !self.failed;
        let otherwise = if is_denied { End::Nonexistent } else { End::Failed };
        let searched = self.steps > 1 || candidate.at != Step::Absolute;
        let total = self.total(succeeded);
        Lookup {
            steps: total.steps,
            queries: total.queries,
            wasted_steps: total.wasted_steps,
            wasted_queries: total.wasted_queries,
            wasted: total.wasted,
            is_second: self.before.is_some_and(|before| before.found.is_some()),
            succeeded,
            end: names.end(&base, searched, succeeded, otherwise),
            types: if self.steps == 1 { self.step.type_count() } else { self.types },
            partial: candidate.is_partial(),
            captured: names.is_captured(&base, succeeded),
            repeats: self.repeats,
            first: self.first,
            last: self.last,
            base,
        }
    }

    /// Leaves the step for the next name.
    fn go_on(&mut self, splits: &Splits, habits: &mut Habits) {
        let was_absolute = self
            .candidates
            .iter()
            .all(|candidate| candidate.at == Step::Absolute);
        self.candidates.retain_mut(|candidate| {
            let next = splits.iter().find(|split| candidate.goes_on(split));
            if let Some(next) = next {
                candidate.at = next.step;
            }
            next.is_some()
        });
        let step = &self.step;
        if step.is_denied() {
            habits.passed(was_absolute, step.nodata);
            self.wasted_steps += 1;
            self.wasted_queries += step.queries;
            self.wasted += step.last.saturating_since(step.first);
        } else {
            self.failed = true;
        }
        if self.steps == 1 {
            self.types = step.type_count();
        }
    }

    /// Asks a name for the first time.
    fn ask(&mut self, query: &Arrival<'_>) {
        let record = &query.event.record;
        self.asked = query.asked;
        self.pairs = query.pairs;
        self.steps += 1;
        self.step = CurrentStep {
            port: record.port,
            id: record.id,
            nodata: true,
            first: record.arrived,
            ..CurrentStep::default()
        };
        self.count(query.event);
    }

    fn count(&mut self, event: &QueryEvent<'_>) {
        self.queries += 1;
        self.step.queries += 1;
        self.step.types |= type_bit(event.record.qtype);
        self.answered(event);
    }

    fn answered(&mut self, event: &QueryEvent<'_>) {
        let record = &event.record;
        let done = record.arrived + record.took;
        self.step.note(event);
        let [of_a, of_other] = &mut self.step.asked;
        let asked = if record.qtype == Rtype::A { of_a } else { of_other };
        *asked = record.arrived.max(*asked);
        self.step.last = self.step.last.max(done);
        self.last = self.last.max(record.arrived);
        // Another type may have gone to a silent server first.
        let is_alone = self.pairs && self.step.types.count_ones() == 1;
        let ends = self.is_over() && !is_alone;
        self.deadline = self.step.last + if ends { TOGETHER } else { LINGER };
    }

    /// Says whether no other name can follow.
    pub(crate) fn is_over(&self) -> bool {
        self.step.data || (self.step.is_denied() && !self.may_go_on())
    }

    /// Says whether it is at its first name, which began it rightly.
    fn is_start(&self) -> bool {
        self.steps == 1
            && self
                .candidates
                .first()
                .is_some_and(|candidate| candidate.whole)
    }

    fn may_go_on(&self) -> bool {
        self.candidates.iter().any(Candidate::may_go_on)
    }
}

/// How long a walk that is over waits for the other types of its last name.
/// BIND's tools ask for AAAA once they have A.
pub(crate) const TOGETHER: Duration = Duration::from_secs(1);

/// How long a walk waits for its next name: an answer may be lost, and glibc
/// and Go ask again after 5 s.
pub(crate) const LINGER: Duration = Duration::from_millis(6500);

/// The shortest timeout that resolv.conf can set (`resolv.conf(5)`), less what
/// a timer may be early.
pub(crate) const LEAST_TIMEOUT: Duration = Duration::from_millis(900);

/// From an answer to the next name, on a busy node.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(200);
