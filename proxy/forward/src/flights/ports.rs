//! From which port each query leaves, and with which ID: many ports, so that an
//! answer has to be guessed by port and ID (RFC 5452, section 9.2), and each for
//! a while only.
//!
//! A socket is a number here. Who has the sockets opens them and reports.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use foldhash::fast::RandomState;
use rand::{Rng, RngExt as _};

use crate::rate::Rate;
use resolver::{Moment, Ticket};

/// The sockets of all upstreams, and the queries that are open on them.
#[derive(Debug)]
pub(crate) struct Ports {
    pools: Vec<Pool>,
    /// Sockets per upstream.
    share: usize,
    slots: Vec<Slot>,
    /// Numbers whose sockets could not be opened, or were closed.
    spare: Vec<usize>,
    /// Our own ends, with the upstream at the other.
    own: HashMap<SocketAddr, usize, RandomState>,
}

/// Where a query was sent from: enough to find it again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SentFrom {
    /// The number of the socket.
    pub(crate) socket: usize,
    /// The message's ID.
    pub(crate) id: u16,
}

/// What a query got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assigned {
    pub(crate) from: SentFrom,
    /// Whether the socket has to be opened first.
    pub(crate) fresh: bool,
}

/// The sockets of one upstream, by their numbers.
#[derive(Debug)]
struct Pool {
    addr: SocketAddr,
    sockets: Vec<usize>,
    /// Sockets that are replaced before any other is used.
    dead: Vec<usize>,
    /// Until when no more sockets are opened.
    full_until: Moment,
    cursor: usize,
    /// Whether other programs of this machine have its address, too.
    shared: bool,
    rate: Rate,
    /// The socket that was taken last, and how often in a row.
    run: Option<(usize, u32)>,
}

#[derive(Debug)]
struct Slot {
    upstream: usize,
    is_open: bool,
    local: Option<SocketAddr>,
    opened: Moment,
    uses: u32,
    open: Vec<(u16, Ticket)>,
}

impl Pool {
    fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            sockets: Vec::new(),
            dead: Vec::new(),
            full_until: Moment::default(),
            cursor: 0,
            shared: addr.ip().is_loopback(),
            rate: Rate::default(),
            run: None,
        }
    }
}

impl Ports {
    /// Starts without any socket; they are opened as they are needed.
    pub(crate) fn new(upstreams: &[SocketAddr]) -> Self {
        Self {
            pools: upstreams.iter().copied().map(Pool::new).collect(),
            share: share(upstreams.len()),
            slots: Vec::new(),
            spare: Vec::new(),
            own: HashMap::default(),
        }
    }

    /// Takes what is behind the upstreams that are known as new ones.
    pub(crate) fn extend(&mut self, upstreams: &[SocketAddr]) {
        let new = upstreams.iter().copied().skip(self.pools.len());
        self.pools.extend(new.map(Pool::new));
    }

    /// Adds the sockets that each upstream has from the start, so that it can be
    /// asked when there is no descriptor left; returns each with its upstream. They
    /// have to be opened.
    pub(crate) fn begin(&mut self, now: Moment) -> Vec<(usize, usize)> {
        let all = 0..self.pools.len();
        all.flat_map(|upstream| [upstream; MIN_POOL])
            .filter_map(|upstream| Some((self.grow(upstream, now)?, upstream)))
            .collect()
    }

    /// Chooses a socket and an ID for a query to `upstream`, and remembers
    /// that its answer belongs to `ticket`. `None` when all are full.
    pub(crate) fn assign(
        &mut self,
        upstream: usize,
        ticket: Ticket,
        now: Moment,
        rng: &mut impl Rng,
    ) -> Option<Assigned> {
        let (socket, fresh) = match self.continue_run(upstream, now) {
            Some(socket) => (socket, false),
            None => self.begin_run(upstream, now, rng)?,
        };
        let slot = self.slots.get_mut(socket)?;
        let id = loop {
            let id = rng.random();
            if slot.open.iter().all(|(other, _)| *other != id) {
                break id;
            }
        };
        slot.uses += 1;
        slot.open.push((id, ticket));
        Some(Assigned { from: SentFrom { socket, id }, fresh })
    }

    /// Notes that a socket is open, with this address at our end.
    pub(crate) fn opened(&mut self, socket: usize, local: Option<SocketAddr>) {
        let Some(slot) = self.slots.get_mut(socket) else { return };
        if let Some(old) = std::mem::replace(&mut slot.local, local) {
            self.own.remove(&old);
        }
        slot.is_open = true;
        self.own.extend(local.map(|local| (local, slot.upstream)));
        if let Some(pool) = self.pools.get_mut(slot.upstream) {
            pool.shared |= local.is_some_and(|local| local.ip() == pool.addr.ip());
        }
    }

    /// Notes that a socket could not be opened; returns what was to leave from
    /// it. An old one goes on in its place, if there is one.
    pub(crate) fn not_opened(&mut self, socket: usize, now: Moment) -> Vec<(u16, Ticket)> {
        let Some(slot) = self.slots.get_mut(socket) else { return Vec::new() };
        if slot.is_open {
            slot.uses = MAX_USES;
            return Vec::new();
        }
        if let Some(pool) = self.pools.get_mut(slot.upstream) {
            pool.sockets.retain(|other| *other != socket);
            pool.run = None;
            pool.full_until = now + FULL;
            self.spare.push(socket);
        }
        std::mem::take(&mut slot.open)
    }

    /// Returns whether an upstream has a socket.
    pub(crate) fn has_socket(&self, upstream: usize) -> bool {
        let pool = self.pools.get(upstream);
        pool.is_some_and(|pool| !pool.sockets.is_empty())
    }

    /// Returns the upstream a socket is connected to.
    pub(crate) fn upstream(&self, socket: usize) -> Option<usize> {
        self.slots.get(socket).map(|slot| slot.upstream)
    }

    /// Returns the upstream to which a socket of ours with this address leads.
    pub(crate) fn own(&self, addr: &SocketAddr) -> Option<usize> {
        self.own.get(addr).copied()
    }

    /// Returns the upstream that has this address for itself: one that other
    /// programs of this machine have too does not tell who asks.
    pub(crate) fn upstream_at(&self, ip: IpAddr) -> Option<usize> {
        self.pools
            .iter()
            .position(|pool| pool.addr.ip() == ip && !pool.shared)
    }

    /// Returns whether this upstream, and no other program, has the address.
    pub(crate) fn is_only_at(&self, upstream: usize, ip: IpAddr) -> bool {
        let pool = self.pools.get(upstream);
        pool.is_some_and(|pool| pool.addr.ip() == ip && !pool.shared)
    }

    /// Returns what is open on a socket: IDs, and whom their answers belong to.
    pub(crate) fn open(&self, socket: usize) -> &[(u16, Ticket)] {
        self.slots
            .get(socket)
            .map_or(&[], |slot| slot.open.as_slice())
    }

    /// Takes all that is open on a socket that is dead, none of which will be
    /// answered. The next query of its upstream leaves from what replaces it.
    pub(crate) fn take_dead(&mut self, socket: usize) -> Vec<(u16, Ticket)> {
        let Some(slot) = self.slots.get_mut(socket) else { return Vec::new() };
        slot.is_open = false;
        if let Some(local) = slot.local.take() {
            self.own.remove(&local);
        }
        if let Some(pool) = self.pools.get_mut(slot.upstream)
            && pool.sockets.contains(&socket)
            && !pool.dead.contains(&socket)
        {
            pool.dead.push(socket);
            pool.run = None;
        }
        std::mem::take(&mut slot.open)
    }

    /// Forgets a query: a message with its ID is late from here on.
    pub(crate) fn forget(&mut self, from: SentFrom) {
        if let Some(slot) = self.slots.get_mut(from.socket) {
            slot.open.retain(|(id, _)| *id != from.id);
        }
    }

    /// Replaces a socket before it is used again.
    pub(crate) fn retire(&mut self, socket: usize) {
        let Some(slot) = self.slots.get_mut(socket) else { return };
        slot.uses = MAX_USES;
        if let Some(pool) = self.pools.get_mut(slot.upstream) {
            pool.run = pool.run.filter(|(run, _)| *run != socket);
        }
    }

    /// Takes the socket of the query before, as long as queries come so fast
    /// that a port for each would cost more than it protects.
    fn continue_run(&mut self, upstream: usize, now: Moment) -> Option<usize> {
        let pool = self.pools.get_mut(upstream)?;
        let is_fast = pool.rate.note(now) > UNSHARED;
        let (socket, uses) = pool.run.filter(|(_, uses)| is_fast && *uses < RUN)?;
        pool.run = Some((socket, uses + 1));
        Some(socket).filter(|socket| self.open(*socket).len() < MAX_OPEN)
    }

    fn begin_run(
        &mut self,
        upstream: usize,
        now: Moment,
        rng: &mut impl Rng,
    ) -> Option<(usize, bool)> {
        let fresh = self
            .revive(upstream, now)
            .or_else(|| self.grow(upstream, now));
        let chosen = match fresh {
            Some(socket) => (socket, true),
            None => self.choose(upstream, now, rng)?,
        };
        if let Some(pool) = self.pools.get_mut(upstream) {
            pool.run = Some((chosen.0, 1));
        }
        Some(chosen)
    }

    /// Takes a socket that is dead, to be replaced.
    fn revive(&mut self, upstream: usize, now: Moment) -> Option<usize> {
        let socket = self.pools.get_mut(upstream)?.dead.pop()?;
        let slot = self.slots.get_mut(socket)?;
        (slot.uses, slot.opened) = (0, now);
        Some(socket)
    }

    /// Adds a socket to a pool, while it grows.
    fn grow(&mut self, upstream: usize, now: Moment) -> Option<usize> {
        let pool = self.pools.get_mut(upstream)?;
        let len = pool.sockets.len();
        // Without any socket there is nothing to lose by another look.
        if len >= self.share || (len > 0 && now < pool.full_until) {
            return None;
        }
        let slot =
            Slot { upstream, is_open: false, local: None, opened: now, uses: 0, open: Vec::new() };
        let socket = self.spare.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(socket) {
            Some(spare) => *spare = slot,
            None => self.slots.push(slot),
        }
        pool.sockets.push(socket);
        Some(socket)
    }

    /// Takes the next socket of the pool.
    ///
    /// The order is random, but only within a window: a socket that was just
    /// used is not used again before most others were.
    fn choose(
        &mut self,
        upstream: usize,
        now: Moment,
        rng: &mut impl Rng,
    ) -> Option<(usize, bool)> {
        for _ in 0..self.share {
            let pool = self.pools.get_mut(upstream)?;
            let len = pool.sockets.len();
            let ahead = usize::from(rng.random::<u8>()) % (len / WINDOW_SHARE).max(1);
            let at = pool.cursor.checked_rem(len)?;
            pool.sockets.swap(at, (pool.cursor + ahead) % len);
            pool.cursor = at + 1;
            let socket = pool.sockets.get(at).copied()?;
            if self.open(socket).len() < MAX_OPEN {
                return Some((socket, self.renews(socket, now)));
            }
        }
        None
    }

    /// Decides whether a socket was used enough and is replaced: not while
    /// answers are still to come to it.
    fn renews(&mut self, socket: usize, now: Moment) -> bool {
        let Some(slot) = self.slots.get_mut(socket) else { return false };
        let worn = slot.uses >= MAX_USES || now.saturating_since(slot.opened) >= MAX_AGE;
        let renews = worn && slot.open.is_empty();
        if renews {
            (slot.uses, slot.opened) = (0, now);
        }
        renews
    }
}

#[cfg(test)]
impl Ports {
    /// Returns how many queries are open on all sockets.
    pub(super) fn count_open(&self) -> usize {
        self.slots.iter().map(|slot| slot.open.len()).sum()
    }
}

/// Returns how many sockets each of so many upstreams may have.
pub(crate) fn share(upstreams: usize) -> usize {
    (MAX_SOCKETS / upstreams.max(1)).clamp(MIN_POOL, POOL)
}

/// Sockets per upstream: 7.6 bits of guessing beside the 16 of the port range
/// that changes, at a cost of 192 descriptors.
const POOL: usize = 192;

/// Sockets of all upstreams together: a process may often have 1024
/// descriptors, and clients' connections need some as well.
const MAX_SOCKETS: usize = 640;

/// Sockets per upstream, however many upstreams there are.
const MIN_POOL: usize = 16;

/// How far ahead in the pool the next socket may be, as a part of the pool:
/// 192 - 32 + 1 uses lie between two of the same socket, at least.
const WINDOW_SHARE: usize = 6;

/// Queries a second up to which each leaves from a port of its own: more than a
/// node's pods ask a server at usual times. Above, one call for each query and
/// each answer is what forwarding costs most.
const UNSHARED: u32 = 1000;

/// Queries in a row from one port above that: a port that is known to an
/// attacker is known for the time that the thread takes for so many.
const RUN: u32 = 16;

/// Queries open on one socket: as many IDs as one forged message may hit.
const MAX_OPEN: usize = 256;

/// Queries from one port before it changes.
const MAX_USES: u32 = 1000;

/// How long a port is used before it changes.
const MAX_AGE: Duration = Duration::from_secs(10);

/// How long a pool does not grow after the system had no socket for it.
const FULL: Duration = Duration::from_secs(1);

mod fit;

#[cfg(test)]
mod tests;
