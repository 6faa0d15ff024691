//! Lookups that have found their name.
//!
//! Nothing can follow but other types of the same name, so they are counted at
//! once, and only what tells their other types from new lookups is kept. Most
//! find it with their first query: Services of a program's own namespace, and
//! names with a dot at their end.

use super::table::Row;
use crate::intake::{QueryEvent, QueryFlags};
use crate::lookup::library::TypePair;
use crate::lookup::retransmit::Again;
use crate::lookup::walk::{Arrival, Candidate, Fit, LINGER, Last, TOGETHER, Walk, type_bit};
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
    /// After this nothing belongs to it.
    deadline: Moment,
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

impl Row for FoundLookup {
    const GOES_ON: bool = false;

    fn asked(&self) -> u64 {
        self.asked
    }

    fn takes(&self) -> u8 {
        !self.types
    }

    fn bases(&self) -> impl Iterator<Item = u64> {
        std::iter::empty()
    }

    fn deadline(&self) -> Moment {
        self.deadline
    }
}

impl FoundLookup {
    /// Says whether a query found its name, and all of the answer fitted.
    pub(super) const fn is(event: &QueryEvent<'_>) -> bool {
        let flags = event.record.flags;
        flags.has(QueryFlags::DATA) && !flags.has(QueryFlags::TC)
    }

    pub(super) fn begin(query: &Arrival<'_>, candidate: Candidate) -> Self {
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
        }
    }

    /// What is left of a walk that found its name.
    pub(super) fn of(walk: &Walk) -> Option<Self> {
        let Last { asked, step, candidate, steps, is_start } = walk.found()?;
        Some(Self {
            asked,
            candidate: *candidate,
            steps,
            is_start,
            types: step.types,
            port: step.port,
            id: step.id,
            apart: step.apart,
            first: step.first,
            last: step.last,
            deadline: walk.deadline(),
        })
    }

    /// Says whether and how a query of its name belongs to it, as one of another
    /// type.
    pub(super) fn fit(&self, query: &Arrival<'_>) -> Option<Fit> {
        let record = &query.event.record;
        let takes = self.waits_for(query.event, query.asked).is_some()
            && self.types & type_bit(record.qtype) == 0;
        let fit = if self.port == record.port { Fit::JoinByPort } else { Fit::Join };
        takes.then_some(fit)
    }

    /// Says whether its name was asked, and from this port.
    pub(super) fn waits_for(&self, event: &QueryEvent<'_>, asked: u64) -> Option<bool> {
        let waits = self.asked == asked && event.record.arrived <= self.deadline;
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

    /// Takes another type of its name; one that was truncated will be asked for
    /// again, over TCP.
    pub(super) fn join(&mut self, event: &QueryEvent<'_>, fit: Fit) -> Joined {
        let flags = event.record.flags;
        let is_type = !flags.has(QueryFlags::TC);
        if is_type {
            self.types |= type_bit(event.record.qtype);
        }
        self.apart |= fit == Fit::Join && !flags.has(QueryFlags::TCP);
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

    fn answered(&mut self, event: &QueryEvent<'_>) {
        let record = &event.record;
        self.last = self.last.max(record.arrived + record.took);
        self.deadline = self.last + TOGETHER;
    }
}
