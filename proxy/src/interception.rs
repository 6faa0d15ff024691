//! Keeps this node's DNS with us while we answer.
//!
//! One thread proves four times a second that this process answers, and renews the
//! interception. When the proof fails, or the thread is stopped with its process,
//! nothing has to be done: what is not renewed ends by itself.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use dns::{Flags, Header};
use intercept::{Found, Interceptor, LIFE, MARK, Matching, Plan};
use socket2::SockRef;
use tokio::sync::watch;

use crate::config::Config;
use crate::health::SELF_QUERY;
use crate::heartbeat::Heartbeats;
use crate::renewals::Renewals;
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
    /// an upstream has answered. `renewals` follow what it does; `pods` are those of
    /// CoreDNS, which local addresses lead to without us unless the configuration
    /// names others.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started.
    pub fn start(
        interceptor: Interceptor,
        config: &Config,
        clients: Heartbeats,
        (renewals, pods): (Arc<Renewals>, watch::Receiver<Vec<SocketAddr>>),
    ) -> io::Result<Self> {
        let keeper = Keeper {
            interceptor,
            addrs: config.intercept.listen().collect(),
            clients,
            question: question(&config.observe.cluster_domain),
            has_upstream: false,
            renewals,
            was_proved: false,
            reason: String::new(),
            fallback_error: String::new(),
            pods: config.intercept.plan.fallback.is_empty().then_some(pods),
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
    // The Pods of a Service take its place as soon as they are known.
    let unknown = interceptor.without_fallback().into_iter();
    for addr in unknown.filter(|_| config.services.is_empty()) {
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
    renewals: Arc<Renewals>,
    /// In the last round.
    was_proved: bool,
    /// Why there was no renewal.
    reason: String,
    /// Why the fallback could not be replaced the last time.
    fallback_error: String,
    /// None where the configuration has the fallback.
    pods: Option<watch::Receiver<Vec<SocketAddr>>>,
}

impl Keeper {
    fn run(mut self, stopped: &mpsc::Receiver<()>) {
        loop {
            self.follow_pods();
            let proved = self.prove();
            // Where one of several sockets is silent a round is good by chance, and two
            // in a row hardly ever.
            let twice = std::mem::replace(&mut self.was_proved, proved.is_ok());
            match proved.and_then(|()| if twice { self.renew() } else { Ok(()) }) {
                Ok(()) if twice => self.note_renewed(),
                Ok(()) => self.note_missed(),
                Err(reason) => {
                    self.reason = reason;
                    self.note_missed();
                    self.restore_addresses();
                }
            }
            if stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        if let Err(error) = self.interceptor.give_back() {
            tracing::error!(%error, "the interception ends by itself");
        }
        if self.renewals.ended() {
            tracing::warn!(reason = "this process ends", "{GIVEN_BACK}");
        }
    }

    /// Sends what is for local addresses to the Pods of CoreDNS as they are now. Where
    /// there is none the old ones stay: they may come back, and nothing else can.
    fn follow_pods(&mut self) {
        let Some(pods) = &mut self.pods else { return };
        if !pods.has_changed().unwrap_or_default() {
            return;
        }
        let now = pods.borrow_and_update().clone();
        if now.is_empty() {
            return;
        }
        match self.interceptor.set_fallback(now) {
            Ok(gone) => {
                self.fallback_error.clear();
                forget(self.interceptor.local().to_vec(), gone);
            }
            Err(error) => {
                // It is tried again in the next round.
                pods.mark_changed();
                let error = error.to_string();
                if self.fallback_error != error {
                    tracing::warn!(
                        error,
                        "the fallback of local addresses is not that of the Pods"
                    );
                    self.fallback_error = error;
                }
            }
        }
    }

    /// Makes the addresses ours again where that they are gone is why nothing answers.
    fn restore_addresses(&mut self) {
        match self.interceptor.restore_addresses() {
            Ok(addrs) if addrs.is_empty() => {}
            Ok(addrs) => {
                tracing::warn!(?addrs, "someone removed these addresses; they are added again");
            }
            Err(error) => tracing::debug!(%error, "the addresses are not looked at"),
        }
    }

    /// Whether this process answers; if not, why.
    fn prove(&mut self) -> Result<(), String> {
        if let Some(hanging) = self.clients.later_than(LATE) {
            return Err(hanging.trim_end().replace('\n', ", "));
        }
        for addr in &self.addrs {
            // Each from another port, so that the kernel gives them to all sockets that
            // share the address: those of our threads, and of another process.
            for _ in 0..QUERIES {
                ask(*addr, &SELF_QUERY, PATIENCE).map_err(|error| unanswered(*addr, &error))?;
            }
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

    fn note_renewed(&mut self) {
        match self.interceptor.remove_others() {
            Ok(removed) if removed.is_empty() => {}
            Ok(removed) => tracing::info!(addrs = ?removed, "addresses of before are given up"),
            Err(error) => tracing::warn!(%error, "addresses of before are not given up"),
        }
        if self.renewals.renewed() {
            tracing::info!(addrs = ?self.addrs, "this node's DNS comes to us");
        }
    }

    /// Notes a round without a renewal, which a few of them may be.
    fn note_missed(&self) {
        if self.renewals.is_missed() {
            tracing::warn!(reason = self.reason, "{GIVEN_BACK}");
        }
    }
}

/// Lets clients that were sent to Pods that are gone be sent to others. Listing the
/// connections of a busy node takes too long between two renewals.
fn forget(local: Vec<IpAddr>, gone: Vec<SocketAddr>) {
    if local.is_empty() || gone.is_empty() {
        return;
    }
    let work = move || match intercept::forget(&local, &gone) {
        Ok(0) => {}
        Ok(clients) => tracing::info!(clients, ?gone, "sent to other Pods"),
        Err(error) => tracing::warn!(%error, ?gone, "clients may still be sent there"),
    };
    let thread = std::thread::Builder::new().name("forget".to_owned());
    if let Err(error) = thread.spawn(work) {
        tracing::warn!(%error, "clients may still be sent to Pods that are gone");
    }
}

fn unanswered(addr: SocketAddr, error: &io::Error) -> String {
    let who = match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            ": one of our threads hangs, or another process that has this address"
        }
        _ => "",
    };
    format!("a query of ours to {addr}: {error}{who}")
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
/// Queries of ours to each address in a round: where half of its sockets are silent, one
/// round in 256 has an answer to all.
const QUERIES: usize = 8;
/// The longest between two rounds of a thread of clients; an idle one takes 100 ms.
const LATE: Duration = Duration::from_secs(1);
/// Our own loopback takes microseconds, and half of the life is left for the others.
const PATIENCE: Duration = Duration::from_millis(100);
/// Nothing is intercepted meanwhile.
const UPSTREAM_PATIENCE: Duration = Duration::from_secs(1);
const GIVEN_BACK: &str = "this node's DNS is given back";
const NOERROR: u8 = 0;
const NXDOMAIN: u8 = 3;
const SOA: u8 = 6;
