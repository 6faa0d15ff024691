//! One client's connection: a task that reads queries and writes answers.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::{Common, Seat, TcpConfig};
use crate::serve::frame::{self, Frames};
use crate::serve::{
    Accounts, LINGER, Outcome, Sender, ask, note_refused, refresh, refuse, reject, turn_away,
};
use forward::{ReplyTo, TcpAnswer, TcpReply};
use observe::{QueryFlags, Transport};
use resolver::{Limit, Terms};

/// What one connection has for itself.
pub(super) struct Connection {
    common: Arc<Common>,
    config: TcpConfig,
    seat: Seat,
    is_allowed: bool,
    stop: watch::Receiver<bool>,
    peer: SocketAddr,
    stream: TcpStream,
    frames: Frames,
    out: Vec<u8>,
    answers: mpsc::Receiver<TcpAnswer>,
    reply: TcpReply,
    inflight: usize,
    rotation: u32,
}

/// What happens to a connection.
enum Event {
    /// An upstream's answer is there.
    Answer(TcpAnswer),
    /// There may be something to read, or the client's end.
    Readable(io::Result<()>),
    /// Nothing happened for too long.
    Idle,
    /// The process ends; the second time, a moment after it.
    Stop,
}

impl Connection {
    pub(super) fn new(
        common: Arc<Common>,
        (seat, is_allowed): (Seat, bool),
        stop: watch::Receiver<bool>,
        (stream, peer): (TcpStream, SocketAddr),
    ) -> Self {
        let config = *common.config.lock().unwrap_or_else(PoisonError::into_inner);
        let (reply, answers) = TcpReply::new(peer, config.max_inflight, &common.room);
        Self {
            common,
            config,
            seat,
            is_allowed,
            stop,
            peer,
            stream,
            frames: Frames::default(),
            out: Vec::new(),
            answers,
            reply,
            inflight: 0,
            rotation: 0,
        }
    }

    pub(super) async fn run(mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        let mut reading = true;
        let (mut idle_at, mut ends_at) = (self.idle_at(), None);
        while reading || self.inflight > 0 {
            match self.next(reading, idle_at, ends_at).await {
                Event::Answer(answer) => self.take_answers(&answer)?,
                Event::Readable(ready) => {
                    ready?;
                    reading = self.read()? != Some(0);
                    if !self.answer_frames().await? {
                        // A client that trickles octets is idle all the same.
                        continue;
                    }
                }
                // With queries in flight as well: their answers were lost.
                Event::Idle => break,
                Event::Stop if ends_at.is_none() => ends_at = Some(Instant::now() + LINGER),
                Event::Stop => reading = false,
            }
            // Queries may have waited for a place.
            self.answer_frames().await?;
            idle_at = self.idle_at();
        }
        self.stream.shutdown().await
    }

    /// Waits for what happens next.
    async fn next(&mut self, reading: bool, idle_at: Instant, ends_at: Option<Instant>) -> Event {
        let may_read = reading && self.inflight < self.config.max_inflight;
        tokio::select! {
            Some(answer) = self.answers.recv(), if self.inflight > 0 => Event::Answer(answer),
            ready = self.stream.readable(), if may_read => Event::Readable(ready),
            () = sleep_until(idle_at) => Event::Idle,
            _ = self.stop.wait_for(|stop| *stop), if reading && ends_at.is_none() => Event::Stop,
            () = sleep_until(ends_at.unwrap_or(idle_at)), if reading && ends_at.is_some() => Event::Stop,
        }
    }

    /// Notes that something happened, and returns when the connection ends if
    /// nothing more does.
    fn idle_at(&self) -> Instant {
        let (now, config) = (self.common.service.clock.now(), &self.config);
        let patience = self
            .seat
            .touch(self.inflight == 0, config.idle_timeout, now);
        let least = if self.inflight == 0 { Duration::ZERO } else { LOST };
        // Tokio's clock: it is what the timer compares with.
        Instant::now() + patience.max(least)
    }

    /// Reads what is there; zero octets are the client's end, `None` a false
    /// alarm.
    fn read(&mut self) -> io::Result<Option<usize>> {
        let (stream, frames) = (&self.stream, &mut self.frames);
        let read: io::Result<usize> = self.common.draft.lend(|buffer| {
            let buffer = buffer.get_mut(..READ).unwrap_or_default();
            let len = stream.try_read(buffer)?;
            frames.push(buffer.get(..len).unwrap_or_default());
            Ok(len)
        });
        match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            read => read.map(Some),
        }
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
                self.frames.settle();
                return Ok(any);
            }
        }
    }

    /// Answers, or asks for, each complete query while there is room; says
    /// whether there was one.
    fn take_frames(&mut self) -> io::Result<bool> {
        let common = Arc::clone(&self.common);
        let Common { service, stats, draft, .. } = &*common;
        let now = service.clock.now();
        let mut any = false;
        while self.inflight < self.config.max_inflight && self.out.len() < WRITE {
            let message = match self.frames.take() {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(error) => {
                    stats.queries.add(Transport::Tcp.index());
                    reject(error, stats);
                    return Err(io::ErrorKind::InvalidData.into());
                }
            };
            any = true;
            stats.queries.add(Transport::Tcp.index());
            if !self.is_allowed {
                draft.append(&mut self.out, |buffer| turn_away(message, stats, buffer));
                continue;
            }
            self.rotation = self.rotation.wrapping_add(1);
            let terms = Terms { now, limit: Limit::Frame, rotation: self.rotation };
            let out = &mut self.out;
            let from = Sender { peer: self.peer, over: QueryFlags::TCP, arrived: now };
            let mut notes = common.notes.lock().unwrap_or_else(PoisonError::into_inner);
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
    fn take_answers(&mut self, first: &TcpAnswer) -> io::Result<()> {
        self.take_answer(first)?;
        while self.out.len() < WRITE
            && let Ok(answer) = self.answers.try_recv()
        {
            self.take_answer(&answer)?;
        }
        Ok(())
    }

    fn take_answer(&mut self, answer: &TcpAnswer) -> io::Result<()> {
        let TcpAnswer::Message(message, _) = answer else { return Err(self.no_room()) };
        self.inflight = self.inflight.saturating_sub(1);
        frame::append(&mut self.out, message);
        Ok(())
    }

    /// Writes what is there. What the client does not take at once needs room until it
    /// does.
    async fn write(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let written = match self.stream.try_write(&self.out) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            written => written?,
        };
        let rest = self.out.get(written..).unwrap_or_default();
        if !rest.is_empty() {
            let holder = self.peer.ip().to_canonical();
            let Some(_held) = self.common.room.take(holder, self.out.len()) else {
                return Err(self.no_room());
            };
            timeout(self.config.write_timeout, self.stream.write_all(rest)).await??;
        }
        self.out.clear();
        self.out.shrink_to(KEPT);
        Ok(())
    }

    /// Counts a connection that ends because its client takes no answers.
    fn no_room(&self) -> io::Error {
        self.common.stats.tcp_unread.add(1);
        io::ErrorKind::OutOfMemory.into()
    }
}

/// Octets read at once: a hundred queries and more.
const READ: usize = 16 << 10;

/// Octets of answers that are written at once; more frames wait.
const WRITE: usize = 64 << 10;

/// Octets for answers that a connection keeps while it is idle: one large answer
/// must not cost memory for as long as its connection lasts.
const KEPT: usize = 1024;

/// When an answer that is still in flight will never come: above the longest
/// deadline, 4.5 s.
const LOST: Duration = Duration::from_secs(6);
