//! The bounds of what is remembered about the traffic.

use std::net::IpAddr;

use dns::Name;
use ipnet::IpNet;

/// How much is remembered, and what is known about clients beforehand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ObserveConfig {
    /// Clients with accounts of their own; the one that was silent longest
    /// makes room.
    pub clients: usize,
    /// Lookups of all clients that may be open at a time; each client may have 64 in
    /// any case.
    pub open_lookups: usize,
    /// Names of one client whose lookups the advice is made from.
    pub names_per_client: usize,
    /// The heaviest names, clients and pairs of them that are known.
    pub top: usize,
    /// Octets of the ring buffer between each thread and the observer.
    pub buffer_octets: usize,
    /// Where this proxy listens: its own checks come from there, as they do from a
    /// loopback address.
    pub own: Vec<IpAddr>,
    /// Names in it are the cluster's.
    pub cluster_domain: Name,
    /// Search lists by address; the longest prefix wins.
    pub search: Vec<SearchRule>,
}

/// The resolv.conf of some clients.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SearchRule {
    /// Whose it is.
    pub clients: IpNet,
    /// The search list, in order.
    pub domains: Vec<Name>,
    /// From how many dots on a name is asked as it is first.
    pub ndots: u8,
}

impl ObserveConfig {
    /// Returns the octets that all accounts take at most.
    pub const fn memory(&self) -> usize {
        self.clients * (ACCOUNT + self.names_per_client * NAME) + self.top * PAIR
    }

    /// Returns what is known about a client.
    pub fn rule(&self, client: IpAddr) -> Option<&SearchRule> {
        self.search
            .iter()
            .filter(|rule| rule.clients.contains(&client))
            .max_by_key(|rule| rule.clients.prefix_len())
    }
}

impl Default for ObserveConfig {
    /// Four times the pods that a node holds, and twice as many names as a
    /// page shows.
    fn default() -> Self {
        Self {
            clients: 1024,
            // Some 8 MiB: 2,500 lookups a second of names that do not exist.
            open_lookups: 16_384,
            names_per_client: 64,
            top: 128,
            // 75 ms of 150,000 queries a second.
            buffer_octets: 1 << 20,
            own: Vec::new(),
            // The default of kubeadm and of the kubelet's documentation. An
            // own text that does not parse is a test's business.
            cluster_domain: Name::from_text("cluster.local").unwrap_or(Name::ROOT),
            search: Vec::new(),
        }
    }
}

/// An account without names, with the lookups that a client has open: measured with a
/// thousand clients.
const ACCOUNT: usize = 6 << 10;

/// A name of one client, with its counts.
const NAME: usize = 320;

/// A name, client or pair of both among the heaviest, in each of the tables and windows.
const PAIR: usize = 4 << 10;
