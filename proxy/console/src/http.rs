//! Bounds for an HTTP listener: how many connections it has, and how long one
//! may be idle.
//!
//! axum has neither. Without them, a client that opens idle connections takes
//! all file descriptors of a process that answers DNS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// A listener with few connections, which end when idle.
#[derive(Debug)]
pub struct Bounded<L> {
    inner: L,
    places: Arc<Semaphore>,
    patience: Duration,
}

/// Bounds how many connections `listener` has, and how long one may be idle.
pub fn bounded<L: Listener>(listener: L) -> Bounded<L> {
    Bounded::new(listener, CONNECTIONS, IDLE_TIMEOUT)
}

impl<L: Listener> Bounded<L> {
    fn new(inner: L, connections: usize, patience: Duration) -> Self {
        Self { inner, places: Arc::new(Semaphore::new(connections)), patience }
    }
}

impl<L: Listener> Listener for Bounded<L> {
    type Io = Connection<L::Io>;
    type Addr = L::Addr;

    /// Takes the next connection once there is a place; until then clients
    /// wait in the kernel's queue, which is bounded too.
    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // Fails only for a closed semaphore; this one stays open.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, addr) = self.inner.accept().await;
        let (patience, idle) = (self.patience, Box::pin(sleep(self.patience)));
        (Connection { stream, idle, patience, _place: place }, addr)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.inner.local_addr()
    }
}

/// A connection that ends when no octet of a response has left for a while:
/// what a client sends does not count, or one that trickles would stay.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    idle: Pin<Box<Sleep>>,
    patience: Duration,
    _place: Option<OwnedSemaphorePermit>,
}

impl<S> Connection<S> {
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.idle.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
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
            // Tokio's clock: it is what the timer compares with.
            let until = Instant::now() + self.patience;
            self.idle.as_mut().reset(until);
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

/// A scraper or two, the kubelet's probes, and a few people.
const CONNECTIONS: usize = 64;

/// Scrapers that keep a connection for longer open a new one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpStream};

    use axum::Router;
    use axum::routing::get;

    use super::*;

    /// Serves until the test ends, on a thread of its own.
    fn serve(connections: usize, patience: Duration) -> (tokio::runtime::Runtime, SocketAddr) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let addr = listener.local_addr().unwrap();
        let routes = Router::new().route("/", get(async || "here"));
        runtime.spawn(async move {
            axum::serve(Bounded::new(listener, connections, patience), routes).await
        });
        (runtime, addr)
    }

    fn ask(stream: &mut TcpStream) -> String {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        let mut reply = [0; 512];
        let length = stream.read(&mut reply).unwrap();
        String::from_utf8_lossy(&reply[..length]).into_owned()
    }

    #[test]
    fn an_idle_connection_makes_place_for_the_next() {
        let (_runtime, addr) = serve(1, Duration::from_millis(100));
        let mut silent = TcpStream::connect(addr).unwrap();
        silent.write_all(b"GET / HTT").unwrap();
        let mut next = TcpStream::connect(addr).unwrap();
        next.set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        assert!(ask(&mut next).ends_with("here"));
        let mut rest = [0; 16];
        assert!(matches!(silent.read(&mut rest), Ok(0) | Err(_)), "it was closed");
    }

    #[test]
    fn a_connection_serves_several_requests() {
        let (_runtime, addr) = serve(1, Duration::from_secs(10));
        let mut stream = TcpStream::connect(addr).unwrap();
        for _ in 0..3 {
            assert!(ask(&mut stream).starts_with("HTTP/1.1 200"));
        }
    }
}
