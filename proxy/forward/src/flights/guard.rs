//! The loop guard: whether a question in flight has come back to us.
//!
//! Who joins a question is a client, or the far end of a ring that the
//! question went round; no field of a query says which. So a question that
//! others joined and nobody answered is followed by a probe through the same
//! upstream. Only a ring brings that back, and then it is broken here.

use std::net::SocketAddr;
use std::time::Duration;

use dns::{Name, Rcode};
use rand::{Rng, RngExt as _};

use super::flight::Flight;
use super::{Action, Flights, UpstreamFailure};
use crate::loops::{Evidence, ProbeNames, Sighting};
use crate::retry::Another;
use crate::{Ask, ProbeReply, ReplyTo, Transport};
use resolver::{Entry, Joined, Moment, Origin, Ticket};

impl Flights {
    /// Answers special names, and what has certainly been round; gives everything
    /// else back.
    pub(super) fn turn_back(&mut self, ask: Ask, now: Moment) -> Option<Ask> {
        let Some(peer) = ask.reply_to.peer() else { return Some(ask) };
        if let Some(entry) = self.own_answer(&ask, now) {
            let (ask, origin) = (Box::new(ask), Origin::Local);
            self.actions.push(Action::Refuse { ask, entry, origin });
            return None;
        }
        if let Some(nonce) = self.probes.nonce_in(&ask.query.qname) {
            self.probe_returned(nonce, &ask.query.qname, peer, now);
            self.refuse(ask, (Origin::Loop, Rcode::NXDOMAIN), now);
            return None;
        }
        if self.terms.hop_option && self.marked(&ask, peer, now) {
            self.refuse(ask, (Origin::Loop, Rcode::SERVFAIL), now);
            return None;
        }
        let Some(upstream) = self.ports.own(&peer) else {
            if let Some(upstream) = self.ports.upstream_at(peer.ip()) {
                let asker = self.zones.upstreams().get(upstream);
                let asker = asker.map(|addr| Action::UpstreamAsks(*addr));
                self.actions.list.extend(asker);
            }
            return Some(ask);
        };
        self.note_loop(Evidence::OwnSource, &ask.query.qname, Way::through(upstream, None));
        self.health.failed(upstream, now, now);
        if let Some(ticket) = self.inflight.find(&ask.key()) {
            self.looped(ticket, upstream, now);
        }
        self.refuse(ask, (Origin::Loop, Rcode::SERVFAIL), now);
        None
    }

    /// Returns our own answer to a special name, unless a zone is there for it.
    fn own_answer(&self, ask: &Ask, now: Moment) -> Option<Entry> {
        let entry = resolver::special(&ask.query, now)?;
        let zone = self.zones.find(&ask.query.qname);
        let zone = zone.and_then(|at| self.zones.get(at));
        zone.is_none_or(|zone| zone.suffix == Name::ROOT)
            .then_some(entry)
    }

    /// Says whether a query carries our mark. Only this process can have made that
    /// for this question; those of others prove nothing, however many they are.
    fn marked(&mut self, ask: &Ask, peer: SocketAddr, now: Moment) -> bool {
        let ids = ask.hops.ids();
        let mark = self.probes.mark(&ask.query);
        let Some(own) = ids.iter().position(|id| *id == mark) else { return false };
        let ticket = self.inflight.find(&ask.key());
        let open = ticket.and_then(|ticket| self.inflight.get(ticket));
        let upstream = open.and_then(|open| open.state.last_asked);
        let others = ids.get(own + 1..).unwrap_or_default();
        let via = others.iter().map(|id| format!("proxy {id:016x}"));
        let way = Way { upstream, via: via.collect(), peer: Some(peer) };
        self.note_loop(Evidence::HopOption, &ask.query.qname, way);
        if let (Some(ticket), Some(upstream)) = (ticket, upstream) {
            self.health.failed(upstream, now, now);
            self.looped(ticket, upstream, now);
        }
        true
    }

    /// Notes that `peer` joined a question.
    pub(super) fn joined(
        &mut self,
        ticket: Ticket,
        peer: Option<SocketAddr>,
        now: Moment,
        rng: &mut impl Rng,
    ) {
        let upstream = peer.and_then(|peer| self.asked_back_by(ticket, peer));
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let flight = &mut open.state;
        flight.guard.note_joiner(peer);
        if upstream.is_some() {
            flight.guard.note_lap(flight.retry.sent());
        }
        // One lap for each query, though the probe did not get through.
        let again = flight.guard.laps >= LAPS || flight.guard.looped;
        if let Some(upstream) = upstream.filter(|_| again) {
            let qname = open.waiters.first().map(|first| first.query.qname);
            let qname = qname.unwrap_or(Name::ROOT);
            self.note_loop(Evidence::UpstreamAsks, &qname, Way::through(upstream, peer));
            self.health.failed(upstream, now, now);
            self.note_ring(ticket, peer);
            return self.looped(ticket, upstream, now);
        }
        if let (Some((returned, through)), Some(peer)) = (flight.guard.returned, peer)
            && returned == peer.ip()
            && !flight.guard.looped
        {
            let qname = open.waiters.first().map(|first| first.query.qname);
            let qname = qname.unwrap_or(Name::ROOT);
            self.note_loop(Evidence::InFlight, &qname, Way::through(through, Some(peer)));
            self.note_ring(ticket, Some(peer));
            return self.looped(ticket, through, now);
        }
        match flight.next_at() {
            Some(at) if at <= now => self.step(ticket, now, rng),
            _ => self.wake_for_next(ticket),
        }
    }

    /// Returns the upstream at the address of `peer`, if it was sent this question
    /// and no other program can have its address. That we ask it for other names
    /// proves nothing: it may be right to forward this one to us.
    fn asked_back_by(&self, ticket: Ticket, peer: SocketAddr) -> Option<usize> {
        let flight = &self.inflight.get(ticket)?.state;
        let zone = self.zones.get(flight.zone)?;
        let mut asked = zone.upstreams_of(flight.asked);
        asked.find(|upstream| self.ports.is_only_at(*upstream, peer.ip()))
    }

    /// Sends a probe after a question when it is time. The tries do not wait for
    /// it: whether the question is in a loop is one thing, and whether its query
    /// was lost another.
    pub(super) fn look(&mut self, ticket: Ticket, now: Moment, rng: &mut impl Rng) {
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let flight = &mut open.state;
        let look = flight.guard.look_at(flight.started, flight.retry.sent());
        if flight.pinned.is_some() || look.is_none_or(|at| now < at) {
            return;
        }
        if !self.probes.may_probe(now) {
            flight.guard.waits_until = Some(now + BUSY);
            return;
        }
        flight.guard.probes += 1;
        self.probe_after(ticket, now, rng);
    }

    /// Asks the upstream of a question for a name that nobody else asks for,
    /// below its own name and of its type, so that it takes the same way.
    fn probe_after(&mut self, ticket: Ticket, now: Moment, rng: &mut impl Rng) {
        let Some(open) = self.inflight.get(ticket) else { return };
        let (Some(upstream), Some(first)) = (open.state.last_asked, open.waiters.first()) else {
            return;
        };
        let to = (upstream, first.hops);
        let ask = self.probes.ask(&first.query, to, rng.random(), now);
        self.probe(ask, Some(ticket), now, rng);
    }

    /// Sends a probe, once and to one upstream.
    pub(super) fn probe(
        &mut self,
        ask: Ask,
        suspect: Option<Ticket>,
        now: Moment,
        rng: &mut impl Rng,
    ) {
        let ReplyTo::Probe(ProbeReply { upstream, nonce, .. }) = ask.reply_to else { return };
        let zone = self.zones.find(&ask.query.qname);
        let zone = zone.filter(|zone| {
            let zone = self.zones.get(*zone);
            zone.is_some_and(|zone| zone.place_of(upstream).is_some())
        });
        let Some(zone) = zone else { return };
        let encrypted = self.zones.get(zone).is_some_and(|zone| zone.encrypted);
        let over = if encrypted { Transport::Tcp } else { Transport::Udp };
        let key = ask.key();
        let flight = || Flight::probe(zone, (upstream, over), now);
        let life = if suspect.is_some() { SUSPECT_LIFE } else { PROBE_LIFE };
        // Its name is random: if it is not the first, there is no room.
        if let Joined::First(ticket) = self.inflight.join(&key, ask, now + life, flight) {
            self.probes.sent(nonce, upstream, suspect, now);
            self.step(ticket, now, rng);
        }
    }

    /// A probe came back: there is a ring, and its last hop is `peer`.
    fn probe_returned(&mut self, nonce: u64, qname: &Name, peer: SocketAddr, now: Moment) {
        let Some(probe) = self.probes.returned(nonce, now) else { return };
        let evidence = match probe.suspect {
            None => Evidence::Probe,
            Some(ticket) if self.asked_back_by(ticket, peer).is_some() => Evidence::UpstreamAsks,
            Some(_) => Evidence::InFlight,
        };
        if evidence == Evidence::InFlight
            && let Some(ticket) = probe.suspect
            && !self.came_from(ticket, peer, probe.upstream)
        {
            return;
        }
        let below = ProbeNames::below(qname);
        self.note_loop(evidence, &below, Way::through(probe.upstream, Some(peer)));
        // Questions take another upstream first, if there is one. What a client shows
        // us says nothing about the names of others: it may have the probe's name
        // from a server of its own.
        if evidence != Evidence::InFlight {
            self.health.failed(probe.upstream, now, now);
        }
        if let Some(ticket) = probe.suspect {
            self.note_ring(ticket, Some(peer));
            self.looped(ticket, probe.upstream, now);
        }
    }

    /// Notes who sent a question back to us: its queries are no client's.
    fn note_ring(&mut self, ticket: Ticket, peer: Option<SocketAddr>) {
        if let Some(open) = self.inflight.get_mut(ticket) {
            open.state.guard.ring = peer.map(|peer| peer.ip());
        }
    }

    /// Returns whether a question came from `peer` as well as the probe after it. If it
    /// did not, it may yet.
    fn came_from(&mut self, ticket: Ticket, peer: SocketAddr, upstream: usize) -> bool {
        let Some(open) = self.inflight.get_mut(ticket) else { return false };
        let guard = &mut open.state.guard;
        let came = guard.joiners.contains(&Some(peer.ip()));
        guard.returned = Some((peer.ip(), upstream));
        came
    }

    /// Goes on with a question one of whose upstreams leads back to us: with
    /// another one, or to its end.
    pub(super) fn looped(&mut self, ticket: Ticket, upstream: usize, now: Moment) {
        let reason = UpstreamFailure::Loop;
        self.stats.upstream_failures.add(reason.index());
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let flight = &mut open.state;
        flight.guard.looped = true;
        flight.failure = Some((Origin::Loop, upstream));
        // Whatever they bring was brought by us.
        for send in flight
            .sends
            .extract_if(.., |send| send.upstream == upstream)
        {
            self.ports.forget(send.from);
        }
        let Some(zone) = self.zones.get(flight.zone) else { return };
        if let Some(place) = zone.place_of(upstream) {
            flight.failed = flight.failed.with(place);
        }
        if zone.all_tried(flight.failed) || !flight.retry.fail(now, Another::Untried) {
            return self.give_up(ticket, now);
        }
        self.wake_for_next(ticket);
    }

    fn note_loop(&mut self, evidence: Evidence, qname: &Name, way: Way) {
        let zones = &self.zones;
        let zone = zones.find(qname).and_then(|zone| zones.get(zone));
        let upstream = way.upstream.and_then(|at| zones.upstreams().get(at));
        let (upstream, peer) = (upstream.copied(), way.peer.map(|peer| peer.ip()));
        let mut hops = vec!["us".to_owned()];
        hops.extend(upstream.map(|upstream| upstream.to_string()));
        let known = !way.via.is_empty();
        hops.extend(way.via);
        if let Some(peer) = peer
            && upstream.is_none_or(|upstream| upstream.ip() != peer)
        {
            hops.extend((!known).then(|| "...".to_owned()));
            hops.push(peer.to_string());
        }
        hops.push("us".to_owned());
        let zone = zone.map_or(Name::ROOT, |zone| zone.suffix);
        let sighting = Sighting { evidence, zone, name: *qname, upstream, peer, hops };
        self.actions.push(Action::Loop(Box::new(sighting)));
    }
}

/// What is known of a ring's hops.
struct Way {
    /// The number of the upstream that it begins with.
    upstream: Option<usize>,
    /// Who comes behind that.
    via: Vec<String>,
    /// Who brought it back.
    peer: Option<SocketAddr>,
}

impl Way {
    const fn through(upstream: usize, peer: Option<SocketAddr>) -> Self {
        Self { upstream: Some(upstream), via: Vec::new(), peer }
    }
}

/// Laps that need no other proof than where they end: each began after another
/// query of ours. One or two could be programs of the upstream's host that ask the
/// same.
const LAPS: usize = 3;

/// How long an answer to other probes is waited for.
const PROBE_LIFE: Duration = Duration::from_secs(2);

/// The same for a probe after a question, which may come back later as well.
const SUSPECT_LIFE: Duration = Duration::from_millis(250);

/// How long a question waits for its probe while there are too many.
const BUSY: Duration = Duration::from_millis(100);
