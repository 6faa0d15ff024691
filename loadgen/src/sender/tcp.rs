//! Sends queries over TCP connections that stay open, many on each without
//! waiting (RFC 7766, section 6.2.1.1), and takes answers in any order.
//!
//! The loop is as open as that of UDP: a query that is due is written, or
//! waits in the connection's buffer, and is late or lost if the server does not read it.
//! There is no kernel stamp on a stream; answers wake the thread, and the
//! clock is read at once.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::{MAX_WAIT, RunClock, SenderState, ThreadConfig, ThreadResult};
use crate::account::OutgoingQuery;
use crate::outstanding::NO_LOOKUP;
use crate::random::SplitMix;
use crate::workload::Draw;

/// One sender thread over TCP.
#[derive(Debug)]
pub struct TcpSender {
    state: SenderState,
    target: SocketAddr,
    connections: Vec<Connection>,
    turn: usize,
    poll: Poll,
    ids: SplitMix,
}

/// One connection, which is made again when it breaks.
#[derive(Debug, Default)]
struct Connection {
    stream: Option<TcpStream>,
    /// Octets not yet written, from `written` on.
    out: Vec<u8>,
    written: usize,
    /// Octets read that are not yet a whole message.
    input: Vec<u8>,
    /// Nanoseconds of the run before which it is not made again.
    retry_at: u64,
    /// How often it was made.
    made: u64,
}

impl TcpSender {
    /// Prepares `connections`; they are made by the first query of each.
    ///
    /// # Errors
    ///
    /// When the system has no epoll for us.
    pub fn open(config: ThreadConfig, connections: u16) -> io::Result<Self> {
        let ids = SplitMix::new(config.seed);
        let target = config.target;
        let mut connected = Vec::new();
        connected.resize_with(usize::from(connections.max(1)), Connection::default);
        let poll = Poll::new()?;
        Ok(Self {
            state: SenderState::new(config),
            target,
            connections: connected,
            turn: 0,
            poll,
            ids,
        })
    }

    /// Sends the plan, reads the answers, and returns after the last of them
    /// or its timeout.
    ///
    /// # Errors
    ///
    /// When the wait for the connections fails for good.
    pub fn run(mut self, clock: RunClock) -> io::Result<ThreadResult> {
        udp::set_timer_slack(1)?;
        let mut events = Events::with_capacity(EVENTS);
        for place in 0..self.connections.len() {
            self.connect(place, 0);
        }
        clock.wait_for_start();
        loop {
            self.send_all_due(&clock);
            match self.poll.poll(&mut events, Some(std::time::Duration::ZERO)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                self.serve(event.token().0, &clock);
            }
            let now = clock.now();
            while self.state.account.expire(now).is_some() {}
            if self.state.stop.signal().is_some() {
                self.state.account.interrupt();
                break;
            }
            let Some(event) = self.state.next_event() else { break };
            let wait = std::time::Duration::from_nanos(event.saturating_sub(clock.now()));
            if !wait.is_zero() {
                udp::wait_readable(&self.poll, wait.min(MAX_WAIT))?;
            }
        }
        Ok(ThreadResult { recorder: self.state.account.recorder, overruns: 0 })
    }

    /// Queues what is due on the connections in turn, and writes it.
    fn send_all_due(&mut self, clock: &RunClock) {
        let now = clock.now();
        let mut sent = 0;
        while let Some(due) = self.state.next_due(now) {
            self.state.plan.take();
            self.turn = (self.turn + 1) % self.connections.len();
            let Draw::Query(query) = self.state.workload.draw(due.phase, due.index, 0) else {
                continue;
            };
            let at = if due.window.is_some() { now } else { due.at };
            let socket = u16::try_from(self.turn).unwrap_or(0);
            let outgoing = OutgoingQuery {
                due: at,
                sent: now,
                query,
                lookup: NO_LOOKUP,
                socket,
                phase: due.phase,
            };
            self.queue(&outgoing, now);
            sent += 1;
            if sent == BATCH {
                break;
            }
        }
        for place in 0..self.connections.len() {
            self.flush(place, clock);
        }
    }

    /// Appends a query to the buffer of its connection.
    fn queue(&mut self, outgoing: &OutgoingQuery, now: u64) {
        let place = usize::from(outgoing.socket);
        if self
            .connections
            .get(place)
            .is_some_and(|one| one.stream.is_none())
        {
            self.connect(place, now);
        }
        let mut query = [0; QUERY_LEN];
        let Ok(len) = self.state.account.send(outgoing, &mut query) else { return };
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.stream.is_none() {
            // It was refused a moment ago and is not tried again yet.
            self.state.account.refuse(outgoing.socket, now);
            return;
        }
        let is_stuck = connection.out.len() - connection.written > OUT_LIMIT;
        if let (false, Some(query)) = (is_stuck, query.get(..len)) {
            let length = u16::try_from(len).unwrap_or(0);
            connection.out.extend(length.to_be_bytes());
            connection.out.extend(query);
        }
        // A peer that does not read gets no more; the query stays outstanding
        // and is lost, as it would be in a longer buffer.
    }

    fn connect(&mut self, place: usize, now: u64) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if now < connection.retry_at {
            return;
        }
        connection.out.clear();
        connection.input.clear();
        connection.written = 0;
        connection.retry_at = now + RETRY;
        connection.made += 1;
        if connection.made > 1 {
            let phase = self.state.plan.peek().map_or(u8::MAX, |due| due.phase);
            self.state.account.recorder.phase(phase).counts.reconnects += 1;
        }
        let Ok(mut stream) = TcpStream::connect(self.target) else { return };
        // Small queries must not wait for the acknowledgement of earlier ones.
        stream.set_nodelay(true).unwrap_or_default();
        let interest = Interest::READABLE.add(Interest::WRITABLE);
        if self
            .poll
            .registry()
            .register(&mut stream, Token(place), interest)
            .is_ok()
        {
            let first_id = u16::try_from(self.ids.next() & 0xffff).unwrap_or(0);
            let socket = u16::try_from(place).unwrap_or(u16::MAX);
            self.state.account.outstanding.open_socket(socket, first_id);
            connection.stream = Some(stream);
        }
    }

    /// Writes and reads one connection until it would block.
    fn serve(&mut self, place: usize, clock: &RunClock) {
        self.flush(place, clock);
        let mut chunk = [0; CHUNK];
        loop {
            let Some(connection) = self.connections.get_mut(place) else { return };
            let Some(stream) = &mut connection.stream else { return };
            match stream.read(&mut chunk) {
                Ok(0) => return self.broken(place, None, clock),
                Ok(count) => connection
                    .input
                    .extend(chunk.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.broken(place, Some(&error), clock),
            }
            self.take_messages(place, clock.now());
        }
    }

    /// Takes all whole messages out of what was read.
    fn take_messages(&mut self, place: usize, now: u64) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let socket = u16::try_from(place).unwrap_or(u16::MAX);
        let mut at = 0;
        while let Some(length) = dns::get_u16(&connection.input, at) {
            let message = at + 2..at + 2 + usize::from(length);
            let Some(octets) = connection.input.get(message.clone()) else { break };
            self.state.account.receive(socket, octets, now);
            at = message.end;
        }
        connection.input.drain(..at);
    }

    fn flush(&mut self, place: usize, clock: &RunClock) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let Some(stream) = &mut connection.stream else { return };
        while connection.written < connection.out.len() {
            match stream.write(connection.out.get(connection.written..).unwrap_or_default()) {
                Ok(count) => connection.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // Not connected yet; the event of it comes.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.broken(place, Some(&error), clock),
            }
        }
        connection.out.clear();
        connection.written = 0;
    }

    /// Ends a connection and its queries: refused if no program listens
    /// there, else lost.
    fn broken(&mut self, place: usize, error: Option<&io::Error>, clock: &RunClock) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        connection.stream = None;
        let (socket, now) = (u16::try_from(place).unwrap_or(u16::MAX), clock.now());
        let kind = error.map(io::Error::kind);
        if kind == Some(io::ErrorKind::ConnectionRefused) {
            self.state.account.refuse(socket, now);
        } else {
            // The server ended it in peace: make it again at once.
            connection.retry_at = now;
            self.state.account.abandon(socket, now);
        }
    }
}

/// Octets of the longest query.
const QUERY_LEN: usize = 12 + 255 + 4;
/// Octets read at once.
const CHUNK: usize = 16 << 10;
/// Octets that wait to be written on a connection: 20,000 queries.
const OUT_LIMIT: usize = 1 << 20;
/// Queries queued before the answers are read.
const BATCH: u32 = 256;
/// Connections of one `epoll_wait`.
const EVENTS: usize = 256;
/// Nanoseconds between two tries to connect to a port that is closed.
const RETRY: u64 = 100_000_000;
