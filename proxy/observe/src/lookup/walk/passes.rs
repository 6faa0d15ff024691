//! A walk with one type, and the walk with another that may follow it.

use resolver::Moment;

use super::Walk;
use crate::lookup::outcome::{PassCost, Step};

impl Walk {
    /// Makes it the second walk for this base.
    pub(crate) fn come_after(&mut self, base: u64, cost: PassCost) {
        self.candidates.retain(|candidate| candidate.base == base);
        self.before = Some(cost);
    }

    /// What it cost, if it was a walk with one type over several names and is over: its
    /// base and when it ended beside that.
    pub(crate) fn pass(&self) -> Option<(u64, Moment, PassCost)> {
        let candidate = self.candidates.first()?;
        let is_pass = self.is_over()
            && self.before.is_none()
            && self.steps > 1
            && self.queries == self.steps
            && self.step.types.count_ones() == 1;
        let cost = PassCost {
            types: self.step.types,
            steps: self.steps,
            queries: self.queries,
            wasted_steps: self.wasted_steps,
            wasted_queries: self.wasted_queries,
            wasted: self.wasted,
            found: self.step.data.then_some(candidate.at),
        };
        is_pass.then_some((candidate.base, self.step.last, cost))
    }

    /// Its cost, with that of the walk before if nothing of it is counted. A name that
    /// both asked is one step, and no waste if one of them found it.
    pub(super) fn total(&self, found: Option<Step>) -> PassCost {
        let own = PassCost {
            types: self.step.types,
            steps: self.steps,
            queries: self.queries,
            wasted_steps: self.wasted_steps,
            wasted_queries: self.wasted_queries,
            wasted: self.wasted,
            found,
        };
        match self.before {
            None => own,
            // The kind of the lookup is what it was.
            Some(before) if before.found.is_some() => {
                PassCost { steps: before.steps, found: before.found, ..own }
            }
            Some(before) => {
                let is_earlier = found.is_some() && self.steps < before.steps;
                let less = u32::from(is_earlier);
                PassCost {
                    types: before.types | self.step.types,
                    steps: before.steps.max(self.steps),
                    queries: before.queries + self.queries,
                    wasted_steps: before
                        .wasted_steps
                        .saturating_sub(less)
                        .max(self.wasted_steps),
                    wasted_queries: before.wasted_queries.saturating_sub(less)
                        + self.wasted_queries,
                    wasted: before.wasted + self.wasted,
                    found,
                }
            }
        }
    }
}
