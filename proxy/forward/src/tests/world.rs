//! Flights, clients and upstreams in a time of their own: hours of trouble in a
//! moment, and the same from the same seed.

mod clients;
mod names;
mod network;
mod setup;
mod upstream;

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dns::{Flags, Header, Name, Opt, Question, Rcode, Records, Rtype};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::flights::{Action, Actions, Closed, FlightError, Flights, SentFrom, TcpQuery};
use crate::loops::{Evidence, Secret};
use crate::stale::{instead_of_failure, instead_of_waiting};
use crate::zones::Zones;
use crate::{Ask, ForwardConfig, ReplyTo, Transport, UpstreamFailure};
use names::{ECONNREFUSED, EDESTADDRREQ, EMFILE};
use names::{What, address, client_of, number_of, read, retained, socket};
pub(crate) use names::{addr_of, address_of};
use observe::{Stats, WorkerStats};
use resolver::{Cache, Entry, EntryView, Hops, Key, KeyHasher, Moment, Origin, Retained, Ticket};
pub(crate) use upstream::{Conduct, FORGED, Tcp, Udp, Wrong};
use upstream::{forge, response};

/// The whole of it.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) rng: StdRng,
    pub(crate) now: Moment,
    pub(crate) flights: Flights,
    pub(crate) cache: Cache,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) upstreams: Vec<Conduct>,
    /// Queries that reached us and have no answer: by number, when it came, and
    /// where the answer goes if an upstream asked.
    pub(crate) open: BTreeMap<u64, Pending>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) queries: Vec<Query>,
    pub(crate) loops: Vec<Evidence>,
    /// Whether the system has sockets for us.
    pub(crate) has_sockets: bool,
    pub(crate) config: ForwardConfig,
    events: BTreeMap<(Moment, u64), Event>,
    /// By their numbers, which opening it was and the upstream: what comes to an
    /// older one is lost.
    sockets: Vec<(u64, usize)>,
    /// Openings up to this one are of no use any more.
    destroyed: u64,
    muted: Option<Name>,
    closed: HashMap<Name, usize>,
    hasher: KeyHasher,
    /// Of events, questions and openings.
    next: Cell<u64>,
}

/// A query of a client that has no answer.
pub(crate) struct Pending {
    pub(crate) name: Name,
    asked: Moment,
    /// The datagram that it is the other end of, in a loop.
    behind: Option<(usize, Vec<u8>, Port)>,
}

/// What a client got.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The number of the query.
    pub(crate) number: u64,
    pub(crate) name: Name,
    pub(crate) rcode: Rcode,
    pub(crate) address: Option<IpAddr>,
    pub(crate) origin: Origin,
    pub(crate) after: Duration,
}

/// What an upstream was sent.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) name: Name,
    /// The name, and how often it had been asked for and closed before.
    pub(crate) question: (Name, usize),
    pub(crate) upstream: usize,
    pub(crate) over: Transport,
    pub(crate) octets: Vec<u8>,
    /// Which opening of a socket it left from.
    pub(crate) port: u64,
    pub(crate) after: Duration,
}

#[derive(Clone, Copy)]
struct Port {
    from: SentFrom,
    opening: u64,
}

enum Event {
    Ask(Box<Ask>),
    /// A datagram arrives at an upstream.
    Query {
        upstream: usize,
        octets: Vec<u8>,
        port: Port,
    },
    /// A datagram arrives at us.
    Datagram {
        octets: Vec<u8>,
        port: Port,
    },
    Refused(Port),
    TcpQuery {
        ticket: Ticket,
        upstream: usize,
        octets: Vec<u8>,
    },
    Error(FlightError),
    Change(usize, Box<Conduct>),
}

impl World {
    /// A world with so many good upstreams, of one zone that holds all names.
    pub(crate) fn new(seed: u64, upstreams: usize) -> Self {
        let upstreams: Vec<_> = (0..upstreams).map(addr_of).collect();
        Self::with(seed, super::config(Transport::Udp, &upstreams))
    }

    pub(crate) fn with(seed: u64, config: ForwardConfig) -> Self {
        let zones = Arc::new(Zones::new(&config.zones).unwrap());
        let upstreams = vec![Conduct::default(); zones.upstreams().len()];
        let (stats, hasher) = (Stats::default().register(), KeyHasher::default());
        let identity = (Secret::default(), KeyHasher::default());
        let flights = Flights::new(&config, zones, identity, Arc::clone(&stats));
        Self {
            seed,
            rng: StdRng::seed_from_u64(seed),
            now: Moment::from_micros(1_000_000),
            flights,
            cache: Cache::new(&config.cache),
            stats,
            upstreams,
            open: BTreeMap::new(),
            answers: Vec::new(),
            queries: Vec::new(),
            loops: Vec::new(),
            has_sockets: true,
            config,
            events: BTreeMap::new(),
            sockets: Vec::new(),
            destroyed: 0,
            muted: None,
            closed: HashMap::new(),
            hasher,
            next: Cell::new(1),
        }
    }

    /// A client asks for the address of `name` after a while; returns the number
    /// of its query.
    pub(crate) fn ask_after(&mut self, after: Duration, name: &str, client: u16) -> u64 {
        let number = self.number();
        let name = Name::from_text(name).unwrap();
        let ask = self.question(name, (client_of(client), number), self.now + after);
        self.at(after, Event::Ask(Box::new(ask)));
        number
    }

    /// A client asks now.
    pub(crate) fn ask(&mut self, name: &str, client: u16) -> u64 {
        self.ask_after(Duration::ZERO, name, client)
    }

    /// A client asks, and waits for its answer.
    pub(crate) fn lookup(&mut self, name: &str) -> Answer {
        let number = self.ask(name, 1);
        for _ in 0..1_000 {
            if let Some(answer) = self.answers.iter().find(|answer| answer.number == number) {
                return answer.clone();
            }
            self.step();
        }
        panic!("seed {}: no answer to {name}", self.seed);
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.next_at().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = end;
    }

    fn question(&self, name: Name, (peer, number): (SocketAddr, u64), arrived: Moment) -> Ask {
        // The ID tells us the query's number; limits are beyond what a test asks.
        let query = retained(name, u16::try_from(number % 65_536).unwrap());
        let hash = Key::of(&query.as_query(), &self.hasher).hash;
        let limit = usize::try_from(number).unwrap();
        let reply_to = ReplyTo::Udp { socket: socket(), peer, local: None };
        Ask { hash, query, hops: Hops::default(), reply_to, limit, arrived }
    }

    fn number(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }

    fn at(&mut self, after: Duration, event: Event) {
        let key = (self.now + after, self.number());
        self.events.insert(key, event);
    }

    fn next_at(&self) -> Option<Moment> {
        let event = self.events.keys().next().map(|(at, _)| *at);
        [event, self.flights.next_wake()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Goes on to the next event, and does what it leads to. Returns whether there
    /// was one.
    pub(crate) fn step(&mut self) -> bool {
        let Some(at) = self.next_at() else { return false };
        self.now = self.now.max(at);
        if let Some(entry) = self.events.first_entry()
            && entry.key().0 <= self.now
        {
            let event = entry.remove();
            self.happen(event);
        }
        self.carry_out();
        self.flights.due(self.now, &mut self.rng);
        self.carry_out();
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Ask(ask) => self.arrive(*ask, None),
            Event::Query { upstream, octets, port } => self.query(upstream, octets, port),
            Event::Datagram { octets, port } => {
                if self.is_there(port) {
                    self.flights
                        .datagram(port.from.socket, (&octets, false), self.now);
                }
            }
            Event::Refused(port) => {
                if self.is_there(port) {
                    let socket = port.from.socket;
                    let error = FlightError::Refused { socket, errno: ECONNREFUSED };
                    self.flights.error(error, self.now);
                }
            }
            Event::TcpQuery { ticket, upstream, octets } => {
                self.tcp_query(ticket, upstream, &octets);
            }
            Event::Error(error) => self.flights.error(error, self.now),
            Event::Change(number, conduct) => self.upstreams[number] = *conduct,
        }
    }

    fn is_there(&self, port: Port) -> bool {
        let socket = self.sockets.get(port.from.socket);
        socket.is_some_and(|(opening, _)| *opening == port.opening)
    }

    /// A query reaches us: answered from the cache, or for the flights.
    fn arrive(&mut self, ask: Ask, behind: Option<(usize, Vec<u8>, Port)>) {
        let (name, number) = (ask.query.qname, number_of(&ask));
        let pending = Pending { name, asked: self.now, behind };
        assert!(self.open.insert(number, pending).is_none(), "seed {}", self.seed);
        let found = self.look_up(&ask);
        if let Some((what, refresh)) = found {
            if refresh {
                let ask = Ask { reply_to: ReplyTo::Refresh, ..ask };
                self.flights.ask(ask, self.now, &mut self.rng);
            }
            return self.answered(number, what);
        }
        self.flights.ask(ask, self.now, &mut self.rng);
    }

    fn carry_out(&mut self) {
        let mut actions = Actions::default();
        self.flights.swap_actions(&mut actions);
        while !actions.list.is_empty() {
            for action in actions.list.drain(..) {
                self.act(action, &actions.octets);
            }
            actions.clear();
            self.flights.swap_actions(&mut actions);
        }
    }

    fn act(&mut self, action: Action, octets: &[u8]) {
        match action {
            Action::Open { socket, upstream } if self.has_sockets => {
                self.open_socket(socket, upstream);
            }
            Action::Open { socket, .. } => {
                let error = FlightError::NoSocket { socket, errno: EMFILE };
                self.flights.error(error, self.now);
            }
            Action::Shut(_) => {}
            Action::Send { from, octets: range } => self.send(from, octets[range].to_vec()),
            Action::AskTcp(TcpQuery { ticket, upstream, message, .. }) => {
                self.sent(upstream, Transport::Tcp, &message, 0);
                if self.upstreams[upstream].tcp == Tcp::Busy {
                    let reason = UpstreamFailure::Busy;
                    let error = FlightError::Tcp { ticket, upstream, reason };
                    return self.flights.error(error, self.now);
                }
                let octets = message.into();
                let latency = self.latency(upstream);
                self.at(latency, Event::TcpQuery { ticket, upstream, octets });
            }
            Action::Stale(ticket) => {
                let (flights, cache) = (&mut self.flights, &self.cache);
                if let Some(closed) = instead_of_waiting(flights, ticket, cache, self.now) {
                    self.answer_all(&closed);
                }
            }
            Action::Close(mut closed) => {
                instead_of_failure(&mut closed, &self.cache, self.now);
                self.keep(&closed);
                *self
                    .closed
                    .entry(closed.waiters[0].query.qname)
                    .or_default() += 1;
                self.answer_all(&closed);
            }
            Action::Refuse { ask, entry, origin } => {
                // Perhaps the last that waited for it.
                if origin == Origin::Limit {
                    *self.closed.entry(ask.query.qname).or_default() += 1;
                }
                self.answered(number_of(&ask), read(&entry, origin));
            }
            // Its twin is answered.
            Action::Repeated(ask) => {
                let gone = self.open.remove(&number_of(&ask));
                assert!(gone.is_some(), "seed {}", self.seed);
            }
            Action::Loop(sighting) => self.loops.push(sighting.evidence),
            Action::UpstreamAsks(_) => {}
        }
    }

    fn keep(&self, closed: &Closed) {
        if let Some(head) = closed.keep {
            let entry = Entry { head, ..closed.entry.clone() };
            self.cache.insert(&closed.waiters[0].key(), &entry);
        }
    }

    /// A client is answered: once, and by its deadline.
    fn answered(&mut self, number: u64, (rcode, address, origin): What) {
        let Some(pending) = self.open.remove(&number) else {
            panic!("seed {}: a second answer to query {number}", self.seed);
        };
        let after = self.now.saturating_since(pending.asked);
        let name = pending.name;
        assert!(after <= self.config.deadline, "seed {}: {name} after {after:?}", self.seed);
        if let Some((upstream, query, port)) = pending.behind {
            let octets = response(&query, rcode, 0, address_of(upstream));
            return self.reply(upstream, &octets, port);
        }
        self.answers
            .push(Answer { number, name, rcode, address, origin, after });
    }

    fn open_socket(&mut self, socket: usize, upstream: usize) {
        let opening = self.number();
        if self.sockets.len() <= socket {
            self.sockets.resize(socket + 1, (0, 0));
        }
        self.sockets[socket] = (opening, upstream);
        let port = u16::try_from(1024 + opening % 60_000).unwrap();
        self.flights
            .opened(socket, Some((Ipv4Addr::new(10, 9, 0, 1), port).into()));
    }
}
