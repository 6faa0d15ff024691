//! The account of every query: what was sent, and what came back.
//!
//! Pure: a sender records what it sent and received, with the time, and gets
//! the next step of a lookup. The socket loops stay free of judgment. What ends
//! without an answer is in `ends`.

use std::sync::Arc;

use dns::{Flags, HEADER_LEN, Header, Rcode};

use crate::lookup::{Lookups, QueryOutcome, ReadyStep};
use crate::outstanding::{Bounds, Full, NO_LOOKUP, Outstanding, QueryState, Slot};
use crate::recorder::{Answered, Recorder};
use crate::series::Tally;
use crate::workload::{MAX_QUERY_LEN, Workload};

mod ends;

/// The account of one sender thread.
#[derive(Debug)]
pub struct Account {
    /// Which queries wait.
    pub outstanding: Outstanding,
    /// What happened.
    pub recorder: Recorder,
    /// Lookups on their way.
    pub lookups: Lookups,
    workload: Arc<Workload>,
    /// Queries since the last [`flushed`](Self::flushed).
    queued: usize,
    /// Lost queries whose answer may still come, and until when that of the last.
    missing: u64,
    missing_until: u64,
}

/// One query that is about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingQuery {
    /// When it was due, in nanoseconds since the start of the run.
    pub due: u64,
    /// When it is sent.
    pub sent: u64,
    /// Its number in the workload.
    pub query: u32,
    /// The lookup it belongs to, or [`NO_LOOKUP`].
    pub lookup: u32,
    /// The socket it leaves by.
    pub socket: u16,
    /// The phase it was due in.
    pub phase: u8,
}

impl Account {
    /// Opens an account for `phases` of `workload`.
    pub fn new(workload: Arc<Workload>, phases: usize, bounds: Bounds) -> Self {
        Self {
            outstanding: Outstanding::new(bounds),
            recorder: Recorder::new(phases),
            lookups: Lookups::default(),
            workload,
            queued: 0,
            missing: 0,
            missing_until: 0,
        }
    }

    /// Composes a query into `out`, which counts as sent once it has
    /// [left](Self::flushed); returns its length.
    ///
    /// # Errors
    ///
    /// [`Full`] when it must be shed, which is counted.
    pub fn send(&mut self, outgoing: &OutgoingQuery, out: &mut [u8]) -> Result<usize, Full> {
        self.recorder.phase(outgoing.phase).counts.due += 1;
        self.recorder.series.count(outgoing.due, Tally::Due);
        let query = self.workload.query(outgoing.query);
        let Some(place) = out.get_mut(..query.len()) else { return Err(Full) };
        let slot = Slot {
            due: outgoing.due,
            sent: outgoing.sent,
            question: outgoing.query,
            lookup: outgoing.lookup,
            socket: outgoing.socket,
            id: 0,
            phase: outgoing.phase,
            state: QueryState::Queued,
        };
        let Ok(id) = self.outstanding.insert(slot) else {
            self.recorder.phase(outgoing.phase).counts.shed += 1;
            self.recorder.series.count(outgoing.due, Tally::NotSent);
            self.end_of_query(outgoing.lookup, QueryOutcome::Lost, outgoing.sent);
            return Err(Full);
        };
        self.queued += 1;
        let len = query.len();
        self.workload.write(outgoing.query, outgoing.due, place);
        if let Some((place, _)) = place.split_first_chunk_mut() {
            *place = id.to_be_bytes();
        }
        Ok(len)
    }

    /// Notes what became of all that was queued since the last call, apart from
    /// what [failed](Self::failed): it left between `before` and `after`, one
    /// query after the other.
    pub fn flushed(&mut self, before: u64, after: u64) {
        let count = std::mem::take(&mut self.queued);
        let took = after.saturating_sub(before);
        for n in 0..count {
            // In the middle of its share of the time: the kernel has no stamp for
            // what leaves that costs less than the send itself.
            let at = before + took * (2 * n as u64 + 1) / (2 * count as u64);
            if let Some(index) = self.outstanding.inserted(count - n) {
                self.left(index, at);
            }
        }
    }

    /// Notes that the query at `index` left at `at`, if it is still queued.
    pub fn left(&mut self, index: u32, at: u64) {
        if let Some(slot) = self.outstanding.left(index, at) {
            self.recorder.phase(slot.phase).sent(slot.due, at);
            self.recorder.series.count(slot.due, Tally::Sent);
        }
    }

    /// Notes that the query with this `id` of `socket` left at `at`.
    pub fn left_by_id(&mut self, socket: u16, id: u16, at: u64) {
        if let Some((index, _)) = self.outstanding.find(socket, id) {
            self.left(index, at);
        }
    }

    /// Returns until when a late answer may come, if one is missing at `now`.
    pub fn missing_until(&self, now: u64) -> Option<u64> {
        (self.missing > 0 && now < self.missing_until).then_some(self.missing_until)
    }

    /// Counts a query as shed for want of a socket.
    pub fn shed(&mut self, outgoing: &OutgoingQuery) {
        let counts = &mut self.recorder.phase(outgoing.phase).counts;
        counts.due += 1;
        counts.shed += 1;
        self.recorder.not_sent(outgoing.due);
        self.end_of_query(outgoing.lookup, QueryOutcome::Lost, outgoing.sent);
    }

    /// Counts a message that `socket` received at `received`. Returns the query
    /// that it is the first answer to.
    pub fn receive(&mut self, socket: u16, message: &[u8], received: u64) -> Option<Slot> {
        let found = self.judge(socket, message);
        let Some((index, slot, header)) = found else {
            let phase = self.latest_phase(socket);
            self.recorder.phase(phase).counts.wrong += 1;
            return None;
        };
        let in_time = received.saturating_sub(slot.sent) <= self.outstanding.timeout();
        let record = self.recorder.phase(slot.phase);
        match slot.state {
            QueryState::Answered | QueryState::AnsweredLate => {
                record.counts.duplicate += 1;
                return None;
            }
            // The kernel had it in time, we read it late: not lost at all.
            QueryState::Lost => {
                record.counts.lost -= 1;
                self.recorder.series.uncount(slot.due, Tally::Lost);
                self.missing = self.missing.saturating_sub(1);
            }
            // ICMP was wrong, or about another path of the same datagram.
            QueryState::Refused => {
                record.counts.refused -= 1;
                self.recorder.series.uncount(slot.due, Tally::Refused);
            }
            // No server can know its id: an answer to an earlier query of the same
            // id, or a guess.
            QueryState::NotSent | QueryState::Queued => {
                record.counts.wrong += 1;
                return None;
            }
            QueryState::Waiting => {}
        }
        let record = self.recorder.phase(slot.phase);
        if header.flags.has(Flags::TC) {
            record.counts.truncated += 1;
        }
        if in_time {
            let rcode = header.flags.rcode();
            let answered = Answered { due: slot.due, sent: slot.sent, received, rcode };
            self.recorder.answered(slot.phase, &answered);
            self.outstanding.resolve(index, QueryState::Answered);
        } else {
            record.counts.late += 1;
            self.recorder.series.count(slot.due, Tally::Late);
            self.outstanding.resolve(index, QueryState::AnsweredLate);
        }
        if slot.state.is_open() {
            let has_address = header.flags.rcode() == Rcode::NOERROR && header.counts[1] > 0;
            let outcome = if has_address { QueryOutcome::Address } else { QueryOutcome::Denial };
            self.end_of_query(slot.lookup, outcome, received);
        }
        Some(slot)
    }

    /// Starts a lookup that was due at `due`; its first step is then ready.
    pub fn start_lookup(&mut self, walk: u32, due: u64, phase: u8, socket: u16) {
        self.recorder.phase(phase).counts.lookups.due += 1;
        self.lookups.start(walk, due, phase, socket);
    }

    /// Returns the next step of a lookup that is to be sent now.
    pub fn next_ready(&mut self, now: u64) -> Option<ReadyStep> {
        self.lookups.next_ready(now, &self.workload)
    }

    /// Finds the query that `message` answers, and its header.
    fn judge(&self, socket: u16, message: &[u8]) -> Option<(u32, Slot, Header)> {
        let header = Header::parse(message)?;
        if !header.flags.has(Flags::QR) {
            return None;
        }
        let (index, slot) = self.outstanding.find(socket, header.id)?;
        let mut scratch = [0; MAX_QUERY_LEN];
        let query = self.workload.as_sent(slot.question, slot.due, &mut scratch);
        answers(query, message, &header).then_some((index, *slot, header))
    }

    fn end_of_query(&mut self, lookup: u32, outcome: QueryOutcome, now: u64) {
        if lookup != NO_LOOKUP {
            self.lookups
                .end_of_query(lookup, outcome, now, &self.workload, &mut self.recorder);
        }
    }
}

/// Returns whether `message` repeats the question of `query`. One without a
/// question can only be an error about the query as a whole.
pub(crate) fn answers(query: &[u8], message: &[u8], header: &Header) -> bool {
    if header.counts[0] == 0 {
        let rcode = header.flags.rcode();
        return rcode == Rcode::FORMERR || rcode == Rcode::NOTIMP;
    }
    // What follows is the OPT record, and of the answer its records.
    let has_opt = query.get(ARCOUNT).is_some_and(|count| *count > 0);
    let end = query
        .len()
        .saturating_sub(if has_opt { OPT_LEN } else { 0 });
    let Some(asked) = query.get(HEADER_LEN..end) else { return false };
    let Some(told) = message.get(HEADER_LEN..end) else { return false };
    // Type and class are the last four octets and have no case.
    let name = asked.len().saturating_sub(4);
    let (asked_name, asked_type) = asked.split_at(name);
    let (told_name, told_type) = told.split_at(name);
    asked_type == told_type && asked_name.eq_ignore_ascii_case(told_name)
}

/// The low octet of the count of additional records.
const ARCOUNT: usize = 11;
/// Octets of an OPT record without options.
const OPT_LEN: usize = 11;

#[cfg(test)]
mod tests;
