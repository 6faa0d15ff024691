//! One connection to an upstream, from connect to close.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::{PIPELINE, TcpAsk};
use crate::UpstreamFailure;
use crate::accept::{NotAnAnswer, judge};
use crate::flights::FlightError;
use crate::inbox::{Inbox, TcpReport};
use observe::WorkerStats;

/// What a connection's task needs beside the connection.
pub(super) struct Task {
    pub(super) upstream: usize,
    pub(super) inbox: Arc<Inbox>,
    pub(super) stats: Arc<WorkerStats>,
    pub(super) open: Arc<AtomicUsize>,
    pub(super) reports: Vec<TcpReport>,
}

/// The connection, once it stands.
struct Established {
    stream: TcpStream,
    pending: HashMap<u16, Pending>,
    /// What was read and is no whole frame yet: one frame and one read at most.
    input: Vec<u8>,
    last_read: Instant,
    answered: bool,
}

struct Pending {
    ask: TcpAsk,
    written: Instant,
}

impl Task {
    /// Runs the connection until it is idle or broken. All that was given to it
    /// is reported, whatever happens.
    pub(super) async fn run(mut self, addr: SocketAddr, mut rx: Receiver<TcpAsk>) {
        let Some(first) = rx.recv().await else { return };
        match timeout_at(first.deadline, TcpStream::connect(addr)).await {
            Ok(Ok(stream)) => {
                let mut connection = Established::new(stream);
                let reason = self.serve(&mut connection, first, &mut rx).await;
                self.end(connection, reason);
            }
            Ok(Err(error)) => self.fail_all(first, &mut rx, failure_of(&error)),
            Err(_) => self.fail_all(first, &mut rx, UpstreamFailure::Connect),
        }
        rx.close();
        // These were never written, so asking again is safe.
        while let Ok(ask) = rx.try_recv() {
            self.unasked(&ask);
        }
        self.inbox.report(&mut self.reports);
    }

    /// Without a connection nothing that waits for it can be asked. To ask it
    /// again at once would only find the same.
    fn fail_all(&mut self, first: TcpAsk, rx: &mut Receiver<TcpAsk>, reason: UpstreamFailure) {
        rx.close();
        let others = std::iter::from_fn(|| rx.try_recv().ok());
        for ask in std::iter::once(first).chain(others) {
            self.fail(&ask, reason);
        }
    }

    /// Writes and reads until there is a reason to stop.
    async fn serve(
        &mut self,
        connection: &mut Established,
        first: TcpAsk,
        rx: &mut Receiver<TcpAsk>,
    ) -> UpstreamFailure {
        let mut batch = vec![first];
        loop {
            // All that came meanwhile leaves in the same write.
            while batch.len() < PIPELINE
                && let Ok(ask) = rx.try_recv()
            {
                batch.push(ask);
            }
            if !batch.is_empty()
                && let Err(reason) = connection.write(&mut batch).await
            {
                return reason;
            }
            let expiry = connection.next_expiry();
            tokio::select! {
                received = rx.recv_many(&mut batch, PIPELINE) => if received == 0 {
                    return UpstreamFailure::Closed;
                },
                read = connection.stream.read_buf(&mut connection.input) => match read {
                    Ok(0) | Err(_) => return UpstreamFailure::Closed,
                    Ok(_) => self.take_frames(connection),
                },
                () = sleep_until(expiry) => {
                    if !self.expire(connection) {
                        return UpstreamFailure::Silent;
                    }
                }
            }
        }
    }

    /// Judges all whole frames that were read.
    fn take_frames(&mut self, connection: &mut Established) {
        connection.last_read = Instant::now();
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
        let judged = connection.judge(frame);
        match judged {
            Ok(pending) => {
                connection.answered = true;
                self.open.fetch_sub(1, Ordering::Relaxed);
                let message = frame.into();
                let (ticket, upstream) = (pending.ask.ticket, self.upstream);
                self.reports
                    .push(TcpReport::Answer { ticket, upstream, message });
            }
            Err(reason) => self.stats.upstream_dropped.add_shared(reason.index()),
        }
    }

    /// Drops queries without waiting clients. Returns false when the
    /// connection is of no use: idle, or silent since the query was written.
    fn expire(&self, connection: &mut Established) -> bool {
        let now = Instant::now();
        let before = connection.pending.len();
        let last_read = connection.last_read;
        let mut silent = before == 0;
        connection.pending.retain(|_, pending| {
            let keep = pending.ask.deadline > now;
            silent |= !keep && last_read < pending.written;
            keep
        });
        let expired = before - connection.pending.len();
        self.open.fetch_sub(expired, Ordering::Relaxed);
        !silent
    }

    /// Reports what was open when the connection ended.
    fn end(&mut self, connection: Established, reason: UpstreamFailure) {
        for (_, pending) in connection.pending {
            // An upstream may close a connection that it holds for idle just
            // as we write to it; one that never answered is another matter.
            if connection.answered {
                self.unasked(&pending.ask);
            } else {
                self.fail(&pending.ask, reason);
            }
        }
    }

    fn fail(&mut self, ask: &TcpAsk, reason: UpstreamFailure) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        let (ticket, upstream) = (ask.ticket, self.upstream);
        let error = FlightError::Tcp { ticket, upstream, reason };
        self.reports.push(TcpReport::Error(error));
    }

    fn unasked(&mut self, ask: &TcpAsk) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        let error = FlightError::Unasked { ticket: ask.ticket };
        self.reports.push(TcpReport::Error(error));
    }
}

impl Established {
    fn new(stream: TcpStream) -> Self {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        Self {
            stream,
            pending: HashMap::new(),
            input: Vec::new(),
            last_read: Instant::now(),
            answered: false,
        }
    }

    /// Writes all of `batch` at once, each query with a random id. All of them
    /// are pending afterwards, also when the write fails.
    async fn write(&mut self, batch: &mut Vec<TcpAsk>) -> Result<(), UpstreamFailure> {
        let mut output = Vec::new();
        let written = Instant::now();
        for mut ask in batch.drain(..) {
            let id = self.free_id();
            let Ok(length) = u16::try_from(ask.message.len()) else { continue };
            dns::put_u16(&mut ask.message, 0, id);
            output.extend(length.to_be_bytes());
            output.extend(&ask.message);
            self.pending.insert(id, Pending { ask, written });
        }
        match timeout(WRITE_TIMEOUT, self.stream.write_all(&output)).await {
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
    fn judge(&mut self, frame: &[u8]) -> Result<Pending, NotAnAnswer> {
        let id = dns::get_u16(frame, 0).ok_or(NotAnAnswer::Short)?;
        let pending = self.pending.get(&id).ok_or(NotAnAnswer::Id)?;
        let asked =
            dns::Question::parse(&pending.ask.message).map_err(|_| NotAnAnswer::Malformed)?;
        judge(frame, &asked, id)?;
        self.pending.remove(&id).ok_or(NotAnAnswer::Id)
    }

    /// The next deadline, or when the connection has been idle enough.
    fn next_expiry(&self) -> Instant {
        let deadlines = self.pending.values().map(|pending| pending.ask.deadline);
        deadlines
            .min()
            .unwrap_or_else(|| self.last_read + IDLE_TIMEOUT)
    }
}

fn failure_of(error: &io::Error) -> UpstreamFailure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => UpstreamFailure::Refused,
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => UpstreamFailure::Closed,
        _ => UpstreamFailure::Connect,
    }
}

/// How long an unused connection is kept: as CoreDNS's forward plugin does.
/// Servers that close earlier are met by asking again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// A peer that takes no octets for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
