//! Sends queries by UDP when they are due, and reads the answers in between.
//!
//! HOT: nothing here waits for an answer, allocates per query or formats.
//!
//! The thread sleeps until the next due time and not until the next answer:
//! the kernel has stamped each answer on arrival, so reading it late costs no
//! accuracy and saves a wake-up. Only lookups and closed loops, where an
//! answer leads to a query, are woken by answers (closed loops with GSO, which
//! want many of them, look at each tick).

use std::io;
use std::time::Duration;

use mio::Events;
use udp::{ClockPair, RecvBatch};

use super::outbox::Outbox;
use super::overruns::overruns;
use super::sockets::Sockets;
use super::{MAX_WAIT, Ports, RunClock, SenderState, ThreadConfig, ThreadResult};
use crate::account::OutgoingQuery;
use crate::outstanding::NO_LOOKUP;
use crate::random::SplitMix;
use crate::workload::Draw;

/// One sender thread over UDP.
#[derive(Debug)]
pub struct UdpSender {
    state: SenderState,
    sockets: Sockets,
    events: Events,
    outbox: Outbox,
    received: RecvBatch,
    clocks: ClockPair,
    ids: SplitMix,
    /// Nanoseconds between two wake-ups at least.
    tick: u64,
    is_woken_by_answers: bool,
    /// Answers lead to queries, but are looked for once a tick: woken by the
    /// first of them, batches would be small.
    is_looking: bool,
}

impl UdpSender {
    /// Opens the sockets of one thread: its part of the pool, or none yet.
    ///
    /// # Errors
    ///
    /// When the system gives no socket, or has no route to the target.
    pub fn open(config: ThreadConfig, ports: Ports) -> io::Result<Self> {
        let lookups = config.workload.is_lookup();
        let ids = SplitMix::new(config.seed);
        let sockets = Sockets::new(&config, ports)?;
        let (outbox, received) = if config.gso {
            (Outbox::segmented(), RecvBatch::new(RECV_SEGMENTED, SEGMENTED_LEN))
        } else {
            (Outbox::plain(), RecvBatch::new(RECV_BATCH, MESSAGE_LEN))
        };
        let gso = config.gso;
        let state = SenderState::new(config);
        let is_closed = state.plan.has_closed_phase();
        let is_looking = is_closed && gso;
        let has_tick = (state.plan.peak() > EXACT_RATE && !lookups) || is_looking;
        let mut sender = Self {
            is_woken_by_answers: lookups || (is_closed && !gso),
            is_looking,
            tick: if has_tick { TICK } else { 0 },
            state,
            sockets,
            events: Events::with_capacity(EVENTS),
            outbox,
            received,
            clocks: ClockPair::sample(),
            ids,
        };
        for place in 0..sender.sockets.places() {
            sender.start_ids(place);
        }
        Ok(sender)
    }

    /// Sends the plan, reads the answers, and returns after the last of them
    /// or its timeout.
    ///
    /// # Errors
    ///
    /// When a socket or the wait for it fails for good.
    pub fn run(mut self, clock: RunClock) -> io::Result<ThreadResult> {
        // One nanosecond instead of 50 µs: p50 of being late falls by 40 µs.
        udp::set_timer_slack(1)?;
        clock.wait_for_start();
        let mut resample_at = 0;
        loop {
            let mut now = clock.now();
            if now >= resample_at {
                self.clocks = ClockPair::sample();
                resample_at = now + RESAMPLE;
            }
            self.send_all_due(&clock, now)?;
            self.receive_all(&clock)?;
            now = clock.now();
            while let Some(slot) = self.state.account.expire(now) {
                self.sockets.release(slot.socket);
            }
            self.send_ready(&clock)?;
            if self.state.stop.signal().is_some() {
                self.state.account.interrupt();
                break;
            }
            let Some(event) = self.state.next_event() else { break };
            let earliest = now + self.tick;
            self.wait(&clock, if self.is_looking { earliest } else { event.max(earliest) })?;
        }
        let overruns = overruns(&self.sockets.ports());
        Ok(ThreadResult { recorder: self.state.account.recorder, overruns })
    }

    /// Sends what is due, in batches; each batch is one socket's.
    fn send_all_due(&mut self, clock: &RunClock, mut now: u64) -> io::Result<()> {
        let mut since_reading = 0;
        let mut socket = self.sockets.next();
        while let Some(due) = self.state.next_due(now) {
            self.state.plan.take();
            let pod = self.pod(due.index);
            let query = match self.state.workload.draw(due.phase, due.index, pod) {
                Draw::Query(query) => query,
                Draw::Walk(walk) => {
                    self.state
                        .account
                        .start_lookup(walk, due.at, due.phase, pod);
                    self.send_ready(clock)?;
                    continue;
                }
            };
            // A closed loop has no due time but the send itself.
            let at = if due.window.is_some() { now } else { due.at };
            let phase = due.phase;
            self.queue(&OutgoingQuery {
                due: at,
                sent: now,
                query,
                lookup: NO_LOOKUP,
                socket,
                phase,
            })?;
            since_reading += 1;
            if self.outbox.is_full() || self.sockets.is_per_query() {
                self.flush(socket, now)?;
                socket = self.sockets.next();
                now = clock.now();
            }
            // Behind the schedule there is always more to send; the answers
            // must not overflow the sockets meanwhile.
            if since_reading >= QUERIES_BEFORE_READING && self.outbox.is_empty() {
                since_reading = 0;
                self.receive_all(clock)?;
            }
        }
        self.flush(socket, now)
    }

    /// Sends the steps of lookups that answers, or the schedule, made ready.
    fn send_ready(&mut self, clock: &RunClock) -> io::Result<()> {
        while let Some(ready) = self.state.account.next_ready() {
            let now = clock.now();
            for query in ready.step.first..ready.step.first + u32::from(ready.step.len) {
                self.queue(&OutgoingQuery {
                    due: ready.due,
                    sent: now,
                    query,
                    lookup: ready.lookup,
                    socket: ready.socket,
                    phase: ready.phase,
                })?;
                if self.outbox.is_full() {
                    self.flush(ready.socket, now)?;
                }
            }
            self.flush(ready.socket, now)?;
        }
        Ok(())
    }

    /// Puts a query into the batch, or counts it as shed. With a socket per
    /// query the batch is sent at once.
    fn queue(&mut self, outgoing: &OutgoingQuery) -> io::Result<()> {
        let mut outgoing = *outgoing;
        if self.sockets.is_per_query() {
            let Some(place) = self.sockets.open_for_a_query()? else {
                self.state.account.shed(&outgoing);
                return Ok(());
            };
            self.start_ids(place);
            outgoing.socket = place;
        }
        let len = self.state.workload.query(outgoing.query).len();
        let Some(buffer) = self.outbox.room(len) else { return Ok(()) };
        match self.state.account.send(&outgoing, buffer) {
            Ok(len) => self.outbox.commit(len),
            Err(_) => self.sockets.release(outgoing.socket),
        }
        if self.sockets.is_per_query() {
            self.flush(outgoing.socket, outgoing.sent)?;
        }
        Ok(())
    }

    fn flush(&mut self, socket: u16, now: u64) -> io::Result<()> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        let Some(open) = self.sockets.get(socket) else { return Ok(()) };
        let report = self.outbox.send(open)?;
        if report.failed > 0 {
            match self.outbox.unsent() {
                Some(ids) => {
                    for &id in ids {
                        self.state.account.fail_to_send_one(socket, id, now);
                    }
                }
                None => self.state.account.fail_to_send(socket, report.failed, now),
            }
            self.sockets.release(socket);
        }
        if report.refused > 0 {
            self.state.account.refuse(socket, now);
        }
        Ok(())
    }

    /// Reads all sockets that have something.
    fn receive_all(&mut self, clock: &RunClock) -> io::Result<()> {
        loop {
            match self
                .sockets
                .poll
                .poll(&mut self.events, Some(Duration::ZERO))
            {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
                polled => polled?,
            }
            // The events are lent from `self`; a swap costs three words.
            let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
            let mut count = 0;
            for event in &events {
                count += 1;
                self.receive(u16::try_from(event.token().0).unwrap_or(u16::MAX), clock)?;
            }
            self.events = events;
            if count < EVENTS {
                return Ok(());
            }
        }
    }

    /// Reads one socket until it is empty: epoll is edge-triggered.
    fn receive(&mut self, socket: u16, clock: &RunClock) -> io::Result<()> {
        loop {
            let Some(open) = self.sockets.get(socket) else { return Ok(()) };
            let count = match open.recv_batch(&mut self.received, usize::MAX) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if is_refusal(&error) => {
                    self.state.account.refuse(socket, clock.now());
                    self.sockets.release(socket);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let mut ended = None;
            for datagram in self.received.iter() {
                let stamp = datagram.received.map(|stamp| self.clocks.instant_of(stamp));
                let at = stamp.map_or_else(|| clock.now(), |stamp| clock.at(stamp));
                for message in datagram.segments() {
                    ended = self.state.account.receive(socket, message, at).or(ended);
                }
            }
            if let Some(slot) = ended {
                self.sockets.release(slot.socket);
            }
            if count < self.received.capacity() {
                return Ok(());
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "sleeping until a query is due is the point")]
    fn wait(&self, clock: &RunClock, until: u64) -> io::Result<()> {
        let wait = Duration::from_nanos(until.saturating_sub(clock.now())).min(MAX_WAIT);
        if wait.is_zero() {
            return Ok(());
        }
        if self.is_woken_by_answers {
            udp::wait_readable(&self.sockets.poll, wait)?;
        } else {
            std::thread::sleep(wait);
        }
        Ok(())
    }

    fn start_ids(&mut self, socket: u16) {
        let first_id = u16::try_from(self.ids.next() & 0xffff).unwrap_or(0);
        self.state.account.outstanding.open_socket(socket, first_id);
    }

    /// The pod, and with it the socket, of the lookup with this number.
    fn pod(&self, index: u64) -> u16 {
        let pods = u64::from(self.sockets.places().max(1));
        let pod = SplitMix::of_item(POD_STREAM, 0, index).next() % pods;
        u16::try_from(pod).unwrap_or(0)
    }
}

/// Port unreachable, host unreachable: an ICMP error came back.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    )
}

/// Answers of one `recvmmsg`.
const RECV_BATCH: usize = 64;
/// Segmented batches of answers for each `recvmmsg` with GSO: as fast as 64, which
/// are 4 MiB.
const RECV_SEGMENTED: usize = 16;
/// Octets of a segmented batch at most.
const SEGMENTED_LEN: usize = 65_535;
/// Sockets of one `epoll_wait`.
const EVENTS: usize = 256;
/// Octets that are read of an answer; without EDNS it has at most 512.
const MESSAGE_LEN: usize = 1232;
/// Per thread and second: up to here each query gets its own wake-up.
const EXACT_RATE: f64 = 2_500.0;
/// Above it, nanoseconds between wake-ups: 7.7 µs of CPU a query instead of
/// 22 at 20,000/s, for 0.1 ms of lateness at the median.
const TICK: u64 = 200_000;
/// Queries sent on end when behind; as many answers are a tenth of the queue.
const QUERIES_BEFORE_READING: u32 = 512;
/// Nanoseconds between two looks at both clocks: time is slewed by at most
/// 500 µs a second, so a stamp is off by 50 µs at most.
const RESAMPLE: u64 = 100_000_000;
/// Keeps the draw of the pod apart from the draw of the name.
const POD_STREAM: u64 = 0x706f_6473;
