//! What comes back for a question in flight: taken, dropped, or a reason to
//! ask again.

use dns::{Flags, Header, Rcode};

use super::{Flights, SentFrom, UpstreamFailure};
use crate::accept::{NotAnAnswer, judge};
use resolver::{Moment, Origin, Ticket};

impl Flights {
    /// Judges a datagram: the answer to what is open on its socket, or nothing.
    /// `cut` says whether it was longer than what could be read.
    pub(crate) fn datagram(&mut self, socket: usize, (octets, cut): (&[u8], bool), now: Moment) {
        let Some(upstream) = self.ports.upstream(socket) else { return };
        match self.judge_datagram(socket, octets) {
            Ok((ticket, header)) if cut || header.flags.has(Flags::TC) => {
                let sent = self.inflight.get(ticket);
                let sent = sent.map_or(now, |open| open.state.sent_at(upstream, header.id));
                self.health.served(upstream, sent, now);
                self.forget_answered(ticket, upstream, header.id);
                self.truncated(ticket, (upstream, octets), now);
            }
            Ok((ticket, header)) => {
                self.answer(ticket, upstream, (octets, header), now);
            }
            Err(reason) => {
                self.stats.upstream_dropped.add(reason.index());
                if matches!(reason, NotAnAnswer::Id | NotAnAnswer::Late) {
                    self.late(upstream, (Some(socket), octets), now);
                }
                if reason == NotAnAnswer::Id {
                    self.wrong_id(socket, (upstream, octets), now);
                } else {
                    self.note_bad_answer(socket, upstream, octets);
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

    /// Notes that something came for the query with its id which is no answer to it: what
    /// is said in the end, if nothing better comes.
    fn note_bad_answer(&mut self, socket: usize, upstream: usize, octets: &[u8]) {
        let Some(id) = dns::get_u16(octets, 0) else { return };
        let mut open = self.ports.open(socket).iter();
        let Some((_, ticket)) = open.find(|(other, _)| *other == id).copied() else { return };
        if let Some(open) = self.inflight.get_mut(ticket) {
            open.state.bad_answer = Some(upstream);
        }
    }

    /// A wrong id with the right question is a guess at that question.
    fn wrong_id(&mut self, socket: usize, (upstream, octets): (usize, &[u8]), now: Moment) {
        let Some(id) = dns::get_u16(octets, 0) else { return };
        let guessed = self.ports.open(socket).iter().find(|(_, ticket)| {
            self.query_of(*ticket)
                .is_some_and(|query| judge(octets, &query.question(), id).is_ok())
        });
        let Some((_, ticket)) = guessed.copied() else { return };
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        open.state.bad_answer = Some(upstream);
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
        let Some(query) = self.query_of(ticket) else {
            return self.late(upstream, (None, message), now);
        };
        let admitted = resolver::admit(message, &query.question(), now, &self.terms.cache);
        let Ok(admitted) = admitted else {
            self.stats
                .upstream_dropped
                .add(NotAnAnswer::Malformed.index());
            if let Some(open) = self.inflight.get_mut(ticket) {
                open.state.bad_answer = Some(upstream);
            }
            return;
        };
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        // The upper bits count: BADVERS looks like NOERROR without them.
        let rcode = admitted.entry.head.rcode;
        let waited = now.saturating_since(open.state.asked_at(upstream, header.id));
        if !matches!(rcode, Rcode::NOERROR | Rcode::NXDOMAIN) {
            if open.state.check == Some(upstream) {
                return self.forget_answered(ticket, upstream, header.id);
            }
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
        self.health
            .served(upstream, open.state.sent_at(upstream, header.id), now);
        if let Some(zone) = self.zones.get(open.state.zone) {
            let failed = zone.upstreams_of(open.state.cannot);
            failed.for_each(|other| self.health.blamed(other, now));
        }
        self.failures.clear(&open.key);
        let entry = admitted.entry;
        let is_kept = admitted.cacheable && open.state.pinned.is_none();
        let keep = is_kept.then_some(entry.head);
        self.close(ticket, (entry, keep), (Origin::Upstream, Some(upstream)));
    }

    /// A message whose question has ended says how its upstream is.
    fn late(&mut self, upstream: usize, (socket, octets): (Option<usize>, &[u8]), now: Moment) {
        let Some(header) = Header::parse(octets) else { return };
        let good = matches!(header.flags.rcode(), Rcode::NOERROR | Rcode::NXDOMAIN);
        let from = socket.map(|socket| SentFrom { socket, id: header.id });
        if header.flags.has(Flags::QR) {
            self.health.late(upstream, (from, good), now);
        }
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
