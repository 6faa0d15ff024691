//! Lookups on their way: a stub resolver's walk along the search path.
//!
//! A stub asks for A and AAAA of one name together, waits for both, and goes
//! on to the next name unless there was an address (glibc's `res_search`; see
//! the resolv.conf manual, `ndots`). Only the start of a lookup is in the
//! schedule; its steps follow the answers, as they do in a pod.

use std::collections::VecDeque;

use crate::recorder::Recorder;
use crate::workload::{Step, Workload};

/// All lookups of one sender thread. Each has a query outstanding or a step
/// ready, so there are never more than the bound on outstanding queries and
/// one batch.
#[derive(Debug, Default)]
pub struct Lookups {
    slab: Vec<Lookup>,
    free: Vec<u32>,
    ready: VecDeque<(u32, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Lookup {
    due: u64,
    /// When its first query was given to the network.
    sent: u64,
    walk: u32,
    socket: u16,
    phase: u8,
    step: u8,
    waiting_for: u8,
    has_address: bool,
    has_failed: bool,
}

/// How a query of a lookup ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum QueryOutcome {
    /// It brought an address.
    Address,
    /// It brought an answer without one.
    Denial,
    /// It brought no answer.
    Lost,
}

/// A step that is to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReadyStep {
    /// The lookup.
    pub lookup: u32,
    /// When it became due: with the lookup, or with the last answer to the
    /// step before.
    pub due: u64,
    /// Its queries.
    pub step: Step,
    /// The socket of the pod.
    pub socket: u16,
    /// The phase of the lookup.
    pub phase: u8,
}

impl Lookups {
    /// Starts a lookup; its first step is then ready.
    pub fn start(&mut self, walk: u32, due: u64, phase: u8, socket: u16) {
        let lookup = Lookup {
            due,
            sent: due,
            walk,
            socket,
            phase,
            step: 0,
            waiting_for: 0,
            has_address: false,
            has_failed: false,
        };
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.slab.push(lookup);
                u32::try_from(self.slab.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if let Some(place) = self.slab.get_mut(index as usize) {
            *place = lookup;
        }
        self.ready.push_back((index, due));
    }

    /// Returns the next step that is to be sent at `now`, all of its queries.
    pub fn next_ready(&mut self, now: u64, workload: &Workload) -> Option<ReadyStep> {
        let (index, due) = self.ready.pop_front()?;
        let lookup = self.slab.get_mut(index as usize)?;
        let step = workload.step(lookup.walk, lookup.step)?;
        if lookup.step == 0 {
            lookup.sent = now;
        }
        lookup.waiting_for = step.len;
        lookup.step += 1;
        Some(ReadyStep { lookup: index, due, step, socket: lookup.socket, phase: lookup.phase })
    }

    /// Takes the end of one query, at `now`: the lookup may go on, or end.
    pub fn end_of_query(
        &mut self,
        index: u32,
        outcome: QueryOutcome,
        now: u64,
        workload: &Workload,
        recorder: &mut Recorder,
    ) {
        let Some(lookup) = self.slab.get_mut(index as usize) else { return };
        lookup.waiting_for = lookup.waiting_for.saturating_sub(1);
        lookup.has_address |= outcome == QueryOutcome::Address;
        lookup.has_failed |= outcome == QueryOutcome::Lost;
        if lookup.waiting_for > 0 {
            return;
        }
        let is_over = lookup.has_address
            || lookup.has_failed
            || workload.step(lookup.walk, lookup.step).is_none();
        if !is_over {
            self.ready.push_back((index, now));
            return;
        }
        let record = recorder.phase(lookup.phase);
        match (lookup.has_failed, lookup.has_address) {
            (true, _) => record.counts.lookups.failed += 1,
            (false, true) => record.counts.lookups.resolved += 1,
            (false, false) => record.counts.lookups.denied += 1,
        }
        // One that failed has kept its application waiting as well.
        record.lookup_ended(lookup.due, lookup.sent, now);
        self.free.push(index);
    }
}
