//! Keeps this node's DNS with us while we answer.
//!
//! One thread proves four times a second that this process answers, and renews the
//! interception. When the proof fails, or the thread is stopped with its process,
//! nothing has to be done: what is not renewed ends by itself.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use dns::{Flags, Header};
use intercept::{Found, Interceptor, LIFE, MARK, Matching, Plan};
use socket2::SockRef;

use crate::config::Config;
use crate::health::SELF_QUERY;
use crate::heartbeat::Heartbeats;
use console::AdminAddr;

/// The thread, while it runs.
#[derive(Debug)]
pub struct Interception {
    /// Dropped to end it.
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Interception {
    /// Starts the thread, which intercepts as soon as `clients` make their rounds and
    /// an upstream has answered. `is_live` follows what it does.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started.
    pub fn start(
        interceptor: Interceptor,
        config: &Config,
        clients: Heartbeats,
        is_live: Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let keeper = Keeper {
            interceptor,
            addrs: config.intercept.listen().collect(),
            clients,
            question: question(&config.observe.cluster_domain),
            has_upstream: false,
            is_live,
        };
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new().name("intercept".to_owned());
        let thread = thread.spawn(move || keeper.run(&stopped))?;
        Ok(Self { stop, thread })
    }

    /// Gives the node's DNS back; returns when no more queries come.
    pub fn end(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread of interception panicked");
        }
    }
}

/// Makes the addresses of `config` ours, with nothing intercepted yet; `None` where it
/// is off.
///
/// # Errors
///
/// When the kernel refuses.
pub fn prepare(config: &Config) -> anyhow::Result<Option<Interceptor>> {
    if !config.intercept.enabled {
        return Ok(None);
    }
    let plan = Plan { also: also(config), ..config.intercept.plan.clone() };
    let interceptor = Interceptor::install(plan).context("cannot intercept")?;
    let device = interceptor.device();
    tracing::info!(device, "the addresses of this node's DNS are ours");
    if interceptor.matching() == Matching::Address {
        tracing::warn!(
            life = ?LIFE,
            "the kernel cannot look for sockets (nft_socket): after a crash queries of pods are \
             lost until the interception ends"
        );
    }
    for addr in interceptor.without_fallback() {
        tracing::warn!(%addr, "nothing answers here while we do not: set intercept.fallback");
    }
    Ok(Some(interceptor))
}

/// Our other listeners, as far as they have an address of their own.
fn also(config: &Config) -> Vec<SocketAddr> {
    let admin = match config.admin {
        AdminAddr::Tcp(addr) => Some(addr),
        AdminAddr::Unix(_) => None,
    };
    let has_own = |addr: &SocketAddr| !addr.ip().is_unspecified() && addr.port() != 0;
    let all = [Some(config.metrics), admin].into_iter().flatten();
    all.filter(has_own).collect()
}

/// Shows what is there of ours.
///
/// # Errors
///
/// When the kernel refuses to list it.
pub fn show() -> anyhow::Result<String> {
    let found = intercept::status().context("cannot see rules and addresses")?;
    let mut text = described(&found);
    for (addr, left) in &found.live {
        text += &format!("queries to {addr} come to us, for {left:?} from the last renewal on\n");
    }
    if found.live.is_empty() {
        text += "no queries are intercepted\n";
    }
    Ok(text)
}

/// Shows what [`remove`] would remove.
///
/// # Errors
///
/// As [`show`], and while a process renews the interception.
pub fn show_removal() -> anyhow::Result<String> {
    Ok(described(&removable()?))
}

/// Removes what is there of ours; returns what that was.
///
/// # Errors
///
/// As [`show_removal`], and when the kernel refuses.
pub fn remove() -> anyhow::Result<String> {
    removable()?;
    let found = intercept::remove().context("cannot remove rules and addresses")?;
    Ok(format!("removed:\n{}", described(&found)))
}

fn removable() -> anyhow::Result<Found> {
    let found = intercept::status().context("cannot see rules and addresses")?;
    // It would make them again.
    if !found.live.is_empty() {
        anyhow::bail!(
            "a process renews the interception; end it, or set intercept.enabled = false"
        );
    }
    Ok(found)
}

fn described(found: &Found) -> String {
    let addrs: Vec<_> = found.addresses.iter().map(ToString::to_string).collect();
    let lines = [
        found.table.then(|| "table inet fivedots\n".to_owned()),
        found.link.then(|| "link fivedots0\n".to_owned()),
        (!addrs.is_empty()).then(|| format!("addresses {}\n", addrs.join(", "))),
        found.is_empty().then(|| "nothing of ours\n".to_owned()),
    ];
    lines.into_iter().flatten().collect()
}

/// What the thread has.
struct Keeper {
    interceptor: Interceptor,
    addrs: Vec<SocketAddr>,
    clients: Heartbeats,
    /// What only an upstream answers.
    question: Vec<u8>,
    has_upstream: bool,
    is_live: Arc<AtomicBool>,
}

impl Keeper {
    fn run(mut self, stopped: &mpsc::Receiver<()>) {
        loop {
            let renewed = self.prove().and_then(|()| self.renew());
            self.note(renewed);
            if stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        if let Err(error) = self.interceptor.give_back() {
            tracing::error!(%error, "the interception ends by itself");
        }
        self.note(Err("this process ends".to_owned()));
    }

    /// Whether this process answers; if not, why.
    fn prove(&mut self) -> Result<(), String> {
        if let Some(hanging) = self.clients.later_than(LATE) {
            return Err(hanging.trim_end().replace('\n', ", "));
        }
        for addr in &self.addrs {
            ask(*addr, &SELF_QUERY, PATIENCE)
                .map_err(|error| format!("a query of ours to {addr}: {error}"))?;
        }
        // Once is enough: when upstreams die later, the cache still answers.
        if !self.has_upstream {
            let addr = self.addrs.first().copied();
            let rcode = addr.map(|addr| ask(addr, &self.question, UPSTREAM_PATIENCE));
            self.has_upstream = matches!(rcode, Some(Ok(NOERROR | NXDOMAIN)));
        }
        match self.has_upstream {
            true => Ok(()),
            false => Err("no upstream has answered yet".to_owned()),
        }
    }

    fn renew(&mut self) -> Result<(), String> {
        let Err(error) = self.interceptor.renew() else { return Ok(()) };
        tracing::warn!(%error, "the rules of interception are gone; they are made again");
        self.interceptor
            .repair()
            .and_then(|()| self.interceptor.renew())
            .map_err(|error| error.to_string())
    }

    /// Logs a change.
    fn note(&self, renewed: Result<(), String>) {
        let was_live = self.is_live.swap(renewed.is_ok(), Ordering::Relaxed);
        match renewed {
            Ok(()) if !was_live => {
                tracing::info!(addrs = ?self.addrs, "this node's DNS comes to us");
            }
            Err(reason) if was_live => {
                tracing::warn!(reason, "this node's DNS is given back");
            }
            _ => {}
        }
    }
}

/// Asks one of our sockets past all rules; returns the RCODE.
fn ask(server: SocketAddr, query: &[u8], patience: Duration) -> io::Result<u8> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    SockRef::from(&socket).set_mark(MARK)?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(patience))?;
    socket.send(query)?;
    let mut reply = [0; 512];
    let len = socket.recv(&mut reply)?;
    let header = Header::parse(reply.get(..len).unwrap_or_default());
    let header = header.filter(|header| header.flags.has(Flags::QR));
    let rcode = header.and_then(|_| reply.get(3)).map(|flags| flags & 0x0f);
    rcode.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The SOA of the cluster's domain, RD set: one query upstream a start.
fn question(zone: &dns::Name) -> Vec<u8> {
    let header = [0x5d, 0x5d, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    [&header, zone.as_wire(), &[0, SOA, 0, 1]].concat()
}

/// A quarter of the life of what is renewed: three may be late or fail.
const INTERVAL: Duration = Duration::from_millis(250);
/// The longest between two rounds of a thread of clients; an idle one takes 100 ms.
const LATE: Duration = Duration::from_secs(1);
/// Our own loopback takes microseconds, and half of the life is left for the others.
const PATIENCE: Duration = Duration::from_millis(100);
/// Nothing is intercepted meanwhile.
const UPSTREAM_PATIENCE: Duration = Duration::from_secs(1);
const NOERROR: u8 = 0;
const NXDOMAIN: u8 = 3;
const SOA: u8 = 6;
