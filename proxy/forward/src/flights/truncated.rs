//! Answers that were truncated over UDP, kept while TCP is asked for the whole.
//!
//! Where TCP to an upstream is closed or filtered, the records that fit are the
//! best there is. CoreDNS hands them on as well, and musl before 1.2.4, which has
//! no TCP, lives on them.

use dns::Flags;

use super::{Flights, UpstreamFailure};
use crate::ReplyTo;
use resolver::{Entry, Kind, Moment, Ticket};

/// An answer with TC=1, for clients that asked over UDP.
#[derive(Debug)]
pub(super) struct Truncated {
    /// The records that fitted. Never cached.
    pub(super) entry: Entry,
    /// How long TCP has to bring the whole.
    pub(super) until: Moment,
}

impl Flights {
    /// Asks over TCP for what did not fit into a datagram, and keeps what did.
    pub(super) fn truncated(
        &mut self,
        ticket: Ticket,
        (upstream, octets): (usize, &[u8]),
        now: Moment,
    ) {
        let entry = self.what_fitted(ticket, octets, now);
        let patience = self.terms.deadline / 2;
        let Some(open) = self.inflight.get_mut(ticket) else { return };
        let flight = &mut open.state;
        (flight.truncated_by, flight.cut_by) = (Some(upstream), Some(upstream));
        // It answers, so what ICMP came for it was forged.
        (flight.ends_at, flight.hedge_at) = (None, None);
        let until = flight.started + patience;
        if let Some(entry) = entry {
            flight.truncated = Some(Box::new(Truncated { entry, until }));
        }
        flight.retry.truncated(now);
        self.wake_for_next(ticket);
    }

    /// Returns the records of a truncated answer if they are of use: without the
    /// records that the question is about, an old musl would take it for NODATA.
    fn what_fitted(&self, ticket: Ticket, octets: &[u8], now: Moment) -> Option<Entry> {
        let query = self.query_of(ticket)?;
        let admitted = resolver::admit(octets, &query.question(), now, &self.terms.cache);
        let mut entry = admitted.ok()?.entry;
        let flags = Flags(dns::get_u16(&entry.message, FLAGS_AT)?).with(Flags::TC);
        dns::put_u16(&mut entry.message, FLAGS_AT, flags.0)?;
        (entry.head.kind == Kind::Positive).then_some(entry)
    }

    /// Notes that a try over TCP failed. Clients over UDP do not wait for further
    /// tries if there is a truncated answer for them; one over TCP has nothing else.
    pub(super) fn tcp_failed(
        &mut self,
        ticket: Ticket,
        (upstream, reason): (usize, UpstreamFailure),
        now: Moment,
    ) {
        self.fail(ticket, upstream, reason, now);
        let Some(open) = self.inflight.get(ticket) else { return };
        let zone = self.zones.get(open.state.zone);
        let none_left = zone.is_none_or(|zone| zone.all_tried(open.state.failed));
        let over_udp = |ask: &crate::Ask| !matches!(ask.reply_to, ReplyTo::Tcp(_));
        if none_left && open.state.truncated.is_some() && open.waiters.iter().all(over_udp) {
            self.give_up(ticket, now);
        }
    }
}

/// Where the flags stand in a header.
const FLAGS_AT: usize = 2;
