//! Answering datagrams: one thread, one socket, batches.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use udp::{Options, RecvBatch, SendBatch, Socket};

use super::{
    Accounts, Allow, LINGER, Outcome, Sender, Service, ask, note_refused, refresh, refuse,
    turn_away,
};
use crate::live::View;
use forward::{Ask, ReplyTo, note_unsent};
use observe::{QueryFlags, ResponseSource, Transport, WorkerStats, Writer};
use resolver::{BATCH, Decision, Limit, Moment, Terms};

/// A thread's own socket and buffers.
#[derive(Debug)]
pub struct UdpWorker {
    socket: Arc<Socket>,
    service: Service,
    stats: Arc<WorkerStats>,
    notes: Writer,
    stop: Arc<AtomicBool>,
    allow: View<Allow>,
    send: SendBatch,
    asks: Vec<Ask>,
    rotation: u32,
}

impl UdpWorker {
    /// Takes a socket of its own, and what it counts and notes with; it ends
    /// soon after `stop` is set.
    pub fn new(
        socket: Arc<Socket>,
        service: Service,
        (stats, notes): (Arc<WorkerStats>, Writer),
        stop: Arc<AtomicBool>,
    ) -> Self {
        Self {
            socket,
            allow: service.allow.view(),
            service,
            stats,
            notes,
            stop,
            send: SendBatch::new(BATCH, usize::from(dns::MAX_UDP_PAYLOAD)),
            asks: Vec::with_capacity(BATCH),
            rotation: 0,
        }
    }

    /// Answers until the stop, and then what is queued already.
    #[expect(clippy::disallowed_methods, reason = "a pause after a failure, not a wait")]
    pub fn run(mut self) {
        let mut recv = RecvBatch::new(BATCH, QUERY_BUFFER);
        let mut want = 1;
        let (mut stop_at, mut failed) = (None, 0);
        loop {
            let got = match self.socket.recv_batch(&mut recv, want) {
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if stop_at.is_some() {
                        return;
                    }
                    self.leave_port(&mut stop_at, self.service.clock.now());
                    self.stats.beat.note(self.service.clock.now());
                    want = 1;
                    continue;
                }
                Err(error) => {
                    self.stats.receive_failed.add(1);
                    failed += u32::from(!udp::is_memory_shortage(&error));
                    if failed >= MAX_FAILED {
                        tracing::error!(%error, "a UDP socket failed; its thread ends");
                        return;
                    }
                    std::thread::sleep(PAUSE);
                    continue;
                }
            };
            failed = 0;
            let now = self.service.clock.now();
            self.stats.beat.note(now);
            self.answer(&recv, now);
            want = next_want(want, got);
            let until = self.leave_port(&mut stop_at, now);
            // Clients that keep asking must not keep us alive.
            if until.is_some_and(|until| now >= until) {
                return;
            }
        }
    }

    /// After the stop, leaves the port to a successor, so that it gets all queries that
    /// come from here on; returns until when what is queued is answered.
    fn leave_port(&self, until: &mut Option<Moment>, now: Moment) -> Option<Moment> {
        if self.stop.load(Ordering::Relaxed) && until.is_none() {
            if let Err(error) = self.socket.leave_port() {
                tracing::warn!(%error, "a UDP socket stays at its port until it is closed");
            }
            *until = Some(now + LINGER);
        }
        *until
    }

    fn answer(&mut self, recv: &RecvBatch, now: Moment) {
        let mut messages: [&[u8]; BATCH] = [&[]; BATCH];
        // A bit for each place whose client is not allowed: its message is not read.
        let mut strangers = 0_u32;
        self.allow.refresh();
        for (place, message) in messages.iter_mut().enumerate().take(recv.len()) {
            self.stats.queries.add(Transport::Udp.index());
            match recv.get(place) {
                Some(datagram) if self.allow.has(datagram.peer.ip()) => *message = datagram.bytes,
                _ => strangers |= 1 << place,
            }
        }
        let messages = messages.get(..recv.len()).unwrap_or_default();
        let resolver = Arc::clone(&self.service.resolver);
        let mut hits = 0;
        resolver.decide_batch(messages, now, |place, decision| {
            if strangers >> place & 1 == 1 {
                return self.turn_away(recv, place);
            }
            hits += u64::from(matches!(decision, Decision::Answer(..)));
            self.act(recv, place, &decision, now);
        });
        self.flush(now);
        if hits > 0 {
            // The second look at the clock in a batch: it is what shows how
            // long an answer from the cache takes.
            let took = self.service.clock.now().saturating_since(now);
            if let Some(histogram) = self
                .stats
                .response_seconds
                .get(ResponseSource::Cache.index())
            {
                histogram.record_many(took, hits);
            }
        }
        self.forward(now);
    }

    fn act(&mut self, recv: &RecvBatch, place: usize, decision: &Decision<'_, '_>, now: Moment) {
        let Some(datagram) = recv.get(place) else { return };
        self.rotation = self.rotation.wrapping_add(1);
        let terms = Terms { now, limit: Limit::Datagram, rotation: self.rotation };
        // There is room: a batch is sent before the next one is received.
        let Some(out) = self.send.next_buffer() else { return };
        let from = Sender { peer: datagram.peer, over: QueryFlags::default(), arrived: now };
        let to = Accounts { stats: &self.stats, notes: &mut self.notes };
        self.asks.extend(refresh(decision, &self.service, terms));
        match self.service.settle(decision, from, terms, to, out) {
            Outcome::Response(len) => self.send.commit(len, Some(datagram.peer), datagram.local),
            Outcome::Ask(query, hash) => {
                let socket = Arc::clone(&self.socket);
                let to = ReplyTo::Udp { socket, peer: datagram.peer, local: datagram.local };
                self.asks.push(ask(&query, hash, terms, to));
            }
            Outcome::Silence => {}
        }
    }

    fn turn_away(&mut self, recv: &RecvBatch, place: usize) {
        let (Some(datagram), Some(out)) = (recv.get(place), self.send.next_buffer()) else {
            return;
        };
        if let Some(len) = turn_away(datagram.bytes, &self.stats, out) {
            self.send.commit(len, Some(datagram.peer), datagram.local);
        }
    }

    /// Hands over the misses; those for which there is no room are refused.
    fn forward(&mut self, now: Moment) {
        if self.asks.is_empty() {
            return;
        }
        self.service.forwarder.ask_batch(&mut self.asks);
        for ask in self.asks.drain(..) {
            let ReplyTo::Udp { peer, local, .. } = &ask.reply_to else { continue };
            let Some(out) = self.send.next_buffer() else { break };
            if let Some(len) = refuse(&ask, now, &self.stats, out) {
                let from =
                    Sender { peer: *peer, over: QueryFlags::default(), arrived: ask.arrived };
                note_refused(&ask, from, out, &mut self.notes);
                self.send.commit(len, Some(*peer), *local);
            }
        }
        self.flush(now);
    }

    fn flush(&mut self, now: Moment) {
        if self.send.is_empty() {
            return;
        }
        let queued = self.send.len();
        let unsent = match self.socket.send_batch(&mut self.send) {
            Ok(report) => report.failed,
            Err(_) => queued,
        };
        if unsent > 0 {
            note_unsent(&self.send, &mut self.notes, now);
        }
        self.stats
            .unsent_responses
            .add(u64::try_from(unsent).unwrap_or(u64::MAX));
    }
}

/// Opens `workers` sockets on one address; the kernel spreads the clients over
/// them. Port 0 takes a free port, the same for all.
///
/// # Errors
///
/// The error of the system: the address is in use, not ours, or privileged.
pub fn bind_udp(addr: SocketAddr, workers: usize) -> io::Result<Vec<Socket>> {
    let options = Options {
        reuse_port: true,
        // A wildcard socket needs the address that each query was sent to.
        pktinfo: addr.ip().is_unspecified(),
        recv_buffer: Some(SOCKET_BUFFER),
        send_buffer: Some(SOCKET_BUFFER),
        read_timeout: Some(WAKE),
        dont_fragment: true,
        ..Options::default()
    };
    let first = Socket::bind(addr, &options)?;
    let addr = first.local_addr()?;
    let mut sockets = vec![first];
    for _ in 1..workers {
        sockets.push(Socket::bind(addr, &options)?);
    }
    Ok(sockets)
}

/// Returns how many datagrams to receive at once, after `got` came of the `want`
/// that were asked for: one while traffic is thin, since
/// then the wake-up is the cost; more while calls come back full.
pub const fn next_want(want: usize, got: usize) -> usize {
    match (want, got) {
        (1, _) if got >= 1 => 8,
        (8.., _) if got >= want => BATCH,
        (_, 0..2) => 1,
        _ => 8,
    }
}

/// A batch has a bit for each of its places.
const _: () = assert!(BATCH <= 32);

/// A query with every option is shorter; what is longer does not parse.
const QUERY_BUFFER: usize = 2048;

/// Octets of a receive queue. A burst of some thousand queries waits in it, each of
/// which the kernel counts as 768 octets.
pub const SOCKET_BUFFER: usize = 4 << 20;

/// How often a thread without queries looks whether it should stop.
const WAKE: Duration = Duration::from_millis(100);

/// How long a thread waits after a receive that failed: for the kernel to have
/// memory again, or for what broke the socket to pass. Datagrams stay in its queue
/// meanwhile.
const PAUSE: Duration = Duration::from_millis(5);

/// Receives in a row that may fail for another reason than a lack of memory. A
/// socket that is broken for good has to be opened again, by a new process.
const MAX_FAILED: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_while_they_are_full_and_shrink_at_once() {
        let mut want = 1;
        let mut wants = Vec::new();
        for got in [1, 8, 32, 32, 3, 1, 1] {
            want = next_want(want, got);
            wants.push(want);
        }
        assert_eq!(wants, [8, 32, 32, 32, 8, 1, 8]);
    }

    #[test]
    fn all_sockets_of_an_address_have_its_port() {
        let sockets = bind_udp("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let ports: Vec<_> = sockets
            .iter()
            .map(|s| s.local_addr().unwrap().port())
            .collect();
        assert_eq!(ports, [ports[0]; 3]);
        assert_ne!(ports[0], 0);
    }
}
