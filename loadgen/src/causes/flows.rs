//! Fills the connection table with flows of its own, and holds it.
//!
//! The flows are datagrams between addresses of this machine. One that was answered and
//! goes on after two seconds is assured: the kernel does not drop it to make room for
//! another. When all are, new flows are dropped, and DNS is the first to notice.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use udp::{LocalAddr, Options, SendBatch, Socket};

use super::table::{Flows, JOURNALS, Journal, netns, number};
use super::{FillFlows, LOOK, cannot};

/// The thread that fills; the flows are gone when it is dropped.
pub(super) struct Filler {
    fill: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    phase: Option<usize>,
    thread: Option<JoinHandle<()>>,
}

impl Filler {
    /// Opens the sockets, and fills from the first phase on if it is of that.
    pub(super) fn start(config: &FillFlows) -> io::Result<Self> {
        let [fill, stop] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let table = Table::open(config, Arc::clone(&fill), Arc::clone(&stop))?;
        let thread = thread::Builder::new()
            .name("flows".to_owned())
            .spawn(move || table.run())?;
        let filler = Self { fill, stop, phase: config.phase, thread: Some(thread) };
        filler.enter(0);
        Ok(filler)
    }

    /// Fills in this phase, or lets go.
    pub(super) fn enter(&self, phase: usize) {
        let is_on = self.phase.is_none_or(|only| only == phase);
        self.fill.store(is_on, Ordering::Relaxed);
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// The sockets of the flows.
struct Table {
    flows: Flows,
    senders: Vec<Socket>,
    peer: Socket,
    batch: SendBatch,
    share: f64,
    fill: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    /// Flows so far, and when the first datagrams of each thousand left.
    made: u32,
    rounds: Vec<(u32, Instant)>,
}

impl Table {
    fn open(config: &FillFlows, fill: Arc<AtomicBool>, stop: Arc<AtomicBool>) -> io::Result<Self> {
        let most = number("max").ok_or_else(|| {
            io::Error::other("flows: this network namespace has no connection table")
        })?;
        let bind = |addr: SocketAddr| {
            Socket::bind(addr, &Options { nonblocking: true, ..Options::default() })
                .map_err(|error| cannot("flows: cannot bind", addr, &error))
        };
        let peer = bind(config.peer.into())?;
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let senders = (0..PORTS)
            .map(|_| bind(any))
            .collect::<io::Result<Vec<_>>>()?;
        let ports = senders
            .iter()
            .map(|socket| Ok(socket.local_addr()?.port()))
            .collect::<io::Result<Vec<_>>>()?;
        // Others have flows, too; with some room for those that end.
        let count = most.saturating_add(most / 8).min(MOST);
        let (peer_addr, first) = (config.peer, config.first_source);
        let flows = Flows { netns: netns(), peer: peer_addr, first, ports, count };
        let batch = SendBatch::new(BATCH, DATAGRAM.len());
        let (made, rounds, share) = (0, Vec::new(), config.share);
        Ok(Self { flows, senders, peer, batch, share, fill, stop, made, rounds })
    }

    /// Fills and lets go as the phases want it, until it is stopped.
    #[expect(clippy::disallowed_methods, reason = "the clock and the pace of this thread")]
    fn run(mut self) {
        let mut journal = None;
        while !self.stop.load(Ordering::Relaxed) {
            match (self.fill.load(Ordering::Relaxed), journal.is_some()) {
                (true, false) => {
                    // Nothing is made that nobody could take back.
                    journal = Journal::write(Path::new(JOURNALS), &self.flows).ok();
                    if journal.is_none() {
                        return;
                    }
                }
                (true, true) => self.fill(),
                (false, true) => self.let_go(&mut journal),
                (false, false) => {}
            }
            thread::sleep(LOOK);
        }
        self.let_go(&mut journal);
    }

    /// Adds flows while there is room, assures those that are old enough, and keeps all.
    #[expect(clippy::disallowed_methods, reason = "the clock of this thread")]
    fn fill(&mut self) {
        while self.has_room() && !self.is_over() {
            let to = self.flows.count.min(self.made + CHUNK);
            self.send(self.made..to, true);
            self.rounds.push((to, Instant::now()));
            self.made = to;
        }
        let mut from = 0;
        for at in 0..self.rounds.len() {
            let Some((to, sent)) = self.rounds.get(at).copied() else { return };
            if sent.elapsed() >= AGAIN && !self.is_over() {
                self.send(from..to, false);
                if let Some(round) = self.rounds.get_mut(at) {
                    round.1 = Instant::now() + HELD;
                }
            }
            from = to;
        }
    }

    fn has_room(&self) -> bool {
        let (Some(count), Some(most)) = (number("count"), number("max")) else { return false };
        self.made < self.flows.count && f64::from(count) < f64::from(most) * self.share
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || !self.fill.load(Ordering::Relaxed)
    }

    /// Sends a datagram of each of these flows, and its answer if `both`.
    fn send(&mut self, flows: std::ops::Range<u32>, both: bool) {
        let ports = u32::try_from(self.senders.len()).unwrap_or(1);
        for (place, sender) in (0..ports).zip(&self.senders) {
            let of_port = flows.clone().filter(|n| n % ports == place);
            for n in of_port {
                let source = IpAddr::V4(*self.flows.source(n).ip());
                let local = Some(LocalAddr::new(source, 0));
                self.batch
                    .push(DATAGRAM, Some(self.flows.peer.into()), local);
                if self.batch.is_full() {
                    flush(&mut self.batch, sender);
                }
            }
            flush(&mut self.batch, sender);
        }
        if !both {
            return;
        }
        for n in flows {
            let source: SocketAddrV4 = self.flows.source(n);
            self.batch.push(DATAGRAM, Some(source.into()), None);
            if self.batch.is_full() {
                flush(&mut self.batch, &self.peer);
            }
        }
        flush(&mut self.batch, &self.peer);
    }

    /// Takes the flows out of the table; where this process may not, they end two minutes
    /// after their last datagram, and the journal stays.
    fn let_go(&mut self, journal: &mut Option<Journal>) {
        let Some(journal) = journal.take() else { return };
        let made = Flows { count: self.made, ..self.flows.clone() };
        if made.remove().is_ok() {
            journal.done();
        }
        (self.made, self.rounds) = (0, Vec::new());
    }
}

/// Sends what a batch has; what the kernel refuses is no flow.
fn flush(batch: &mut SendBatch, socket: &Socket) {
    socket.send_batch(batch).map(drop).unwrap_or_default();
}

/// What a flow carries.
const DATAGRAM: &[u8] = b"fivedots-loadgen flow";
/// Ports of each address: as many sockets.
const PORTS: usize = 64;
/// Flows between two looks at the table; a thousandth of a common one.
const CHUNK: u32 = 1_024;
/// Datagrams of one system call.
const BATCH: usize = 256;
/// More flows than any table that is in use: 64,000 addresses.
const MOST: u32 = 4_000_000;
/// The kernel assures a flow that goes on after two seconds.
const AGAIN: Duration = Duration::from_millis(2_200);
/// An assured flow is kept for two minutes; it is renewed before that.
const HELD: Duration = Duration::from_secs(60);
