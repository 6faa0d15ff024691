//! Sending answers to those who waited, in batches per socket.

use std::sync::Arc;

use dns::{Flags, Header, Rcode};

use super::{Ask, ReplyTo};
use crate::answer;
use crate::cache::EntryView;
use crate::moment::Moment;
use crate::stats::{Origin, WorkerStats, rcode_index};

/// The way out for late answers.
#[derive(Debug)]
pub(crate) struct Deliver {
    batch: udp::SendBatch,
    /// Whose batch it is.
    socket: Option<Arc<udp::Socket>>,
    /// Room for one answer over TCP.
    frame: Vec<u8>,
    stats: Arc<WorkerStats>,
}

impl Deliver {
    pub(crate) fn new(stats: Arc<WorkerStats>) -> Self {
        Self {
            batch: udp::SendBatch::new(BATCH, usize::from(dns::MAX_UDP_PAYLOAD)),
            socket: None,
            frame: vec![0; usize::from(u16::MAX)],
            stats,
        }
    }

    /// Answers `ask` with `entry`. Over UDP it leaves with the batch.
    pub(crate) fn answer(&mut self, ask: &Ask, entry: &EntryView<'_>, now: Moment) {
        let rcode = match &ask.reply_to {
            ReplyTo::Udp { socket, .. } => {
                self.turn_to(socket);
                self.datagram(ask, entry, now)
            }
            ReplyTo::Tcp(_) | ReplyTo::SelfQuery(_) => self.message(ask, entry, now),
        };
        match rcode {
            Some(rcode) => {
                self.stats.responses.add(rcode_index(rcode));
                let waited = now.saturating_since(ask.arrived);
                if let Some(histogram) = self.stats.response_seconds.get(Origin::Upstream.index()) {
                    histogram.record(waited);
                }
            }
            None => self.stats.unsent_responses.add(1),
        }
    }

    /// Sends what is left in the batch.
    pub(crate) fn flush(&mut self) {
        let Some(socket) = &self.socket else { return };
        let queued = self.batch.len();
        let unsent = match socket.send_batch(&mut self.batch) {
            Ok(report) => report.failed,
            Err(_) => queued,
        };
        self.stats
            .unsent_responses
            .add(u64::try_from(unsent).unwrap_or(u64::MAX));
        self.socket = None;
    }

    /// A batch belongs to one socket.
    fn turn_to(&mut self, socket: &Arc<udp::Socket>) {
        let same = self
            .socket
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, socket));
        if !same || self.batch.is_full() {
            self.flush();
            self.socket = Some(Arc::clone(socket));
        }
    }

    fn datagram(&mut self, ask: &Ask, entry: &EntryView<'_>, now: Moment) -> Option<Rcode> {
        let ReplyTo::Udp { peer, local, .. } = &ask.reply_to else { return None };
        let out = self.batch.next_buffer()?;
        let query = ask.query.as_query();
        let len = answer::render(entry, &query, now, ask.limit, None, out)?;
        let rcode = rcode_of(out)?;
        self.batch.commit(len, Some(*peer), *local);
        Some(rcode)
    }

    fn message(&mut self, ask: &Ask, entry: &EntryView<'_>, now: Moment) -> Option<Rcode> {
        let query = ask.query.as_query();
        let len = answer::render(entry, &query, now, ask.limit, None, &mut self.frame)?;
        let message = self.frame.get(..len)?;
        let rcode = rcode_of(message)?;
        let sent = match &ask.reply_to {
            ReplyTo::Tcp(reply) => reply.tx.try_send(message.into()).is_ok(),
            ReplyTo::SelfQuery(reply) => reply.try_send(rcode).is_ok(),
            ReplyTo::Udp { .. } => false,
        };
        sent.then_some(rcode)
    }
}

fn rcode_of(message: &[u8]) -> Option<Rcode> {
    Header::parse(message).map(|Header { flags: Flags(flags), .. }| Rcode(flags & 0x0f))
}

/// Answers in one call: as many as the clients' threads send.
const BATCH: usize = 32;
