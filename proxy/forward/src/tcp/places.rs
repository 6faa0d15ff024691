//! Which connection takes a question, and which client holds how many places.
//!
//! Some servers answer the queries of one connection in turn (CoreDNS does). A
//! question that takes long then holds up all behind it, so clients whose questions
//! take long have connections of their own: a few, so that others find one.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use foldhash::fast::RandomState;
use resolver::Shares;
use tokio::time::Instant;

/// The connections to one upstream, and what each is asked.
#[derive(Debug, Default)]
pub(super) struct Places {
    connections: Vec<Connection>,
    /// The places of each client.
    held: Shares<IpAddr, u64>,
    /// Whose questions took long, and when that was seen.
    slow: HashMap<IpAddr, Instant, RandomState>,
    next: u64,
}

/// Where a question goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Chosen {
    /// To this connection.
    Existing(u64),
    /// To one that has to be opened under this number.
    New(u64),
}

/// A connection as it is seen from here.
#[derive(Debug)]
struct Connection {
    number: u64,
    opened: Instant,
    /// When it last brought an answer, or was opened.
    progress: Instant,
    stalled: bool,
    /// The oldest question first.
    held: BTreeMap<u64, Held>,
    /// Questions of slow clients among them.
    slow: usize,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    client: Option<IpAddr>,
    since: Instant,
    slow: bool,
}

impl Places {
    /// Chooses the connection for a question of `client`; none while the client has
    /// its share, or all connections are full.
    pub(super) fn choose(&mut self, client: Option<IpAddr>, now: Instant) -> Option<Chosen> {
        self.blame(now);
        let held = client.map_or(0, |client| self.held.held(&client));
        if held >= CLIENT_PLACES {
            return None;
        }
        let slow = self.is_slow(client, now);
        let lanes = self.connections.iter().filter(|one| one.is_slow(now));
        let lanes = lanes.count();
        // A client that asks much at once may turn out to be slow.
        let most = if held < SPREAD { MAX_CONNECTIONS } else { SLOW_LANES };
        let may_open = self.connections.len() < most && (!slow || lanes < SLOW_LANES);
        let fits = |one: &&Connection| match (slow, one.is_slow(now)) {
            (true, false) => one.held.is_empty() && lanes < SLOW_LANES,
            (slow, lane) => slow == lane,
        };
        let usable = self.connections.iter().filter(|one| one.takes(now));
        let best = usable.filter(fits).min_by_key(|one| one.held.len());
        let spread = if slow { 1 } else { SPREAD };
        match best {
            Some(best) if best.held.len() < spread || !may_open => {
                Some(Chosen::Existing(best.number))
            }
            _ if may_open => {
                self.next += 1;
                Some(Chosen::New(self.next))
            }
            _ => self.least_bad(slow, now).map(Chosen::Existing),
        }
    }

    /// Returns the connection with the least to do, where none is as it should be.
    fn least_bad(&self, slow: bool, now: Instant) -> Option<u64> {
        let room = self.connections.iter();
        let room = room.filter(|one| one.held.len() < PIPELINE && (!slow || one.is_slow(now)));
        let best = room.min_by_key(|one| (one.stalled, one.held.len()))?;
        Some(best.number)
    }

    /// Notes that a connection is being opened.
    pub(super) fn open(&mut self, number: u64, now: Instant) {
        self.connections.push(Connection {
            number,
            opened: now,
            progress: now,
            stalled: false,
            held: BTreeMap::new(),
            slow: 0,
        });
    }

    /// Takes a place; returns its number.
    pub(super) fn hold(
        &mut self,
        connection: u64,
        client: Option<IpAddr>,
        now: Instant,
    ) -> Option<u64> {
        let slow = self.is_slow(client, now);
        let one = find(&mut self.connections, connection)?;
        self.next += 1;
        one.held
            .insert(self.next, Held { client, since: now, slow });
        one.slow += usize::from(slow);
        if let Some(client) = client {
            self.held.take(client, self.next);
        }
        Some(self.next)
    }

    /// Gives a place back.
    pub(super) fn release(&mut self, connection: u64, place: u64, now: Instant) {
        let Some(one) = find(&mut self.connections, connection) else { return };
        let Some(held) = one.held.remove(&place) else { return };
        one.slow -= usize::from(held.slow);
        let took = now.saturating_duration_since(held.since.max(one.progress));
        one.progress = now;
        self.let_go(held.client, place);
        if took > SLOW {
            self.note_slow(held.client, now);
        }
    }

    /// Notes whether a connection brings nothing.
    pub(super) fn set_stalled(&mut self, connection: u64, stalled: bool) {
        if let Some(one) = find(&mut self.connections, connection) {
            one.stalled = stalled;
        }
    }

    /// Forgets a connection that has ended, and the places on it.
    pub(super) fn ended(&mut self, connection: u64) {
        let at = self
            .connections
            .iter()
            .position(|one| one.number == connection);
        let Some(at) = at else { return };
        for (place, held) in self.connections.swap_remove(at).held {
            self.let_go(held.client, place);
        }
    }

    /// Takes the connections that are to be closed: those above the few that are
    /// kept as soon as they are idle, and old ones, so that what a load balancer
    /// gives us changes.
    pub(super) fn take_surplus(&mut self, now: Instant) -> Vec<u64> {
        let mut surplus = self.connections.len().saturating_sub(KEPT);
        let mut taken = Vec::new();
        self.connections.retain(|one| {
            let idle = now.saturating_duration_since(one.progress) >= IDLE;
            let over = surplus > 0 && idle || one.is_old(now);
            let goes = over && one.held.is_empty();
            if goes {
                surplus = surplus.saturating_sub(1);
                taken.push(one.number);
            }
            !goes
        });
        taken
    }

    /// Notes the clients whose questions hold up a connection.
    fn blame(&mut self, now: Instant) {
        let blocked = self.connections.iter().filter(|one| one.is_blocked(now));
        let first = blocked.filter_map(|one| one.held.values().next());
        let clients: Vec<_> = first.map(|held| held.client).collect();
        for client in clients {
            self.note_slow(client, now);
        }
    }

    fn note_slow(&mut self, client: Option<IpAddr>, now: Instant) {
        let Some(client) = client else { return };
        if self.slow.len() >= MAX_SLOW_CLIENTS {
            self.slow
                .retain(|_, seen| now.saturating_duration_since(*seen) < SLOW_FOR);
        }
        let known = self.is_slow(Some(client), now);
        if self.slow.len() < MAX_SLOW_CLIENTS || known {
            self.slow.insert(client, now);
        }
        if !known {
            for one in &mut self.connections {
                one.mark_slow(client);
            }
        }
    }

    fn is_slow(&self, client: Option<IpAddr>, now: Instant) -> bool {
        let seen = client.and_then(|client| self.slow.get(&client));
        seen.is_some_and(|seen| now.saturating_duration_since(*seen) < SLOW_FOR)
    }

    fn let_go(&mut self, client: Option<IpAddr>, place: u64) {
        if let Some(client) = client {
            self.held.give_back(&client, &place);
        }
    }
}

impl Connection {
    /// Returns whether it takes another question.
    fn takes(&self, now: Instant) -> bool {
        !self.stalled && !self.is_old(now) && self.held.len() < PIPELINE
    }

    fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.opened) >= MAX_AGE
    }

    /// Marks what it is asked for a client that turned out to be slow.
    fn mark_slow(&mut self, client: IpAddr) {
        let of_client = |held: &&mut Held| held.client == Some(client) && !held.slow;
        for held in self.held.values_mut().filter(of_client) {
            held.slow = true;
            self.slow += 1;
        }
    }

    /// Returns whether its oldest question takes long. What merely stands behind
    /// others does not: time counts from the last answer.
    fn is_blocked(&self, now: Instant) -> bool {
        let oldest = self.held.values().next();
        oldest
            .is_some_and(|held| now.saturating_duration_since(held.since.max(self.progress)) > SLOW)
    }

    fn is_slow(&self, now: Instant) -> bool {
        self.slow > 0 || self.is_blocked(now)
    }
}

fn find(connections: &mut [Connection], number: u64) -> Option<&mut Connection> {
    connections.iter_mut().find(|one| one.number == number)
}

/// Connections to one upstream at most, while questions take long.
pub(crate) const MAX_CONNECTIONS: usize = 16;

/// How many of them clients with slow questions may have: half is for all others.
const SLOW_LANES: usize = 8;

/// Connections that stay open when they are idle. RFC 7766, section 6.2.2 asks for
/// few; more than one keeps a large answer or a lost segment from holding up all.
const KEPT: usize = 4;

/// How long those above are idle before they are closed.
const IDLE: Duration = Duration::from_secs(1);

/// How long a connection takes new questions. One to a Service is one to a Pod, and
/// those that start later get none of our questions until it is opened anew.
const MAX_AGE: Duration = Duration::from_secs(120);

/// A question that takes longer is slow: servers of a cluster take a millisecond.
const SLOW: Duration = Duration::from_millis(50);

/// How long a client with a slow question counts as one.
const SLOW_FOR: Duration = Duration::from_secs(2);

/// Slow clients that are remembered: ten times the pods of a node. More of them
/// use the connections of all.
const MAX_SLOW_CLIENTS: usize = 1024;

/// Questions of a fast client on a connection before another one is opened.
const SPREAD: usize = 16;

/// Questions on a connection at most; servers stop reading somewhere.
pub(super) const PIPELINE: usize = 256;

/// Questions of one client at one upstream: a sixteenth of what there is.
const CLIENT_PLACES: usize = 256;

#[cfg(test)]
mod tests;
