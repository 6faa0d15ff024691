//! Datagrams at a rate, whose answers are of no interest.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use dns::{Name, Rtype};
use testbed::pace;

/// A client that sends until it is dropped.
pub(crate) struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// Sends so many datagrams a second, `make` of the number of each, from two ports.
    ///
    /// # Errors
    ///
    /// Those of its sockets.
    pub(crate) fn start(
        server: SocketAddr,
        rate: u64,
        mut make: impl FnMut(u64) -> Vec<u8> + Send + 'static,
    ) -> Result<Self> {
        let sockets = [socket(server)?, socket(server)?];
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&sent));
        let thread = std::thread::spawn(move || {
            let (started, mut next) = (now(), 0);
            while !stopped.load(Ordering::Relaxed) {
                let elapsed = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                let due = elapsed.saturating_mul(rate) / 1_000_000;
                // What could not be sent in time is not made up for.
                next = next.max(due.saturating_sub(rate / 10));
                while next < due {
                    let [even, odd] = &sockets;
                    let socket = if next % 2 == 0 { even } else { odd };
                    // A datagram for which there is no room is lost.
                    let is_sent = socket.send(&make(next)).is_ok();
                    count.fetch_add(u64::from(is_sent), Ordering::Relaxed);
                    next += 1;
                }
                pace(Duration::from_millis(2));
            }
        });
        Ok(Self { stop, sent, thread: Some(thread) })
    }

    /// How many have been sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A thread that panicked has stopped, too.
        self.thread.take().map(JoinHandle::join);
    }
}

fn socket(server: SocketAddr) -> Result<UdpSocket> {
    let socket = UdpSocket::bind((GREEDY, 0))?;
    socket.connect(server)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A query with the ID that `n` has modulo 2^16.
pub(crate) fn question(n: u64, name: &str, qtype: Rtype) -> Vec<u8> {
    let name = Name::from_text(name).unwrap_or(Name::ROOT);
    dns::query(u16::try_from(n % 65_536).unwrap_or_default(), &name, qtype)
}

#[expect(clippy::disallowed_methods, reason = "the clock of a rate")]
fn now() -> Instant {
    Instant::now()
}

/// The client that takes all it can get.
pub(crate) const GREEDY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
