//! Sending answers to those who waited, in batches per socket.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use std::vec;

use dns::{Header, Rcode};

use crate::flights::Closed;
use crate::stale;
use crate::unsent::note_unsent;
use crate::{Ask, ReplyTo, TcpReply};
use observe::{QueryFlags, Record, Writer};
use observe::{ResponseSource, WorkerStats, rcode_index};
use resolver::{Cache, Entry, EntryView, Moment, Origin};

/// The way out for late answers.
#[derive(Debug)]
pub(crate) struct Replies {
    batch: udp::SendBatch,
    /// Whose batch it is.
    socket: Option<Arc<udp::Socket>>,
    /// Room for one answer over TCP.
    frame: Vec<u8>,
    /// Questions of so many that those who wait leave in rounds.
    leaving: VecDeque<Leaving>,
    stats: Arc<WorkerStats>,
    notes: Writer,
}

/// Those who wait for the answer of a question that has ended.
#[derive(Debug)]
struct Leaving {
    waiters: vec::IntoIter<Ask>,
    entry: Entry,
    /// What clients over UDP get instead.
    truncated: Option<Entry>,
    outcome: Outcome,
}

/// What is noted about a late answer besides what it says.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    origin: Origin,
    /// The number of the upstream it is from.
    upstream: Option<usize>,
    /// Whether its client was the one for whom an upstream was asked.
    flags: QueryFlags,
    /// The last hop of a loop that the question was in.
    ring: Option<IpAddr>,
}

impl Replies {
    pub(crate) fn new(stats: Arc<WorkerStats>, notes: Writer) -> Self {
        Self {
            batch: udp::SendBatch::new(BATCH, usize::from(dns::MAX_UDP_PAYLOAD)),
            socket: None,
            frame: vec![0; usize::from(u16::MAX)],
            leaving: VecDeque::new(),
            stats,
            notes,
        }
    }

    /// Puts what a question ended with into the cache, and answers those who wait:
    /// the first at once, and if there are many the rest in the next rounds of
    /// [`leave`](Self::leave), so that other questions do not wait for all of them. Returns
    /// how many clients were answered.
    pub(crate) fn close(&mut self, mut closed: Closed, cache: &Cache, now: Moment) -> usize {
        stale::instead_of_failure(&mut closed, cache, now);
        let Closed { waiters, mut entry, truncated, keep, origin, upstream, ring } = closed;
        if let (Some(head), Some(first)) = (keep, waiters.first()) {
            let told = std::mem::replace(&mut entry.head, head);
            cache.insert(&first.key(), &entry);
            entry.head = told;
        }
        let outcome = Outcome { origin, upstream, flags: QueryFlags::ASKED, ring };
        self.answer_round(Leaving { waiters: waiters.into_iter(), entry, truncated, outcome }, now)
    }

    /// Answers one round of those who still wait for a question that has ended.
    /// Returns how many clients that were.
    pub(crate) fn leave(&mut self, now: Moment) -> usize {
        let next = self.leaving.pop_front();
        next.map_or(0, |leaving| self.answer_round(leaving, now))
    }

    /// Says whether [`leave`](Self::leave) has something to do.
    pub(crate) fn is_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// Answers the next of those who leave, who queue again if some are left.
    fn answer_round(&mut self, mut leaving: Leaving, now: Moment) -> usize {
        let Leaving { waiters, entry, truncated, outcome } = &mut leaving;
        let view = entry.view();
        let mut clients = 0;
        for ask in waiters.take(ROUND) {
            let over_udp = matches!(ask.reply_to, ReplyTo::Udp { .. });
            match truncated.as_ref().filter(|_| over_udp) {
                Some(truncated) => {
                    let outcome = Outcome { origin: Origin::Upstream, ..*outcome };
                    self.stats.truncated_answers.add(1);
                    self.answer(&ask, &truncated.view(), outcome, now);
                }
                None => self.answer(&ask, &view, *outcome, now),
            }
            outcome.flags = QueryFlags::JOINED;
            clients += usize::from(ask.reply_to.peer().is_some());
        }
        if leaving.waiters.len() > 0 {
            self.leaving.push_back(leaving);
        }
        clients
    }

    /// Answers one client that its question is not asked.
    pub(crate) fn refuse(&mut self, ask: &Ask, entry: &Entry, origin: Origin, now: Moment) {
        // What is refused for a loop has come back by it.
        let flags = QueryFlags::default().with_if(QueryFlags::RETURNED, origin == Origin::Loop);
        let outcome = Outcome { origin, upstream: None, flags, ring: None };
        self.answer(ask, &entry.view(), outcome, now);
    }

    /// Answers one client with what the cache had after all.
    pub(crate) fn answer_cached(&mut self, ask: &Ask, entry: &EntryView<'_>, now: Moment) {
        let origin = Origin::of_cached(&entry.head);
        let flags = QueryFlags::default();
        let outcome = Outcome { origin, upstream: None, flags, ring: None };
        self.answer(ask, entry, outcome, now);
    }

    /// Answers `ask` with `entry`. Over UDP it leaves with the batch.
    fn answer(&mut self, ask: &Ask, entry: &EntryView<'_>, outcome: Outcome, now: Moment) {
        if let ReplyTo::Probe(reply) = &ask.reply_to {
            if let Some(tx) = &reply.tx {
                // A prober that no longer waits does not need it.
                tx.try_send(entry.head.rcode).ok();
            }
            return;
        }
        if matches!(ask.reply_to, ReplyTo::Refresh) {
            return;
        }
        let record = record(ask, outcome, now).map(|record| record.remembering(&entry.head));
        let waited = now.saturating_since(ask.arrived);
        let rcode = match &ask.reply_to {
            ReplyTo::Udp { .. } if waited > TOO_LATE => {
                note(ask, record.as_ref(), None, &mut self.notes);
                None
            }
            ReplyTo::Udp { socket, .. } => {
                self.turn_to(socket, now);
                self.datagram(ask, entry, record.as_ref(), now)
            }
            ReplyTo::Tcp(reply) => self.message(ask, reply, entry, record.as_ref(), now),
            ReplyTo::Probe(_) | ReplyTo::Refresh => None,
        };
        match rcode {
            Some(rcode) => {
                self.stats
                    .stale_answers
                    .add(u64::from(outcome.origin == Origin::Stale));
                self.stats.responses.add(rcode_index(rcode));
                if let Some(histogram) = self
                    .stats
                    .response_seconds
                    .get(ResponseSource::Upstream.index())
                {
                    histogram.record(waited);
                }
            }
            None => self.stats.unsent_responses.add(1),
        }
    }

    /// Notes a query whose twin still waits: one answer is enough for both.
    pub(crate) fn note_repeated(&mut self, ask: &Ask) {
        let Some(peer) = ask.reply_to.peer() else { return };
        let record = Record::of(&ask.query.as_query(), peer, ask.arrived);
        let flags = record.flags | QueryFlags::REPEATED;
        let record = Record { origin: Origin::Upstream, flags, ..record };
        self.notes.push(&record, ask.query.qname.as_wire());
    }

    /// Sends what is left in the batch.
    pub(crate) fn flush(&mut self, now: Moment) {
        let Some(socket) = &self.socket else { return };
        let queued = self.batch.len();
        let unsent = match socket.send_batch(&mut self.batch) {
            Ok(report) => report.failed,
            Err(_) => queued,
        };
        note_unsent(&self.batch, &mut self.notes, now);
        self.stats
            .unsent_responses
            .add(u64::try_from(unsent).unwrap_or(u64::MAX));
        self.socket = None;
    }

    /// A batch belongs to one socket.
    fn turn_to(&mut self, socket: &Arc<udp::Socket>, now: Moment) {
        let same = self
            .socket
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, socket));
        if !same || self.batch.is_full() {
            self.flush(now);
            self.socket = Some(Arc::clone(socket));
        }
    }

    fn datagram(
        &mut self,
        ask: &Ask,
        entry: &EntryView<'_>,
        record: Option<&Record>,
        now: Moment,
    ) -> Option<Rcode> {
        let ReplyTo::Udp { peer, local, .. } = &ask.reply_to else { return None };
        let (response, header) = render(ask, entry, now, self.batch.next_buffer()?)?;
        note(ask, record, Some(&header), &mut self.notes);
        let len = response.len();
        self.batch.commit(len, Some(*peer), *local);
        Some(header.flags.rcode())
    }

    fn message(
        &mut self,
        ask: &Ask,
        reply: &TcpReply,
        entry: &EntryView<'_>,
        record: Option<&Record>,
        now: Moment,
    ) -> Option<Rcode> {
        let (response, header) = render(ask, entry, now, &mut self.frame)?;
        let sent = reply.send(response);
        let header = sent.then_some(header);
        note(ask, record, header.as_ref(), &mut self.notes);
        header.map(|header| header.flags.rcode())
    }
}

/// Begins the record of a client's question; our own leave none.
fn record(ask: &Ask, outcome: Outcome, now: Moment) -> Option<Record> {
    let peer = ask.reply_to.peer()?;
    let record = Record::of(&ask.query.as_query(), peer, ask.arrived);
    let returned = outcome.flags.has(QueryFlags::JOINED) && outcome.ring == Some(peer.ip());
    let over_tcp = matches!(ask.reply_to, ReplyTo::Tcp(_));
    Some(Record {
        took: now.saturating_since(ask.arrived),
        origin: outcome.origin,
        upstream: outcome.upstream.and_then(|at| u8::try_from(at).ok()),
        flags: (record.flags | outcome.flags)
            .with_if(QueryFlags::TCP, over_tcp)
            .with_if(QueryFlags::RETURNED, returned),
        ..record
    })
}

/// Writes the response into `out`, and returns it with its header.
fn render<'o>(
    ask: &Ask,
    entry: &EntryView<'_>,
    now: Moment,
    out: &'o mut [u8],
) -> Option<(&'o [u8], Header)> {
    let len = resolver::render(entry, &ask.query.as_query(), now, ask.limit, None, out)?.len;
    let response = out.get(..len)?;
    Some((response, Header::parse(response)?))
}

/// Notes a question that is done with, and the response if one was sent.
fn note(ask: &Ask, record: Option<&Record>, response: Option<&Header>, to: &mut Writer) {
    let Some(record) = record else { return };
    let record = match response {
        Some(header) => record.answered(header, header.flags.rcode()),
        None => *record,
    };
    to.push(&record, ask.query.qname.as_wire());
}

/// Answers in one call: as many as the clients' threads send.
const BATCH: usize = 32;

/// Those who leave one question at a time: their answers take some 200 us, which
/// is what others wait for meanwhile.
const ROUND: usize = 64;

/// An answer that is later is dropped: glibc, musl and Go wait for five seconds
/// at most, and an answer without a waiting client only helps those who collect answers
/// to let them all arrive at once (the `DNSBomb` attack).
const TOO_LATE: Duration = Duration::from_secs(6);
