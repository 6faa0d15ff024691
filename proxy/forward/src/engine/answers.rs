//! What comes back for a question in flight: taken, dropped, or a reason to
//! ask again.

use dns::{Flags, Header, Rcode};

use super::super::UpstreamFailure;
use super::super::accept::{NotAnAnswer, judge};
use super::super::replies::Outcome;
use super::super::sockets::SentFrom;
use super::Engine;
use observe::QueryFlags;
use resolver::Moment;
use resolver::Origin;
use resolver::Ticket;

impl Engine {
    /// Judges a datagram: the answer to what is open on its socket, or nothing.
    pub(super) fn datagram(&mut self, socket: usize, datagram: &udp::Datagram<'_>, now: Moment) {
        let Some(upstream) = self.sockets.upstream(socket) else { return };
        match self.judge_datagram(socket, datagram.bytes) {
            Ok((ticket, header)) if datagram.truncated || header.flags.has(Flags::TC) => {
                self.health.answered(upstream, now);
                self.truncated(ticket, upstream, now);
            }
            Ok((ticket, header)) => {
                self.answer(ticket, upstream, (datagram.bytes, header), now);
            }
            Err(reason) => {
                self.shared.stats.upstream_dropped.add(reason.index());
                if reason == NotAnAnswer::Id {
                    self.wrong_id(socket, datagram.bytes, now);
                }
            }
        }
    }

    /// Takes an answer that its connection has judged.
    pub(super) fn answer_over_tcp(
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
            _ => self.fail(ticket, upstream, UpstreamFailure::Truncated, now),
        }
    }

    /// Forgets a datagram whose answer will not come.
    pub(super) fn forget_send(&mut self, ticket: Ticket, socket: usize, id: u16) {
        if let Some(open) = self.inflight.get_mut(ticket) {
            let gone = SentFrom { socket, id };
            open.state.sends.retain(|send| send.from != gone);
        }
    }

    fn judge_datagram(&self, socket: usize, bytes: &[u8]) -> Result<(Ticket, Header), NotAnAnswer> {
        let open = self.sockets.open(socket);
        if open.is_empty() {
            return Err(NotAnAnswer::Late);
        }
        let id = dns::get_u16(bytes, 0).ok_or(NotAnAnswer::Short)?;
        let found = open.iter().find(|(other, _)| *other == id);
        let (_, ticket) = found.ok_or(NotAnAnswer::Id)?;
        let query = self.query_of(*ticket).ok_or(NotAnAnswer::Late)?;
        Ok((*ticket, judge(bytes, &query.question(), id)?))
    }

    /// A wrong id with the right question is a guess at that question.
    fn wrong_id(&mut self, socket: usize, bytes: &[u8], now: Moment) {
        let Some(id) = dns::get_u16(bytes, 0) else { return };
        let guessed = self.sockets.open(socket).iter().find(|(_, ticket)| {
            self.query_of(*ticket)
                .is_some_and(|query| judge(bytes, &query.question(), id).is_ok())
        });
        let Some((_, ticket)) = guessed.copied() else { return };
        if let Some(open) = self.inflight.get_mut(ticket) {
            open.state.retry.wrong_id(now);
            self.wake_for_next(ticket);
        }
    }

    fn truncated(&mut self, ticket: Ticket, upstream: usize, now: Moment) {
        if let Some(open) = self.inflight.get_mut(ticket) {
            open.state.truncated_by = Some(upstream);
            open.state.retry.truncated(now);
            self.wake_for_next(ticket);
        }
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
        let admitted = resolver::admit(message, &query.question(), now, &self.cache_config);
        let Ok(admitted) = admitted else {
            let dropped = &self.shared.stats.upstream_dropped;
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
        self.shared.stats.upstream_seconds.record(waited);
        let is_probe = open.state.pinned.is_some();
        self.failures.clear(&open.key);
        if admitted.cacheable && !is_probe {
            self.shared.cache.insert(&open.key, &admitted.entry);
        }
        let outcome = Outcome {
            origin: Origin::Upstream,
            upstream: Some(upstream),
            flags: QueryFlags::default(),
        };
        self.close(ticket, &admitted.entry, outcome, now);
    }

    /// A datagram that was answered is not silent; its id is free.
    fn forget_answered(&mut self, ticket: Ticket, upstream: usize, id: u16) {
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let sends = &mut open.state.sends;
        let at = sends
            .iter()
            .position(|send| send.upstream == upstream && send.from.id == id);
        if let Some(at) = at {
            self.sockets.forget(sends.swap_remove(at).from);
        }
    }
}
