//! Walks that were made with one type, after which a program may walk with another:
//! `getent hosts`, dnspython and Ruby ask the whole list for AAAA, and then for A.

use resolver::Moment;

use super::OpenLookups;
use crate::lookup::context::LookupContext;
use crate::lookup::outcome::PassCost;
use crate::lookup::search::Search;
use crate::lookup::walk::{Arrival, Candidate, TOGETHER, Walk, type_bit};

/// The latest of a client.
#[derive(Debug, Default)]
pub(super) struct Passes {
    latest: Vec<Pass>,
}

/// One walk that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    /// The hash of its base.
    pub(super) base: u64,
    /// When its last answer was sent.
    pub(super) ended: Moment,
    /// The hash of its last name, if it found nothing: then it is still open.
    pub(super) open: Option<u64>,
    pub(super) cost: PassCost,
}

impl Passes {
    pub(super) fn push(&mut self, pass: Pass) {
        if self.latest.len() >= KEPT {
            self.latest.remove(0);
        }
        self.latest.push(pass);
    }

    /// Takes the walk after which this query begins another, with another type.
    pub(super) fn take(&mut self, query: &Arrival<'_>, search: &Search) -> Option<Pass> {
        if self.latest.is_empty() {
            return None;
        }
        let record = &query.event.record;
        let bit = type_bit(record.qtype);
        let begins = |pass: &Pass| {
            let mut starts = Candidate::all(query.splits, search).filter(|one| one.whole);
            pass.cost.types & bit == 0
                && record.arrived >= pass.ended
                && record.arrived.saturating_since(pass.ended) < TOGETHER
                && starts.any(|start| start.base == pass.base)
        };
        let at = self.latest.iter().position(begins)?;
        Some(self.latest.remove(at))
    }
}

impl OpenLookups {
    /// Remembers a walk with one type that is over.
    pub(super) fn note_pass(&mut self, at: usize) {
        if let Some((base, ended, cost)) = self.open.get(at).and_then(|walk| walk.pass()) {
            let walk = self.open.get(at).filter(|_| cost.found.is_none());
            let open = walk.map(|walk| walk.asked());
            self.passes.push(Pass { base, ended, open, cost });
        }
    }

    /// Takes back the walk before, if it is not counted.
    pub(super) fn take_pass(&mut self, pass: Pass, context: &mut LookupContext) {
        let Some(asked) = pass.open else { return };
        let is_it = |walk: &Walk| walk.pass().is_some_and(|(base, ..)| base == pass.base);
        let asked = self.open.of_name(asked, None);
        let oldest = asked
            .filter(|(_, walk)| is_it(walk))
            .last()
            .map(|(at, _)| at);
        if let Some(walk) = oldest.and_then(|at| self.open.remove(at)) {
            context.forget(walk);
        }
    }
}

/// Threads of a program that walk in this way at the same time.
const KEPT: usize = 8;
