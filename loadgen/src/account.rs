//! The account of every query: what was sent, and what came back.
//!
//! Pure: a sender records what it sent and received, with the time, and gets
//! the next step of a lookup. The socket loops stay free of judgment.

use std::sync::Arc;

use dns::{Flags, HEADER_LEN, Header, Rcode};

use crate::lookup::{Lookups, QueryOutcome, ReadyStep};
use crate::outstanding::{Bounds, Full, NO_LOOKUP, Outstanding, QueryState, Slot};
use crate::recorder::Recorder;
use crate::workload::Workload;

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
        }
    }

    /// Composes a query into `out` and takes it as sent; returns its length.
    ///
    /// # Errors
    ///
    /// [`Full`] when it must be shed, which is counted.
    pub fn send(&mut self, outgoing: &OutgoingQuery, out: &mut [u8]) -> Result<usize, Full> {
        let record = self.recorder.phase(outgoing.phase);
        record.counts.due += 1;
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
            state: QueryState::Waiting,
        };
        let Ok(id) = self.outstanding.insert(slot) else {
            record.counts.shed += 1;
            self.end_of_query(outgoing.lookup, QueryOutcome::Lost, outgoing.sent);
            return Err(Full);
        };
        record.sent(outgoing.due, outgoing.sent);
        place.copy_from_slice(query);
        if let Some((place, _)) = place.split_first_chunk_mut() {
            *place = id.to_be_bytes();
        }
        Ok(query.len())
    }

    /// Counts a query as shed for want of a socket.
    pub fn shed(&mut self, outgoing: &OutgoingQuery) {
        let counts = &mut self.recorder.phase(outgoing.phase).counts;
        counts.due += 1;
        counts.shed += 1;
        self.end_of_query(outgoing.lookup, QueryOutcome::Lost, outgoing.sent);
    }

    /// Counts a message that `socket` received at `received`. Returns the query
    /// that it is the first answer to.
    pub fn receive(&mut self, socket: u16, message: &[u8], received: u64) -> Option<Slot> {
        let found = self.judge(socket, message);
        let Some((index, slot, header)) = found else {
            // Whose it is cannot be known; the phase is that of the last query.
            let phase = self
                .outstanding
                .back_on(socket, 1)
                .map_or(0, |(_, slot)| slot.phase);
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
            // The kernel had it in time, we read it late: not lost at all. Or
            // the refusal was about another query than was thought.
            QueryState::Lost => record.counts.lost -= 1,
            QueryState::Refused => record.counts.refused -= 1,
            QueryState::NotSent => {
                record.counts.unsendable -= 1;
                record.counts.sent += 1;
            }
            QueryState::Waiting => {}
        }
        if header.flags.has(Flags::TC) {
            record.counts.truncated += 1;
        }
        if in_time {
            record.answered(slot.due, slot.sent, received);
            if let Some(count) = record
                .rcodes
                .get_mut(usize::from(header.flags.rcode().0 & 15))
            {
                *count += 1;
            }
            self.outstanding.resolve(index, QueryState::Answered);
        } else {
            record.counts.late += 1;
            self.outstanding.resolve(index, QueryState::AnsweredLate);
        }
        if slot.state == QueryState::Waiting {
            let has_address = header.flags.rcode() == Rcode::NOERROR && header.counts[1] > 0;
            let outcome = if has_address { QueryOutcome::Address } else { QueryOutcome::Denial };
            self.end_of_query(slot.lookup, outcome, received);
        }
        Some(slot)
    }

    /// Counts all queries that wait on `socket` as refused: its peer has no
    /// listener.
    ///
    /// The kernel reports it once for several datagrams and not for which, so
    /// all that wait there are refused. An answer to one of them still counts
    /// as its answer.
    pub fn refuse(&mut self, socket: u16, now: u64) {
        self.end_all_on(socket, QueryState::Refused, now);
    }

    /// Counts all queries that wait on `socket` as lost: it was closed.
    pub fn abandon(&mut self, socket: u16, now: u64) {
        self.end_all_on(socket, QueryState::Lost, now);
    }

    /// Counts the last `failed` queries of `socket` as unsendable: the system
    /// did not take them.
    pub fn fail_to_send(&mut self, socket: u16, failed: usize, now: u64) {
        for back in 1..=failed {
            let found = self.outstanding.back_on(socket, back);
            let Some((index, slot)) = found.map(|(index, slot)| (index, *slot)) else { return };
            self.end_unsent(index, slot, now);
        }
    }

    /// Counts the query with this `id` of `socket` as unsendable.
    pub fn fail_to_send_one(&mut self, socket: u16, id: u16, now: u64) {
        let found = self.outstanding.find(socket, id);
        if let Some((index, slot)) = found.map(|(index, slot)| (index, *slot)) {
            self.end_unsent(index, slot, now);
        }
    }

    /// Counts a query whose time was up before `now` as lost, and returns it.
    pub fn expire(&mut self, now: u64) -> Option<Slot> {
        let slot = self.outstanding.expire(now)?;
        self.recorder.phase(slot.phase).counts.lost += 1;
        self.end_of_query(slot.lookup, QueryOutcome::Lost, now);
        Some(slot)
    }

    /// Counts all that wait as unfinished: the run was interrupted.
    pub fn interrupt(&mut self) {
        while let Some(slot) = self.outstanding.expire(u64::MAX) {
            self.recorder.phase(slot.phase).counts.unfinished += 1;
        }
    }

    /// Starts a lookup that was due at `due`; its first step is then ready.
    pub fn start_lookup(&mut self, walk: u32, due: u64, phase: u8, socket: u16) {
        self.recorder.phase(phase).counts.lookups.due += 1;
        self.lookups.start(walk, due, phase, socket);
    }

    /// Returns the next step of a lookup that is to be sent now.
    pub fn next_ready(&mut self) -> Option<ReadyStep> {
        self.lookups.next_ready(&self.workload)
    }

    /// Finds the query that `message` answers, and its header.
    fn judge(&self, socket: u16, message: &[u8]) -> Option<(u32, Slot, Header)> {
        let header = Header::parse(message)?;
        if !header.flags.has(Flags::QR) {
            return None;
        }
        let (index, slot) = self.outstanding.find(socket, header.id)?;
        let query = self.workload.query(slot.question);
        answers(query, message, &header).then_some((index, *slot, header))
    }

    fn end_all_on(&mut self, socket: u16, state: QueryState, now: u64) {
        for back in 1..=self.outstanding.reach(socket) {
            if self.outstanding.waiting_on(socket) == 0 {
                return;
            }
            let found = self.outstanding.back_on(socket, back);
            let Some((index, slot)) = found.map(|(index, slot)| (index, *slot)) else { continue };
            if slot.state != QueryState::Waiting {
                continue;
            }
            self.outstanding.resolve(index, state);
            let counts = &mut self.recorder.phase(slot.phase).counts;
            match state {
                QueryState::Refused => counts.refused += 1,
                _ => counts.lost += 1,
            }
            self.end_of_query(slot.lookup, QueryOutcome::Lost, now);
        }
    }

    fn end_unsent(&mut self, index: u32, slot: Slot, now: u64) {
        if slot.state != QueryState::Waiting {
            return;
        }
        self.outstanding.resolve(index, QueryState::NotSent);
        let counts = &mut self.recorder.phase(slot.phase).counts;
        counts.sent -= 1;
        counts.unsendable += 1;
        self.end_of_query(slot.lookup, QueryOutcome::Lost, now);
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
fn answers(query: &[u8], message: &[u8], header: &Header) -> bool {
    if header.counts[0] == 0 {
        let rcode = header.flags.rcode();
        return rcode == Rcode::FORMERR || rcode == Rcode::NOTIMP;
    }
    let Some(asked) = query.get(HEADER_LEN..) else { return false };
    let Some(told) = message.get(HEADER_LEN..query.len()) else { return false };
    // Type and class are the last four octets and have no case.
    let name = asked.len().saturating_sub(4);
    let (asked_name, asked_type) = asked.split_at(name);
    let (told_name, told_type) = told.split_at(name);
    asked_type == told_type && asked_name.eq_ignore_ascii_case(told_name)
}

#[cfg(test)]
mod tests;
