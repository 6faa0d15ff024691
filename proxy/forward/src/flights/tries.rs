//! Tries: whether one may be sent now, to whom, and how it leaves.

use std::time::Duration;

use rand::{Rng, RngExt as _};

use super::flight::Send;
use super::{Action, Flights, TcpQuery};
use crate::compose::{QUERY_LEN, compose};
use crate::retry::Due;
use crate::{Transport, UpstreamFailure};
use observe::RetryKind;
use resolver::{Moment, Ticket};

impl Flights {
    /// Sends the tries of a question that are due.
    pub(super) fn try_due(&mut self, ticket: Ticket, now: Moment, rng: &mut impl Rng) {
        if !self.may_try(ticket, now) {
            return;
        }
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let due = open.state.retry.take_due(now);
        if matches!(due, Some(Due::Udp | Due::Both)) {
            self.try_one(ticket, Transport::Udp, now, rng);
        }
        // A second query is a second retry.
        let both = due != Some(Due::Both) || self.takes_budget(ticket, now);
        if matches!(due, Some(Due::Tcp | Due::Both)) && both {
            self.try_one(ticket, Transport::Tcp, now, rng);
        }
    }

    /// Decides whether what is due may be sent. A retry above the budget waits.
    fn may_try(&mut self, ticket: Ticket, now: Moment) -> bool {
        let Some(open) = self.inflight.get_mut(ticket) else { return false };
        let retry = &open.state.retry;
        if open.state.pinned.is_some() || retry.next_at().is_none_or(|at| at > now) {
            return true;
        }
        if !retry.is_again() {
            if retry.sent() == 0 {
                self.budget.note_first();
            }
            return true;
        }
        let may = self.takes_budget(ticket, now);
        if !may && let Some(open) = self.inflight.get_mut(ticket) {
            open.state.retry.postpone(now + HELD);
        }
        may
    }

    fn takes_budget(&mut self, ticket: Ticket, now: Moment) -> bool {
        let Some(open) = self.inflight.get(ticket) else { return false };
        let peer = open.waiters.first().and_then(|first| first.reply_to.peer());
        let may = self.budget.take(peer.map(|peer| peer.ip()), now);
        let kind = if may { RetryKind::Sent } else { RetryKind::Held };
        self.stats.upstream_retries.add(kind.index());
        may
    }

    /// Asks one upstream.
    fn try_one(&mut self, ticket: Ticket, over: Transport, now: Moment, rng: &mut impl Rng) {
        let Some((place, upstream)) = self.pick(ticket, over, now, rng) else { return };
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        open.state.asked = open.state.asked.with(place);
        open.state.last_asked = Some(upstream);
        let Some(first) = open.waiters.first() else { return };
        let zone = self.zones.get(open.state.zone);
        let marked = self.terms.hop_option && zone.is_some_and(|zone| zone.cluster);
        let hops = marked.then(|| first.hops.with(self.probes.process()));
        let (edns, query) = (open.state.edns, &first.query);
        if over == Transport::Tcp {
            let mut message = [0; QUERY_LEN];
            let Some(len) = compose(query, edns, hops, &mut message) else { return };
            let message = message.get(..len).unwrap_or_default().into();
            let client = first.reply_to.peer().map(|peer| peer.ip());
            let deadline = open.deadline;
            let query = TcpQuery { ticket, upstream, message, deadline, client };
            return self.actions.push(Action::AskTcp(query));
        }
        let Some(assigned) = self.ports.assign(upstream, ticket, now, rng) else {
            return self.fail(ticket, upstream, UpstreamFailure::Socket, now);
        };
        let from = assigned.from;
        if assigned.fresh {
            self.actions
                .push(Action::Open { socket: from.socket, upstream });
        }
        self.actions.send(from, |out| {
            let len = compose(query, edns, hops, out)?;
            dns::put_u16(out, 0, from.id)?;
            Some(len)
        });
        open.state
            .sends
            .push(Send { from, upstream, at: now, refused: false });
    }

    /// Picks whom to ask: its place in the zone and its number.
    fn pick(
        &mut self,
        ticket: Ticket,
        over: Transport,
        now: Moment,
        rng: &mut impl Rng,
    ) -> Option<(usize, usize)> {
        let flight = &mut self.inflight.get_mut(ticket)?.state;
        let zone = self.zones.get(flight.zone)?;
        if let Some(upstream) = flight.pinned {
            return Some((zone.place_of(upstream)?, upstream));
        }
        if over == Transport::Tcp
            && let Some(upstream) = flight.truncated_by.take()
        {
            return Some((zone.place_of(upstream)?, upstream));
        }
        if zone.all_tried(flight.asked) {
            flight.asked = flight.failed;
        }
        let place = zone.pick(flight.asked, &self.health, now, rng.random());
        Some((place, *zone.upstreams.get(place)?))
    }
}

/// How long a retry waits that is above the budget.
const HELD: Duration = Duration::from_millis(50);
