//! Queries that end without an answer.

use super::{Account, OutgoingQuery};
use crate::lookup::QueryOutcome;
use crate::outstanding::{QueryState, Slot};
use crate::recorder::Icmp;
use crate::series::Tally;

impl Account {
    /// Counts the query that an ICMP message quotes as refused, and returns it;
    /// `None` when it is no query that waits on `socket`. An answer to it still
    /// counts as its answer.
    pub fn refuse(&mut self, socket: u16, quoted: &[u8], icmp: Icmp, now: u64) -> Option<Slot> {
        let id = quoted.first_chunk().copied().map(u16::from_be_bytes);
        let found = id.and_then(|id| self.outstanding.find(socket, id));
        let Some((index, slot)) = found.map(|(index, slot)| (index, *slot)) else {
            let phase = self.latest_phase(socket);
            *self.recorder.phase(phase).icmp.entry(icmp).or_default() += 1;
            return None;
        };
        let record = self.recorder.phase(slot.phase);
        *record.icmp.entry(icmp).or_default() += 1;
        if icmp.is_about_size() || slot.state != QueryState::Waiting {
            return None;
        }
        self.end_refused(index, &slot, now);
        if quoted.len() > self.workload.query(slot.question).len() {
            self.refuse_joined(index, &slot, now);
        }
        Some(slot)
    }

    /// Refuses the others of a segmented batch that no device has cut apart: one
    /// message is about all of them and quotes the first.
    fn refuse_joined(&mut self, first: u32, quoted: &Slot, now: u64) {
        let len = self.workload.query(quoted.question).len();
        let mut index = first;
        loop {
            index = self.outstanding.following(index);
            let Some(slot) = self.outstanding.get(index).copied() else { return };
            if (slot.sent, slot.socket) != (quoted.sent, quoted.socket) || index == first {
                return;
            }
            let is_joined = self.workload.query(slot.question).len() == len;
            if is_joined && slot.state == QueryState::Waiting {
                self.end_refused(index, &slot, now);
            }
        }
    }

    fn end_refused(&mut self, index: u32, slot: &Slot, now: u64) {
        self.recorder.phase(slot.phase).counts.refused += 1;
        self.recorder.series.count(slot.due, Tally::Refused);
        self.outstanding.resolve(index, QueryState::Refused);
        self.end_of_query(slot.lookup, QueryOutcome::Lost, now);
    }

    /// Counts an error of a socket that is about no query in particular.
    pub fn socket_error(&mut self, socket: u16, errno: i32) {
        let phase = self.latest_phase(socket);
        let errors = &mut self.recorder.phase(phase).socket_errors;
        *errors.entry(errno).or_default() += 1;
    }

    /// Ends all queries of a connection that broke: those that had left are lost,
    /// those that had not were never sent.
    pub fn disconnect(&mut self, socket: u16, now: u64) {
        for back in 1..=self.outstanding.reach(socket) {
            if self.outstanding.waiting_on(socket) == 0 {
                return;
            }
            let found = self.outstanding.back_on(socket, back);
            let Some((index, slot)) = found.map(|(index, slot)| (index, *slot)) else { continue };
            if slot.state.is_open() {
                self.outstanding.resolve(index, QueryState::Lost);
                self.lose(&slot, now);
            }
        }
    }

    /// Counts the query at `place` of those that are queued, from 0, as one that
    /// the system did not take.
    pub fn failed(&mut self, place: usize, errno: i32, now: u64) {
        let back = self.queued.saturating_sub(place);
        let Some(index) = self.outstanding.inserted(back) else { return };
        self.end_unsent(index, errno, now);
    }

    /// Counts the queued query with this `id` of `socket` likewise.
    pub fn failed_id(&mut self, socket: u16, id: u16, errno: i32, now: u64) {
        if let Some((index, _)) = self.outstanding.find(socket, id) {
            self.end_unsent(index, errno, now);
        }
    }

    /// Counts a query that is due and that no connection takes.
    pub fn unconnected(&mut self, outgoing: &OutgoingQuery) {
        let counts = &mut self.recorder.phase(outgoing.phase).counts;
        counts.due += 1;
        counts.unconnected += 1;
        self.recorder.not_sent(outgoing.due);
        self.end_of_query(outgoing.lookup, QueryOutcome::Lost, outgoing.sent);
    }

    /// Counts a query whose time was up before `now` as lost, and returns it.
    pub fn expire(&mut self, now: u64) -> Option<Slot> {
        let slot = self.outstanding.expire(now)?;
        self.lose(&slot, now);
        if slot.state == QueryState::Waiting {
            self.missing += 1;
            self.missing_until = self.missing_until.max(slot.sent + self.outstanding.keep());
        }
        Some(slot)
    }

    /// Counts all that wait as unfinished: the run was interrupted.
    pub fn interrupt(&mut self) {
        while let Some(slot) = self.outstanding.expire(u64::MAX) {
            let counts = &mut self.recorder.phase(slot.phase).counts;
            match slot.state {
                QueryState::Queued => counts.unconnected += 1,
                _ => counts.unfinished += 1,
            }
        }
    }

    fn lose(&mut self, slot: &Slot, now: u64) {
        let counts = &mut self.recorder.phase(slot.phase).counts;
        let tally = match slot.state {
            QueryState::Queued => {
                counts.unconnected += 1;
                Tally::NotSent
            }
            _ => {
                counts.lost += 1;
                Tally::Lost
            }
        };
        self.recorder.series.count(slot.due, tally);
        self.end_of_query(slot.lookup, QueryOutcome::Lost, now);
    }

    fn end_unsent(&mut self, index: u32, errno: i32, now: u64) {
        let Some(slot) = self.outstanding.get(index).copied() else { return };
        if slot.state != QueryState::Queued {
            return;
        }
        self.outstanding.resolve(index, QueryState::NotSent);
        let record = self.recorder.phase(slot.phase);
        record.counts.unsendable += 1;
        self.recorder.series.count(slot.due, Tally::NotSent);
        let record = self.recorder.phase(slot.phase);
        *record.send_errors.entry(errno).or_default() += 1;
        self.end_of_query(slot.lookup, QueryOutcome::Lost, now);
    }

    /// Whose a message is that has no query of ours cannot be known; the phase is
    /// that of the last query.
    pub fn latest_phase(&self, socket: u16) -> u8 {
        let latest = self.outstanding.back_on(socket, 1);
        latest.map_or(0, |(_, slot)| slot.phase)
    }
}
