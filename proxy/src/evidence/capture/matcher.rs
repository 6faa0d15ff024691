//! Responses and the queries that they answer.
//!
//! A packet that is captured at several interfaces counts once, and so does a query that
//! the rules of a Service sent on to a pod. A query that comes again later was sent again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use dns::Flags;

use super::message::{Key, Kind, Message};

/// The queries of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Matcher {
    /// The latest query of each key, by its number.
    latest: HashMap<Key, u64>,
    /// In the order of their arrival.
    asked: VecDeque<Asked>,
    /// The number of the first of them.
    first: u64,
    /// Addresses that were asked at their port 53.
    servers: HashSet<IpAddr>,
    /// Addresses from which queries were sent on to another.
    services: HashSet<SocketAddr>,
    now: u64,
    pub(super) counts: Counts,
}

/// What became of the packets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Counts {
    /// Queries, those sent again included.
    pub(super) queries: u64,
    /// Of those, sent again while the first waited.
    pub(super) repeats: u64,
    /// Responses to them.
    pub(super) responses: u64,
    /// Packets that were captured before, of queries and of responses.
    pub(super) copies: u64,
    /// Responses whose query was not captured, or was given up.
    pub(super) strays: u64,
    /// Queries whose answer may have come after the last packet.
    pub(super) open: u64,
    /// Queries that were forgotten for want of room.
    pub(super) forgotten: u64,
}

/// A query and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) key: Key,
    /// Who answered, or was asked last.
    pub(super) server: SocketAddr,
    /// Whether the client is a server itself, and passes on what others ask.
    pub(super) is_forwarded: bool,
    pub(super) edns: bool,
    pub(super) flags: Flags,
    /// Nanoseconds since 1970.
    pub(super) arrived: u64,
    /// When that was known.
    pub(super) done: u64,
    pub(super) end: End,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// There was a response.
    Answered { flags: Flags, has_records: bool },
    /// There was none in time.
    Silence,
    /// It repeats one that waits, and has no end of its own.
    Repeats,
}

#[derive(Debug)]
struct Asked {
    key: Key,
    server: SocketAddr,
    edns: bool,
    flags: Flags,
    arrived: u64,
    /// When the same was seen last.
    seen: u64,
    is_answered: bool,
}

impl Matcher {
    /// Takes a message; gives what ended until then, in the order of time.
    pub(super) fn take(&mut self, message: Message, out: &mut Vec<Ended>) {
        // One that is later than its place counts for the time that runs.
        self.now = self.now.max(message.at);
        self.expire(self.now, out);
        match message.kind {
            Kind::Query { edns, flags } => {
                self.query(message.key, message.server, (edns, flags), out)
            }
            Kind::Response { flags, has_records } => {
                let end = End::Answered { flags, has_records };
                self.response(&message.key, message.server, end, out);
            }
        }
    }

    /// Ends what waits at the last packet: of queries that are younger than their time to be
    /// answered nobody can tell.
    pub(super) fn finish(&mut self, last: u64, out: &mut Vec<Ended>) {
        self.now = self.now.max(last);
        self.expire(self.now, out);
        self.counts.open = self.asked.iter().filter(|asked| !asked.is_answered).count() as u64;
    }

    /// Returns whether queries to an address were seen again, to another one: it is that of
    /// a Service.
    pub(super) fn is_service(&self, addr: SocketAddr) -> bool {
        self.services.contains(&addr)
    }

    /// Returns such addresses.
    pub(super) fn services(&self) -> impl Iterator<Item = SocketAddr> {
        self.services.iter().copied()
    }

    fn query(
        &mut self,
        key: Key,
        server: SocketAddr,
        (edns, flags): (bool, Flags),
        out: &mut Vec<Ended>,
    ) {
        if self.servers.len() < SERVERS {
            self.servers.insert(server.ip());
        }
        let now = self.now;
        let before = self.latest.get(&key).copied();
        let before = before.and_then(|number| self.number(number));
        if let Some(before) = before {
            // After a failure glibc asks again at once, with the same id.
            let is_copy = !before.is_answered && now - before.seen < COPY;
            let first = before.server;
            before.seen = now;
            if is_copy {
                before.server = server;
                self.counts.copies += 1;
                if first != server && self.services.len() < SERVERS {
                    self.services.insert(first);
                    self.services.remove(&server);
                }
                return;
            }
            if !before.is_answered {
                before.server = server;
                self.counts.queries += 1;
                self.counts.repeats += 1;
                out.push(self.ended(key, (server, edns, flags), now, End::Repeats));
                return;
            }
        }
        self.counts.queries += 1;
        if self.asked.len() == MOST {
            self.forget();
        }
        let number = self.first + self.asked.len() as u64;
        self.latest.insert(key.clone(), number);
        self.asked.push_back(Asked {
            key,
            server,
            edns,
            flags,
            arrived: now,
            seen: now,
            is_answered: false,
        });
    }

    fn response(&mut self, key: &Key, server: SocketAddr, end: End, out: &mut Vec<Ended>) {
        let number = self.latest.get(key).copied();
        let Some(asked) = number.and_then(|number| self.number(number)) else {
            self.counts.strays += 1;
            return;
        };
        if asked.is_answered {
            self.counts.copies += 1;
            return;
        }
        asked.is_answered = true;
        let (edns, flags, arrived) = (asked.edns, asked.flags, asked.arrived);
        self.counts.responses += 1;
        out.push(self.ended(key.clone(), (server, edns, flags), arrived, end));
    }

    /// Gives up queries that were not answered in time.
    fn expire(&mut self, now: u64, out: &mut Vec<Ended>) {
        while let Some(asked) = self.asked.front() {
            let until = asked.arrived.saturating_add(PATIENCE);
            if until > now {
                return;
            }
            let Some(asked) = self.pop() else { return };
            if !asked.is_answered {
                let Asked { key, server, edns, flags, arrived, .. } = asked;
                let mut ended = self.ended(key, (server, edns, flags), arrived, End::Silence);
                ended.done = until;
                out.push(ended);
            }
        }
    }

    fn forget(&mut self) {
        let waits = self.pop().is_some_and(|asked| !asked.is_answered);
        self.counts.forgotten += u64::from(waits);
    }

    fn pop(&mut self) -> Option<Asked> {
        let asked = self.asked.pop_front()?;
        if self.latest.get(&asked.key) == Some(&self.first) {
            self.latest.remove(&asked.key);
        }
        self.first += 1;
        Some(asked)
    }

    fn number(&mut self, number: u64) -> Option<&mut Asked> {
        let place = number.checked_sub(self.first)?;
        self.asked.get_mut(usize::try_from(place).ok()?)
    }

    fn ended(
        &self,
        key: Key,
        (server, edns, flags): (SocketAddr, bool, Flags),
        arrived: u64,
        end: End,
    ) -> Ended {
        let client = key.client.ip();
        let is_itself = client == server.ip() || client.is_loopback();
        let is_forwarded = self.servers.contains(&client) && !is_itself;
        Ended { key, server, is_forwarded, edns, flags, arrived, done: self.now, end }
    }
}

/// Nanoseconds for which a query waits: the timeout of glibc, Go and musl (resolv.conf(5)),
/// and a while in which what they send again is answered.
const PATIENCE: u64 = 5_500_000_000;

/// Nanoseconds within which a query that looks the same is the same, captured elsewhere.
/// Without an answer no resolver sends again so soon.
const COPY: u64 = 20_000_000;

/// Queries that are held: five seconds of 50,000 a second.
const MOST: usize = 1 << 18;

/// Servers that are told from clients.
const SERVERS: usize = 4_096;

#[cfg(test)]
mod tests;
