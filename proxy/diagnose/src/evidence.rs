//! What was seen: by probes, in the accounts, in the kernel, in the cluster, by peers.
//!
//! Each part is there or is `None`, which is a gap: it could not be read, or was not
//! asked for.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::sample::Tries;
use crate::silent::Silent;

/// Everything that a verdict is made from.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Evidence {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The name of the node.
    pub node: String,
    /// The accounts of the proxy over its last minute.
    pub window: Option<Window>,
    /// Names of the cluster, asked of each CoreDNS pod directly.
    pub coredns: Option<Vec<Server>>,
    /// The same asked of the ClusterIP, each from a fresh socket.
    pub service: Option<Service>,
    /// Names outside of the cluster, asked of what CoreDNS forwards to.
    pub upstreams: Option<Vec<Server>>,
    /// The same names asked through each CoreDNS pod.
    pub through: Option<Vec<Server>>,
    /// Probes for forwarding loops, and what the proxy saw of such.
    pub rings: Option<Vec<Ring>>,
    /// The connection table of the node's own network namespace.
    pub conntrack: Option<Conntrack>,
    /// The node's UDP counters.
    pub udp: Option<UdpCounters>,
    /// The kube-proxy of the node.
    pub kube_proxy: Option<KubeProxy>,
    /// What the API has of CoreDNS.
    pub cluster: Option<Cluster>,
    /// The same findings of other nodes.
    pub peers: Option<Vec<Peer>>,
    /// What could not be read, and why.
    pub gaps: Vec<String>,
}

/// The accounts of a proxy over a minute.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Window {
    /// Seconds that it covers.
    pub seconds: u64,
    /// Names in the cluster's domain.
    pub internal: Sums,
    /// All others.
    pub external: Sums,
    /// Milliseconds within which 99 of 100 responses came.
    pub p99_ms: Option<f64>,
    /// Workloads, or addresses without one, the most failures first.
    pub who: Vec<Who>,
    /// Failed responses by origin.
    pub origins: BTreeMap<String, u64>,
    /// The names that fail most.
    pub failing: Vec<String>,
    /// Who sent queries steadily and sends none any more, the most queries first.
    pub silent: Vec<Silent>,
}

/// Queries and how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Sums {
    /// Queries.
    pub queries: u64,
    /// Responses that were of no use: SERVFAIL and other failures, or none.
    pub failed: u64,
}

/// The accounts of one workload.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Who {
    /// `NAMESPACE/NAME`, or an address.
    pub name: String,
    /// What kind of object that is, as `Deployment`; empty where it is an address.
    pub kind: String,
    /// Its queries.
    pub queries: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that were denied and followed by another name.
    pub wasted: u64,
    /// Questions that an upstream was asked for it: the cache has the rest.
    pub asked: u64,
    /// Queries sent again although they had been answered.
    pub answered_again: u64,
    /// Lookups of names that do not exist.
    pub nonexistent: u64,
    /// Lookups.
    pub lookups: u64,
}

/// A server and what probes of it met.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Server {
    /// `ADDRESS:PORT`, or the name of a pod with it.
    pub name: String,
    /// Where the probes went.
    pub addr: Option<SocketAddr>,
    /// Whether the API calls it ready; `None` if it does not tell.
    pub ready: Option<bool>,
    /// Over UDP.
    pub udp: Tries,
    /// Over TCP.
    pub tcp: Tries,
    /// Over UDP, two a second, after the others; only where some of those failed.
    pub paced: Tries,
    /// Names that the API has had for some time, and whether it has them; only of a CoreDNS
    /// pod.
    pub known: Vec<KnownName>,
}

/// A name that the API has.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct KnownName {
    /// The name, without its last dot.
    pub name: String,
    /// Whether it is that of an endpoint, and not of a Service.
    pub is_endpoint: bool,
    /// Whether the server answered with its address; it denied the name otherwise.
    pub is_there: bool,
}

/// The Service of CoreDNS as this node reaches it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Service {
    /// The ClusterIP and port.
    pub addr: Option<SocketAddr>,
    /// Over UDP, each from a port of its own.
    pub udp: Tries,
    /// Over TCP, each by a new connection.
    pub tcp: Tries,
    /// Where the node's rules sent the probes: the source of the reply in each entry of
    /// the connection table. `None` where there is no such table.
    pub backends: Option<Vec<IpAddr>>,
    /// Entries for the Service whose backend is none of its endpoints.
    pub stale_flows: Vec<Flow>,
}

/// An entry of the connection table.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Flow {
    /// Who sends.
    pub client: IpAddr,
    /// Where its queries go.
    pub backend: IpAddr,
}

/// A forwarding loop that was seen.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Ring {
    /// The way, from the first server to itself.
    pub hops: Vec<String>,
    /// Below which name.
    pub below: String,
    /// Whether a CoreDNS pod is one of the hops.
    pub through_coredns: bool,
    /// Queries that one probe became, where that was counted.
    pub laps: u64,
}

/// The connection table of a network namespace, and how it changed in the window.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Conntrack {
    /// Whether Services are made of it here; not with a datapath in eBPF, where it may be
    /// nearly empty while the maps of that are full.
    pub applies: bool,
    /// Whether it is the namespace of the host.
    pub of_host: bool,
    /// Entries.
    pub count: u64,
    /// The most that there may be.
    pub max: u64,
    /// New flows that were dropped for want of an entry: `drop`.
    pub dropped: u64,
    /// Entries that made room for others: `early_drop`.
    pub evicted: u64,
    /// Lines "table full" of the kernel's log.
    pub full_lines: u64,
    /// Who has most entries, with how many.
    pub top: Vec<(String, u64)>,
    /// Other namespaces of this node whose tables the kernel's log calls full: each has
    /// one of its own, with the same limit.
    pub elsewhere: Vec<FullTable>,
}

/// A full connection table of another network namespace.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct FullTable {
    /// The inode of the namespace.
    pub netns: u64,
    /// Who lives in it.
    pub who: String,
    /// Lines of the log.
    pub lines: u64,
}

/// What the kernel's UDP and network queues lost in the window.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UdpCounters {
    /// Datagrams that found a receive queue full (`Udp RcvbufErrors`).
    pub receive_full: u64,
    /// Datagrams that found a send queue full (`Udp SndbufErrors`).
    pub send_full: u64,
    /// Packets that the backlog of a processor had no room for (`softnet_stat`).
    pub softnet_dropped: u64,
    /// Local ports whose sockets lost most, with how many.
    pub ports: Vec<(u16, u64)>,
}

/// What a node's kube-proxy tells.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct KubeProxy {
    /// Seconds since it last wrote its rules.
    pub synced_s: Option<u64>,
    /// By how many seconds a change that it has is older than its rules.
    pub pending_s: Option<u64>,
    /// How often it could not write its rules, since its start.
    pub failed_writes: u64,
    /// What its pod waits for, or that it is not ready; none where all is well with it.
    pub trouble: Option<String>,
}

/// What the API has of CoreDNS.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Cluster {
    /// Addresses of its `EndpointSlices`, ready or serving.
    pub endpoints: Vec<IpAddr>,
    /// Its pods.
    pub pods: Vec<CorednsPod>,
    /// The memory limit of its container, as in the manifest.
    pub memory_limit: Option<String>,
    /// What its Corefile forwards to.
    pub forwards_to: Vec<String>,
    /// What it is expected to forward to; empty if nothing is.
    pub expected: Vec<String>,
}

/// A pod of CoreDNS.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct CorednsPod {
    /// Its name.
    pub name: String,
    /// Its node.
    pub node: String,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// All of its addresses, of both families.
    pub ips: Vec<IpAddr>,
    /// Whether it has the network namespace of its node.
    pub host_network: bool,
    /// Whether it is ready.
    pub ready: bool,
    /// Restarts within the last hour.
    pub restarts: u32,
    /// Why it ended last, such as `OOMKilled`.
    pub ended: Option<String>,
    /// What it waits for, such as `CrashLoopBackOff`.
    pub waits: Option<String>,
    /// Of the periods of its CPU quota, those in which it was throttled, 0 to 1.
    pub throttled: Option<f64>,
}

/// What another node found.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Peer {
    /// The node.
    pub node: String,
    /// The labels of the causes that it found.
    pub causes: Vec<String>,
    /// CoreDNS pods that do not answer it.
    pub dead: Vec<IpAddr>,
    /// Its queries of the last minute.
    pub sums: Sums,
}

/// The shape of [`Evidence`]; it grows by new keys.
pub const SCHEMA: u32 = 1;
