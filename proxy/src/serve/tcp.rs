//! Answering over connections (RFC 7766).
//!
//! A connection is one task. All complete queries of one read are answered by
//! one write, as far as the cache has them; the others are answered as their
//! answers come, in any order.

mod connection;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use super::Service;
use super::frame::Draft;
use connection::Connection;
use observe::{WorkerStats, Writer};
use resolver::{Moment, Place, Places, Room};

/// The bounds of connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TcpConfig {
    /// How long a connection may be idle while at least half of the places are
    /// free.
    pub idle_timeout: Duration,
    /// How long a client may take no answer.
    pub write_timeout: Duration,
    /// Connections at a time.
    pub max_connections: usize,
    /// Unanswered queries of one connection; then no more are read.
    pub max_inflight: usize,
    /// Octets of answers that clients have not taken, of all connections.
    pub max_unread: usize,
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
            max_unread: 8 << 20,
        }
    }
}

impl TcpConfig {
    /// Octets of one connection at most, without answers that its client has not taken:
    /// what was read of a query, its task, and the queue of its answers.
    pub const MEMORY: usize = 20 << 10;

    /// Returns how many connections one address may have: an eighth, so that no
    /// seven greedy clients keep out the eighth; and a few where there are few.
    fn share(&self) -> usize {
        (self.max_connections / 8).max(LEAST_SHARE)
    }
}

/// Takes connections of any number of listeners.
#[derive(Clone, Debug)]
pub struct TcpServer {
    common: Arc<Common>,
    stop: watch::Receiver<bool>,
}

/// What all connections share. Their tasks take turns on one thread, so no lock
/// here is ever waited for.
#[derive(Debug)]
struct Common {
    service: Service,
    /// Of the connections that are taken from here on.
    config: Mutex<TcpConfig>,
    stats: Arc<WorkerStats>,
    notes: Mutex<Writer>,
    draft: Draft,
    /// The tag of a place ends its connection when it is dropped.
    places: Mutex<Places<oneshot::Sender<()>>>,
    /// For answers that clients have not taken.
    room: Arc<Room>,
    /// Connections that have not ended.
    running: watch::Sender<usize>,
}

/// The place of one connection, which is freed when it ends.
#[derive(Debug)]
struct Seat {
    common: Arc<Common>,
    place: Place,
}

impl TcpServer {
    /// Serves until `stop` turns true: then what the kernel holds already is taken, read
    /// for a moment more, and answered.
    ///
    /// All its tasks run on one thread, the only writer of its counters
    /// and notes.
    pub fn new(
        service: Service,
        config: TcpConfig,
        (stats, notes): (Arc<WorkerStats>, Writer),
        stop: watch::Receiver<bool>,
    ) -> Self {
        let common = Common {
            service,
            config: Mutex::new(config),
            stats,
            notes: Mutex::new(notes),
            draft: Draft::new(),
            places: Mutex::new(Places::new(config.max_connections, config.share())),
            room: Room::new(config.max_unread),
            running: watch::Sender::new(0),
        };
        Self { common: Arc::new(common), stop }
    }

    /// Takes connections until the stop.
    pub async fn run(mut self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => Some(accepted),
                _ = self.stop.wait_for(|stop| *stop) => None,
            };
            let Some(accepted) = accepted else { return self.take_queued(&listener).await };
            match accepted {
                Ok((stream, peer)) => {
                    if self.take(stream, peer) {
                        // The one that gave way closes its descriptor first.
                        yield_now().await;
                    }
                }
                Err(error) => self.cannot_accept(&error).await,
            }
        }
    }

    /// Takes the connections that the kernel holds already: it would reset them with the
    /// listener, and their clients have sent their queries.
    async fn take_queued(&self, listener: &TcpListener) {
        for _ in 0..BACKLOG {
            match timeout(Duration::ZERO, listener.accept()).await {
                Ok(Ok((stream, peer))) => {
                    self.take(stream, peer);
                }
                _ => return,
            }
        }
    }

    /// Makes room where descriptors have run out: another connection has to end
    /// first.
    async fn cannot_accept(&self, error: &io::Error) {
        tracing::debug!(%error, "cannot accept a connection");
        let evicted = match udp::is_descriptor_shortage(error) {
            true => self.common.places().evict(),
            false => None,
        };
        let stats = &self.common.stats;
        stats
            .no_descriptor
            .add(u64::from(udp::is_descriptor_shortage(error)));
        match evicted {
            Some(tag) => {
                stats.tcp_evicted.add(1);
                drop(tag);
                yield_now().await;
            }
            None => sleep(ACCEPT_PAUSE).await,
        }
    }

    /// Takes connections within other bounds from here on; those that are open go on
    /// within their own.
    pub fn reload(&self, config: TcpConfig) {
        *self
            .common
            .config
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = config;
        self.common
            .places()
            .resize(config.max_connections, config.share());
    }

    /// Returns the room for answers that clients have not taken.
    pub fn room(&self) -> Arc<Room> {
        Arc::clone(&self.common.room)
    }

    /// Waits until every connection has ended.
    pub async fn ended(&self) {
        let mut running = self.common.running.subscribe();
        // Fails only when the sender is gone, which this holds.
        running
            .wait_for(|running| *running == 0)
            .await
            .map(drop)
            .ok();
    }

    /// Starts the task of a connection, if there is a place for it; says whether
    /// another one had to end for that.
    fn take(&self, stream: TcpStream, peer: SocketAddr) -> bool {
        let Common { service, stats, running, .. } = &*self.common;
        let (tag, evicted) = oneshot::channel();
        let is_allowed = service.allow.view().has(peer.ip());
        // Those who are not share one share.
        let holder = if is_allowed { peer.ip() } else { Ipv4Addr::UNSPECIFIED.into() };
        let taken = self.common.places().take(holder, tag, service.clock.now());
        let Ok((place, gave_way)) = taken else {
            stats.tcp_refused.add(1);
            return false;
        };
        stats.tcp_accepted.add(1);
        stats.tcp_evicted.add(u64::from(gave_way.is_some()));
        running.send_modify(|running| *running += 1);
        let seat = Seat { common: Arc::clone(&self.common), place };
        let (common, stop) = (Arc::clone(&self.common), self.stop.clone());
        let connection = Connection::new(common, (seat, is_allowed), stop, (stream, peer));
        tokio::spawn(async move {
            // How a connection ends is the client's business.
            tokio::select! {
                _ = connection.run() => {}
                _ = evicted => {}
            }
        });
        gave_way.is_some()
    }
}

impl Common {
    fn places(&self) -> std::sync::MutexGuard<'_, Places<oneshot::Sender<()>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Notes that something happened on the connection; returns how long nothing
    /// may happen from here on, `quiet` while there is room.
    fn touch(&self, is_idle: bool, quiet: Duration, now: Moment) -> Duration {
        let mut places = self.common.places();
        places.touch(self.place, is_idle, now);
        places.patience(quiet)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.common.places().leave(self.place);
        self.common.running.send_modify(|running| *running -= 1);
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

/// Long enough for a connection to end, short enough not to be felt.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A program that opens a connection for each of its threads has some.
const LEAST_SHARE: usize = 8;
