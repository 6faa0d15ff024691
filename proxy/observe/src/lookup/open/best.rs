//! Which lookup a query fits best.

use super::OpenLookups;
use crate::intake::QueryEvent;
use crate::lookup::retransmit::Again;
use crate::lookup::walk::{Arrival, Fit, Walk, type_bit};

impl OpenLookups {
    /// Lets the lookup wait longer whose query came again: if several ask the
    /// same name, that of its port.
    pub(super) fn again(&mut self, event: &QueryEvent<'_>, asked: u64, again: Again) {
        let open = self.first_waiting(event, asked);
        let mut found: Option<(bool, usize)> = None;
        for (at, row) in self.found.of_name(asked, None) {
            if let Some(by_port) = row.waits_for(event, asked)
                && (by_port || found.is_none_or(|(by_port, _)| !by_port))
            {
                found = Some((by_port, at));
            }
        }
        match (open, found) {
            (Some((by_port, at)), found)
                if by_port || found.is_none_or(|(by_port, _)| !by_port) =>
            {
                self.open.change(at, |walk| walk.again(event, again));
            }
            (_, Some((_, at))) => {
                self.found.change(at, |found| found.again(event, again));
            }
            (_, None) => {}
        }
    }

    /// Finds the walk that a query belongs to: by its port, as another type of
    /// a name, as the next name of the walk that waits for it longest, and only
    /// then as a repetition. The oldest if several fit alike.
    pub(super) fn best_open(&self, query: &Arrival<'_>) -> Option<(Fit, usize)> {
        if self.open.len() == 0 {
            return None;
        }
        let mut best: Option<(Fit, u64, usize)> = None;
        let mut look = |(at, walk): (usize, &Walk)| {
            let Some(fit) = walk.fit(query) else { return };
            let begun = self.open.begun(at);
            if best.is_none_or(|(least, oldest, _)| (fit, begun) < (least, oldest)) {
                best = Some((fit, begun, at));
            }
        };
        let bit = type_bit(query.event.record.qtype);
        self.open
            .of_name(query.asked, Some(bit))
            .for_each(&mut look);
        let marks = query.splits.marks().iter();
        marks.for_each(|mark| self.open.going_on(*mark).for_each(&mut look));
        best.map(|(fit, _, at)| (fit, at))
    }

    /// Finds the lookup that a query belongs to as another type of a name that
    /// was found: by its port, or else the oldest.
    pub(super) fn best_found(&self, query: &Arrival<'_>) -> Option<(Fit, usize)> {
        let mut best: Option<(Fit, usize)> = None;
        let bit = type_bit(query.event.record.qtype);
        for (at, found) in self.found.of_name(query.asked, Some(bit)) {
            if let Some(fit) = found.fit(query)
                && best.is_none_or(|(least, _)| fit <= least)
            {
                best = Some((fit, at));
            }
        }
        best
    }

    /// Finds the first walk that waits for a name, by preference on the port of the query,
    /// and says whether it does.
    fn first_waiting(&self, event: &QueryEvent<'_>, asked: u64) -> Option<(bool, usize)> {
        let mut first: Option<(bool, usize)> = None;
        for (at, walk) in self.open.of_name(asked, None) {
            if let Some(by_port) = walk.waits_for(event, asked)
                && (by_port || first.is_none_or(|(by_port, _)| !by_port))
            {
                first = Some((by_port, at));
            }
        }
        first
    }
}
