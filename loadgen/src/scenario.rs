//! A scenario: which server to query, for what, when, and the expected results.
//!
//! The file ([`mod@file`]) is as it was written; a [`Scenario`] is complete, typed
//! and consistent, or there is an error with its line.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::causes::Causes;
use crate::clients::Clients;
use crate::expect::Expectation;
use crate::guard::Cidr;
use crate::plan::{PlannedPhase, Share};
use crate::probe::GuardProbe;
use crate::replay::Recording;
use crate::sender::{Pacing, Ports};
use crate::stops::StopCondition;
use crate::workload::Workload;

mod asked;
mod causes;
mod check;
mod clients;
mod error;
pub mod file;
mod fit;
mod guarded;
mod load;
mod lookup;
mod setting;
mod shape;
mod target;

pub(crate) use check::{DEFAULT_MAX_LATENESS, DEFAULT_TIMEOUT};
pub use error::ScenarioError;
pub(crate) use lookup::SearchPath;
pub use target::{parse_server, resolv_conf_server};

/// A checked scenario.
#[derive(Debug)]
pub struct Scenario {
    /// Its name, for the report.
    pub name: String,
    /// A sentence about it; may be empty.
    pub about: String,
    /// Of the text that all else here was parsed from (see [`fingerprint`]).
    pub fingerprint: u64,
    /// Decides every random choice.
    pub seed: u64,
    /// The server to query.
    pub target: Target,
    /// Caps of the run.
    pub limits: Limits,
    /// How queries leave.
    pub sender: SenderConfig,
    /// What to ask.
    pub workload: Arc<Workload>,
    /// Who asks; nobody where queries are sent as they are.
    pub clients: Option<Arc<Clients>>,
    /// Traffic that is played as it was recorded, in place of a schedule.
    pub recording: Option<Arc<Recording>>,
    /// What goes wrong, and where it can be seen.
    pub causes: Causes,
    /// The same load from elsewhere, to another server.
    pub others: Option<Box<Self>>,
    /// Whose answers must go on, or the load ends.
    pub guard: Option<GuardProbe>,
    /// What ends the load as well, by the run's own figures.
    pub stops: Vec<StopCondition>,
    /// One after the other.
    pub phases: Vec<Phase>,
    /// Conditions on the results.
    pub expectations: Vec<Expectation>,
    /// What shows that the situation occurred at all.
    pub reproduced: Vec<Expectation>,
    /// Which part of the load is sent from here; all of it by default.
    pub shard: Share,
    /// When the load starts, in common with other shards; at once by default.
    pub start_at: Option<SystemTime>,
}

/// The server to be measured.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its address and port.
    pub server: SocketAddr,
    /// How it is asked.
    pub transport: Transport,
    /// Where load may go.
    pub allow: Vec<Cidr>,
}

/// How queries travel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// One datagram each.
    Udp,
    /// Many on a connection, without waiting (RFC 7766, section 6.2.1.1).
    Tcp,
}

impl Transport {
    /// Returns `udp` or `tcp`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// Caps, checked before the start and kept to during the run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Queries (or lookups) per second.
    pub max_qps: f64,
    /// Queries waiting for an answer; more are shed.
    pub max_outstanding: usize,
    /// All phases together.
    pub max_duration: Duration,
    /// Our own lateness at p99; above it the run is invalid.
    pub max_lateness: Duration,
}

/// How queries leave this machine.
#[derive(Clone, Copy, Debug)]
pub struct SenderConfig {
    /// Source ports, for UDP.
    pub ports: Ports,
    /// Connections, for TCP.
    pub connections: u16,
    /// How long a query waits for its answer.
    pub timeout: Duration,
    /// How long after that a late answer is known.
    pub linger: Duration,
    /// Sender threads.
    pub threads: u32,
    /// The address of the first socket, where each is to have its own.
    pub first_source: Option<IpAddr>,
    /// Queries of one length leave as one and are cut apart by the kernel.
    pub gso: bool,
    /// When queries leave that are due between two wake-ups.
    pub pacing: Pacing,
}

/// A stretch of time with one schedule.
#[derive(Clone, Debug)]
pub struct Phase {
    /// What expectations and the report call it.
    pub name: String,
    /// Its schedule and its length.
    pub plan: PlannedPhase,
}

impl Scenario {
    /// Returns how long the phases take together.
    pub fn duration(&self) -> Duration {
        self.phases.iter().map(|phase| phase.plan.length).sum()
    }

    /// Returns when each phase ends, from the start of the run.
    pub fn phase_ends(&self) -> impl Iterator<Item = Duration> {
        self.phases.iter().scan(Duration::ZERO, |end, phase| {
            *end += phase.plan.length;
            Some(*end)
        })
    }

    /// Returns the names of the phases.
    pub fn phase_names(&self) -> Vec<String> {
        self.phases.iter().map(|phase| phase.name.clone()).collect()
    }

    /// Returns the target's address.
    pub const fn address(&self) -> IpAddr {
        self.target.server.ip()
    }

    /// Returns all addresses that load goes to: the target's, or those that the
    /// clients ask.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let mut addresses = match &self.clients {
            None => vec![self.address()],
            Some(clients) => {
                let servers = clients.kinds().iter().flat_map(|kind| &kind.servers);
                servers.map(SocketAddr::ip).collect()
            }
        };
        addresses.extend(self.guard.iter().map(|guard| guard.server.ip()));
        addresses.extend(self.causes.metrics.iter().map(SocketAddr::ip));
        addresses.extend(self.others.iter().flat_map(|others| others.addresses()));
        addresses
    }
}

/// A fingerprint of a file's text, so that two reports of the same scenario
/// can be recognized (FNV-1a, 64 bits: a label, not a proof).
pub fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
