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
use udp::{ErrorBuffer, RecvBatch, SendReport};

use super::clocks::Clocks;
use super::outbox::{Outbox, Unsent};
use super::overruns::overruns;
use super::sockets::Sockets;
use super::{MAX_WAIT, Pacing, Ports, RunClock, SenderState, ThreadConfig, ThreadResult};
use crate::account::OutgoingQuery;
use crate::outstanding::NO_LOOKUP;
use crate::plan::Due;
use crate::random::SplitMix;
use crate::workload::Draw;

mod receive;
use receive::EVENTS;

/// One sender thread over UDP.
#[derive(Debug)]
pub struct UdpSender {
    state: SenderState,
    sockets: Sockets,
    events: Events,
    outbox: Outbox,
    received: RecvBatch,
    clocks: Clocks,
    errors: ErrorBuffer,
    ids: SplitMix,
    pacing: Pacing,
    /// Nanoseconds between two wake-ups at least.
    tick: u64,
    is_v6: bool,
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
        let (ids, is_v6) = (SplitMix::new(config.seed), config.target.is_ipv6());
        let sockets = Sockets::new(&config, ports)?;
        let (outbox, received) = if config.gso {
            (Outbox::segmented(), RecvBatch::new(RECV_SEGMENTED, SEGMENTED_LEN))
        } else {
            (Outbox::plain(), RecvBatch::new(RECV_BATCH, MESSAGE_LEN))
        };
        let (gso, pacing) = (config.gso, config.pacing);
        let state = SenderState::new(config);
        let is_closed = state.plan.has_closed_phase();
        let is_looking = is_closed && gso;
        let is_dense = state.plan.peak() > EXACT_RATE && pacing == Pacing::Ticks;
        let has_tick = (is_dense && !lookups) || is_looking;
        let mut sender = Self {
            is_v6,
            is_woken_by_answers: lookups || (is_closed && !gso),
            is_looking,
            tick: if has_tick { TICK } else { 0 },
            state,
            sockets,
            events: Events::with_capacity(EVENTS),
            outbox,
            received,
            clocks: Clocks::new(),
            errors: ErrorBuffer::new(),
            pacing,
            ids,
        };
        for place in 0..sender.sockets.places() {
            sender.start_ids(place);
        }
        Ok(sender)
    }

    /// Sends the plan, reads the answers, and returns after the last of them
    /// or its timeout; also when a socket fails for good, with what there is.
    pub fn run(mut self, clock: RunClock) -> ThreadResult {
        let error = self.work(&clock).err();
        let overruns = overruns(&self.sockets.ports());
        self.state
            .finish(clock.now(), error.as_ref(), overruns, self.clocks.jumps)
    }

    fn work(&mut self, clock: &RunClock) -> io::Result<()> {
        // One nanosecond instead of 50 µs: p50 of being late falls by 40 µs.
        udp::set_timer_slack(1)?;
        clock.wait_for_start(&self.state.stop);
        loop {
            if self.state.is_stopped() {
                return Ok(());
            }
            let now = clock.now();
            self.state.look(now);
            self.send_all_due(clock, now)?;
            self.receive_all(clock)?;
            self.expire(clock.now());
            self.send_ready(clock)?;
            let now = clock.now();
            let Some(event) = self.state.next_event(now) else { return Ok(()) };
            let earliest = now + self.tick;
            self.wait(clock, if self.is_looking { earliest } else { event.max(earliest) })?;
        }
    }

    fn expire(&mut self, now: u64) {
        let keep = self.state.account.outstanding.keep();
        while let Some(slot) = self.state.expire(now) {
            self.sockets.retire(slot.socket, slot.sent + keep);
        }
        while self.sockets.close_retired(now) {}
    }

    /// Sends what is due, in batches; each batch is one socket's.
    fn send_all_due(&mut self, clock: &RunClock, mut now: u64) -> io::Result<()> {
        let mut since_reading = 0;
        let mut burst = None;
        let mut socket = self.sockets.next();
        while let Some(due) = self.state.take_due(now) {
            burst = Some((due.phase, burst.map_or(0, |(_, count)| count) + 1));
            let pod = self.pod(due.index);
            match self.state.workload.draw(due.phase, due.index, pod) {
                Draw::Query(query) => {
                    // A recorded client has a socket of its own.
                    if let Some(place) = self
                        .state
                        .plan
                        .client(due.index)
                        .filter(|place| *place != socket)
                    {
                        self.flush(socket, clock)?;
                        socket = place;
                    }
                    self.queue(&outgoing(due, now, query, socket), clock)?;
                }
                Draw::Walk(walk) => {
                    let account = &mut self.state.account;
                    account.start_lookup(walk, due.at, due.phase, pod);
                    self.send_ready(clock)?;
                    continue;
                }
            }
            since_reading += 1;
            if self.outbox.is_full() || self.sockets.is_per_query() {
                self.flush(socket, clock)?;
                socket = self.sockets.next();
                now = clock.now();
            }
            if since_reading >= QUERIES_BEFORE_READING && self.outbox.is_empty() {
                since_reading = 0;
                self.do_the_rest(clock)?;
                if self.state.stop.signal().is_some() {
                    break;
                }
            }
        }
        if let Some((phase, count)) = burst {
            self.state
                .account
                .recorder
                .phase(phase)
                .bursts
                .saturating_record(count);
        }
        self.flush(socket, clock)
    }

    /// Behind the schedule there is always more to send; the answers must not overflow the
    /// sockets meanwhile, and what is over must not wait either.
    fn do_the_rest(&mut self, clock: &RunClock) -> io::Result<()> {
        self.receive_all(clock)?;
        let now = clock.now();
        self.state.look(now);
        self.expire(now);
        Ok(())
    }

    /// Sends the steps of lookups that answers, or the schedule, made ready.
    fn send_ready(&mut self, clock: &RunClock) -> io::Result<()> {
        loop {
            let now = clock.now();
            let Some(ready) = self.state.account.next_ready(now) else { return Ok(()) };
            for query in ready.step.first..ready.step.first + u32::from(ready.step.len) {
                let outgoing = OutgoingQuery {
                    due: ready.due,
                    sent: now,
                    query,
                    lookup: ready.lookup,
                    socket: ready.socket,
                    phase: ready.phase,
                };
                self.queue(&outgoing, clock)?;
                if self.outbox.is_full() {
                    self.flush(ready.socket, clock)?;
                }
            }
            self.flush(ready.socket, clock)?;
        }
    }

    /// Puts a query into the batch, or counts it as shed. With a socket per
    /// query the batch is sent at once.
    fn queue(&mut self, outgoing: &OutgoingQuery, clock: &RunClock) -> io::Result<()> {
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
            self.flush(outgoing.socket, clock)?;
        }
        Ok(())
    }

    fn flush(&mut self, socket: u16, clock: &RunClock) -> io::Result<()> {
        let before = clock.now();
        let report = match self.sockets.get(socket) {
            Some(open) if !self.outbox.is_empty() => self.outbox.send(open)?,
            _ => SendReport::default(),
        };
        let after = clock.now();
        let account = &mut self.state.account;
        if report.failed > 0 {
            match self.outbox.unsent() {
                Unsent::Places(failures) => {
                    for failure in failures {
                        account.failed(failure.index, failure.errno, after);
                    }
                }
                Unsent::Ids(ids) => {
                    for &(id, errno) in ids {
                        account.failed_id(socket, id, errno, after);
                    }
                }
            }
            self.sockets.release(socket);
        }
        match self.outbox {
            Outbox::Plain(_) => self.state.flushed(before, after),
            // They leave as one, and have one time.
            Outbox::Segmented(_) => {
                let at = before.midpoint(after);
                self.state.flushed(at, at);
            }
        }
        if report.refused > 0 {
            self.read_errors(socket, after);
        }
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "sleeping until a query is due is the point")]
    fn wait(&self, clock: &RunClock, until: u64) -> io::Result<()> {
        let wait = Duration::from_nanos(until.saturating_sub(clock.now())).min(MAX_WAIT);
        let sleep = self.pacing.sleep(wait);
        if sleep.is_zero() {
            self.pacing.spin(clock, until);
            return Ok(());
        }
        if self.is_woken_by_answers {
            if udp::wait_readable(&self.sockets.poll, sleep)? {
                return Ok(());
            }
        } else {
            std::thread::sleep(sleep);
        }
        self.pacing.spin(clock, until);
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

/// A query of the plan. A closed loop has no due time but the send itself.
const fn outgoing(due: Due, now: u64, query: u32, socket: u16) -> OutgoingQuery {
    let at = if due.window.is_some() { now } else { due.at };
    OutgoingQuery { due: at, sent: now, query, lookup: NO_LOOKUP, socket, phase: due.phase }
}

/// Answers of one `recvmmsg`.
const RECV_BATCH: usize = 64;
/// Segmented batches of answers for each `recvmmsg` with GSO: as fast as 64, which
/// are 4 MiB.
const RECV_SEGMENTED: usize = 16;
/// Octets of a segmented batch at most.
const SEGMENTED_LEN: usize = 65_535;
/// Octets that are read of an answer; without EDNS it has at most 512.
const MESSAGE_LEN: usize = 1232;
/// Per thread and second: up to here each query gets its own wake-up.
const EXACT_RATE: f64 = 2_500.0;
/// Above it, nanoseconds between wake-ups: 7.7 µs of CPU a query instead of
/// 22 at 20,000/s, for 0.1 ms of lateness at the median.
const TICK: u64 = 200_000;
/// Queries sent on end when behind; as many answers are a tenth of the queue.
const QUERIES_BEFORE_READING: u32 = 512;
/// Keeps the draw of the pod apart from the draw of the name.
const POD_STREAM: u64 = 0x706f_6473;
