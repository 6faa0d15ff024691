//! Answering over connections (RFC 7766).
//!
//! A connection is one task. All complete queries of one read are answered by
//! one write, as far as the cache has them; the others are answered as their
//! answers come, in any order.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::frame::{self, Draft, Frames};
use super::{Accounts, Outcome, Sender, Service, ask, note_refused, refresh, refuse, reject};
use forward::{ReplyTo, TcpReply};
use observe::{QueryFlags, Transport, WorkerStats, Writer};
use resolver::{Limit, Terms};

/// The bounds of connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TcpConfig {
    /// How long a connection may be idle.
    pub idle_timeout: Duration,
    /// How long a client may take no answer.
    pub write_timeout: Duration,
    /// Connections at a time.
    pub max_connections: usize,
    /// Unanswered queries of one connection; then no more are read.
    pub max_inflight: usize,
}

impl Default for TcpConfig {
    /// Ten seconds are "in the order of a few seconds" (RFC 7766, 6.2.3) and
    /// longer than any answer takes.
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(5),
            max_connections: 1024,
            max_inflight: 100,
        }
    }
}

/// Takes connections of any number of listeners.
#[derive(Clone, Debug)]
pub struct TcpServer {
    service: Service,
    config: TcpConfig,
    stats: Arc<WorkerStats>,
    notes: Arc<Mutex<Writer>>,
    places: Arc<Semaphore>,
    draft: Draft,
    stop: watch::Receiver<bool>,
}

impl TcpServer {
    /// Serves until `stop` turns true: then no connection is taken and no
    /// query read, but what was asked is answered.
    ///
    /// All its tasks run on one thread, the only writer of its counters
    /// and notes.
    pub fn new(
        service: Service,
        config: TcpConfig,
        (stats, notes): (Arc<WorkerStats>, Writer),
        stop: watch::Receiver<bool>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(config.max_connections));
        // Never contended: one thread runs all tasks.
        let notes = Arc::new(Mutex::new(notes));
        Self { service, config, stats, notes, places, draft: Draft::new(), stop }
    }

    /// Takes connections until the stop.
    pub async fn run(mut self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = self.stop.wait_for(|stop| *stop) => return,
            };
            match accepted {
                Ok((stream, peer)) => self.take(stream, peer),
                Err(error) => {
                    tracing::debug!(%error, "cannot accept a connection");
                    // Descriptors may have run out; others have to end first.
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Waits until every connection has ended.
    pub async fn ended(&self) {
        let all = u32::try_from(self.config.max_connections).unwrap_or(u32::MAX);
        // Fails only when the semaphore is closed, which does not happen.
        self.places.acquire_many(all).await.map(drop).ok();
    }

    fn take(&self, stream: TcpStream, peer: SocketAddr) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.stats.tcp_refused.add(1);
            return;
        };
        self.stats.tcp_accepted.add(1);
        let connection = Connection::new(self, stream, peer);
        tokio::spawn(async move {
            // How a connection ends is the client's business.
            connection.run().await.ok();
            drop(place);
        });
    }
}

/// One client's connection.
struct Connection {
    service: Service,
    config: TcpConfig,
    stats: Arc<WorkerStats>,
    notes: Arc<Mutex<Writer>>,
    stop: watch::Receiver<bool>,
    peer: SocketAddr,
    stream: TcpStream,
    frames: Frames,
    draft: Draft,
    out: Vec<u8>,
    answers: mpsc::Receiver<Box<[u8]>>,
    reply: TcpReply,
    inflight: usize,
    rotation: u32,
}

/// What happens to a connection.
enum Event {
    /// An upstream's answer is there.
    Answer(Box<[u8]>),
    /// So many octets were read, none at the client's end.
    Read(io::Result<usize>),
    /// The client was idle for too long.
    Idle,
    /// The process ends.
    Stop,
}

impl Connection {
    fn new(server: &TcpServer, stream: TcpStream, peer: SocketAddr) -> Self {
        // A place for each query in flight: no answer is ever lost.
        let (tx, answers) = mpsc::channel(server.config.max_inflight);
        Self {
            service: server.service.clone(),
            config: server.config,
            stats: Arc::clone(&server.stats),
            notes: Arc::clone(&server.notes),
            peer,
            stop: server.stop.clone(),
            stream,
            frames: Frames::default(),
            draft: server.draft.clone(),
            out: Vec::new(),
            answers,
            reply: TcpReply { tx, peer },
            inflight: 0,
            rotation: 0,
        }
    }

    async fn run(mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        let mut reading = true;
        let mut idle_at = self.idle_at();
        while reading || self.inflight > 0 {
            match self.next(reading, idle_at).await {
                Event::Answer(answer) => self.take_answers(&answer),
                Event::Read(read) => {
                    reading = read? > 0;
                    if !self.answer_frames().await? {
                        // A client that trickles octets is idle all the same.
                        continue;
                    }
                }
                Event::Idle if self.inflight == 0 => break,
                Event::Idle => {}
                Event::Stop => reading = false,
            }
            // Queries may have waited for a place.
            self.answer_frames().await?;
            idle_at = self.idle_at();
        }
        self.stream.shutdown().await
    }

    /// Waits for what happens next.
    async fn next(&mut self, reading: bool, idle_at: Instant) -> Event {
        let may_read = reading && self.inflight < self.config.max_inflight;
        let room = self.frames.room();
        room.reserve(READ);
        tokio::select! {
            Some(answer) = self.answers.recv(), if self.inflight > 0 => Event::Answer(answer),
            read = self.stream.read_buf(room), if may_read => Event::Read(read),
            () = sleep_until(idle_at), if reading => Event::Idle,
            _ = self.stop.wait_for(|stop| *stop), if reading => Event::Stop,
        }
    }

    fn idle_at(&self) -> Instant {
        // Tokio's clock: it is what the timer compares with.
        Instant::now() + self.config.idle_timeout
    }

    /// Answers what was received, one write for all that fits into it; says
    /// whether there was a whole query.
    async fn answer_frames(&mut self) -> io::Result<bool> {
        let mut any = false;
        loop {
            any |= self.take_frames()?;
            let more = self.out.len() >= WRITE;
            self.write().await?;
            if !more {
                return Ok(any);
            }
        }
    }

    /// Answers, or asks for, each complete query while there is room; says
    /// whether there was one.
    fn take_frames(&mut self) -> io::Result<bool> {
        let now = self.service.clock.now();
        let mut any = false;
        while self.inflight < self.config.max_inflight && self.out.len() < WRITE {
            let message = match self.frames.take() {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(error) => {
                    self.stats.queries.add(Transport::Tcp.index());
                    reject(error, &self.stats);
                    return Err(io::ErrorKind::InvalidData.into());
                }
            };
            any = true;
            self.stats.queries.add(Transport::Tcp.index());
            self.rotation = self.rotation.wrapping_add(1);
            let terms = Terms { now, limit: Limit::Frame, rotation: self.rotation };
            let (service, stats, draft) = (&self.service, &self.stats, &self.draft);
            let out = &mut self.out;
            let from = Sender { peer: self.peer, over: QueryFlags::TCP, arrived: now };
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            let asked = service.resolver.decide(message, now, |decision| {
                let mut asked = None;
                if let Some(ask) = refresh(&decision, service, terms) {
                    // Without room it is not refreshed.
                    service.forwarder.ask(ask).ok();
                }
                draft.append(out, |buffer| {
                    let to = Accounts { stats, notes: &mut notes };
                    match service.settle(&decision, from, terms, to, buffer) {
                        Outcome::Response(len) => return Some(len),
                        Outcome::Ask(query, hash) => {
                            let to = ReplyTo::Tcp(self.reply.clone());
                            asked = Some(ask(&query, hash, terms, to));
                        }
                        Outcome::Silence => {}
                    }
                    None
                });
                asked
            });
            let Some(asked) = asked else { continue };
            match service.forwarder.ask(asked) {
                Ok(()) => self.inflight += 1,
                Err(asked) => {
                    draft.append(out, |buffer| {
                        let len = refuse(&asked, now, stats, buffer)?;
                        note_refused(&asked, from, buffer, &mut notes);
                        Some(len)
                    });
                }
            }
        }
        Ok(any)
    }

    /// Takes `first` and whatever other answers are there.
    fn take_answers(&mut self, first: &[u8]) {
        self.take_answer(first);
        while self.out.len() < WRITE
            && let Ok(answer) = self.answers.try_recv()
        {
            self.take_answer(&answer);
        }
    }

    fn take_answer(&mut self, answer: &[u8]) {
        self.inflight = self.inflight.saturating_sub(1);
        frame::append(&mut self.out, answer);
    }

    async fn write(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        timeout(self.config.write_timeout, self.stream.write_all(&self.out)).await??;
        self.out.clear();
        Ok(())
    }
}

/// Listens on `addr`; an IPv6 one takes IPv6 only.
///
/// # Errors
///
/// The error of the system: the address is in use, not ours, or privileged.
pub fn bind_tcp(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket =
        socket2::Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    // A successor may start before this process has ended.
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Connections that the kernel holds for us.
const BACKLOG: i32 = 1024;

/// Octets read at once: a hundred queries and more.
const READ: usize = 16 << 10;

/// Octets of answers that are written at once; more frames wait.
const WRITE: usize = 64 << 10;

/// Long enough for a connection to end, short enough not to be felt.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
