//! Tries: whether one may be sent now, to whom, and how it leaves.

use std::net::IpAddr;
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
        self.hedge(ticket, now, rng);
        if !self.may_try(ticket, now) {
            return;
        }
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let first = open.state.retry.sent() == 0;
        let mut due = open.state.retry.take_due(now);
        let is_last = open.state.retry.next_at().is_none();
        // The second query is a second retry. Without it the last try goes over TCP, as
        // where it has no room.
        if due == Some(Due::Both) && !self.takes_spare(ticket, now) {
            due = Some(if is_last { Due::Tcp } else { Due::Udp });
        }
        if matches!(due, Some(Due::Udp | Due::Both)) {
            self.try_one(ticket, Transport::Udp, now, rng);
        }
        if matches!(due, Some(Due::Tcp | Due::Both)) {
            self.try_one(ticket, Transport::Tcp, now, rng);
        }
        if first {
            self.check_others(ticket, now, rng);
        }
    }

    /// Asks a second upstream when the first takes longer than it nearly ever does,
    /// while there are retries to spare.
    fn hedge(&mut self, ticket: Ticket, now: Moment, rng: &mut impl Rng) {
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let flight = &mut open.state;
        if flight.hedge_at.is_none_or(|at| at > now) {
            return;
        }
        flight.hedge_at = None;
        let Some(zone) = self.zones.get(flight.zone) else { return };
        let random = rng.random();
        let place = zone.pick_well(flight.asked, &self.health, now, random);
        let upstream = place.and_then(|place| Some((place, *zone.upstreams.get(place)?)));
        let over = flight.retry.over();
        if let Some(to) = upstream
            && flight.retry.has_room()
            && self.takes_spare(ticket, now)
        {
            if let Some(open) = self.inflight.get_mut(ticket) {
                open.state.retry.take_extra();
            }
            self.stats.upstream_retries.add(RetryKind::Hedge.index());
            self.ask_upstream(ticket, to, over, now, rng);
        }
    }

    /// Sends a copy of a question to an upstream that is suspect, or slow, when it is
    /// time to see how it is: so no client has to wait for it.
    fn check_others(&mut self, ticket: Ticket, now: Moment, rng: &mut impl Rng) {
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let flight = &mut open.state;
        let (Some(zone), Some(chosen)) = (self.zones.get(flight.zone), flight.last_asked) else {
            return;
        };
        let health = &mut self.health;
        let mut others = zone.upstreams.iter().copied().enumerate();
        let due = others.find(|(_, other)| {
            flight.pinned.is_none() && *other != chosen && health.take_check(*other, chosen, now)
        });
        if let Some(to) = due
            && flight.retry.take_extra()
        {
            flight.check = Some(to.1);
            self.stats.upstream_retries.add(RetryKind::Check.index());
            let over = flight.retry.over();
            self.send(ticket, to.1, over, now, rng);
            self.note_check(ticket, to.1);
        }
    }

    /// Remembers where a copy left from: its answer may come after the question's.
    fn note_check(&mut self, ticket: Ticket, upstream: usize) {
        let Some(open) = self.inflight.get(ticket) else { return };
        let mut sends = open.state.sends.iter();
        let send = sends.rfind(|send| send.upstream == upstream);
        self.health.note_check(upstream, send.map(|send| send.from));
    }

    /// Notes when a question is to be asked of a second upstream.
    fn plan_hedge(&mut self, ticket: Ticket, upstream: usize, now: Moment) {
        let usual = self.health.most_answered_within(upstream);
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let zone = self.zones.get(open.state.zone);
        let alone = zone.is_none_or(|zone| zone.shared < 2);
        let usual = usual.filter(|usual| *usual <= MOST_HEDGE);
        if !alone && open.state.pinned.is_none() && open.state.retry.sent() == 1 {
            open.state.hedge_at = usual.map(|usual| now + usual.max(LEAST_HEDGE));
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
        let may = !self.all_silent(ticket, now) && self.takes_budget(ticket, now);
        if !may {
            self.hold(ticket, now);
        }
        may
    }

    /// Lets a retry wait; or gives it up, where all has failed and nothing is out there:
    /// that is to be known soon, and waiting would bring nothing else.
    fn hold(&mut self, ticket: Ticket, now: Moment) {
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let flight = &mut open.state;
        flight.retry.postpone(now + HELD);
        let zone = self.zones.get(flight.zone);
        let failed = zone.is_some_and(|zone| zone.all_tried(flight.failed));
        if failed && flight.all_refused() {
            flight.ends_at = flight.grace().max(Some(now));
        }
    }

    /// Returns whether a retry would only meet silence: as long as no upstream of the
    /// zone says anything, first tries and a few checks are asked of them, so that there
    /// are retries left for when they are back.
    fn all_silent(&mut self, ticket: Ticket, now: Moment) -> bool {
        let Some(open) = self.inflight.get(ticket) else { return false };
        let Some(zone) = self.zones.get(open.state.zone) else { return false };
        let health = &mut self.health;
        let silent = zone.upstreams.iter().all(|at| health.is_silent(*at, now));
        silent
            && !zone
                .upstreams
                .iter()
                .any(|at| health.take_check(*at, *at, now))
    }

    fn client_of(&self, ticket: Ticket) -> Option<IpAddr> {
        let first = self.inflight.get(ticket)?.waiters.first()?;
        first.reply_to.client()
    }

    fn takes_spare(&mut self, ticket: Ticket, now: Moment) -> bool {
        let client = self.client_of(ticket);
        self.budget.take_spare(client, now)
    }

    fn takes_budget(&mut self, ticket: Ticket, now: Moment) -> bool {
        let client = self.client_of(ticket);
        let may = self.budget.take(client, now);
        let kind = if may { RetryKind::Sent } else { RetryKind::Held };
        self.stats.upstream_retries.add(kind.index());
        may
    }

    /// Asks one upstream.
    fn try_one(&mut self, ticket: Ticket, over: Transport, now: Moment, rng: &mut impl Rng) {
        let Some(to) = self.pick(ticket, over, now, rng) else { return };
        self.ask_upstream(ticket, to, over, now, rng);
        self.plan_hedge(ticket, to.1, now);
    }

    fn ask_upstream(
        &mut self,
        ticket: Ticket,
        (place, upstream): (usize, usize),
        over: Transport,
        now: Moment,
        rng: &mut impl Rng,
    ) {
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let flight = &mut open.state;
        flight.asked = flight.asked.with(place);
        flight.last_asked = Some(upstream);
        flight.check = flight.check.filter(|check| *check != upstream);
        self.send(ticket, upstream, over, now, rng);
    }

    fn send(
        &mut self,
        ticket: Ticket,
        upstream: usize,
        over: Transport,
        now: Moment,
        rng: &mut impl Rng,
    ) {
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let Some(first) = open.waiters.first() else { return };
        let zone = self.zones.get(open.state.zone);
        let marked = self.terms.hop_option && zone.is_some_and(|zone| zone.cluster);
        let hops = marked.then(|| first.hops.with(self.probes.mark(&first.query)));
        let (edns, query) = (open.state.edns, &first.query);
        // Some servers leave probes unanswered.
        if open.state.pinned.is_none() {
            self.health.asked(upstream, now);
        }
        if over == Transport::Tcp {
            open.state.asked_over_tcp = Some((upstream, now));
            let mut message = [0; QUERY_LEN];
            let Some(len) = compose(query, edns, hops, &mut message) else { return };
            let message = message.get(..len).unwrap_or_default().into();
            let client = first.reply_to.client();
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

/// A question is never asked of a second upstream before: our own thread may be
/// late as well.
const LEAST_HEDGE: Duration = Duration::from_millis(10);

/// Nor of one that usually takes longer: the schedule comes first.
const MOST_HEDGE: Duration = Duration::from_millis(300);

/// How long a retry waits that is above the budget. Each look at one costs a
/// microsecond, and there may be as many as questions in flight.
const HELD: Duration = Duration::from_millis(200);
