//! Bounds for an HTTP listener: how many connections it has, how many of them one
//! address may have, and how long each may take.
//!
//! axum has none of these. Without them a client with idle connections takes all
//! file descriptors of a process that answers DNS, and the kubelet's probes wait
//! behind them until the kubelet ends the process.

mod encode;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream, unix};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep};

pub(crate) use encode::encoded;
use resolver::{Clock, Place, Places};

/// Whose the port of a listener is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Port {
    /// Ours alone.
    Own,
    /// Other processes of this user may listen on it as well (`SO_REUSEPORT`): each
    /// connection goes to one of them.
    Shared,
}

/// Listens on `addr`, inside a runtime.
///
/// # Errors
///
/// When the system does not give the address.
pub fn listen(addr: SocketAddr, port: Port) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of a predecessor that are still closing keep the port busy otherwise.
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(port == Port::Shared)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// A listener with few connections, each of which ends soon after it falls silent.
#[derive(Debug)]
pub struct Bounded<L> {
    inner: L,
    shared: Arc<Shared>,
    patience: Patience,
}

/// How long a connection may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// From the first octet of a request to the end of its head; for the first
    /// request from the connection on.
    head: Duration,
    /// Between two writes of ours.
    idle: Duration,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    /// The tag of a place ends its connection when it is dropped.
    places: Mutex<Places<oneshot::Sender<()>>>,
}

/// Bounds `listener` to `places` connections. One address may have a quarter of
/// them; a Unix socket has no addresses, but permissions.
///
/// A connection above the bound replaces a silent one, so that a probe is answered
/// whatever else is connected.
pub fn bounded<L: Source>(listener: L, places: usize) -> Bounded<L> {
    Bounded::new(listener, places, Patience { head: HEAD_TIMEOUT, idle: IDLE_TIMEOUT })
}

impl<L: Source> Bounded<L> {
    fn new(inner: L, places: usize, patience: Patience) -> Self {
        let share = if L::HAS_ADDRESSES { places.div_ceil(SHARE) } else { places };
        let places = Mutex::new(Places::new(places, share));
        Self { inner, shared: Arc::new(Shared { clock: Clock::start(), places }), patience }
    }

    /// Gives a connection its place; none if all of its address are busy.
    async fn seat(&self, stream: L::Io, from: IpAddr) -> Option<Connection<L::Io>> {
        let (tag, evicted) = oneshot::channel();
        let taken = self
            .shared
            .places()
            .take(from, tag, self.shared.clock.now());
        let (place, gave_way) = taken.ok()?;
        if let Some(tag) = gave_way {
            drop(tag);
            // It closes its descriptor before the next one is taken.
            yield_now().await;
        }
        let seat = Seat { shared: Arc::clone(&self.shared), place };
        let until = Box::pin(sleep(self.patience.head));
        let (stage, patience) = (Stage::Head(HeadEnd::default()), self.patience);
        let evicted = Some(evicted);
        Some(Connection { stream, until, stage, patience, evicted, seat })
    }

    /// Makes room for a connection that could not be accepted.
    async fn cannot_accept(&self) {
        let evicted = self.shared.places().evict();
        match evicted {
            Some(tag) => {
                drop(tag);
                yield_now().await;
            }
            None => sleep(ACCEPT_PAUSE).await,
        }
    }
}

impl<L: Source> Listener for Bounded<L> {
    type Io = Connection<L::Io>;
    type Addr = L::Addr;

    /// Takes the next connection at once: one that waits in the kernel's queue
    /// could be a probe.
    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match self.inner.next().await {
                Ok((stream, addr)) => {
                    if let Some(connection) = self.seat(stream, L::ip(&addr)).await {
                        return (connection, addr);
                    }
                }
                Err(error) if is_of_the_peer(&error) => {}
                Err(_) => self.cannot_accept().await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.inner.local()
    }
}

/// Where connections come from.
pub trait Source: Send + Sync + 'static {
    /// A connection.
    type Io: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    /// Who is at its other end.
    type Addr: Send;
    /// Whether different clients have different addresses.
    const HAS_ADDRESSES: bool;

    /// Waits for the next connection.
    fn next(&mut self) -> impl Future<Output = io::Result<(Self::Io, Self::Addr)>> + Send;

    /// Returns the client's address.
    fn ip(addr: &Self::Addr) -> IpAddr;

    /// Returns the address of the listener.
    ///
    /// # Errors
    ///
    /// The system's error.
    fn local(&self) -> io::Result<Self::Addr>;
}

impl Source for TcpListener {
    type Io = TcpStream;
    type Addr = SocketAddr;
    const HAS_ADDRESSES: bool = true;

    async fn next(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        (*self).accept().await
    }

    fn ip(addr: &SocketAddr) -> IpAddr {
        addr.ip()
    }

    fn local(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl Source for UnixListener {
    type Io = UnixStream;
    type Addr = unix::SocketAddr;
    const HAS_ADDRESSES: bool = false;

    async fn next(&mut self) -> io::Result<(UnixStream, unix::SocketAddr)> {
        (*self).accept().await
    }

    fn ip(_: &unix::SocketAddr) -> IpAddr {
        Ipv4Addr::UNSPECIFIED.into()
    }

    fn local(&self) -> io::Result<unix::SocketAddr> {
        self.local_addr()
    }
}

impl Shared {
    fn places(&self) -> MutexGuard<'_, Places<oneshot::Sender<()>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection, which is freed when it ends.
#[derive(Debug)]
struct Seat {
    shared: Arc<Shared>,
    place: Place,
}

impl Seat {
    fn touch(&self, is_idle: bool) {
        let now = self.shared.clock.now();
        self.shared.places().touch(self.place, is_idle, now);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.places().leave(self.place);
    }
}

/// A connection that ends when its request or our response takes too long, or when
/// another one needs its place.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    stage: Stage,
    until: Pin<Box<Sleep>>,
    patience: Patience,
    /// None after it was.
    evicted: Option<oneshot::Receiver<()>>,
    seat: Seat,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The end of a request's head.
    Head(HeadEnd),
    /// Our response.
    Response,
    /// The rest of the response, or the next request.
    Next,
}

impl<S> Connection<S> {
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.until.as_mut().poll(context).is_ready() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let evicted = self.evicted.as_mut();
        if evicted.is_none_or(|evicted| Pin::new(evicted).poll(context).is_ready()) {
            self.evicted = None;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    /// Follows a request: what comes before the end of its head gives no more time,
    /// or a client that trickles would stay.
    fn received(&mut self, octets: &[u8]) {
        let mut end = match self.stage {
            Stage::Head(end) => end,
            Stage::Response => return,
            Stage::Next => {
                self.wait(self.patience.head);
                HeadEnd::default()
            }
        };
        self.stage = Stage::Head(end);
        if end.is_in(octets) {
            self.stage = Stage::Response;
            self.wait(self.patience.idle);
            self.seat.touch(false);
        } else {
            self.stage = Stage::Head(end);
        }
    }

    fn sent(&mut self) {
        self.stage = Stage::Next;
        self.wait(self.patience.idle);
        self.seat.touch(true);
    }

    fn wait(&mut self, time: Duration) {
        // Tokio's clock: it is what the timer compares with.
        self.until.as_mut().reset(Instant::now() + time);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let octets = buffer.filled().get(before..).unwrap_or_default();
        if !octets.is_empty() {
            self.received(octets);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let written = Pin::new(&mut self.stream).poll_write(context, octets);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.sent();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Finds the empty line at the end of a head, wherever the stream is cut.
#[derive(Clone, Copy, Debug, Default)]
struct HeadEnd {
    /// Line ends in a row, behind the first line.
    lines: u8,
    has_begun: bool,
}

impl HeadEnd {
    fn is_in(&mut self, octets: &[u8]) -> bool {
        octets.iter().any(|octet| {
            match octet {
                // Servers skip empty lines before a request (RFC 9112, 2.2).
                b'\r' | b'\n' if !self.has_begun => {}
                b'\n' => self.lines += 1,
                b'\r' => {}
                _ => (self.lines, self.has_begun) = (0, true),
            }
            self.lines == 2
        })
    }
}

/// Whether only one connection failed to be accepted: its client was faster.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// One address has one of so many parts of the places: several tabs of a browser
/// beside a `top` need more than an eighth of few.
const SHARE: usize = 4;

/// A request's head is one segment; two round trips to the farthest client and a
/// lost segment take less.
const HEAD_TIMEOUT: Duration = Duration::from_secs(2);

/// Scrapers that keep a connection for longer open a new one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Long enough for a descriptor to be closed elsewhere, short enough not to be felt.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Connections that wait to be taken: as many as tokio and the standard library have.
const BACKLOG: u32 = 1024;

#[cfg(test)]
mod tests;
