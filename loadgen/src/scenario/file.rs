//! The scenario file as it is written (TOML, `schema = 1`).
//!
//! Every key is described in docs/scenarios.md; an unknown one is an error.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use toml::Spanned;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// The version of this format: 1.
    pub schema: Spanned<u32>,
    /// Its name, for the report.
    pub name: String,
    /// A sentence about it.
    #[serde(default)]
    pub about: String,
    /// Decides every random choice; 1 by default.
    #[serde(default = "one")]
    pub seed: u64,
    /// The server to query.
    pub target: TargetFile,
    /// Caps of the run.
    pub limits: LimitsFile,
    /// How queries leave.
    #[serde(default)]
    pub sender: SenderFile,
    /// What to ask.
    pub workload: Spanned<WorkloadFile>,
    /// A server that this run plays, for the target to ask.
    pub upstream: Option<UpstreamFile>,
    /// A way back from the target to itself.
    pub ring: Option<RingFile>,
    /// Flows that fill the connection table.
    pub flows: Option<FlowsFile>,
    /// The same load from elsewhere, to another server.
    pub others: Option<OthersFile>,
    /// Whose answers must go on, or the load ends.
    pub guard: Option<GuardFile>,
    /// Conditions on the run's own figures that end the load, as `lost > 50% for 10s`.
    #[serde(default)]
    pub stop: Vec<Spanned<String>>,
    /// Who looks the names up; without any, queries are sent as they are.
    #[serde(default)]
    pub client: Vec<Spanned<ClientFile>>,
    /// One after the other.
    pub phase: Spanned<Vec<PhaseFile>>,
    /// Conditions on the results.
    #[serde(default)]
    pub expect: ExpectFile,
    /// What shows that the situation occurred at all.
    #[serde(default)]
    pub reproduced: ExpectFile,
}

/// Keys and conditions.
pub type ExpectFile = BTreeMap<Spanned<String>, Spanned<String>>;

/// `[target]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// `IP`, `IP:port`, `[IPv6]:port`, or `resolv.conf` for its first server.
    pub server: Spanned<String>,
    /// `udp` (default) or `tcp`.
    pub transport: Option<TransportFile>,
    /// Where the server shows its own figures for Prometheus, as `IP:port`.
    pub metrics: Option<Spanned<String>>,
    /// Ranges that load may go to; loopback is always allowed.
    #[serde(default)]
    pub allow: Vec<Spanned<String>>,
}

/// The values of `transport`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum TransportFile {
    Udp,
    Tcp,
}

/// `[limits]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsFile {
    /// Queries, or lookups, per second.
    pub max_qps: Spanned<f64>,
    /// Queries that wait for an answer at the same time.
    pub max_outstanding: Option<Spanned<u32>>,
    /// All phases together.
    pub max_duration: Spanned<String>,
    /// Our own lateness at p99, 50 ms by default.
    pub max_lateness: Option<Spanned<String>>,
}

/// `[sender]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SenderFile {
    /// `one`, `pool:N` or `per-query`; for UDP. By default as many as ids last for.
    pub ports: Option<Spanned<String>>,
    /// Connections, 1 by default; for TCP.
    pub connections: Option<Spanned<u16>>,
    /// How long a query waits, 5 s by default.
    pub timeout: Option<Spanned<String>>,
    /// How long after that a late answer is known, to 12 s after the send by
    /// default.
    pub linger: Option<Spanned<String>>,
    /// `ticks` (default) or `exact`; over UDP.
    pub pacing: Option<Spanned<PacingFile>>,
    /// Sender threads, 1 by default.
    pub threads: Option<Spanned<u32>>,
    /// The address of the first socket of a pool, the next ones of the others;
    /// the kernel's choice by default.
    pub first_source: Option<Spanned<IpAddr>>,
    /// Queries of one length leave as one, over UDP; not by default.
    pub gso: Option<Spanned<bool>>,
}

/// The values of `pacing`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum PacingFile {
    Ticks,
    Exact,
}

/// `[workload]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadFile {
    /// Lines of `name` or `name type`, or the path of a file of such lines.
    pub names: Spanned<NamesFile>,
    /// `uniform` (default) or `zipf:s`.
    pub popularity: Option<Spanned<String>>,
    /// `random` (default) or `file`: the order in which names are asked for.
    pub order: Option<Spanned<OrderFile>>,
    /// Each query, or lookup, asks for a name of its own below the one that is drawn.
    pub unique: Option<Spanned<bool>>,
    /// The share of queries for names that exist nowhere, as `5%`.
    pub nxdomain: Option<Spanned<String>>,
    /// The payload size of an OPT record; no OPT record by default.
    pub edns: Option<Spanned<u16>>,
    /// Sets its DO bit.
    pub dnssec_ok: Option<Spanned<bool>>,
    /// Weights of the types asked; A alone by default.
    #[serde(default)]
    pub types: BTreeMap<Spanned<String>, f64>,
    /// Makes each name a lookup along a search path.
    pub lookup: Option<Spanned<LookupFile>>,
}

/// The values of `order`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum OrderFile {
    Random,
    File,
}

/// The forms of `names`.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "names: neither a list, nor the path of a file, nor { services = \"FILE\", form = … }"
)]
pub enum NamesFile {
    /// In the scenario itself.
    Inline(Vec<String>),
    /// A path, from the scenario's folder.
    File(String),
    /// Those of a cluster's Services.
    Services(ServicesFile),
}

/// `names = { services = … }`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServicesFile {
    /// What `kubectl get services -A -o json` printed: a path, from the scenario's folder.
    pub services: String,
    /// How they are asked for; `{name}.{namespace}.svc.cluster.local` by default.
    pub form: Option<String>,
}

/// `lookup = { … }`, after resolv.conf.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookupFile {
    /// The search list.
    pub search: Vec<Spanned<String>>,
    /// Names with fewer dots are searched first; 5 by default, as in Pods.
    pub ndots: Option<u8>,
    /// Short for one `[[client]]` of this model.
    pub family: Option<Spanned<String>>,
}

/// `[upstream]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamFile {
    /// `IP:port`, over UDP and TCP.
    pub listen: Spanned<String>,
    /// Of its answers in seconds, 60 by default.
    pub ttl: Option<Spanned<u32>>,
    /// What happens to connections: `serve` (default), `refuse` or `drop`.
    pub tcp: Option<Spanned<TcpFile>>,
    /// What goes wrong; the first that fits a query counts.
    #[serde(default)]
    pub fault: Vec<Spanned<FaultFile>>,
}

/// The values of `upstream.tcp`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum TcpFile {
    Serve,
    Refuse,
    Drop,
}

/// `[[upstream.fault]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultFile {
    /// The phase in which it is there; all by default.
    pub phase: Option<Spanned<String>>,
    /// A name and all below it; all by default.
    pub names: Option<Spanned<String>>,
    /// `right` (default), `silence`, `truncated`, `wrong-id` or an RCODE.
    pub answer: Option<Spanned<String>>,
    /// How long each answer takes.
    pub delay: Option<Spanned<String>>,
    /// How much longer it may take, at random.
    pub jitter: Option<Spanned<String>>,
    /// The share of queries without an answer, as `10%`.
    pub loss: Option<Spanned<String>>,
}

/// `[ring]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RingFile {
    /// `IP:port`, over UDP: where the target must forward to.
    pub listen: Spanned<String>,
    /// How often a name may pass, 64 by default.
    pub laps: Option<Spanned<u32>>,
}

/// `[flows]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowsFile {
    /// How full the connection table is to be, as `100%`.
    pub fill: Spanned<String>,
    /// The phase in which it is; all by default.
    pub phase: Option<Spanned<String>>,
    /// Where the flows go, an IPv4 address and a port of this machine; 127.63.0.1:5399 by
    /// default.
    pub listen: Option<Spanned<String>>,
    /// The first of the addresses they come from, which are of this machine as well;
    /// 127.64.0.1 by default.
    pub first_source: Option<Spanned<std::net::Ipv4Addr>>,
}

/// `[others]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OthersFile {
    /// The server that they ask.
    pub server: Spanned<String>,
    /// How many times the load of this scenario they send.
    pub times: Spanned<u16>,
    /// Each of their names is asked once, so that no cache has it.
    pub unique: Option<bool>,
}

/// `[guard]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardFile {
    /// Who is asked; the target by default.
    pub server: Option<Spanned<String>>,
    /// For what.
    pub name: Spanned<String>,
    /// Between two queries, and how long each waits; 1 s by default.
    pub every: Option<Spanned<String>>,
    /// So many failures in a row end the load; 3 by default.
    pub fails: Option<Spanned<u32>>,
}

/// `[[client]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientFile {
    /// `glibc`, `musl`, `go`, `c-ares` or `nslookup`.
    pub model: Spanned<String>,
    /// How many there are; 1 by default.
    pub count: Option<Spanned<u16>>,
    /// The search list; empty by default.
    #[serde(default)]
    pub search: Vec<Spanned<String>>,
    /// The options line of resolv.conf; `ndots:5` by default, as in Pods.
    pub options: Option<Spanned<String>>,
    /// The servers of resolv.conf, three at most; the target alone by default.
    #[serde(default)]
    pub servers: Vec<Spanned<String>>,
    /// The address of the first client, the next ones of the others; the kernel's
    /// choice by default.
    pub first_source: Option<Spanned<IpAddr>>,
}

/// `[[phase]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseFile {
    /// Letters, digits, `-` and `_`.
    pub name: Spanned<String>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub length: Spanned<String>,
    /// How its queries are spread.
    pub schedule: Spanned<ScheduleFile>,
}

/// `schedule = { shape = …, … }`
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "shape", rename_all = "lowercase", deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/scenarios.md describes them; the names say it")]
pub enum ScheduleFile {
    Constant {
        rate: f64,
    },
    Poisson {
        rate: f64,
    },
    Ramp {
        from: f64,
        to: f64,
    },
    Step {
        from: f64,
        to: f64,
        steps: u32,
    },
    Sine {
        mean: f64,
        amplitude: f64,
        period: String,
    },
    Burst {
        size: u32,
        every: String,
    },
    #[serde(rename = "on-off")]
    OnOff {
        rate: f64,
        on: String,
        off: String,
    },
    Max {
        window: u32,
    },
}

const fn one() -> u64 {
    1
}
