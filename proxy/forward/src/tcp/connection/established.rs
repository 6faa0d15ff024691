//! A connection that stands: what was written to it, and what was read.

use std::collections::HashMap;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

use super::stream::{Stream, failure_of};
use crate::UpstreamFailure;
use crate::accept::{NotAnAnswer, judge};
use crate::tcp::Job;

/// The connection, once it stands.
pub(super) struct Established {
    pub(super) stream: Stream,
    pending: HashMap<u16, Pending>,
    /// What was read and is no whole frame yet: one frame and one read at most.
    pub(super) input: Vec<u8>,
    pub(super) last_read: Instant,
    pub(super) answered: bool,
    /// Nothing came for too long, and no octet since.
    pub(super) stalled: bool,
}

struct Pending {
    job: Job,
    written: Instant,
}

impl Established {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            pending: HashMap::new(),
            input: Vec::new(),
            last_read: Instant::now(),
            answered: false,
            stalled: false,
        }
    }

    /// Writes all of `batch` at once, each query with a random id. All of them
    /// are pending afterwards, also when the write fails.
    pub(super) async fn write(&mut self, batch: &mut Vec<Job>) -> Result<(), UpstreamFailure> {
        let mut output = Vec::new();
        let written = Instant::now();
        for mut job in batch.drain(..) {
            let id = self.free_id();
            let message = &mut job.ask.message;
            let Ok(length) = u16::try_from(message.len()) else { continue };
            dns::put_u16(message, 0, id);
            output.extend(length.to_be_bytes());
            output.extend(&*message);
            self.pending.insert(id, Pending { job, written });
        }
        let write = async {
            self.stream.write_all(&output).await?;
            // TLS keeps what fits into no record.
            self.stream.flush().await
        };
        match timeout(WRITE_TIMEOUT, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(failure_of(&error)),
            Err(_) => Err(UpstreamFailure::Closed),
        }
    }

    fn free_id(&self) -> u16 {
        loop {
            let id = rand::random();
            if !self.pending.contains_key(&id) {
                return id;
            }
        }
    }

    /// Takes the query that `frame` answers; anything else changes nothing.
    pub(super) fn judge(&mut self, frame: &[u8]) -> Result<Job, NotAnAnswer> {
        let id = dns::get_u16(frame, 0).ok_or(NotAnAnswer::Short)?;
        let pending = self.pending.get(&id).ok_or(NotAnAnswer::Id)?;
        let asked = &pending.job.ask.message;
        let asked = dns::Question::parse(asked).map_err(|_| NotAnAnswer::Malformed)?;
        judge(frame, &asked, id)?;
        let pending = self.pending.remove(&id).ok_or(NotAnAnswer::Id)?;
        Ok(pending.job)
    }

    /// Returns when there is something to do without an octet read: a deadline, what
    /// is to be asked elsewhere, or the end of an idle connection.
    pub(super) fn next_wake(&self, stall: Duration) -> Instant {
        let deadlines = self
            .pending
            .values()
            .map(|pending| pending.job.ask.deadline);
        let idle = self.pending.is_empty();
        let idle = idle.then(|| self.last_read + IDLE_TIMEOUT);
        let wakes = deadlines.chain(self.stalls_at(stall)).chain(idle);
        wakes.min().unwrap_or(self.last_read)
    }

    /// Returns when this is a silent connection for a query that is asked nowhere
    /// else.
    pub(super) fn stalls_at(&self, stall: Duration) -> Option<Instant> {
        let only_here = self.pending.values().filter(|pending| !pending.job.moved);
        let written = only_here.map(|pending| pending.written).min()?;
        Some(written.max(self.last_read) + stall)
    }

    /// Drops queries without waiting clients. Returns false when the connection is
    /// of no use: idle, or silent since the query was written.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let last_read = self.last_read;
        let idle = self.pending.is_empty() && last_read + IDLE_TIMEOUT <= now;
        let mut silent = false;
        self.pending.retain(|_, pending| {
            let keep = pending.job.ask.deadline > now;
            silent |= !keep && last_read < pending.written;
            keep
        });
        !silent && !idle
    }

    /// Returns the queries that have no answer.
    pub(super) fn jobs(&mut self) -> impl Iterator<Item = &mut Job> {
        self.pending.values_mut().map(|pending| &mut pending.job)
    }

    /// The same, at the end.
    pub(super) fn into_jobs(self) -> impl Iterator<Item = Job> {
        self.pending.into_values().map(|pending| pending.job)
    }
}

/// How long an unused connection is kept: as CoreDNS's forward plugin does.
/// Servers that close earlier are met by asking again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// A peer that takes no octets for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
