//! Sends what clients send: each lookup is a state machine of `stub`, on sockets of
//! its own.
//!
//! The schedule has only the starts of lookups. What follows is due when the model
//! wants it: with the answer before, or when its timer is over. A thread that is late
//! counts its lateness; timers run from when packets left, as those of a client do.

mod composed;
mod endpoints;
mod receive;
mod running;
mod stream;

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use mio::Events;
use stub::client::{Action, Event, Lookup, Memory, Model, Packet, Peer};
use udp::{ErrorBuffer, RecvBatch, SendBatch};

use super::clocks::Clocks;
use super::{MAX_WAIT, RunClock, SenderState, ThreadConfig, ThreadResult};
use crate::clients::Clients;
use crate::plan::Due;
use crate::random::SplitMix;
use crate::series::Tally;
use crate::workload::{Draw, MAX_QUERY_LEN};
use endpoints::{Endpoints, Opened};
use running::Running;

/// One sender thread that plays clients.
#[derive(Debug)]
pub struct ClientSender {
    state: SenderState,
    clients: Arc<Clients>,
    memories: Vec<Memory>,
    lookups: Vec<Option<Box<Running>>>,
    free: Vec<u32>,
    /// When lookups have to look at the time.
    timers: BTreeSet<(u64, u32)>,
    endpoints: Endpoints,
    actions: Vec<Action>,
    batch: SendBatch,
    /// Packets in `batch`, by their place in the lookup.
    queued: Vec<usize>,
    received: RecvBatch,
    errors: ErrorBuffer,
    events: Events,
    clocks: Clocks,
    random: SplitMix,
    /// Packets without an answer, and how many there may be.
    waiting: usize,
    max_waiting: usize,
}

/// When something happens to a lookup, in nanoseconds of the run.
#[derive(Clone, Copy, Debug)]
struct Instants {
    /// When it was to happen: what is sent then is due since.
    due: u64,
    /// When it does: timers run from here.
    now: u64,
}

impl Instants {
    /// What came from outside is never late.
    const fn of(at: u64) -> Self {
        Self { due: at, now: at }
    }
}

/// What is still to be told to a lookup.
type Pending = VecDeque<Event>;

impl ClientSender {
    /// Prepares one thread; sockets are opened by the lookups.
    ///
    /// # Errors
    ///
    /// When the system has no epoll for us.
    pub fn open(config: ThreadConfig, clients: Arc<Clients>) -> io::Result<Self> {
        let mut random = SplitMix::new(config.seed);
        let memories = (0..clients.count()).map(|client| {
            let is_glibc = clients
                .kind_of(client)
                .is_some_and(|(_, kind, _)| kind.resolver.model == Model::Glibc);
            // `nameserver_offset` begins at random; Go begins with the first.
            let turn = if is_glibc { random.next() & 0xffff } else { 0 };
            Memory::starting_at(u32::try_from(turn).unwrap_or(0))
        });
        Ok(Self {
            memories: memories.collect(),
            max_waiting: config.bounds.max_waiting,
            state: SenderState::new(config),
            clients,
            lookups: Vec::new(),
            free: Vec::new(),
            timers: BTreeSet::new(),
            endpoints: Endpoints::new()?,
            actions: Vec::new(),
            batch: SendBatch::new(BATCH, composed::MAX_LEN),
            queued: Vec::new(),
            received: RecvBatch::new(BATCH, MESSAGE_LEN),
            errors: ErrorBuffer::new(),
            events: Events::with_capacity(EVENTS),
            clocks: Clocks::new(),
            random,
            waiting: 0,
        })
    }

    /// Plays the plan, and returns when the last lookup has ended.
    pub fn run(mut self, clock: RunClock) -> ThreadResult {
        let error = self.work(&clock).err();
        let overruns = self.endpoints.overruns;
        self.state
            .finish(clock.now(), error.as_ref(), overruns, self.clocks.jumps)
    }

    fn work(&mut self, clock: &RunClock) -> io::Result<()> {
        udp::set_timer_slack(1)?;
        clock.wait_for_start(&self.state.stop);
        loop {
            if self.state.stop.signal().is_some() {
                self.interrupt();
                return Ok(());
            }
            self.state.look(clock.now());
            // What has come counts before what it comes too late for.
            self.receive_all(clock)?;
            self.expire(clock)?;
            self.start_all_due(clock)?;
            let now = clock.now();
            let due = self.state.next_event(now);
            let timer = self.timers.first().map(|(at, _)| *at);
            let next = match (due, timer) {
                (Some(due), Some(timer)) => due.min(timer),
                (None, None) if self.free.len() == self.lookups.len() => return Ok(()),
                (due, timer) => due.or(timer).unwrap_or(u64::MAX),
            };
            let wait = Duration::from_nanos(next.saturating_sub(now)).min(MAX_WAIT);
            udp::wait_readable(&self.endpoints.poll, wait)?;
        }
    }

    fn expire(&mut self, clock: &RunClock) -> io::Result<()> {
        let now = clock.now();
        while let Some((at, index)) = self.timers.first().copied()
            && at <= now
        {
            self.feed(index, Event::Expired, Instants { due: at, now: clock.now() }, clock)?;
        }
        Ok(())
    }

    fn start_all_due(&mut self, clock: &RunClock) -> io::Result<()> {
        while let Some(due) = self.state.take_due(clock.now()) {
            self.start(due, clock)?;
            let now = clock.now();
            self.state.release_cap(now);
        }
        Ok(())
    }

    fn start(&mut self, due: Due, clock: &RunClock) -> io::Result<()> {
        let clients = u64::from(self.clients.count().max(1));
        let client = SplitMix::of_item(CLIENT_STREAM, 0, due.index).next() % clients;
        let client = u32::try_from(client).unwrap_or(0);
        let clients = Arc::clone(&self.clients);
        let Some((number, kind, _)) = clients.kind_of(client) else { return Ok(()) };
        let Draw::Walk(item) = self.state.workload.draw(due.phase, due.index, number) else {
            return Ok(());
        };
        let Some(walk) = clients.walk(item) else { return Ok(()) };
        let recorder = &mut self.state.account.recorder;
        let counts = &mut recorder.phase(due.phase).counts;
        counts.lookups.due += 1;
        if self.waiting >= self.max_waiting {
            counts.due += 1;
            counts.shed += 1;
            counts.lookups.failed += 1;
            recorder.not_sent(due.at);
            return Ok(());
        }
        self.actions.clear();
        let at = Instants { due: due.at, now: clock.now() };
        let Some(memory) = self.memories.get_mut(client as usize) else { return Ok(()) };
        let lookup = Lookup::start(
            Arc::clone(&kind.resolver),
            walk.clone(),
            Duration::from_nanos(at.now),
            memory,
            &mut || self.random.next(),
            &mut self.actions,
        );
        let index = self.place();
        let running = Running::new(lookup, item, client, due);
        self.go_on(index, Box::new(running), at, VecDeque::new(), clock)
    }

    /// Tells a lookup what happened at `at`, and does what it wants.
    fn feed(&mut self, index: u32, event: Event, at: Instants, clock: &RunClock) -> io::Result<()> {
        let taken = self.lookups.get_mut(index as usize).and_then(Option::take);
        let Some(running) = taken else {
            self.timers.retain(|(_, timer)| *timer != index);
            return Ok(());
        };
        self.actions.clear();
        self.go_on(index, running, at, VecDeque::from([event]), clock)
    }

    /// Does what `actions` has, and what `pending` events lead to.
    fn go_on(
        &mut self,
        index: u32,
        mut running: Box<Running>,
        at: Instants,
        mut pending: Pending,
        clock: &RunClock,
    ) -> io::Result<()> {
        loop {
            self.perform(index, &mut running, at, &mut pending, clock)?;
            let Some(event) = pending.pop_front() else { break };
            self.actions.clear();
            let Some(memory) = self.memories.get_mut(running.client as usize) else { break };
            let random = &mut || self.random.next();
            let now = Duration::from_nanos(at.now);
            running
                .lookup
                .handle(event, now, memory, random, &mut self.actions);
        }
        self.set_timer(index, &mut running);
        if running.lookup.is_over() {
            self.free.push(index);
        } else if let Some(place) = self.lookups.get_mut(index as usize) {
            *place = Some(running);
        }
        Ok(())
    }

    fn perform(
        &mut self,
        index: u32,
        running: &mut Running,
        at: Instants,
        pending: &mut Pending,
        clock: &RunClock,
    ) -> io::Result<()> {
        for place in 0.. {
            let Some(action) = self.actions.get(place).copied() else { break };
            match action {
                Action::Open { socket, peer } => self.open_socket(index, running, socket, peer)?,
                Action::Send(packet) => {
                    self.queue(running, packet, at.due, pending);
                    let next = self.actions.get(place + 1);
                    let goes_on =
                        matches!(next, Some(Action::Send(next)) if next.socket == packet.socket);
                    if !goes_on || self.batch.is_full() {
                        self.flush(running, packet.socket, pending, clock);
                    }
                }
                Action::Close { socket } => self.close(running, socket),
                Action::End(ending) => {
                    while let Some(socket) = running.any_socket() {
                        self.close(running, socket);
                    }
                    running.end(ending, at.now, &mut self.state.account.recorder);
                }
            }
        }
        Ok(())
    }

    fn open_socket(
        &mut self,
        index: u32,
        running: &mut Running,
        socket: u16,
        peer: Peer,
    ) -> io::Result<()> {
        let Some((_, kind, n)) = self.clients.kind_of(running.client) else { return Ok(()) };
        let (source, servers) = (kind.source(n), &kind.servers);
        let server = |server: u8| servers.get(usize::from(server)).or_else(|| servers.first());
        let opened = match peer {
            Peer::All => self
                .endpoints
                .open_for_all(index, socket, source, servers.first())?,
            Peer::Server(n) => self.endpoints.connect(index, socket, source, server(n))?,
            Peer::Stream(n) => self.endpoints.stream(index, socket, source, server(n))?,
        };
        if let Opened::At(place) = opened {
            running.opened(socket, place);
        }
        Ok(())
    }

    /// Puts a packet into the batch, or into the buffer of its connection.
    fn queue(&mut self, running: &mut Running, packet: Packet, at: u64, pending: &mut Pending) {
        let recorder = &mut self.state.account.recorder;
        recorder.phase(running.phase).counts.due += 1;
        recorder.series.count(at, Tally::Due);
        let Some(place) = running.place_of(packet.socket) else {
            recorder.phase(running.phase).counts.shed += 1;
            recorder.series.count(at, Tally::NotSent);
            pending.push_back(running::broken(packet.socket, 0));
            return;
        };
        let flight = running.fly(packet, at);
        self.waiting += 1;
        let mut scratch = [0; MAX_QUERY_LEN];
        let query = running.query(&packet, &self.state.workload, &mut scratch);
        let Some(query) = query else { return };
        if self.endpoints.buffer(place, query, &packet) {
            return;
        }
        let peer = match self.clients.kind_of(running.client) {
            Some((_, kind, _)) if self.endpoints.is_for_all(place) => {
                kind.servers.get(usize::from(packet.server)).copied()
            }
            _ => None,
        };
        if let Some(buffer) = self.batch.next_buffer() {
            let len = composed::compose(query, &packet, buffer);
            self.batch.commit(len, peer, None);
            self.queued.push(flight);
        }
    }

    /// Closes a socket; what it was not answered is lost.
    fn close(&mut self, running: &mut Running, socket: u16) {
        if let Some(place) = running.closed(socket) {
            self.endpoints.close(place);
        }
        self.waiting -= running.lose(socket, &mut self.state.account.recorder);
    }

    fn set_timer(&mut self, index: u32, running: &mut Running) {
        let deadline = running.lookup.deadline();
        let timer = deadline.map(|at| u64::try_from(at.as_nanos()).unwrap_or(u64::MAX));
        if timer == running.timer {
            return;
        }
        if let Some(before) = running.timer {
            self.timers.remove(&(before, index));
        }
        if let Some(at) = timer {
            self.timers.insert((at, index));
        }
        running.timer = timer;
    }

    fn place(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.lookups.push(None);
            u32::try_from(self.lookups.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// Counts what has no answer yet: a signal ended the run.
    fn interrupt(&mut self) {
        for running in self.lookups.iter().flatten() {
            running.interrupt(&mut self.state.account.recorder);
        }
    }
}

/// Packets that leave one socket together: six of musl with three servers.
const BATCH: usize = 8;
/// Octets that are read of an answer: Go and glibc advertise no more.
const MESSAGE_LEN: usize = 1232;
/// Sockets of one `epoll_wait`.
const EVENTS: usize = 256;
/// Keeps the draw of the client apart from the draw of the name.
const CLIENT_STREAM: u64 = 0x0063_6c69_656e;
