//! What goes wrong with queries: of a socket, of one datagram, of a connection.

use super::ports::SentFrom;
use super::{Flights, UpstreamFailure};
use resolver::{Moment, Origin, Ticket};

/// Why a query, or all queries of a socket, will not be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FlightError {
    /// A socket is of no use any more, and what is open on it will have no answer.
    Died {
        /// Its number.
        socket: usize,
        /// The system's error number.
        errno: i32,
    },
    /// The system had no socket to open, or no route.
    NoSocket {
        /// The number that it was to have.
        socket: usize,
        /// The system's error number.
        errno: i32,
    },
    /// The system would not send a datagram, for lack of a conntrack entry or by
    /// a firewall's rule (EPERM).
    NotPermitted(SentFrom),
    /// ICMP came for a socket: nothing listens at the other end, or something on
    /// the way lets nothing through.
    Refused {
        /// Its number.
        socket: usize,
        /// The system's error number.
        errno: i32,
    },
    /// The connection brings nothing; its answer may still come.
    Stalled { ticket: Ticket, upstream: usize },
    /// A query over TCP failed.
    Tcp { ticket: Ticket, upstream: usize, reason: UpstreamFailure },
    /// The connection, which had worked before, ended first: RFC 7766,
    /// section 6.2.4 asks to repeat it on another.
    Unasked { ticket: Ticket },
}

impl Flights {
    /// Takes an error: other tries follow, or the question ends.
    pub(crate) fn error(&mut self, error: FlightError, now: Moment) {
        match error {
            FlightError::Died { socket, errno } => self.died(socket, errno, now),
            FlightError::NoSocket { socket, errno } => self.no_socket(socket, errno, now),
            FlightError::NotPermitted(from) => self.not_permitted(from),
            FlightError::Refused { socket, errno } => self.refused(socket, errno, now),
            FlightError::Stalled { ticket, upstream } => self.stalled(ticket, upstream, now),
            FlightError::Tcp { ticket, upstream, reason } => {
                self.tcp_failed(ticket, (upstream, reason), now);
            }
            FlightError::Unasked { ticket } => self.repeat(ticket, now),
        }
    }

    /// Another socket takes what was to leave from this one, if there is any.
    fn no_socket(&mut self, socket: usize, errno: i32, now: Moment) {
        let Some(upstream) = self.ports.upstream(socket) else { return };
        for (id, ticket) in self.ports.not_opened(socket, now) {
            self.forget_send(ticket, socket, id);
            self.lost(ticket, (upstream, errno), now);
        }
    }

    /// Replaces a socket, and asks at once again what was open on it.
    fn died(&mut self, socket: usize, errno: i32, now: Moment) {
        let Some(upstream) = self.ports.upstream(socket) else { return };
        for (id, ticket) in self.ports.take_dead(socket) {
            self.forget_send(ticket, socket, id);
            self.lost(ticket, (upstream, errno), now);
        }
    }

    /// Asks again at once what a lack of ours lost; the second time, as without any
    /// socket, it is a failed try: another one would find the same.
    fn lost(&mut self, ticket: Ticket, (upstream, errno): (usize, i32), now: Moment) {
        self.health.not_sent(upstream);
        let has_socket = self.ports.has_socket(upstream);
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let first = open.state.errno.replace(errno).is_none();
        if first && has_socket {
            let reason = UpstreamFailure::Socket;
            self.stats.upstream_failures.add(reason.index());
            return self.repeat(ticket, now);
        }
        self.fail(ticket, upstream, UpstreamFailure::Socket, now);
    }

    /// Asks once by another connection what waits on a silent one; after that, the
    /// schedule goes on.
    fn stalled(&mut self, ticket: Ticket, upstream: usize, now: Moment) {
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        self.health.failed(upstream, open.state.started, now);
        if !std::mem::replace(&mut open.state.moved, true) {
            open.state.retry.again(now);
            self.wake_for_next(ticket);
        }
    }

    /// Takes ICMP for what it is, a hint that anybody may send: what is open on
    /// the socket stays open, and the right answer to it is still taken. A question
    /// has a failed try only when nothing of it is out there but what was refused.
    fn refused(&mut self, socket: usize, errno: i32, now: Moment) {
        let Some(upstream) = self.ports.upstream(socket) else { return };
        let reason = UpstreamFailure::of_icmp(errno);
        if reason == UpstreamFailure::Refused {
            self.health.refused(upstream, now);
        }
        for (id, ticket) in self.ports.open(socket).to_vec() {
            let from = SentFrom { socket, id };
            let Some(open) = self.inflight.get_mut(ticket) else { continue };
            if open.state.note_refused(from) && open.state.all_refused() {
                open.state.errno = Some(errno);
                self.fail(ticket, upstream, reason, now);
            }
        }
    }

    /// The next try may do better, so the tries go on; only what is said at the
    /// end differs.
    fn not_permitted(&mut self, from: SentFrom) {
        let mut open = self.ports.open(from.socket).iter();
        let Some((_, ticket)) = open.find(|(id, _)| *id == from.id).copied() else { return };
        let upstream = self.ports.upstream(from.socket);
        self.ports.forget(from);
        self.forget_send(ticket, from.socket, from.id);
        let reason = UpstreamFailure::NotPermitted;
        self.stats.upstream_failures.add(reason.index());
        if let (Some(open), Some(upstream)) = (self.inflight.get_mut(ticket), upstream) {
            open.state.errno = Some(EPERM);
            open.state.note_failure(Origin::SendFailed, upstream);
        }
    }

    /// Forgets a datagram whose answer will not come.
    fn forget_send(&mut self, ticket: Ticket, socket: usize, id: u16) {
        if let Some(open) = self.inflight.get_mut(ticket) {
            let gone = SentFrom { socket, id };
            open.state.sends.retain(|send| send.from != gone);
        }
    }
}

/// What the system says when it does not let a datagram leave.
const EPERM: i32 = 1;
