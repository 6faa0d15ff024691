//! Which lookup a query fits best.

use std::ops::ControlFlow;

use super::OpenLookups;
use super::table::{Row, Table, Wanted};
use crate::intake::QueryEvent;
use crate::lookup::retransmit::Again;
use crate::lookup::walk::{Arrival, Fit, Walk, type_bit};

impl OpenLookups {
    /// Lets the lookup wait longer whose query came again: if several ask the
    /// same name, that of its port.
    pub(super) fn again(&mut self, event: &QueryEvent<'_>, asked: u64, again: Again) {
        let open = first_waiting(&self.open, asked, |walk| walk.waits_for(event, asked));
        let found = first_waiting(&self.found, asked, |found| found.waits_for(event, asked));
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
        let mut best: Option<(Fit, usize)> = None;
        let mut look = |at: usize, walk: &Walk| {
            if let Some(fit) = walk.fit(query)
                && best.is_none_or(|(least, _)| fit < least)
            {
                best = Some((fit, at));
            }
            // Nothing fits better.
            match best {
                Some((Fit::JoinByPort, _)) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        };
        let wanted = Wanted::taking(query.asked, type_bit(query.event.record.qtype));
        let mut is_surest = false;
        self.open.with_tag(wanted, |at, walk| {
            let looked = look(at, walk);
            is_surest = looked.is_break();
            looked
        });
        if !is_surest {
            self.open.going_on(query.splits.marks(), |at, walk| {
                // The others may fit as well as this one.
                let _fits = look(at, walk);
            });
        }
        best
    }

    /// Finds the lookup that a query belongs to as another type of a name that
    /// was found: by its port, or else the oldest.
    pub(super) fn best_found(&self, query: &Arrival<'_>) -> Option<(Fit, usize)> {
        let mut best: Option<(Fit, usize)> = None;
        let wanted = Wanted::taking(query.asked, type_bit(query.event.record.qtype));
        self.found.with_tag(wanted, |at, found| {
            if let Some(fit) = found.fit(query)
                && best.is_none_or(|(least, _)| fit < least)
            {
                best = Some((fit, at));
            }
            ControlFlow::Continue(())
        });
        best
    }
}

/// Finds the first that waits for a name, by preference on the port of the query,
/// and says whether it does.
fn first_waiting<R: Row>(
    table: &Table<R>,
    asked: u64,
    waits: impl Fn(&R) -> Option<bool>,
) -> Option<(bool, usize)> {
    let mut first: Option<(bool, usize)> = None;
    table.with_tag(Wanted::any(asked), |at, row| match waits(row) {
        Some(true) => {
            first = Some((true, at));
            ControlFlow::Break(())
        }
        Some(false) => {
            first = first.or(Some((false, at)));
            ControlFlow::Continue(())
        }
        None => ControlFlow::Continue(()),
    });
    first
}
