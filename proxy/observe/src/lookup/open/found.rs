//! Lookups that have found their name.
//!
//! Nothing can follow but other types of the same name, so they are counted at
//! once, and only what tells their other types from new lookups is kept. Most
//! find it with their first query: Services of a program's own namespace, and
//! names with a dot at their end.

use std::time::Duration;

use crate::intake::{QueryEvent, QueryFlags, Record};
use crate::lookup::library::TypePair;
use crate::lookup::retransmit::Again;
use crate::lookup::timers::seconds_of;
use crate::lookup::walk::{
    AT_ONCE, Arrival, Candidate, Fit, LEAST_TIMEOUT, LINGER, Last, TOGETHER, Walk, is_failure,
    type_bit,
};
use resolver::Moment;

/// What is kept of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoundLookup {
    /// The hash of the name that was asked.
    pub(super) asked: u64,
    /// What was looked up by it.
    candidate: Candidate,
    /// Names asked until then, this one included.
    steps: u32,
    /// Says whether a lookup of this begins with this name.
    pub(super) is_start: bool,
    /// A bit for each type asked.
    types: u8,
    port: u16,
    /// The id of the first query for this name.
    id: u16,
    /// Says whether two types came from two ports.
    pub(super) apart: bool,
    pub(super) first: Moment,
    /// When its last answer was sent.
    last: Moment,
    /// What arrives after this does not belong to it.
    deadline: Moment,
    /// Says whether its client may have asked another type at the same time, which has
    /// no answer yet.
    lingers: bool,
    /// Says whether all its names were asked for one type.
    is_pass: bool,
    /// A bit for each type whose answer was a failure.
    failed: u8,
}

/// One more query of a lookup that is counted already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joined {
    /// What the lookup is of.
    pub(crate) candidate: Candidate,
    /// Names asked for it.
    pub(crate) steps: u32,
    /// Says whether it has a type more now.
    pub(crate) is_type: bool,
}

impl FoundLookup {
    /// A bit for each type of which a query may belong to it.
    pub(super) fn takes(&self) -> u8 {
        let is_slow = self.last.saturating_since(self.first) >= LEAST_TIMEOUT;
        if is_slow { u8::MAX } else { !self.types | self.failed }
    }

    /// After this nothing belongs to it.
    pub(super) fn deadline(&self) -> Moment {
        if self.waits() { self.deadline + ANSWER } else { self.deadline }
    }

    /// Says whether another type may have been asked for, which has no answer yet.
    const fn waits(&self) -> bool {
        self.lingers && self.types.count_ones() == 1
    }

    /// Says whether hardly anything more is asked for it.
    pub(super) const fn is_complete(&self) -> bool {
        !self.waits() && self.failed == 0
    }

    /// Says whether a query found its name, and all of the answer fitted.
    pub(super) const fn is(event: &QueryEvent<'_>) -> bool {
        let flags = event.record.flags;
        flags.has(QueryFlags::DATA) && !flags.has(QueryFlags::TC)
    }

    pub(super) fn begin(query: &Arrival<'_>, candidate: Candidate, lingers: bool) -> Self {
        let record = &query.event.record;
        let last = record.arrived + record.took;
        Self {
            asked: query.asked,
            candidate,
            steps: 1,
            is_start: candidate.whole,
            types: type_bit(record.qtype),
            port: record.port,
            id: record.id,
            apart: false,
            first: record.arrived,
            last,
            deadline: last + TOGETHER,
            lingers,
            is_pass: false,
            failed: 0,
        }
    }

    /// What is left of a walk that found its name.
    pub(super) fn of(walk: &Walk, lingers: bool) -> Option<Self> {
        let Last { asked, step, candidate, steps, types, is_start, is_pass } = walk.found()?;
        Some(Self {
            asked,
            candidate: *candidate,
            steps,
            is_start,
            types,
            port: step.port,
            id: step.id,
            apart: step.apart,
            first: step.first,
            last: step.last,
            deadline: walk.deadline(),
            lingers,
            is_pass,
            failed: if step.failed { step.types } else { 0 },
        })
    }

    /// Says whether and how a query of its name belongs to it, as one of another
    /// type.
    pub(super) fn fit(&self, query: &Arrival<'_>) -> Option<Fit> {
        let record = &query.event.record;
        let bit = type_bit(record.qtype);
        let is_late = record.arrived > self.deadline;
        if self.asked != query.asked || (is_late && !self.is_late_type(record)) {
            return None;
        }
        if self.types & bit != 0 {
            let repeats = self.repeats_waiting(query.event) || self.repeats_failure(record);
            return repeats.then_some(Fit::Repeat);
        }
        Some(if self.port == record.port { Fit::JoinByPort } else { Fit::Join })
    }

    /// Says whether this is a type that asked a silent server first. Go takes one for
    /// each type, and its timeout are whole seconds.
    fn is_late_type(&self, record: &Record) -> bool {
        self.types & type_bit(record.qtype) == 0
            && record.arrived <= self.deadline()
            && seconds_of(record.arrived.saturating_since(self.first)).is_some()
    }

    /// Says whether Go asks again at once for a type that failed.
    fn repeats_failure(&self, record: &Record) -> bool {
        self.failed & type_bit(record.qtype) != 0
            && record.arrived >= self.last
            && record.arrived.saturating_since(self.last) < AT_ONCE
    }

    /// Says whether a timer sent this query before the answer was there.
    fn repeats_waiting(&self, event: &QueryEvent<'_>) -> bool {
        let Record { arrived, port, .. } = event.record;
        let is_timer = || seconds_of(arrived.saturating_since(self.first)).is_some();
        port != self.port && arrived < self.last && is_timer()
    }

    /// Returns how long after its first query this one was sent again.
    pub(super) fn waited(&self, event: &QueryEvent<'_>) -> Duration {
        event.record.arrived.saturating_since(self.first)
    }

    /// Takes a query that was sent again from another port; says why.
    pub(super) fn repeat(&mut self, event: &QueryEvent<'_>) -> Again {
        if event.record.arrived < self.last {
            return Again::Waiting;
        }
        self.note_failure(event);
        self.answered(event);
        Again::Failed
    }

    /// Says whether its name was asked, and from this port.
    pub(super) fn waits_for(&self, event: &QueryEvent<'_>, asked: u64) -> Option<bool> {
        let waits = self.asked == asked && event.record.arrived <= self.deadline();
        waits.then_some(self.port == event.record.port)
    }

    /// What the query of another type says of the client.
    pub(super) fn pair(&self, event: &QueryEvent<'_>, fit: Fit) -> TypePair {
        TypePair {
            shared_port: fit == Fit::JoinByPort,
            ids: [self.id, event.record.id],
            after: event.record.arrived.saturating_since(self.last),
        }
    }

    /// Says whether a query of another type may as well be of a walk that is under way.
    pub(super) const fn yields(&self) -> bool {
        self.is_pass
    }

    /// Takes another type of its name; one that was truncated will be asked for
    /// again, over TCP.
    pub(super) fn join(&mut self, event: &QueryEvent<'_>, fit: Fit) -> Joined {
        let flags = event.record.flags;
        let is_type = !flags.has(QueryFlags::TC);
        if is_type {
            self.types |= type_bit(event.record.qtype);
        }
        self.apart |= fit == Fit::Join && !flags.has(QueryFlags::TCP);
        self.note_failure(event);
        self.answered(event);
        Joined { candidate: self.candidate, steps: self.steps, is_type }
    }

    /// Takes a query of its name that was sent again.
    pub(super) fn again(&mut self, event: &QueryEvent<'_>, again: Again) {
        if again == Again::Waiting {
            self.deadline = self.deadline.max(event.record.arrived + LINGER);
        } else {
            self.answered(event);
        }
    }

    fn note_failure(&mut self, event: &QueryEvent<'_>) {
        let bit = type_bit(event.record.qtype);
        if is_failure(event) { self.failed |= bit } else { self.failed &= !bit }
    }

    fn answered(&mut self, event: &QueryEvent<'_>) {
        let record = &event.record;
        self.last = self.last.max(record.arrived + record.took);
        self.deadline = self.last + TOGETHER;
    }
}

/// How much later than the other type's an answer may come: the longest deadline that
/// upstreams are given is 4.5 s.
const ANSWER: Duration = Duration::from_secs(5);
