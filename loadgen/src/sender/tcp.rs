//! Sends queries over TCP connections that stay open, many on each without
//! waiting (RFC 7766, section 6.2.1.1), and takes answers in any order.
//!
//! The loop is as open as that of UDP: a query that is due is written, or
//! waits in the connection's buffer. It counts as sent once the kernel has taken
//! all of it, and as unconnected if that never happens.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::clocks::Clocks;
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
    clocks: Clocks,
    ids: SplitMix,
}

/// One connection, which is made again when it breaks.
#[derive(Debug, Default)]
struct Connection {
    stream: Option<TcpStream>,
    /// It took octets, so that it was made.
    is_up: bool,
    /// One before it was.
    was_up: bool,
    /// Octets not yet written, from `written` on.
    out: Vec<u8>,
    written: usize,
    /// Queries in `out`: where each ends, and its id.
    queued: VecDeque<(usize, u16)>,
    /// Octets read that are not yet a whole message.
    input: Vec<u8>,
    /// Nanoseconds of the run before which it is not made again.
    retry_at: u64,
}

impl Connection {
    fn clear(&mut self) {
        self.out.clear();
        self.queued.clear();
        self.input.clear();
        self.written = 0;
    }

    /// Drops what was written, once it is most: a peer that never takes all at once would
    /// have us keep everything that was ever sent.
    fn forget_written(&mut self) {
        if self.written < OUT_LIMIT {
            return;
        }
        self.out.drain(..self.written);
        for (end, _) in &mut self.queued {
            *end -= self.written;
        }
        self.written = 0;
    }
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
            clocks: Clocks::new(),
            ids,
        })
    }

    /// Sends the plan, reads the answers, and returns after the last of them
    /// or its timeout; also when the wait for connections fails for good, with
    /// what there is.
    pub fn run(mut self, clock: RunClock) -> ThreadResult {
        let error = self.work(&clock).err();
        self.state
            .finish(clock.now(), error.as_ref(), 0, self.clocks.jumps)
    }

    fn work(&mut self, clock: &RunClock) -> io::Result<()> {
        udp::set_timer_slack(1)?;
        let mut events = Events::with_capacity(EVENTS);
        for place in 0..self.connections.len() {
            self.connect(place, 0);
        }
        clock.wait_for_start(&self.state.stop);
        loop {
            if self.state.is_stopped() {
                return Ok(());
            }
            self.state.look(clock.now());
            self.send_all_due(clock);
            match self.poll.poll(&mut events, Some(std::time::Duration::ZERO)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            self.clocks.look();
            for event in &events {
                self.serve(event.token().0, clock);
            }
            let now = clock.now();
            while self.state.expire(now).is_some() {}
            let Some(event) = self.state.next_event(now) else { return Ok(()) };
            let wait = std::time::Duration::from_nanos(event.saturating_sub(clock.now()));
            if !wait.is_zero() {
                udp::wait_readable(&self.poll, wait.min(MAX_WAIT))?;
            }
        }
    }

    /// Queues what is due on the connections in turn, and writes it.
    fn send_all_due(&mut self, clock: &RunClock) {
        let now = clock.now();
        let (mut sent, mut phase) = (0, 0);
        while let Some(due) = self.state.take_due(now) {
            phase = due.phase;
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
        if sent > 0 {
            self.state
                .account
                .recorder
                .phase(phase)
                .bursts
                .saturating_record(sent);
            for place in 0..self.connections.len() {
                self.flush(place, clock);
            }
            // A query that no connection took may leave at any time; it counts now.
            self.state.release_cap(clock.now());
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
        let account = &mut self.state.account;
        let Some(connection) = self.connections.get_mut(place) else { return };
        // It was refused a moment ago and is not tried again yet, or the peer does
        // not read.
        let is_stuck = connection.out.len() - connection.written > OUT_LIMIT;
        if connection.stream.is_none() || is_stuck {
            return account.unconnected(outgoing);
        }
        let mut query = [0; QUERY_LEN];
        let Ok(len) = account.send(outgoing, &mut query) else { return };
        let Some(query) = query.get(..len) else { return };
        connection
            .out
            .extend(u16::try_from(len).unwrap_or(0).to_be_bytes());
        connection.out.extend(query);
        let id = query.first_chunk().copied().map_or(0, u16::from_be_bytes);
        connection.queued.push_back((connection.out.len(), id));
    }

    fn connect(&mut self, place: usize, now: u64) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if now < connection.retry_at {
            return;
        }
        connection.clear();
        connection.is_up = false;
        connection.retry_at = now + RETRY;
        let socket = u16::try_from(place).unwrap_or(u16::MAX);
        let mut stream = match TcpStream::connect(self.target) {
            Ok(stream) => stream,
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(0);
                return self.state.account.socket_error(socket, errno);
            }
        };
        // Without a stamp the time of reading counts.
        udp::stamp_stream(&stream).unwrap_or_default();
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
            let streamed = match udp::recv_stamped(stream, &mut chunk) {
                Ok(streamed) if streamed.len == 0 => return self.broken(place, None, clock),
                Ok(streamed) => streamed,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return,
                Err(error) => return self.broken(place, Some(&error), clock),
            };
            connection
                .input
                .extend(chunk.get(..streamed.len).unwrap_or_default());
            let stamp = streamed
                .received
                .and_then(|stamp| self.clocks.instant_of(stamp));
            let at = stamp.map_or_else(|| clock.now(), |stamp| clock.at(stamp));
            self.take_messages(place, at);
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

    /// Writes what waits on a connection, and takes note of what has left.
    fn flush(&mut self, place: usize, clock: &RunClock) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let Some(stream) = &mut connection.stream else { return };
        let socket = u16::try_from(place).unwrap_or(u16::MAX);
        while connection.written < connection.out.len() {
            let before = clock.now();
            match stream.write(connection.out.get(connection.written..).unwrap_or_default()) {
                Ok(count) => connection.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return connection.forget_written();
                }
                // Not connected yet; the event of it comes.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return self.broken(place, Some(&error), clock),
            }
            let at = before.midpoint(clock.now());
            let account = &mut self.state.account;
            if !std::mem::replace(&mut connection.is_up, true) && connection.was_up {
                let phase = account.latest_phase(socket);
                account.recorder.phase(phase).counts.reconnects += 1;
            }
            connection.was_up = true;
            while let Some(&(end, id)) = connection.queued.front()
                && end <= connection.written
            {
                connection.queued.pop_front();
                account.left_by_id(socket, id, at);
            }
        }
        connection.out.clear();
        connection.written = 0;
    }

    /// Ends a connection and its queries.
    fn broken(&mut self, place: usize, error: Option<&io::Error>, clock: &RunClock) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let (socket, now) = (u16::try_from(place).unwrap_or(u16::MAX), clock.now());
        let was_made = connection.is_up;
        connection.stream = None;
        connection.clear();
        if let Some(errno) = error.and_then(io::Error::raw_os_error) {
            self.state.account.socket_error(socket, errno);
        }
        if was_made {
            // Make it again at once.
            connection.retry_at = now;
        }
        self.state.account.disconnect(socket, now);
    }
}

/// Octets of the longest query.
const QUERY_LEN: usize = 12 + 255 + 4;
/// Octets read at once.
const CHUNK: usize = 16 << 10;
/// Octets that wait to be written on a connection: 20,000 queries.
const OUT_LIMIT: usize = 1 << 20;
/// Queries queued before the answers are read.
const BATCH: u64 = 256;
/// Connections of one `epoll_wait`.
const EVENTS: usize = 256;
/// Nanoseconds between two tries to connect to a port that is closed.
const RETRY: u64 = 100_000_000;
