//! The life of a question in flight: tried, answered, or given up.

use std::time::Duration;

use dns::{ExtendedError, Rcode};
use tokio::time::Instant;

use super::super::compose::compose;
use super::super::replies::Outcome;
use super::super::retry::{Another, Due, Retry};
use super::super::sockets::{QUERY_LEN, SentFrom};
use super::super::tcp::TcpAsk;
use super::super::upstream_health::UpstreamHealth;
use super::super::zones::Tried;
use super::super::{Ask, ReplyTo, Transport, UpstreamFailure};
use super::Engine;
use super::loops::{Guard, Pinned};
use observe::QueryFlags;
use resolver::Moment;
use resolver::Origin;
use resolver::Retained;
use resolver::{Entry, EntryView, Head};
use resolver::{Joined, Ticket};

/// What is kept with a question in flight.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(super) zone: usize,
    pub(super) retry: Retry,
    /// Datagrams whose answers are still waited for; at most eight.
    pub(super) sends: Vec<Send>,
    pub(super) asked: Tried,
    /// The upstream that was asked last.
    pub(super) last_asked: Option<usize>,
    pub(super) failed: Tried,
    /// What an upstream that could not answer said: the RCODE, and the INFO-CODE
    /// if it gave one.
    pub(super) said: Option<(Rcode, Option<u16>)>,
    /// Why there is no answer so far and from whom that is known, as far as
    /// anything was heard.
    pub(super) failure: Option<(Origin, usize)>,
    /// False once an upstream did not understand our OPT.
    pub(super) edns: bool,
    /// Who truncated its answer, and is asked over TCP.
    pub(super) truncated_by: Option<usize>,
    pub(super) started: Moment,
    pub(super) guard: Guard,
    /// Set for a probe.
    pub(super) pinned: Option<Pinned>,
}

/// A datagram that went to an upstream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Send {
    pub(super) from: SentFrom,
    pub(super) upstream: usize,
    pub(super) at: Moment,
}

impl Flight {
    /// A question that is asked `over` this transport at first.
    pub(super) fn new(zone: usize, over: Transport, now: Moment) -> Self {
        Self {
            zone,
            retry: Retry::new(now, over),
            sends: Vec::new(),
            asked: Tried::default(),
            last_asked: None,
            failed: Tried::default(),
            said: None,
            failure: None,
            edns: true,
            truncated_by: None,
            started: now,
            guard: Guard::default(),
            pinned: None,
        }
    }

    /// Returns when the query was sent that `upstream` answered with `id`; over
    /// TCP, when the first one was.
    pub(super) fn asked_at(&self, upstream: usize, id: u16) -> Moment {
        let mut sends = self.sends.iter();
        sends
            .find(|send| send.upstream == upstream && send.from.id == id)
            .map_or(self.started, |send| send.at)
    }

    /// Notes what `upstream` said instead of yes or no.
    pub(super) fn note_said(&mut self, answer: Head, origin: Origin, upstream: usize) {
        self.said = Some((answer.rcode, answer.ede));
        self.failure = Some((origin, upstream));
    }

    /// Notes that a try at `upstream` failed. What an upstream said counts for
    /// more, and so does the first thing that was more than silence.
    pub(super) fn note_failure(&mut self, origin: Origin, upstream: usize) {
        let known = self
            .failure
            .is_some_and(|(known, _)| known != Origin::Timeout);
        if !known {
            self.failure = Some((origin, upstream));
        }
    }

    /// Says why nobody answered, and who did not. As long as a query is out
    /// there, it is silence, whatever became of the others; unless its upstream
    /// refused those of other questions meanwhile. A system sends ICMP errors
    /// for some of many datagrams only (Linux `icmp_ratelimit`).
    fn why_failed(&self, health: &UpstreamHealth) -> (Origin, Option<usize>) {
        match self.failure {
            _ if self.guard.looped => return (Origin::Loop, self.last_asked),
            Some((origin, upstream)) if self.said.is_some() || self.sends.is_empty() => {
                return (origin, Some(upstream));
            }
            _ => {}
        }
        let refused = |send: &Send| health.refused_since(send.upstream, self.started);
        let all_refused = !self.sends.is_empty() && self.sends.iter().all(refused);
        let origin = if all_refused { Origin::ConnectRefused } else { Origin::Timeout };
        (origin, self.last_asked)
    }
}

impl Engine {
    /// Takes a question: answers it if it was answered meanwhile, lets it wait
    /// with others, or asks it.
    pub(super) fn take(&mut self, ask: Ask, now: Moment) {
        if matches!(ask.reply_to, ReplyTo::Probe(_)) {
            // Nobody who drains waits for it.
            self.shared.inbox.answered(1);
            return self.probe(ask, None, now);
        }
        let Some(ask) = self.turn_back(ask, now) else { return };
        if self.answered_meanwhile(&ask, now) {
            return self.shared.inbox.answered(1);
        }
        let Some(zone) = self.shared.zones.find(&ask.query.qname) else {
            return self.refuse(&ask, Origin::NoZone, now);
        };
        let Some(over) = self.shared.zones.get(zone).map(|zone| zone.transport) else { return };
        let deadline = ask.arrived + self.deadline;
        let key = ask.key();
        let peer = ask.reply_to.peer();
        let flight = || Flight::new(zone, over, now);
        match self.inflight.join(&key, ask, deadline, flight) {
            Joined::First(ticket) => self.step(ticket, now),
            Joined::Also(ticket) => {
                self.shared.stats.inflight_joined.add(1);
                self.joined(ticket, peer, now);
            }
            Joined::Again(ask) => {
                self.shared.stats.inflight_retransmits.add(1);
                self.replies.note_repeated(&ask);
                self.shared.inbox.answered(1);
            }
            Joined::Refused(ask) => {
                self.shared.stats.inflight_refused.add(1);
                self.refuse(&ask, Origin::Limit, now);
            }
        }
    }

    /// Does what is due for a question: a try, or its end.
    pub(super) fn step(&mut self, ticket: Ticket, now: Moment) {
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        if now >= open.deadline {
            return self.give_up(ticket, now);
        }
        if self.holds(ticket, now) {
            return;
        }
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        for send in &open.state.sends {
            if now.saturating_since(send.at) >= SUSPICIOUS {
                self.health.failed(send.upstream, send.at, now);
            }
        }
        let due = open.state.retry.take_due(now);
        if matches!(due, Some(Due::Udp | Due::Both)) {
            self.try_one(ticket, Transport::Udp, now);
        }
        if matches!(due, Some(Due::Tcp | Due::Both)) {
            self.try_one(ticket, Transport::Tcp, now);
        }
        self.wake_for_next(ticket);
    }

    /// Notes that a try failed: another one follows, or it was the last.
    pub(super) fn fail(
        &mut self,
        ticket: Ticket,
        upstream: usize,
        reason: UpstreamFailure,
        now: Moment,
    ) {
        self.shared.stats.upstream_failures.add(reason.index());
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let flight = &mut open.state;
        if reason != UpstreamFailure::Rcode {
            flight.note_failure(reason.into(), upstream);
        }
        let Some(zone) = self.shared.zones.get(flight.zone) else { return };
        if reason != UpstreamFailure::Rcode {
            self.health.failed(upstream, now, now);
        }
        if let Some(place) = zone.place_of(upstream) {
            flight.failed = flight.failed.with(place);
        }
        let all_failed = zone.all_tried(flight.failed);
        let another = if all_failed { Another::None } else { Another::Untried };
        // An upstream that says it cannot answer would only say it again.
        let hopeless = all_failed && reason == UpstreamFailure::Rcode;
        if hopeless || !flight.retry.fail(now, another) {
            return self.give_up(ticket, now);
        }
        self.wake_for_next(ticket);
    }

    /// Asks again at once: the connection ended before the query was read.
    pub(super) fn repeat(&mut self, ticket: Ticket, now: Moment) {
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        open.state.retry.repeat(now);
        self.wake_for_next(ticket);
    }

    /// Another question may have brought the answer between the client
    /// thread's look into the cache and now.
    fn answered_meanwhile(&mut self, ask: &Ask, now: Moment) -> bool {
        let replies = &mut self.replies;
        let answer = |entry: Option<EntryView<'_>>| {
            entry.map(|entry| replies.answer(ask, &entry, Outcome::cached(&entry), now))
        };
        self.shared
            .cache
            .lookup(&ask.key_view(), now, answer)
            .is_some()
    }

    fn try_one(&mut self, ticket: Ticket, over: Transport, now: Moment) {
        let Some((place, upstream)) = self.pick(ticket, over, now) else { return };
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        open.state.asked = open.state.asked.with(place);
        open.state.last_asked = Some(upstream);
        let Some(first) = open.waiters.first() else { return };
        let mut message = [0; QUERY_LEN];
        let cluster = self.shared.zones.get(open.state.zone);
        let told = self.hop_option && cluster.is_some_and(|zone| zone.cluster);
        let hops = told.then(|| first.hops.with(self.shared.loops.process()));
        let Some(len) = compose(&first.query, open.state.edns, hops, &mut message) else { return };
        let message = message.get_mut(..len).unwrap_or_default();
        let result = match over {
            Transport::Udp => match self.sockets.assign(upstream, ticket, now) {
                Ok(from) => {
                    dns::put_u16(message, 0, from.id);
                    self.sockets.queue(from, message);
                    open.state.sends.push(Send { from, upstream, at: now });
                    Ok(())
                }
                Err(_) => Err(UpstreamFailure::Socket),
            },
            Transport::Tcp => {
                let deadline = Instant::now() + open.deadline.saturating_since(now);
                let ask = TcpAsk { ticket, message: (&*message).into(), deadline };
                self.tcp.ask(upstream, ask)
            }
        };
        match result {
            Ok(()) => self.shared.stats.upstream_queries.add(over.index()),
            Err(reason) => self.fail(ticket, upstream, reason, now),
        }
    }

    /// Picks whom to ask: its place in the zone and its number.
    fn pick(&mut self, ticket: Ticket, over: Transport, now: Moment) -> Option<(usize, usize)> {
        let flight = &mut self.inflight.get_mut(ticket)?.state;
        let zone = self.shared.zones.get(flight.zone)?;
        if let Some(Pinned { upstream, .. }) = flight.pinned {
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
        let place = zone.pick(flight.asked, &self.health, now, rand::random());
        Some((place, *zone.upstreams.get(place)?))
    }

    /// Ends a question without an answer, and remembers that (RFC 9520).
    pub(super) fn give_up(&mut self, ticket: Ticket, now: Moment) {
        let Some(open) = self.inflight.get(ticket) else { return };
        // A lost probe says nothing about its upstream.
        let probe = open.state.pinned.is_some();
        for _ in open.state.sends.iter().filter(|_| !probe) {
            let reason = UpstreamFailure::Silent.index();
            self.shared.stats.upstream_failures.add(reason);
        }
        let Some(first) = open.waiters.first() else { return };
        let (origin, upstream) = open.state.why_failed(&self.health);
        let said = open.state.said.filter(|_| origin != Origin::Loop);
        let (rcode, said) = said.unwrap_or((Rcode::SERVFAIL, None));
        let addr = upstream.and_then(|at| self.shared.zones.upstreams().get(at));
        let text = origin.extra_text(addr.copied());
        // Who is told of it later gets the same words, and that they are old.
        let error =
            ExtendedError { code: Origin::CachedFailure.info_code(), text: text.as_bytes() };
        // Its name is never asked again.
        let ttl = if probe { Duration::ZERO } else { self.failures.note(&open.key, now) };
        let mut entry = resolver::failure(&first.query, rcode, error, ttl, now);
        if !probe {
            self.shared.cache.insert(&open.key, &entry);
        }
        entry.head.ede = Some(said.unwrap_or_else(|| origin.info_code()));
        let outcome = Outcome { origin, upstream, flags: QueryFlags::default() };
        self.close(ticket, &entry, outcome, now);
    }

    /// Ends a question: all who wait are answered.
    pub(super) fn close(&mut self, ticket: Ticket, entry: &Entry, outcome: Outcome, now: Moment) {
        let Some(open) = self.inflight.close(ticket) else { return };
        for send in &open.state.sends {
            self.sockets.forget(send.from);
        }
        let view = entry.view();
        let mut role = QueryFlags::ASKED;
        for ask in &open.waiters {
            self.replies
                .answer(ask, &view, Outcome { flags: role, ..outcome }, now);
            role = QueryFlags::JOINED;
        }
        match open.state.pinned {
            Some(pinned) => self.probe_ended(pinned),
            None => self.shared.inbox.answered(open.waiters.len()),
        }
    }

    /// Answers one client that it cannot be helped; nothing is remembered.
    fn refuse(&mut self, ask: &Ask, origin: Origin, now: Moment) {
        let text = origin.extra_text(None);
        let error = ExtendedError { code: origin.info_code(), text: text.as_bytes() };
        let entry = resolver::failure(&ask.query, Rcode::REFUSED, error, Duration::ZERO, now);
        let outcome = Outcome { origin, upstream: None, flags: QueryFlags::default() };
        self.replies.answer(ask, &entry.view(), outcome, now);
        self.shared.inbox.answered(1);
    }

    pub(super) fn wake_for_next(&mut self, ticket: Ticket) {
        if let Some(open) = self.inflight.get(ticket) {
            let at = open.state.next_at();
            self.inflight.wake_at(ticket, at);
        }
    }

    pub(super) fn query_of(&self, ticket: Ticket) -> Option<&Retained> {
        let open = self.inflight.get(ticket)?;
        open.waiters.first().map(|first| &first.query)
    }
}

/// A query without an answer for so long puts its upstream last: as long as
/// the first try waits for the second.
const SUSPICIOUS: Duration = Duration::from_millis(400);
