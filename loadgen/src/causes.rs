//! The causes of an outage, made on purpose, and the figures that prove them.
//!
//! A cause is a socket, a thread or traffic of this process: it ends with it. Nothing of
//! the machine is configured. What outlasts a process are entries of the connection table,
//! for two minutes; they are written down and can be removed (`table`).

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use crate::evidence::Source;

mod flows;
mod ring;
mod server;
pub mod table;
mod upstream;
mod witness;

pub use upstream::{Answer, Fault, TcpOf};
pub use witness::Witness;

/// What a scenario has beside its load.
#[derive(Clone, Debug, Default)]
pub struct Causes {
    /// The server behind the server.
    pub upstream: Option<PlayedUpstream>,
    /// A way back from the server to itself.
    pub ring: Option<Ring>,
    /// What fills the connection table.
    pub flows: Option<FillFlows>,
    /// Where the server shows its own figures, as Prometheus reads them.
    pub metrics: Option<SocketAddr>,
}

/// A server that this process plays, for those of the target to ask.
#[derive(Clone, Debug)]
pub struct PlayedUpstream {
    /// Where it listens, over UDP and TCP.
    pub listen: SocketAddr,
    /// Of its answers, in seconds.
    pub ttl: u32,
    /// What happens to connections.
    pub tcp: TcpOf,
    /// The first that fits a query is what happens to it.
    pub faults: Vec<Fault>,
}

/// A forwarder that sends what it gets to the target, which forwards to it.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    /// Where it listens, over UDP.
    pub listen: SocketAddr,
    /// How often a name may pass it; then it is refused.
    pub laps: u32,
}

/// Flows that fill the connection table of this network namespace.
#[derive(Clone, Copy, Debug)]
pub struct FillFlows {
    /// The phase in which they are there; all without one.
    pub phase: Option<usize>,
    /// How full the table is to be, up to 1.
    pub share: f64,
    /// Where they go: an address and a port of this machine.
    pub peer: SocketAddrV4,
    /// Their first source address, of this machine as are those after it.
    pub first_source: Ipv4Addr,
}

impl Causes {
    /// Returns whether this part of a scenario is there.
    pub const fn has(&self, source: Source) -> bool {
        match source {
            Source::Upstream => self.upstream.is_some(),
            Source::Ring => self.ring.is_some(),
            Source::Kernel => true,
            Source::Server => self.metrics.is_some(),
        }
    }

    /// Returns the words that `--allow-faults` must have, and what each stands for.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let upstream = self
            .upstream
            .iter()
            .filter(|upstream| !upstream.faults.is_empty() || upstream.tcp != TcpOf::Serve);
        let upstream = upstream.map(|upstream| {
            let what =
                format!("{} fault(s) of the server at {}", upstream.faults.len(), upstream.listen);
            ("upstream", what)
        });
        let ring = self.ring.iter().map(|ring| {
            let what = format!("a ring through {}, {} laps at most", ring.listen, ring.laps);
            ("ring", what)
        });
        let flows = self.flows.iter().map(|flows| {
            let what = format!("flows until the connection table is {}% full", flows.share * 100.0);
            ("flows", what)
        });
        upstream.chain(ring).chain(flows).collect()
    }

    /// Returns what goes wrong in which phase, in words; in all phases without one.
    pub fn by_phase(&self) -> Vec<(Option<usize>, String)> {
        let upstream = self.upstream.iter();
        let faults = upstream.clone().flat_map(|upstream| &upstream.faults);
        let faults = faults.map(|fault| (fault.phase, format!("upstream: {fault}")));
        let tcp = upstream.filter_map(|upstream| match upstream.tcp {
            TcpOf::Serve => None,
            TcpOf::Refuse => Some((None, "upstream: TCP refused".to_owned())),
            TcpOf::Drop => Some((None, "upstream: TCP dropped".to_owned())),
        });
        let ring = self.ring.iter().map(|ring| {
            let what = format!("forwarding loop through {}", ring.listen);
            (None, what)
        });
        let flows = self.flows.iter().map(|flows| {
            let what = format!("connection table filled to {}%", flows.share * 100.0);
            (flows.phase, what)
        });
        faults.chain(tcp).chain(ring).chain(flows).collect()
    }
}

/// The time of a run at which each phase ends, in nanoseconds.
pub type PhaseEnds = Vec<u64>;

/// What bounds the causes as well as the load.
#[derive(Clone, Copy, Debug)]
pub struct CauseLimits {
    /// Where the ring sends to.
    pub target: SocketAddr,
    /// Queries of the ring per second, in any 100 ms.
    pub max_qps: f64,
}

/// Between two looks at the time and at what is cheap to see.
const LOOK: Duration = Duration::from_millis(20);

/// An address that cannot be had is named.
fn cannot(what: &str, addr: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} {addr}: {error}"))
}
