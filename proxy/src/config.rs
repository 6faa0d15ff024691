//! What the program uses, made from what was written.
//!
//! `ConfigFile` is the text as it stands; a [`Config`] is
//! whole and checked, and nothing behind it looks at text again. Each
//! subsystem gets its own part.

mod allow;
mod bounds;
mod changes;
mod check;
mod defaults;
mod error;
mod file;
mod intercept;
mod kubernetes;
mod limit;
mod loops;
mod machine;
mod networks;
mod observe;
mod services;
mod units;
mod zones;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use crate::cli::{LogFormat, RunArgs};
use crate::kubernetes::KubernetesConfig;
use crate::serve::{Allow, TcpConfig};
use crate::upstreams::Service;
use ::observe::ObserveConfig;
use console::AdminAddr;
use forward::{ForwardConfig, ForwardZone};
use resolver::CacheConfig;

pub use allow::Allowed;
pub use defaults::DEFAULTS;
pub use error::ConfigError;
pub use intercept::InterceptConfig;
pub use loops::LoopConfig;

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses that are served, UDP and TCP; at least one.
    pub listen: Vec<SocketAddr>,
    /// Whose queries are answered.
    pub allow: Vec<Allowed>,
    /// The networks of this node.
    pub networks: Vec<IpNet>,
    /// UDP threads per address, 1 to 64.
    pub workers: usize,
    /// Zones and their servers; the root is always among them.
    pub zones: Vec<ForwardZone>,
    /// Whether the root's servers are those of this node's resolv.conf.
    pub follows_resolv_conf: bool,
    /// The bounds of asking upstreams.
    pub forward: ForwardLimits,
    /// The cache.
    pub cache: CacheConfig,
    /// The file that the cache is left in at the end, if any.
    pub snapshot: Option<PathBuf>,
    /// How loops are looked for.
    pub loops: LoopConfig,
    /// The bounds of connections.
    pub tcp: TcpConfig,
    /// What is remembered about the traffic.
    pub observe: ObserveConfig,
    /// How the Kubernetes API is asked who the clients are.
    pub kubernetes: KubernetesConfig,
    /// Octets of memory that this process may take; none where its cgroup sets no
    /// limit.
    pub memory_limit: Option<u64>,
    /// The Services that some upstreams are the addresses of.
    pub services: Vec<Service>,
    /// Whether this node's DNS is taken over.
    pub intercept: InterceptConfig,
    /// Where metrics and health are.
    pub metrics: SocketAddr,
    /// Where everything else is.
    pub admin: AdminAddr,
    /// The socket in the file system that has all of both, if any.
    pub socket: Option<PathBuf>,
    /// Whether another process may have the ports of metrics and admin as well.
    pub share_ports: bool,
    /// Names that requests to it may have as their Host.
    pub admin_hosts: Vec<String>,
    /// How logs are written.
    pub log_format: LogFormat,
}

/// How long, and how much at once, upstreams are asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ForwardLimits {
    /// The longest that a client waits; 100 ms to 4.5 s.
    pub deadline: Duration,
    /// Questions in flight.
    pub max_inflight: usize,
    /// Clients that wait for one question.
    pub max_waiters: usize,
    /// Questions a second of one client; none for any.
    pub client_rate: Option<NonZeroU32>,
}

impl Config {
    /// Reads the file that `args` name, if any, lays the flags over it, and
    /// fills in the defaults of this machine: servers, memory, processors.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or does not mean anything, and values that
    /// contradict each other.
    pub fn load(args: &RunArgs) -> Result<Self, ConfigError> {
        let file = match &args.config {
            Some(path) => file::Source::read(path)?,
            None => file::Source::empty(),
        };
        check::build(&file, args, &machine::Machine::this())
    }

    /// Checks a file as [`load`](Self::load) would, without flags.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn check(path: &Path) -> Result<Self, ConfigError> {
        Self::load(&RunArgs { config: Some(path.to_owned()), ..RunArgs::default() })
    }

    /// Checks the text of a file likewise.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); the path is empty.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let source = file::Source::parse(Path::new(""), text.to_owned())?;
        check::build(&source, &RunArgs::default(), &machine::Machine::this())
    }

    /// The part of the upstream thread.
    pub fn forward_config(&self) -> ForwardConfig {
        let ForwardLimits { deadline, max_inflight, max_waiters, client_rate } = self.forward;
        ForwardConfig {
            zones: self.zones.clone(),
            deadline,
            max_inflight,
            max_waiters,
            client_rate,
            // Misses are few; a second thread would halve their batches.
            cache: self.cache,
            hop_option: self.loops.hop_option,
            // No rule looks at it otherwise.
            pod_mark: self.intercept.enabled.then_some(::intercept::MARK),
        }
    }

    /// Reads this node's resolv.conf; returns the zones with its servers for the root.
    ///
    /// # Errors
    ///
    /// When there is no server in it but our own addresses.
    pub fn with_resolv_conf(&self) -> Result<Vec<ForwardZone>, ConfigError> {
        let servers = zones::resolv_conf(&machine::Machine::this(), &self.listen)?;
        let mut zones = self.zones.clone();
        for root in zones.iter_mut().filter(|zone| zones::is_root(zone)) {
            root.upstreams.clone_from(&servers);
        }
        Ok(zones)
    }

    /// The clients that are answered.
    pub fn allowed(&self) -> Allow {
        allow::ranges(&self.allow, &self.networks)
    }

    /// The configuration as a file that would give it, for the admin port.
    pub fn to_toml(&self) -> String {
        file::write(self)
    }
}

#[cfg(test)]
mod tests;
