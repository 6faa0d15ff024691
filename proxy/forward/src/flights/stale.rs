//! When those who wait get an answer whose TTL is over (RFC 8767), and questions for
//! the cache alone.
//!
//! After a short wait, or at once where no upstream of the zone is well. The question
//! goes on: what an upstream answers is kept, for the next who ask.

use super::{Action, Flights};
use crate::{Ask, ReplyTo};
use resolver::{Key, Moment, Ticket};

impl Flights {
    /// Returns whether a question is asked for the cache alone: not while it is in
    /// flight anyway, nor while clients need the room.
    pub(super) fn may_refresh(&self, ask: &Ask) -> bool {
        let is_busy = self.inflight.len() >= self.terms.max_inflight / REFRESHING;
        !is_busy && self.inflight.find(&ask.key()).is_none()
    }

    /// Sets the time at which who has just come gets a stale answer.
    pub(super) fn time_stale(&mut self, ticket: Ticket, now: Moment) {
        let Some(open) = self.inflight.get(ticket) else { return };
        if open.state.stale_at.is_some() || self.terms.cache.max_stale.is_zero() {
            return;
        }
        let zone = self.zones.get(open.state.zone);
        let is_dead = zone.is_some_and(|zone| {
            let mut upstreams = zone.upstreams.iter();
            upstreams.all(|upstream| self.health.is_suspect(*upstream))
        });
        let wait = if is_dead { Default::default() } else { self.terms.cache.stale_wait };
        if let Some(open) = self.inflight.get_mut(ticket) {
            open.state.stale_at = Some(now + wait);
        }
    }

    /// Has a stale answer looked for, when it is time.
    pub(super) fn look_for_stale(&mut self, ticket: Ticket, now: Moment) {
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        if open.state.stale_at.is_none_or(|at| now < at) {
            return;
        }
        open.state.stale_at = None;
        let mut waiters = open.waiters.iter();
        if waiters.any(|waiter| waiter.reply_to.peer().is_some()) {
            self.actions.push(Action::Stale(ticket));
        }
    }

    /// Returns the key of a question.
    pub(crate) fn key_of(&self, ticket: Ticket) -> Option<&Key> {
        self.inflight.get(ticket).map(|open| &open.key)
    }

    /// Takes those who wait for a question; it goes on for the cache.
    pub(crate) fn detach(&mut self, ticket: Ticket) -> Vec<Ask> {
        let first = self
            .inflight
            .get(ticket)
            .and_then(|open| open.waiters.first());
        let Some(first) = first else { return Vec::new() };
        let Ask { hash, query, hops, limit, arrived, .. } = *first;
        let ask = Ask { hash, query, hops, reply_to: ReplyTo::Refresh, limit, arrived };
        self.inflight.detach(ticket, ask)
    }
}

/// Of the questions that may be in flight, the part up to which some may be for the
/// cache alone.
const REFRESHING: usize = 4;
