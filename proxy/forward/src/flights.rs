//! Questions in flight: what is asked of which upstream, when it is asked again,
//! what is believed, and what those who wait get.
//!
//! No I/O, no clock, no thread and no source of randomness: callers bring `now`, what
//! arrived, and random numbers. What has to be done outside leaves as [`Action`]s. So
//! a test plays hours of trouble in a moment, each time the same.
//!
//! [`Flights::ask`] takes a question, [`Flights::datagram`],
//! [`Flights::tcp_answer`] and [`Flights::error`] what became of queries, and
//! [`Flights::due`] does what is due at [`Flights::next_wake`].

mod action;
mod answers;
mod changes;
mod conditions;
mod errors;
mod flight;
mod guard;
mod ports;
mod probes;
mod stale;
mod suspect;
mod tries;
mod truncated;

use std::sync::Arc;
use std::time::Duration;

use dns::Rcode;
use rand::Rng;

use crate::client_rate::ClientRate;
use crate::failures::{self, Failures};
use crate::loops::Secret;
use crate::retry::Another;
use crate::retry_budget::RetryBudget;
use crate::upstream_health::UpstreamHealth;
use crate::zones::Zones;
use crate::{Ask, ForwardConfig, ReplyTo, UpstreamFailure};
use flight::Flight;
use observe::WorkerStats;
use ports::Ports;
use probes::Probes;
use resolver::{CacheConfig, Entry, GaveWay, Head, Inflight, Joined, KeyHasher, Limits, Open};
use resolver::{Moment, Origin, Retained, Ticket};

pub(crate) use action::{Action, Actions, Closed, TcpQuery};
pub(crate) use errors::FlightError;
pub(crate) use ports::{SentFrom, share};

/// All questions in flight, and what is known of the upstreams.
#[derive(Debug)]
pub(crate) struct Flights {
    terms: Terms,
    zones: Arc<Zones>,
    inflight: Inflight<Ask, Flight>,
    ports: Ports,
    health: UpstreamHealth,
    failures: Failures,
    client_rate: Option<ClientRate>,
    budget: RetryBudget,
    probes: Probes,
    stats: Arc<WorkerStats>,
    actions: Actions,
    /// Whether there are sockets to close as soon as nothing is open on them.
    has_surplus: bool,
}

/// What the configuration says about all questions.
#[derive(Clone, Copy, Debug)]
struct Terms {
    deadline: Duration,
    cache: CacheConfig,
    hop_option: bool,
    max_waiters: usize,
    max_inflight: usize,
}

impl Terms {
    const fn of(config: &ForwardConfig) -> Self {
        let ForwardConfig { deadline, cache, hop_option, max_waiters, max_inflight, .. } = *config;
        Self { deadline, cache, hop_option, max_waiters, max_inflight }
    }
}

const fn limits(config: &ForwardConfig) -> Limits {
    Limits {
        questions: config.max_inflight,
        waiters: config.max_waiters,
        waiting: config.max_inflight.saturating_mul(WAITING),
    }
}

impl Flights {
    /// Starts with none. `secret` is that of this process, and `hasher` that of the
    /// keys of our own questions.
    pub(crate) fn new(
        config: &ForwardConfig,
        zones: Arc<Zones>,
        (secret, hasher): (Secret, KeyHasher),
        stats: Arc<WorkerStats>,
    ) -> Self {
        Self {
            terms: Terms::of(config),
            inflight: Inflight::new(limits(config)),
            ports: Ports::new(zones.upstreams()),
            health: UpstreamHealth::new(zones.upstreams().len()),
            failures: Failures::default(),
            client_rate: config.client_rate.map(ClientRate::new),
            budget: RetryBudget::default(),
            probes: Probes::new(secret, hasher),
            stats,
            actions: Actions::default(),
            has_surplus: false,
            zones,
        }
    }

    /// Opens the sockets that each upstream has from the start.
    pub(crate) fn begin(&mut self, now: Moment) {
        for (socket, upstream) in self.ports.begin(now) {
            self.actions.push(Action::Open { socket, upstream });
        }
    }

    /// Takes a question that the cache has no answer to: lets it wait with
    /// others, or asks it. Its client is answered once, by its deadline.
    pub(crate) fn ask(&mut self, ask: Ask, now: Moment, rng: &mut impl Rng) {
        if matches!(ask.reply_to, ReplyTo::Probe(_)) {
            return self.probe(ask, None, now, rng);
        }
        if matches!(ask.reply_to, ReplyTo::Refresh) {
            if !self.may_refresh(&ask) {
                return;
            }
            self.stats.prefetches.add(1);
        }
        let Some(ask) = self.turn_back(ask, now) else { return };
        if !self.is_within_rate(&ask, now) {
            return self.refuse(ask, (Origin::Rate, Rcode::SERVFAIL), now);
        }
        let Some(at) = self.zones.find(&ask.query.qname) else {
            return self.refuse(ask, (Origin::NoZone, Rcode::REFUSED), now);
        };
        let Some(over) = self.zones.get(at).map(|zone| zone.transport) else { return };
        let deadline = ask.arrived + self.terms.deadline;
        let key = ask.key();
        let peer = ask.reply_to.peer();
        let flight = || Flight::new(at, over, now);
        let mut joined = self.inflight.join(&key, ask, deadline, flight);
        // Others may wait for the oldest question of the greediest, which goes on
        // then; but it has no more waiters than this.
        for _ in 0..self.terms.max_waiters {
            let Joined::Full(ask) = joined else { break };
            self.give_way(now);
            joined = self.inflight.join(&key, ask, deadline, flight);
        }
        match joined {
            Joined::First(ticket) => {
                self.time_stale(ticket, now);
                self.step(ticket, now, rng);
            }
            Joined::Also(ticket) => {
                self.stats.inflight_joined.add(1);
                self.time_stale(ticket, now);
                self.joined(ticket, peer, now, rng);
            }
            Joined::Instead(ticket, gone) => {
                self.shed(gone, now);
                self.joined(ticket, peer, now, rng);
            }
            Joined::Again(ask) => {
                self.stats.inflight_retransmits.add(1);
                self.actions.push(Action::Repeated(Box::new(ask)));
            }
            Joined::Full(ask) => self.shed(ask, now),
        }
    }

    fn is_within_rate(&self, ask: &Ask, now: Moment) -> bool {
        match (&self.client_rate, ask.reply_to.client()) {
            (Some(rate), Some(client)) => rate.allows(client, now),
            _ => true,
        }
    }

    /// Makes room: the client that waits for most no longer waits for its oldest.
    fn give_way(&mut self, now: Moment) {
        let Some(GaveWay { waiter, closed }) = self.inflight.give_way() else { return };
        for send in closed.iter().flat_map(|closed| &closed.state.sends) {
            self.ports.forget(send.from);
        }
        self.shed(waiter, now);
    }

    /// Answers one for whom there is no room. SERVFAIL, for musl and Go take
    /// REFUSED as final; and it is no failure of the name.
    fn shed(&mut self, ask: Ask, now: Moment) {
        self.stats.inflight_refused.add(1);
        self.refuse(ask, (Origin::Limit, Rcode::SERVFAIL), now);
    }

    /// Does what is due at `now`.
    pub(crate) fn due(&mut self, now: Moment, rng: &mut impl Rng) {
        if self.has_surplus {
            self.close_surplus();
        }
        while let Some(ticket) = self.inflight.take_due(now) {
            self.step(ticket, now, rng);
        }
    }

    /// Returns when [`due`](Self::due) has something to do next.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        self.inflight.next_wake()
    }

    /// Takes what has to be done, in exchange for empty `actions`.
    pub(crate) const fn swap_actions(&mut self, actions: &mut Actions) {
        std::mem::swap(&mut self.actions, actions);
    }

    /// Notes that a socket was opened, with this address at our end.
    pub(crate) fn opened(&mut self, socket: usize, local: Option<std::net::SocketAddr>) {
        self.ports.opened(socket, local);
    }

    /// Returns how many answers are waited for on a socket.
    pub(crate) fn open_on(&self, socket: usize) -> usize {
        self.ports.open(socket).len()
    }

    /// Does what is due for a question: a try, or its end.
    fn step(&mut self, ticket: Ticket, now: Moment, rng: &mut impl Rng) {
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        if now >= open.deadline || open.state.is_over(now) {
            return self.give_up(ticket, now);
        }
        self.look(ticket, now, rng);
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        for send in &open.state.sends {
            if now.saturating_since(send.at) >= SUSPICIOUS {
                self.health.failed(send.upstream, send.at, now);
            }
        }
        self.look_for_stale(ticket, now);
        self.try_due(ticket, now, rng);
        self.wake_for_next(ticket);
    }

    /// Notes that a try failed: another one follows, or it was the last.
    fn fail(&mut self, ticket: Ticket, upstream: usize, reason: UpstreamFailure, now: Moment) {
        self.stats.upstream_failures.add(reason.index());
        self.health.note(upstream, reason, now);
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let flight = &mut open.state;
        if flight.check == Some(upstream) {
            return;
        }
        if reason != UpstreamFailure::Rcode {
            flight.note_failure(reason.into(), upstream);
        }
        let Some(zone) = self.zones.get(flight.zone) else { return };
        // No place on our connections says nothing about the upstream.
        if !matches!(reason, UpstreamFailure::Busy | UpstreamFailure::Rcode) {
            self.health.failed(upstream, now, now);
        }
        if let Some(place) = zone.place_of(upstream) {
            flight.failed = flight.failed.with(place);
            if reason == UpstreamFailure::Rcode {
                flight.cannot = flight.cannot.with(place);
            }
        }
        let all_failed = zone.all_tried(flight.failed);
        let another = if all_failed { Another::None } else { Another::Untried };
        // An upstream that says it cannot answer would only say it again, and a client
        // that has all its places has them for a while.
        let hopeless =
            all_failed && matches!(reason, UpstreamFailure::Busy | UpstreamFailure::Rcode);
        if hopeless || !flight.retry.fail(now, another) {
            let hint = reason.is_hint();
            flight.ends_at = flight.grace().filter(|at| hint && *at > now);
            if flight.ends_at.is_none() {
                return self.give_up(ticket, now);
            }
        }
        self.wake_for_next(ticket);
    }

    /// Asks again at once: by no fault of the upstream the query did not reach it.
    fn repeat(&mut self, ticket: Ticket, now: Moment) {
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        open.state.retry.repeat(now);
        self.wake_for_next(ticket);
    }

    /// Ends a question without an answer, and remembers that (RFC 9520).
    fn give_up(&mut self, ticket: Ticket, now: Moment) {
        let Some(open) = self.inflight.get(ticket) else { return };
        let (query, flight) = (open.waiters.first().map(|first| first.query), &open.state);
        let Some(query) = query else { return };
        let (origin, upstream) = flight.why_failed(&self.health);
        let (origin, errno) = failures::told(origin, flight.errno);
        let said = flight.said.filter(|_| origin != Origin::Loop);
        let (rcode, said) = said.unwrap_or((Rcode::SERVFAIL, None));
        let addr = upstream.and_then(|at| self.zones.upstreams().get(at));
        let mut entry = origin.failure(&query, rcode, addr.copied(), now);
        // A lost probe says nothing about its upstream, and its name is never
        // asked again. What our own limit did says nothing about the name.
        let mut keep = None;
        if flight.pinned.is_none() && flight.truncated.is_none() && origin != Origin::Limit {
            for _ in flight.sends.iter().filter(|send| !send.refused) {
                let reason = UpstreamFailure::Silent.index();
                self.stats.upstream_failures.add(reason);
            }
            let head = Head { first: Some(origin.first(upstream)), ..entry.head };
            keep = Some(self.failures.head(&open.key, head, now));
        }
        entry.head.ede = said.or(entry.head.ede);
        if let Some(errno) = errno {
            failures::explain(&mut entry, errno);
        }
        self.close(ticket, (entry, keep), (origin, upstream));
    }

    /// Ends a question: all who wait are answered with the entry, which the cache
    /// keeps under the head beside it.
    fn close(
        &mut self,
        ticket: Ticket,
        (entry, keep): (Entry, Option<Head>),
        (origin, upstream): (Origin, Option<usize>),
    ) {
        let Some(mut open) = self.inflight.close(ticket) else { return };
        for send in &open.state.sends {
            self.ports.forget(send.from);
        }
        let truncated = open.state.truncated.take().filter(|_| origin.is_failure());
        let truncated = truncated.map(|truncated| truncated.entry);
        let (waiters, ring) = (open.waiters.into_vec(), open.state.guard.ring);
        let closed = Closed { waiters, entry, truncated, keep, origin, upstream, ring };
        self.actions.push(Action::Close(closed));
    }

    /// Answers one client that its question is not asked; nothing is remembered.
    fn refuse(&mut self, ask: Ask, (origin, rcode): (Origin, Rcode), now: Moment) {
        let entry = origin.failure(&ask.query, rcode, None, now);
        self.actions
            .push(Action::Refuse { ask: Box::new(ask), entry, origin });
    }

    fn wake_for_next(&mut self, ticket: Ticket) {
        if let Some(open) = self.inflight.get(ticket) {
            let at = open.state.next_at();
            self.inflight.wake_at(ticket, at);
        }
    }

    fn query_of(&self, ticket: Ticket) -> Option<&Retained> {
        let open = self.inflight.get(ticket)?;
        open.waiters.first().map(|first| &first.query)
    }
}

#[cfg(test)]
impl Flights {
    /// Returns how many questions are in flight.
    pub(crate) fn len(&self) -> usize {
        self.inflight.len()
    }

    /// Returns how many queries are open on all ports.
    pub(crate) fn open(&self) -> usize {
        self.ports.count_open()
    }
}

/// A query without an answer for so long puts its upstream last: as long as
/// the first try waits for the second.
const SUSPICIOUS: Duration = Duration::from_millis(400);

/// Clients that wait in all, for each question that may be in flight: a glibc
/// client waits for two answers. Some 7 MiB with the usual bound.
pub(crate) const WAITING: usize = 2;

/// Octets of a question in flight, without those who wait: its state, one datagram, its
/// place among the wake-ups, in the index and at its port.
pub(crate) const QUESTION: usize = size_of::<Open<Ask, Flight>>() + 384;
