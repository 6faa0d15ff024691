//! A forwarder that sends what it gets to where it came from: a loop of two.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;

/// Forwards until it is dropped.
pub(crate) struct Relay {
    addr: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    passed: AtomicU64,
    /// The port on loopback to which it forwards; 0 before it has one.
    to: AtomicU64,
}

impl Relay {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// Those of its socket.
    pub(crate) fn start() -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let addr = socket.local_addr()?;
        let shared = Arc::new(Shared::default());
        let working = Arc::clone(&shared);
        let thread = std::thread::spawn(move || working.work(&socket));
        Ok(Self { addr, shared, thread: Some(thread) })
    }

    /// Where it is asked.
    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Forwards to this address from here on.
    pub(crate) fn forward_to(&self, addr: SocketAddr) {
        self.shared.to.store(addr.port().into(), Ordering::Relaxed);
    }

    /// How many queries it has passed on.
    pub(crate) fn passed(&self) -> u64 {
        self.shared.passed.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// Passes each query on; answers are let go, for there is nobody but the asker who
    /// could have one.
    fn work(&self, socket: &UdpSocket) {
        let mut octets = [0; 4_096];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok((length, _)) = socket.recv_from(&mut octets) else { continue };
            let port = u16::try_from(self.to.load(Ordering::Relaxed)).unwrap_or_default();
            let query = octets.get(..length).unwrap_or_default();
            let is_query = query.get(2).is_some_and(|flags| flags & 0x80 == 0);
            if port != 0 && is_query {
                self.passed.fetch_add(1, Ordering::Relaxed);
                // One that is lost ends its lap.
                socket.send_to(query, (Ipv4Addr::LOCALHOST, port)).ok();
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}
