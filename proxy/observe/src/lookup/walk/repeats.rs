//! Queries that were sent again from another port, as Go does: nothing in them tells.

use std::time::Duration;

use dns::Rtype;

use super::{AT_ONCE, Fit, LEAST_TIMEOUT, TOGETHER, Walk, type_bit};
use crate::intake::{QueryEvent, QueryFlags};
use crate::lookup::timers::{Timers, seconds_of};

impl Walk {
    /// Says how a query of the name asked last belongs to it.
    pub(super) fn fit_same(&self, event: &QueryEvent<'_>, timers: Timers) -> Option<Fit> {
        let (record, step) = (&event.record, &self.step);
        let bit = type_bit(record.qtype);
        if step.types & bit == 0 {
            if self.is_over() && record.arrived > step.last + TOGETHER && !self.is_timer(event) {
                return None;
            }
            return Some(if step.port == record.port { Fit::JoinByPort } else { Fit::Join });
        }
        if record.flags.has(QueryFlags::TCP) && step.truncated & bit != 0 {
            return Some(Fit::Join);
        }
        // Go asks again from another port with another id. Programs that share
        // a port between types never do.
        if step.shared_port {
            return None;
        }
        let at_once = record.arrived.saturating_since(step.last) < AT_ONCE;
        if self.may_repeat_failure() && at_once {
            return Some(Fit::Repeat);
        }
        let waited = self.waited(event);
        let is_late = if self.is_start() {
            step.apart && timers.has(waited)
        } else {
            waited >= LEAST_TIMEOUT
        };
        let repeats = (is_late && !self.is_over()) || self.repeats_waiting(event, waited);
        repeats.then_some(Fit::Repeat)
    }

    /// Says whether this is a timer's length after its name was first asked: a type
    /// that asked a silent server first, as each of Go's may.
    fn is_timer(&self, event: &QueryEvent<'_>) -> bool {
        let waited = event.record.arrived.saturating_since(self.step.first);
        seconds_of(waited).is_some()
    }

    /// How long ago this query was sent, if it was before.
    pub(super) fn waited(&self, event: &QueryEvent<'_>) -> Duration {
        let [of_a, of_other] = self.step.asked;
        let is_a = event.record.qtype == Rtype::A;
        let asked = if is_a { of_a } else { of_other };
        event.record.arrived.saturating_since(asked)
    }

    /// Says whether a timer sent a query again whose answer was not there yet.
    fn repeats_waiting(&self, event: &QueryEvent<'_>, waited: Duration) -> bool {
        event.record.arrived < self.step.last && seconds_of(waited).is_some()
    }

    pub(super) const fn may_repeat_failure(&self) -> bool {
        let [.., failed] = self.repeats;
        self.step.failed && !self.step.data && failed < FAILED_REPEATS
    }

    pub(super) fn repeat(&mut self, event: &QueryEvent<'_>) {
        let is_waiting = event.record.arrived < self.step.last;
        let [waiting, answered, failed] = &mut self.repeats;
        let repeats = match (is_waiting, self.step.failed) {
            (true, _) => waiting,
            (false, true) => failed,
            (false, false) => answered,
        };
        *repeats += 1;
        self.answered(event);
    }
}

/// With two attempts each type is asked once more.
const FAILED_REPEATS: u32 = 2;
