//! What comes back for a question in flight: taken, dropped, or a reason to
//! ask again.

use dns::{Flags, Header, Rcode};

use super::ports::SentFrom;
use super::{Flights, UpstreamFailure};
use crate::accept::{NotAnAnswer, judge};
use resolver::{Moment, Origin, Ticket};

/// Why a query, or all queries of a socket, will not be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FlightError {
    /// The system had no socket to open.
    NoSocket {
        /// The number that it was to have.
        socket: usize,
    },
    /// The system would not send a datagram, for lack of a conntrack entry or by
    /// a firewall's rule (EPERM).
    NotPermitted(SentFrom),
    /// Nothing listens at the other end of a socket (ICMP).
    Refused {
        /// Its number.
        socket: usize,
    },
    /// A query over TCP failed.
    Tcp { ticket: Ticket, upstream: usize, reason: UpstreamFailure },
    /// The connection, which had worked before, ended first: RFC 7766,
    /// section 6.2.4 asks to repeat it on another.
    Unasked { ticket: Ticket },
}

impl Flights {
    /// Judges a datagram: the answer to what is open on its socket, or nothing.
    /// `cut` says whether it was longer than what could be read.
    pub(crate) fn datagram(&mut self, socket: usize, (octets, cut): (&[u8], bool), now: Moment) {
        let Some(upstream) = self.ports.upstream(socket) else { return };
        match self.judge_datagram(socket, octets) {
            Ok((ticket, header)) if cut || header.flags.has(Flags::TC) => {
                self.health.answered(upstream, now);
                self.truncated(ticket, (upstream, octets), now);
            }
            Ok((ticket, header)) => {
                self.answer(ticket, upstream, (octets, header), now);
            }
            Err(reason) => {
                self.stats.upstream_dropped.add(reason.index());
                if reason == NotAnAnswer::Id {
                    self.wrong_id(socket, octets, now);
                }
            }
        }
    }

    /// Takes an answer that its connection has judged.
    pub(crate) fn tcp_answer(
        &mut self,
        ticket: Ticket,
        upstream: usize,
        message: &[u8],
        now: Moment,
    ) {
        match Header::parse(message) {
            Some(header) if !header.flags.has(Flags::TC) => {
                self.answer(ticket, upstream, (message, header), now);
            }
            _ => self.tcp_failed(ticket, (upstream, UpstreamFailure::Truncated), now),
        }
    }

    /// Takes an error: other tries follow, or the question ends.
    pub(crate) fn error(&mut self, error: FlightError, now: Moment) {
        match error {
            FlightError::NoSocket { socket } => self.no_socket(socket, now),
            FlightError::NotPermitted(from) => self.not_permitted(from),
            FlightError::Refused { socket } => self.refused(socket, now),
            FlightError::Tcp { ticket, upstream, reason } => {
                self.tcp_failed(ticket, (upstream, reason), now);
            }
            FlightError::Unasked { ticket } => self.repeat(ticket, now),
        }
    }

    /// Another socket takes what was to leave from this one, if there is any.
    fn no_socket(&mut self, socket: usize, now: Moment) {
        let Some(upstream) = self.ports.upstream(socket) else { return };
        for (id, ticket) in self.ports.not_opened(socket, now) {
            self.forget_send(ticket, socket, id);
            if self.ports.has_socket(upstream) {
                self.repeat(ticket, now);
            } else {
                self.fail(ticket, upstream, UpstreamFailure::Socket, now);
            }
        }
    }

    /// All that is open on a socket has failed.
    fn refused(&mut self, socket: usize, now: Moment) {
        let Some(upstream) = self.ports.upstream(socket) else { return };
        self.health.refused(upstream, now);
        for (id, ticket) in self.ports.take_open(socket) {
            self.forget_send(ticket, socket, id);
            self.fail(ticket, upstream, UpstreamFailure::Refused, now);
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

    fn judge_datagram(
        &self,
        socket: usize,
        octets: &[u8],
    ) -> Result<(Ticket, Header), NotAnAnswer> {
        let open = self.ports.open(socket);
        if open.is_empty() {
            return Err(NotAnAnswer::Late);
        }
        let id = dns::get_u16(octets, 0).ok_or(NotAnAnswer::Short)?;
        let found = open.iter().find(|(other, _)| *other == id);
        let (_, ticket) = found.ok_or(NotAnAnswer::Id)?;
        let query = self.query_of(*ticket).ok_or(NotAnAnswer::Late)?;
        Ok((*ticket, judge(octets, &query.question(), id)?))
    }

    /// A wrong id with the right question is a guess at that question.
    fn wrong_id(&mut self, socket: usize, octets: &[u8], now: Moment) {
        let Some(id) = dns::get_u16(octets, 0) else { return };
        let guessed = self.ports.open(socket).iter().find(|(_, ticket)| {
            self.query_of(*ticket)
                .is_some_and(|query| judge(octets, &query.question(), id).is_ok())
        });
        let Some((_, ticket)) = guessed.copied() else { return };
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        if open.state.retry.wrong_id(now) {
            // The next guess must not be believed: what was sent over UDP has no
            // answer from here on, and its ports no more queries.
            for send in open.state.sends.drain(..) {
                self.ports.forget(send.from);
                self.ports.retire(send.from.socket);
            }
            open.state.truncated = None;
        }
        self.wake_for_next(ticket);
    }

    /// Takes an answer: for good when it says yes or no, as a failed try when
    /// it says that its sender cannot tell.
    fn answer(
        &mut self,
        ticket: Ticket,
        upstream: usize,
        (message, header): (&[u8], Header),
        now: Moment,
    ) {
        self.health.answered(upstream, now);
        let Some(query) = self.query_of(ticket) else { return };
        let admitted = resolver::admit(message, &query.question(), now, &self.terms.cache);
        let Ok(admitted) = admitted else {
            let dropped = &self.stats.upstream_dropped;
            return dropped.add(NotAnAnswer::Malformed.index());
        };
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        // The upper bits count: BADVERS looks like NOERROR without them.
        let rcode = admitted.entry.head.rcode;
        let waited = now.saturating_since(open.state.asked_at(upstream, header.id));
        if !matches!(rcode, Rcode::NOERROR | Rcode::NXDOMAIN) {
            let origin = Origin::of_failure(rcode, header.flags, waited);
            open.state.note_said(admitted.entry.head, origin, upstream);
            // Perhaps it does not know EDNS (RFC 6891, section 7).
            let ignorant = matches!(rcode, Rcode::FORMERR | Rcode::NOTIMP) && open.state.edns;
            open.state.edns &= !ignorant;
            self.forget_answered(ticket, upstream, header.id);
            if ignorant {
                return self.repeat(ticket, now);
            }
            return self.fail(ticket, upstream, UpstreamFailure::Rcode, now);
        }
        let waited = now.saturating_since(open.state.started);
        self.stats.upstream_seconds.record(waited);
        self.failures.clear(&open.key);
        let entry = admitted.entry;
        let is_kept = admitted.cacheable && open.state.pinned.is_none();
        let keep = is_kept.then_some(entry.head);
        self.close(ticket, (entry, keep), (Origin::Upstream, Some(upstream)));
    }

    /// A datagram that was answered is not silent; its id is free.
    fn forget_answered(&mut self, ticket: Ticket, upstream: usize, id: u16) {
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let sends = &mut open.state.sends;
        let at = sends
            .iter()
            .position(|send| send.upstream == upstream && send.from.id == id);
        if let Some(at) = at {
            self.ports.forget(sends.swap_remove(at).from);
        }
    }
}
