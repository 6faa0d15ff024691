//! The upstream thread: waits for events, hands them to the flights, and does
//! what those want done. The only place of this crate with a poll and a clock.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll};
use rand::Rng;

use crate::conditions::Conditions;
use crate::flights::{Action, Actions, FlightError, Flights, TcpQuery};
use crate::inbox::{Arrivals, Inbox, TcpReport, WAKE};
use crate::loops::Loops;
use crate::replies::Replies;
use crate::stale::instead_of_waiting;
use crate::tcp::{TcpAsk, TcpPool};
use crate::udp::{RECEIVE_LEN, Sockets, Unsent, socket_of};
use crate::zones::Zones;
use crate::{Ask, Transport};
use observe::WorkerStats;
use resolver::{Cache, Clock, EntryView, Moment};

/// All that the thread has.
#[derive(Debug)]
pub(crate) struct UpstreamThread {
    pub(crate) poll: Poll,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) clock: Clock,
    pub(crate) loops: Arc<Loops>,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) flights: Flights,
    pub(crate) sockets: Sockets,
    pub(crate) tcp: TcpPool,
    pub(crate) replies: Replies,
    /// `SO_MARK` of what is sent to pods.
    pub(crate) pod_mark: Option<u32>,
    /// How the upstreams are, for people, and when that was looked at.
    pub(crate) conditions: Arc<Conditions>,
    pub(crate) looked: Option<Moment>,
    /// When an error of a socket was last logged.
    pub(crate) complained: Option<Moment>,
}

/// What it uses again in each round.
#[derive(Debug, Default)]
struct Round {
    arrivals: Arrivals,
    actions: Actions,
    unsent: Unsent,
}

impl UpstreamThread {
    /// Runs until the inbox is stopped.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let mut batch = udp::RecvBatch::new(BATCH, RECEIVE_LEN);
        let mut round = Round::default();
        let mut rng = rand::rng();
        let now = self.clock.now();
        self.flights.begin(now);
        self.carry_out(&mut round.actions, now);
        while !self.inbox.is_stopping() {
            let now = self.clock.now();
            self.stats.beat.note(now);
            let wake = self.flights.next_wake();
            let timeout = match self.replies.is_leaving() {
                true => Duration::ZERO,
                false => wake.map_or(BEAT, |at| at.saturating_since(now).min(BEAT)),
            };
            if let Err(error) = self.poll.poll(&mut events, Some(timeout))
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "the upstream thread cannot wait for events");
                return;
            }
            let now = self.clock.now();
            for event in events.iter().filter(|event| event.token() != WAKE) {
                let socket = socket_of(event.token());
                self.receive(socket, &mut batch, now);
                if event.is_error() {
                    self.sockets.drop_errors(socket);
                }
            }
            self.carry_out(&mut round.actions, now);
            self.take_arrivals(&mut round, now, &mut rng);
            self.flights.due(now, &mut rng);
            self.carry_out(&mut round.actions, now);
            let clients = self.replies.leave(now);
            self.inbox.answered(clients);
            self.flush(&mut round, now);
            self.look(now);
        }
    }

    /// Notes once a second how the upstreams are.
    fn look(&mut self, now: Moment) {
        if self.looked.is_none_or(|at| now >= at + BEAT) {
            self.looked = Some(now);
            self.conditions.take(self.flights.conditions(now), now);
        }
    }

    /// Reads a socket until it is empty or nothing is open on it any more: an
    /// event comes once per arrival.
    ///
    /// There is rarely more than the one answer that is waited for, and to look
    /// for a second costs a tenth of the whole receive.
    fn receive(&mut self, socket: usize, batch: &mut udp::RecvBatch, now: Moment) {
        // A peer that sends faster than we read must not keep us here; what is
        // left raises the next event with its next datagram.
        for _ in 0..MAX_READS {
            let Some(handle) = self.sockets.get(socket) else { return };
            let want = match self.flights.open_on(socket) {
                0 => BATCH,
                open => open.min(BATCH),
            };
            match handle.recv_batch(batch, want) {
                Ok(received) => {
                    for datagram in batch.iter() {
                        let octets = (datagram.bytes, datagram.truncated);
                        self.flights.datagram(socket, octets, now);
                    }
                    if received < want || self.flights.open_on(socket) == 0 {
                        return;
                    }
                }
                Err(error) => {
                    let errno = error.raw_os_error().unwrap_or_default();
                    match udp::Trouble::of(errno) {
                        udp::Trouble::Momentary => return,
                        udp::Trouble::Dead => return self.lose(socket, errno, now),
                        // Told once, and there may be datagrams behind it.
                        udp::Trouble::NotPermitted | udp::Trouble::Unreachable => {
                            self.flights
                                .error(FlightError::Refused { socket, errno }, now);
                        }
                    }
                }
            }
        }
    }

    /// Gives a socket up that is of no use any more.
    fn lose(&mut self, socket: usize, errno: i32, now: Moment) {
        let error = io::Error::from_raw_os_error(errno);
        self.complain(&error, "a socket to an upstream is dead and is replaced", now);
        self.flights.error(FlightError::Died { socket, errno }, now);
    }

    /// Logs a lack of ours: once in a while, for all sockets may have it at once.
    fn complain(&mut self, error: &io::Error, what: &'static str, now: Moment) {
        let often = self.complained.is_some_and(|at| now < at + COMPLAINTS);
        if !often {
            self.complained = Some(now);
            tracing::warn!(%error, "{what}");
        }
    }

    /// Takes the upstreams of these zones.
    pub(crate) fn know(&mut self, zones: &Zones) {
        let marks = zones.marks(self.pod_mark);
        self.tcp.extend(zones, &marks);
        self.sockets.replace(zones.upstreams(), marks);
    }

    /// Takes what other threads have left.
    fn take_arrivals(&mut self, round: &mut Round, now: Moment, rng: &mut impl Rng) {
        self.inbox.swap(&mut round.arrivals);
        if let Some(zones) = round.arrivals.zones.take() {
            self.know(&zones);
            self.flights.replace_zones(zones);
        }
        if let Some(bounds) = round.arrivals.bounds.take() {
            self.flights.replace_bounds(&bounds);
        }
        for report in round.arrivals.reports.drain(..) {
            match report {
                TcpReport::Answer { ticket, upstream, message } => {
                    self.flights.tcp_answer(ticket, upstream, &message, now);
                }
                TcpReport::Error(error) => self.flights.error(error, now),
            }
        }
        // Their answers are in the cache before the next questions are looked up.
        self.carry_out(&mut round.actions, now);
        for ask in round.arrivals.asks.drain(..) {
            self.take(ask, now, rng);
        }
        // Its room is used again, unless a flood made it very large.
        round.arrivals.asks.shrink_to(KEPT_ASKS);
    }

    fn take(&mut self, ask: Ask, now: Moment, rng: &mut impl Rng) {
        if ask.reply_to.peer().is_none() {
            // No client waits for it, so a drain does not.
            self.inbox.answered(1);
        } else if self.answered_meanwhile(&ask, now) {
            return self.inbox.answered(1);
        }
        self.flights.ask(ask, now, rng);
    }

    /// Another question may have brought the answer between the client
    /// thread's look into the cache and now.
    fn answered_meanwhile(&mut self, ask: &Ask, now: Moment) -> bool {
        let replies = &mut self.replies;
        let answer = |entry: Option<EntryView<'_>>| {
            entry.map(|entry| replies.answer_cached(ask, &entry, now))
        };
        self.cache.lookup(&ask.key_view(), now, answer).is_some()
    }

    /// Does what the flights want done, in their order, until they want no more.
    fn carry_out(&mut self, actions: &mut Actions, now: Moment) {
        self.flights.swap_actions(actions);
        while !actions.list.is_empty() {
            let Actions { list, octets } = actions;
            for action in list.drain(..) {
                self.act(action, octets, now);
            }
            actions.clear();
            self.flights.swap_actions(actions);
        }
    }

    fn act(&mut self, action: Action, octets: &[u8], now: Moment) {
        match action {
            Action::Open { socket, upstream } => match self.sockets.open(socket, upstream) {
                Ok(local) => self.flights.opened(socket, local),
                Err(error) => {
                    let errno = error.raw_os_error().unwrap_or_default();
                    let is_shortage = udp::is_descriptor_shortage(&error);
                    self.stats.no_descriptor.add(u64::from(is_shortage));
                    self.complain(&error, "no socket to ask an upstream", now);
                    self.flights
                        .error(FlightError::NoSocket { socket, errno }, now);
                }
            },
            Action::Shut(socket) => self.sockets.shut(socket),
            Action::Send { from, octets: range } => {
                self.stats.upstream_queries.add(Transport::Udp.index());
                let octets = octets.get(range).unwrap_or_default();
                self.sockets.queue(from, octets);
            }
            Action::AskTcp(query) => self.ask_over_tcp(query, now),
            Action::Close(closed) => {
                let clients = self.replies.close(closed, &self.cache, now);
                self.inbox.answered(clients);
            }
            Action::Refuse { ask, entry, origin } => {
                self.replies.refuse(&ask, &entry, origin, now);
                self.inbox.answered(1);
            }
            Action::Stale(ticket) => {
                let flights = &mut self.flights;
                if let Some(closed) = instead_of_waiting(flights, ticket, &self.cache, now) {
                    let clients = self.replies.close(closed, &self.cache, now);
                    self.inbox.answered(clients);
                }
            }
            Action::Repeated(ask) => {
                self.replies.note_repeated(&ask);
                self.inbox.answered(1);
            }
            Action::Loop(sighting) => self.loops.found(&sighting, now),
            Action::UpstreamAsks(upstream) => self.loops.asked_by(upstream),
        }
    }

    fn ask_over_tcp(&mut self, query: TcpQuery, now: Moment) {
        let TcpQuery { ticket, upstream, message, deadline, client } = query;
        let deadline = self.clock.instant_of(deadline).into();
        let ask = TcpAsk { ticket, message, deadline, client };
        match self
            .tcp
            .ask(upstream, ask, self.clock.instant_of(now).into())
        {
            Ok(()) => self.stats.upstream_queries.add(Transport::Tcp.index()),
            Err(reason) => {
                let error = FlightError::Tcp { ticket, upstream, reason };
                self.flights.error(error, now);
            }
        }
    }

    /// Sends the queries and answers of this round.
    fn flush(&mut self, round: &mut Round, now: Moment) {
        self.sockets.flush(&mut round.unsent);
        for (socket, errno) in round.unsent.dead.drain(..) {
            self.lose(socket, errno, now);
        }
        for (socket, errno) in round.unsent.refused.drain(..) {
            self.flights
                .error(FlightError::Refused { socket, errno }, now);
        }
        for from in round.unsent.not_permitted.drain(..) {
            self.flights.error(FlightError::NotPermitted(from), now);
        }
        self.carry_out(&mut round.actions, now);
        self.replies.flush(now);
    }
}

/// How often a thread without work shows that it lives.
const BEAT: Duration = Duration::from_secs(1);

/// Sockets whose events are taken in one round; the others come in the next.
const EVENTS: usize = 256;

/// How often errors of sockets are logged.
const COMPLAINTS: Duration = Duration::from_secs(10);

/// Datagrams read in one call: answers to the queries that share a port.
const BATCH: usize = 16;

/// Calls per event: datagrams that an attacker may put before an answer.
const MAX_READS: usize = 128;

/// Some 500 KiB of questions, about as many as come between two rounds.
const KEPT_ASKS: usize = 1024;
