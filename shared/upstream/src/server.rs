//! The running server: sockets, a thread of its own, and what it remembers.

mod shared;
mod tcp;
mod udp;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::log::Received;
use crate::rule::Rule;
use crate::script::Script;
use crate::zone::Zone;

use shared::Shared;
pub use tcp::TcpMode;

/// A scripted server on one address, UDP and TCP on the same port. It stops,
/// and its sockets are closed, when it is dropped.
pub struct Upstream {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Starts to describe a server.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The address it listens on, with the port it got.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Replaces zones and rules; queries already read keep the old ones. The
    /// rules' counts start anew, what was received stays remembered.
    ///
    /// # Errors
    ///
    /// A zone that cannot be parsed; the old script then stays.
    pub fn set_script(&self, script: &Script) -> Result<()> {
        let running = Arc::new(script.compile()?);
        *self
            .shared
            .running
            .write()
            .unwrap_or_else(PoisonError::into_inner) = running;
        Ok(())
    }

    /// How many queries fitted each rule of the script, in its order, since it was set.
    pub fn fitted(&self) -> Vec<u64> {
        let running = self.shared.running.read();
        running.unwrap_or_else(PoisonError::into_inner).fitted()
    }

    /// The latest queries, oldest first, at most [`crate::LOG_CAPACITY`].
    pub fn queries(&self) -> Vec<Received> {
        self.shared.log.latest()
    }

    /// How many queries were received, also those lost or kept silent about.
    pub fn total(&self) -> u64 {
        self.shared.log.total()
    }

    /// How many queries for this very name, in any case, were received.
    pub fn count(&self, name: &str) -> u64 {
        self.shared.log.count(name)
    }

    /// How many messages were not a query with one question.
    pub fn malformed(&self) -> u64 {
        self.shared.log.malformed()
    }

    /// Waits until `queries` were received in all; false if time ran out.
    #[must_use]
    pub fn wait_for(&self, queries: u64, within: Duration) -> bool {
        self.shared.log.wait_for(queries, within)
    }

    /// Waits until `queries` for this name were received; false if time ran
    /// out.
    #[must_use]
    pub fn wait_for_name(&self, name: &str, queries: u64, within: Duration) -> bool {
        self.shared.log.wait_for_name(name, queries, within)
    }

    /// Forgets what was received and sets all counts to zero.
    pub fn forget(&self) {
        self.shared.log.clear();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        // The thread is gone already if the receiver is, and that is fine.
        self.stop.take().map(|stop| stop.send(()));
        self.thread.take().map(JoinHandle::join);
    }
}

/// Describes a server before it starts.
pub struct Builder {
    listen: SocketAddr,
    script: Script,
    tcp: TcpMode,
    threads: usize,
}

impl Default for Builder {
    /// 127.0.0.1, a free port, an empty script, one thread.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            script: Script::new(),
            tcp: TcpMode::Serve,
            threads: 1,
        }
    }
}

impl Builder {
    /// Listens here; port 0 takes a port that is free for UDP and TCP.
    #[must_use]
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.listen = addr;
        self
    }

    /// Uses a whole script, in place of all zones and rules so far.
    #[must_use]
    pub fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// Adds an authoritative zone with these records; see [`Zone::records`].
    #[must_use]
    pub fn zone(mut self, origin: &str, records: &str) -> Self {
        self.script = self.script.zone(Zone::new(origin).records(records));
        self
    }

    /// Adds a rule; see [`Script::rule`].
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.script = self.script.rule(rule);
        self
    }

    /// Sets what happens to connections.
    #[must_use]
    pub fn tcp(mut self, mode: TcpMode) -> Self {
        self.tcp = mode;
        self
    }

    /// Uses this many threads, for load; 1 by default.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Binds the sockets and starts to answer.
    ///
    /// # Errors
    ///
    /// A script that does not compile, or an address that cannot be bound.
    pub fn start(self) -> Result<Upstream> {
        let running = self.script.compile()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(self.threads)
            .thread_name("upstream")
            .enable_all()
            .build()
            .context("cannot start a runtime")?;
        let shared = Arc::new(Shared::new(running));
        let addr = self.bind(&runtime, &shared)?;
        let (stop, stopped) = oneshot::channel();
        // The runtime is dropped on a thread of its own: dropping it inside
        // another runtime, as of an async test, would panic.
        let thread = std::thread::Builder::new()
            .name("upstream".to_owned())
            .spawn(move || {
                // An error means the server was leaked; then it serves no more.
                runtime.block_on(stopped).unwrap_or_default();
            })?;
        Ok(Upstream { addr, shared, stop: Some(stop), thread: Some(thread) })
    }

    fn bind(&self, runtime: &Runtime, shared: &Arc<Shared>) -> Result<SocketAddr> {
        let _guard = runtime.enter();
        let mut tries = if self.listen.port() == 0 { PORT_TRIES } else { 1 };
        loop {
            tries -= 1;
            let socket = udp::bind(self.listen)
                .with_context(|| format!("cannot bind {} (UDP)", self.listen))?;
            let addr = socket.local_addr()?;
            // A port free for UDP may be taken for TCP: try another.
            match tcp::Listening::bind(addr, self.tcp) {
                Ok(listening) => {
                    runtime.spawn(udp::serve(Arc::new(socket), Arc::clone(shared)));
                    runtime.spawn(listening.serve(Arc::clone(shared)));
                    return Ok(addr);
                }
                Err(_) if tries > 0 => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot bind {addr} (TCP)"));
                }
            }
        }
    }
}

/// How often a port free for both transports is looked for.
const PORT_TRIES: u32 = 64;
