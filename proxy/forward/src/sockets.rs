//! Connected UDP sockets to upstreams: many, so that an answer has to be
//! guessed by port and id (RFC 5452, section 9.2), and each for a while only.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use foldhash::fast::RandomState;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use super::rate::Rate;
use resolver::Hops;
use resolver::Moment;
use resolver::Ticket;

/// The pools of all upstreams, and the queries that are open on them.
#[derive(Debug)]
pub(crate) struct Sockets {
    registry: Registry,
    pools: Vec<Pool>,
    /// Sockets per upstream.
    share: usize,
    slots: Vec<Slot>,
    /// Our own ends, with the upstream at the other.
    own: HashMap<SocketAddr, usize, RandomState>,
    outbox: Vec<Outgoing>,
    /// The messages of the outbox, one after the other.
    messages: Vec<u8>,
    batch: udp::SendBatch,
}

/// Where a query was sent from: enough to find it again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SentFrom {
    /// The socket.
    pub(crate) socket: usize,
    /// The message's id.
    pub(crate) id: u16,
}

/// The sockets of one upstream, by their place among all.
#[derive(Debug)]
struct Pool {
    addr: SocketAddr,
    sockets: Vec<usize>,
    cursor: usize,
    /// Whether other programs of this machine have its address, too.
    shared: bool,
    rate: Rate,
    /// The socket that was taken last, and how often in a row.
    run: Option<(usize, u32)>,
}

#[derive(Debug)]
struct Slot {
    socket: udp::Socket,
    local: Option<SocketAddr>,
    upstream: usize,
    opened: Moment,
    uses: u32,
    open: Vec<(u16, Ticket)>,
}

/// Queries that did not get as far as the upstream.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    /// Sockets whose upstream refused what was sent before.
    pub(crate) refused: Vec<usize>,
    /// Queries that the system would not send (EPERM).
    pub(crate) unsent: Vec<SentFrom>,
}

#[derive(Clone, Copy, Debug)]
struct Outgoing {
    from: SentFrom,
    /// Its place among the messages.
    start: usize,
    len: usize,
}

impl Sockets {
    /// Starts without any socket; they are opened as they are needed.
    pub(crate) fn new(registry: Registry, upstreams: &[SocketAddr]) -> Self {
        let pool = |addr: &SocketAddr| Pool {
            addr: *addr,
            sockets: Vec::new(),
            cursor: 0,
            shared: addr.ip().is_loopback(),
            rate: Rate::default(),
            run: None,
        };
        Self {
            registry,
            pools: upstreams.iter().map(pool).collect(),
            share: (MAX_SOCKETS / upstreams.len().max(1)).clamp(MIN_POOL, POOL),
            slots: Vec::new(),
            own: HashMap::default(),
            outbox: Vec::new(),
            messages: Vec::new(),
            batch: udp::SendBatch::new(BATCH, QUERY_LEN),
        }
    }

    /// Chooses a socket and an id for a query to `upstream`, and remembers
    /// that its answer belongs to `ticket`.
    pub(crate) fn assign(
        &mut self,
        upstream: usize,
        ticket: Ticket,
        now: Moment,
    ) -> io::Result<SentFrom> {
        let socket = match self.continue_run(upstream, now) {
            Some(socket) => socket,
            None => self.begin_run(upstream, now)?,
        };
        let slot = self.slots.get_mut(socket).ok_or(io::ErrorKind::NotFound)?;
        let id = loop {
            let id = rand::random();
            if slot.open.iter().all(|(other, _)| *other != id) {
                break id;
            }
        };
        slot.uses += 1;
        slot.open.push((id, ticket));
        Ok(SentFrom { socket, id })
    }

    /// Queues a query until [`flush`](Self::flush).
    pub(crate) fn queue(&mut self, from: SentFrom, message: &[u8]) {
        let (start, len) = (self.messages.len(), message.len());
        self.messages.extend_from_slice(message);
        self.outbox.push(Outgoing { from, start, len });
    }

    /// Sends all that is queued, one call per socket; what turned out not to
    /// arrive is put into `lost`.
    pub(crate) fn flush(&mut self, lost: &mut Lost) {
        self.outbox
            .sort_unstable_by_key(|outgoing| outgoing.from.socket);
        for group in self.outbox.chunk_by(|a, b| a.from.socket == b.from.socket) {
            let socket = group.first().map(|first| first.from.socket);
            let Some(slot) = socket.and_then(|socket| self.slots.get(socket)) else { continue };
            for part in group.chunks(BATCH) {
                for Outgoing { start, len, .. } in part {
                    let octets = self.messages.get(*start..start + len);
                    self.batch.push(octets.unwrap_or_default(), None, None);
                }
                // What cannot be sent is as good as lost: the next try follows.
                let report = slot.socket.send_batch(&mut self.batch).unwrap_or_default();
                lost.refused.extend(socket.filter(|_| report.refused > 0));
                // Which of them failed is not told; a second look at one that
                // left costs nothing but its name in the statistics.
                if report.first_error() == Some(io::ErrorKind::PermissionDenied) {
                    lost.unsent
                        .extend(part.iter().map(|outgoing| outgoing.from));
                }
            }
        }
        self.outbox.clear();
        self.messages.clear();
    }

    /// Returns the socket of an event.
    pub(crate) fn get(&self, socket: usize) -> Option<&udp::Socket> {
        self.slots.get(socket).map(|slot| &slot.socket)
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
    /// programs of this machine have too says nothing about who asks.
    pub(crate) fn upstream_at(&self, ip: IpAddr) -> Option<usize> {
        self.pools
            .iter()
            .position(|pool| pool.addr.ip() == ip && !pool.shared)
    }

    /// Returns what is open on a socket: ids, and whom their answers belong to.
    pub(crate) fn open(&self, socket: usize) -> &[(u16, Ticket)] {
        self.slots
            .get(socket)
            .map_or(&[], |slot| slot.open.as_slice())
    }

    /// Takes all that is open on a socket, none of which will be answered.
    pub(crate) fn take_open(&mut self, socket: usize) -> Vec<(u16, Ticket)> {
        self.slots
            .get_mut(socket)
            .map(|slot| std::mem::take(&mut slot.open))
            .unwrap_or_default()
    }

    /// Forgets a query: a message with its id is late from here on.
    pub(crate) fn forget(&mut self, from: SentFrom) {
        if let Some(slot) = self.slots.get_mut(from.socket) {
            slot.open.retain(|(id, _)| *id != from.id);
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

    fn begin_run(&mut self, upstream: usize, now: Moment) -> io::Result<usize> {
        let socket = self.choose(upstream, now)?;
        if let Some(pool) = self.pools.get_mut(upstream) {
            pool.run = Some((socket, 1));
        }
        Ok(socket)
    }

    /// Takes the next socket of the pool, or opens one while it grows.
    ///
    /// The order is random, but only within a window: a socket that was just
    /// used is not used again before most others were.
    fn choose(&mut self, upstream: usize, now: Moment) -> io::Result<usize> {
        let pool = self.pools.get(upstream).ok_or(io::ErrorKind::NotFound)?;
        if pool.sockets.len() < self.share {
            match self.open_another(upstream, now) {
                Err(_) if !pool_is_empty(&self.pools, upstream) => {}
                opened => return opened,
            }
        }
        for _ in 0..self.share {
            let pool = self
                .pools
                .get_mut(upstream)
                .ok_or(io::ErrorKind::NotFound)?;
            let len = pool.sockets.len();
            let ahead = usize::from(rand::random::<u8>()) % (len / WINDOW_SHARE).max(1);
            let (at, other) = (pool.cursor % len, (pool.cursor + ahead) % len);
            pool.sockets.swap(at, other);
            pool.cursor = at + 1;
            let socket = pool.sockets.get(at).copied().unwrap_or_default();
            let room = self.open(socket).len() < MAX_OPEN;
            if room {
                self.renew_if_worn(socket, now);
                return Ok(socket);
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn open_another(&mut self, upstream: usize, now: Moment) -> io::Result<usize> {
        let pool = self
            .pools
            .get_mut(upstream)
            .ok_or(io::ErrorKind::NotFound)?;
        let socket = connect(pool.addr)?;
        let place = self.slots.len();
        register(&self.registry, &socket, place)?;
        pool.sockets.push(place);
        let local = socket.local_addr().ok();
        pool.shared |= local.is_some_and(|local| local.ip() == pool.addr.ip());
        self.own.extend(local.map(|local| (local, upstream)));
        self.slots
            .push(Slot { socket, local, upstream, opened: now, uses: 0, open: Vec::new() });
        Ok(place)
    }

    /// Replaces a socket that was used enough, unless answers are still to
    /// come to it or there is no new one.
    fn renew_if_worn(&mut self, place: usize, now: Moment) {
        let Some(slot) = self.slots.get_mut(place) else { return };
        let worn = slot.uses >= MAX_USES || now.saturating_since(slot.opened) >= MAX_AGE;
        let Some(pool) = self.pools.get(slot.upstream) else { return };
        if !worn || !slot.open.is_empty() {
            return;
        }
        let Ok(fresh) = connect(pool.addr) else { return };
        if register(&self.registry, &fresh, place).is_ok() {
            // Closing a descriptor takes it out of epoll; this keeps mio's
            // bookkeeping in step.
            let old = SourceFd(&slot.socket.as_raw_fd());
            if let Err(error) = self.registry.deregister(&mut { old }) {
                tracing::debug!(%error, "cannot deregister a socket");
            }
            if let Some(local) = slot.local {
                self.own.remove(&local);
            }
            slot.local = fresh.local_addr().ok();
            self.own
                .extend(slot.local.map(|local| (local, slot.upstream)));
            slot.socket = fresh;
            slot.uses = 0;
            slot.opened = now;
        }
    }
}

/// The socket of an event's token.
pub(crate) const fn socket_of(token: Token) -> usize {
    token.0.saturating_sub(1)
}

fn pool_is_empty(pools: &[Pool], upstream: usize) -> bool {
    pools
        .get(upstream)
        .is_none_or(|pool| pool.sockets.is_empty())
}

/// The kernel picks a random port at connect; we could pick no better.
fn connect(addr: SocketAddr) -> io::Result<udp::Socket> {
    let options = udp::Options { nonblocking: true, dont_fragment: true, ..Default::default() };
    udp::Socket::connect(None, addr, &options)
}

fn register(registry: &Registry, socket: &udp::Socket, place: usize) -> io::Result<()> {
    // Token 0 is the waker's.
    registry.register(&mut SourceFd(&socket.as_raw_fd()), Token(place + 1), Interest::READABLE)
}

/// Octets of the longest query: header, name, type and class, OPT with hops.
pub(crate) const QUERY_LEN: usize =
    dns::HEADER_LEN + dns::Name::MAX_LEN + 4 + dns::Opt::LEN + Hops::MAX_LEN;

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

/// Queries open on one socket: as many ids as one forged message may hit.
const MAX_OPEN: usize = 256;

/// Queries from one port before it changes.
const MAX_USES: u32 = 1000;

/// How long a port is used before it changes.
const MAX_AGE: Duration = Duration::from_secs(10);

/// Queries in one call.
const BATCH: usize = 32;

#[cfg(test)]
mod tests;
