//! Connections to upstreams: few, kept open, with several queries in flight on
//! each (RFC 7766, section 6.2).

mod connection;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::UpstreamFailure;
use crate::inbox::Inbox;
use observe::WorkerStats;
use resolver::Ticket;

/// The connections to all upstreams.
#[derive(Debug)]
pub(crate) struct TcpPool {
    upstreams: Vec<Vec<Connection>>,
    addrs: Vec<SocketAddr>,
    inbox: Arc<Inbox>,
    stats: Arc<WorkerStats>,
    runtime: Handle,
}

/// A query that leaves over TCP; its id is the connection's to choose.
#[derive(Debug)]
pub(crate) struct TcpAsk {
    pub(crate) ticket: Ticket,
    pub(crate) message: Box<[u8]>,
    /// When the last client stops waiting.
    pub(crate) deadline: Instant,
}

/// The way to a connection's task.
#[derive(Debug)]
struct Connection {
    tx: mpsc::Sender<TcpAsk>,
    /// Queries given to it and not ended.
    open: Arc<AtomicUsize>,
}

impl TcpPool {
    /// Starts without any connection; what becomes of queries is left in `inbox`.
    /// `stats` is for all tasks of connections together.
    pub(crate) fn new(
        upstreams: &[SocketAddr],
        inbox: Arc<Inbox>,
        stats: Arc<WorkerStats>,
        runtime: Handle,
    ) -> Self {
        let addrs = upstreams.to_vec();
        let upstreams = addrs.iter().map(|_| Vec::new()).collect();
        Self { upstreams, addrs, inbox, stats, runtime }
    }

    /// Sends `ask` to `upstream`, by the connection with the least to do.
    pub(crate) fn ask(&mut self, upstream: usize, ask: TcpAsk) -> Result<(), UpstreamFailure> {
        let connections = self
            .upstreams
            .get_mut(upstream)
            .ok_or(UpstreamFailure::Socket)?;
        connections.retain(|connection| !connection.tx.is_closed());
        connections.sort_by_key(Connection::load);
        let busy = connections
            .first()
            .is_none_or(|connection| connection.load() >= SPREAD);
        if busy && connections.len() < MAX_CONNECTIONS {
            let connection = self.open(upstream)?;
            return connection.give(ask, &mut self.upstreams, upstream);
        }
        match connections.first() {
            Some(connection) => connection.send(ask),
            None => Err(UpstreamFailure::Busy),
        }
    }

    fn open(&self, upstream: usize) -> Result<Connection, UpstreamFailure> {
        let addr = *self.addrs.get(upstream).ok_or(UpstreamFailure::Socket)?;
        let (tx, rx) = mpsc::channel(PIPELINE);
        let open = Arc::new(AtomicUsize::new(0));
        let task = connection::Task {
            upstream,
            inbox: Arc::clone(&self.inbox),
            stats: Arc::clone(&self.stats),
            open: Arc::clone(&open),
            reports: Vec::new(),
        };
        self.runtime.spawn(task.run(addr, rx));
        Ok(Connection { tx, open })
    }
}

impl Connection {
    fn load(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn send(&self, ask: TcpAsk) -> Result<(), UpstreamFailure> {
        if self.load() >= PIPELINE {
            return Err(UpstreamFailure::Busy);
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        self.tx.try_send(ask).map_err(|_| {
            self.open.fetch_sub(1, Ordering::Relaxed);
            UpstreamFailure::Closed
        })
    }

    /// Sends the first query and joins the others.
    fn give(
        self,
        ask: TcpAsk,
        upstreams: &mut [Vec<Self>],
        upstream: usize,
    ) -> Result<(), UpstreamFailure> {
        let sent = self.send(ask);
        if let Some(connections) = upstreams.get_mut(upstream) {
            connections.push(self);
        }
        sent
    }
}

/// Connections per upstream. RFC 7766, section 6.2.2 asks for few; more than
/// one keeps a large answer or a lost segment from holding up all.
const MAX_CONNECTIONS: usize = 4;

/// Queries in flight on a connection before another one is opened.
const SPREAD: usize = 16;

/// Queries in flight on a connection at most; servers stop reading somewhere.
const PIPELINE: usize = 256;
