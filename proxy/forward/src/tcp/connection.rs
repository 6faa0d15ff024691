//! One connection to an upstream, from connect to close.

mod established;
mod stream;

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::places::{PIPELINE, Places};
use super::{Job, relock};
use crate::UpstreamFailure;
use crate::flights::FlightError;
use crate::inbox::{Inbox, TcpReport};
use established::Established;
use observe::WorkerStats;
pub(super) use stream::Remote;
use stream::{Stream, open};

/// What a connection's task needs beside the connection.
pub(super) struct Task {
    pub(super) upstream: usize,
    /// Its number among those of the upstream.
    pub(super) connection: u64,
    pub(super) places: Arc<Mutex<Places>>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) stats: Arc<WorkerStats>,
    pub(super) reports: Vec<TcpReport>,
}

impl Task {
    /// Runs the connection until it is idle or broken. All that was given to it
    /// is reported, whatever happens.
    pub(super) async fn run(mut self, to: Remote, mut rx: Receiver<Job>) {
        let Some(first) = rx.recv().await else { return };
        let mut jobs = vec![first];
        match self.connect(to, &mut jobs, &mut rx).await {
            Ok(stream) => {
                relock(&self.places).set_stalled(self.connection, false);
                let mut connection = Established::new(stream);
                let reason = self.serve(&mut connection, jobs, &mut rx).await;
                self.end(connection, reason);
            }
            Err(reason) => self.fail_all(jobs, &mut rx, reason),
        }
        rx.close();
        // These were never written, so asking again is safe.
        while let Ok(job) = rx.try_recv() {
            self.unasked(&job);
        }
        relock(&self.places).ended(self.connection);
        self.inbox.report(&mut self.reports);
    }

    /// Connects. What waits for it too long is asked elsewhere meanwhile.
    async fn connect(
        &mut self,
        to: Remote,
        jobs: &mut Vec<Job>,
        rx: &mut Receiver<Job>,
    ) -> Result<Stream, UpstreamFailure> {
        let until = Instant::now() + CONNECT_TIMEOUT;
        let until = jobs
            .first()
            .map_or(until, |job| until.min(job.ask.deadline));
        let mut connect = pin!(open(to));
        match timeout(STALL, &mut connect).await {
            Ok(connected) => connected,
            Err(_) => {
                relock(&self.places).set_stalled(self.connection, true);
                jobs.extend(std::iter::from_fn(|| rx.try_recv().ok()));
                self.move_away(jobs.iter_mut());
                self.inbox.report(&mut self.reports);
                let connected = timeout_at(until, connect).await;
                connected.map_err(|_| UpstreamFailure::Connect)?
            }
        }
    }

    /// Without a connection nothing that waits for it can be asked. To ask it
    /// again at once would only find the same.
    fn fail_all(&mut self, jobs: Vec<Job>, rx: &mut Receiver<Job>, reason: UpstreamFailure) {
        rx.close();
        let others = std::iter::from_fn(|| rx.try_recv().ok());
        for job in jobs.into_iter().chain(others) {
            self.fail(&job, reason);
        }
    }

    /// Writes and reads until there is a reason to stop.
    async fn serve(
        &mut self,
        connection: &mut Established,
        mut batch: Vec<Job>,
        rx: &mut Receiver<Job>,
    ) -> UpstreamFailure {
        loop {
            // All that came meanwhile leaves in the same write.
            while batch.len() < PIPELINE
                && let Ok(job) = rx.try_recv()
            {
                batch.push(job);
            }
            if !batch.is_empty()
                && let Err(reason) = connection.write(&mut batch).await
            {
                return reason;
            }
            let wake = connection.next_wake(STALL);
            tokio::select! {
                received = rx.recv_many(&mut batch, PIPELINE) => if received == 0 {
                    return UpstreamFailure::Closed;
                },
                read = connection.stream.read_buf(&mut connection.input) => match read {
                    Ok(0) | Err(_) => return UpstreamFailure::Closed,
                    Ok(_) => self.take_frames(connection),
                },
                () = sleep_until(wake) => {
                    if !self.wake(connection) {
                        return UpstreamFailure::Silent;
                    }
                }
            }
        }
    }

    /// Judges all whole frames that were read.
    fn take_frames(&mut self, connection: &mut Established) {
        connection.last_read = Instant::now();
        if std::mem::take(&mut connection.stalled) {
            relock(&self.places).set_stalled(self.connection, false);
        }
        let mut at = 0;
        let input = std::mem::take(&mut connection.input);
        while let Some(length) = dns::get_u16(&input, at)
            && let Some(frame) = input.get(at + 2..at + 2 + usize::from(length))
        {
            at += 2 + frame.len();
            self.take_frame(connection, frame);
        }
        connection.input = input;
        connection.input.drain(..at);
        self.inbox.report(&mut self.reports);
    }

    fn take_frame(&mut self, connection: &mut Established, frame: &[u8]) {
        match connection.judge(frame) {
            Ok(job) => {
                connection.answered = true;
                let message = frame.into();
                let (ticket, upstream) = (job.ask.ticket, self.upstream);
                self.reports
                    .push(TcpReport::Answer { ticket, upstream, message });
            }
            Err(reason) => self.stats.upstream_dropped.add_shared(reason.index()),
        }
    }

    /// Does what is due: asks elsewhere what waits on a silent connection, and drops
    /// queries without waiting clients. Returns false when the connection is of no
    /// use: idle, or silent since the query was written.
    fn wake(&mut self, connection: &mut Established) -> bool {
        let now = Instant::now();
        if connection.stalls_at(STALL).is_some_and(|at| at <= now) {
            connection.stalled = true;
            relock(&self.places).set_stalled(self.connection, true);
            self.move_away(connection.jobs());
            self.inbox.report(&mut self.reports);
        }
        connection.expire(now)
    }

    fn move_away<'a>(&mut self, jobs: impl Iterator<Item = &'a mut Job>) {
        for job in jobs.filter(|job| !job.moved) {
            job.moved = true;
            let (ticket, upstream) = (job.ask.ticket, self.upstream);
            let error = FlightError::Stalled { ticket, upstream };
            self.reports.push(TcpReport::Error(error));
        }
    }

    /// Reports what was open when the connection ended.
    fn end(&mut self, connection: Established, reason: UpstreamFailure) {
        let answered = connection.answered;
        for job in connection.into_jobs() {
            // An upstream may close a connection that it holds for idle just
            // as we write to it; one that never answered is another matter.
            if !answered {
                self.fail(&job, reason);
            } else if !job.moved {
                self.unasked(&job);
            }
        }
    }

    fn fail(&mut self, job: &Job, reason: UpstreamFailure) {
        let (ticket, upstream) = (job.ask.ticket, self.upstream);
        let error = FlightError::Tcp { ticket, upstream, reason };
        self.reports.push(TcpReport::Error(error));
    }

    fn unasked(&mut self, job: &Job) {
        let error = FlightError::Unasked { ticket: job.ask.ticket };
        self.reports.push(TcpReport::Error(error));
    }
}

/// A connection that brings nothing for so long after a write is left alone, and
/// what waits on it is asked elsewhere: a server of a cluster that is well has
/// answered many times over.
const STALL: Duration = Duration::from_millis(500);

/// One SYN may be lost: Linux repeats it after a second.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);
