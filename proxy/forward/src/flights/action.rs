//! What the flights want done. The upstream thread does it, in this order.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use super::ports::SentFrom;
use crate::Ask;
use crate::compose::QUERY_LEN;
use crate::loops::Sighting;
use resolver::{Entry, Head, Moment, Origin, Ticket};

/// Something that has to be done outside.
#[derive(Debug)]
pub(crate) enum Action {
    /// Connect the socket of this number to an upstream, from a port that the
    /// system picks; the socket that had the number before is replaced. The
    /// answer is [`opened`](super::Flights::opened), or an error.
    Open { socket: usize, upstream: usize },
    /// Close the socket of this number.
    Shut(usize),
    /// Send a datagram, which is in [`Actions::octets`].
    Send { from: SentFrom, octets: Range<usize> },
    /// Ask over TCP.
    AskTcp(TcpQuery),
    /// A question has ended: answer all who wait.
    Close(Closed),
    /// Answer one client whose question is not asked.
    Refuse { ask: Box<Ask>, entry: Entry, origin: Origin },
    /// Give those who wait for a question a stale answer, if the cache has one, and
    /// [`detach`](super::Flights::detach) them.
    Stale(Ticket),
    /// Record a query whose twin still waits: one answer is enough for both.
    Repeated(Box<Ask>),
    /// Report a forwarding loop.
    Loop(Box<Sighting>),
    /// Report that an upstream asks us.
    UpstreamAsks(SocketAddr),
}

/// A query that leaves over TCP.
#[derive(Debug)]
pub(crate) struct TcpQuery {
    pub(crate) ticket: Ticket,
    pub(crate) upstream: usize,
    /// The ID is the connection's to choose.
    pub(crate) message: Box<[u8]>,
    pub(crate) deadline: Moment,
    /// The client for whom it is asked; none if that is ourselves.
    pub(crate) client: Option<IpAddr>,
}

/// A question that has ended, and with what.
#[derive(Debug)]
pub(crate) struct Closed {
    /// Who waits, the first one first.
    pub(crate) waiters: Vec<Ask>,
    pub(crate) entry: Entry,
    /// What clients over UDP get instead, with TC=1.
    pub(crate) truncated: Option<Entry>,
    /// The head under which the cache keeps the entry, if it is kept.
    pub(crate) keep: Option<Head>,
    pub(crate) origin: Origin,
    /// The number of the upstream that it is from.
    pub(crate) upstream: Option<usize>,
    /// The last hop of a loop that it was in.
    pub(crate) ring: Option<IpAddr>,
}

/// What has to be done, and the octets of it. Used again and again, so that a
/// round allocates nothing for it.
#[derive(Debug, Default)]
pub(crate) struct Actions {
    pub(crate) list: Vec<Action>,
    /// Messages, one after the other.
    pub(crate) octets: Vec<u8>,
}

impl Actions {
    /// Adds one.
    pub(crate) fn push(&mut self, action: Action) {
        self.list.push(action);
    }

    /// Adds a datagram, which `write` puts into the octets it is given; it
    /// returns how many it took. There is no copy of it before the batch's.
    pub(crate) fn send(&mut self, from: SentFrom, write: impl FnOnce(&mut [u8]) -> Option<usize>) {
        let start = self.octets.len();
        self.octets.resize(start + QUERY_LEN, 0);
        let written = self.octets.get_mut(start..).and_then(write);
        let end = start + written.unwrap_or(0);
        self.octets.truncate(end);
        if written.is_some() {
            let octets = start..end;
            self.list.push(Action::Send { from, octets });
        }
    }

    /// Forgets all, and the memory that a flood took.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.octets.clear();
        self.list.shrink_to(KEPT);
        self.octets.shrink_to(KEPT * QUERY_LEN);
    }
}

/// Actions for which memory is kept: more than a round has at usual times.
const KEPT: usize = 1024;
