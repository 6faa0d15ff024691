//! The command line.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// An open-loop DNS load generator that reports its own lateness too.
///
/// Exit codes: 0 passed, 1 the run could not be made, 2 an expectation was not
/// met or no answer came, 3 invalid (the generator was late or shed load), 4 the
/// situation of the scenario did not occur, 5 the stop file, the lease, the guard or a stop condition
/// ended it, 64 usage, 77 target refused, 78
/// scenario file wrong, 129, 130, 143 ended by a signal.
#[derive(Debug, Parser)]
#[command(name = "fivedots-loadgen", version)]
pub struct Cli {
    /// Ends any load as soon as this file is there, and refuses to begin one.
    #[arg(long, global = true, value_name = "FILE", default_value = STOP_FILE)]
    pub stop_file: PathBuf,
    /// Ends any load when this file was not written for --lease-for: whoever started it
    /// must go on touching it.
    #[arg(long, global = true, value_name = "FILE")]
    pub lease: Option<PathBuf>,
    /// How old the lease may be.
    #[arg(long, global = true, value_name = "DURATION", default_value = "5s")]
    pub lease_for: String,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs a scenario file, or recorded traffic.
    Run(Box<RunArgs>),
    /// Checks a scenario file, and sends nothing.
    Check {
        /// The scenario.
        file: PathBuf,
        /// Takes this value in place of the file's, as phase.storm.for=30s; may be
        /// repeated.
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
    /// Sends a constant load without a file.
    Quick(Box<QuickArgs>),
    /// Adds up the reports of all shards of a run, and judges them.
    Merge(MergeArgs),
    /// Compares two sets of runs, and tells a difference from chance.
    Compare(CompareArgs),
    /// Finds the highest rate at which a server keeps its objectives.
    Find(Box<FindArgs>),
    /// Removes what killed processes have left in the connection table of this network
    /// namespace.
    Cleanup,
    /// Compares 200 pods with and without a node cache, and makes three outages.
    Demo(DemoArgs),
    /// Runs a DNS server with the answers of a cluster's CoreDNS and the Internet.
    Upstream {
        /// Address and port; with port 0 a free one is taken and printed.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
}

/// Where the figures go, beside the text.
#[derive(Args, Clone, Debug, Default)]
pub struct OutputArgs {
    /// Writes the report as JSON, too; with - to standard output in one line, and
    /// the text to standard error.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Writes the report as one HTML page, too.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Writes the run over time as CSV, too.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Writes the latencies over time as a log of `HdrHistogram`, too.
    #[arg(long, value_name = "FILE")]
    pub hdr_log: Option<PathBuf>,
    /// Shows the run while it lasts, for Prometheus: an address and a port to listen on.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
    /// Shows the run on one screen while it lasts; q ends it.
    #[arg(long)]
    pub live: bool,
}

/// Arguments of `run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The scenario; or give --replay.
    #[arg(required_unless_present = "replay")]
    pub file: Option<PathBuf>,
    /// Sends to this server instead of the file's: address or address:port.
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// Takes this value in place of the file's, as phase.storm.for=30s; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "replay")]
    pub set: Vec<String>,
    /// Plays the queries of a log of CoreDNS, of `fivedots record`, of a capture (pcap,
    /// pcapng), or of dnstap, with its clients, order and clock; may be repeated.
    #[arg(long, value_name = "FILE", conflicts_with = "file", help_heading = REPLAY)]
    pub replay: Vec<PathBuf>,
    /// So many times as fast.
    #[arg(long, default_value_t = 1.0, value_name = "N", requires = "replay", help_heading = REPLAY)]
    pub speed: f64,
    /// So many times as many clients: whole ones are added.
    #[arg(long, default_value_t = 1, value_name = "N", requires = "replay", help_heading = REPLAY)]
    pub clients: u16,
    /// The address of the first client, the next ones of the others; the kernel's choice,
    /// with a port for each client, by default.
    #[arg(long, value_name = "ADDRESS", requires = "replay", help_heading = REPLAY)]
    pub first_source: Option<IpAddr>,
    /// How long a query waits for its answer, 5s by default.
    #[arg(long, value_name = "DURATION", requires = "replay", help_heading = REPLAY)]
    pub timeout: Option<String>,
    /// Our own lateness at p99 above which the run is invalid, 50ms by default.
    #[arg(long, value_name = "DURATION", requires = "replay", help_heading = REPLAY)]
    pub max_lateness: Option<String>,
    /// What the run must show, such as "lost < 1%"; may be repeated.
    #[arg(long, value_name = "CONDITION", requires = "replay", help_heading = REPLAY)]
    pub expect: Vec<String>,
    /// What ends the load, such as "lost > 50% for 10s"; may be repeated.
    #[arg(long, value_name = "CONDITION", requires = "replay", help_heading = REPLAY)]
    pub stop: Vec<String>,
    /// Allows load to these addresses; loopback is always allowed.
    #[arg(long, value_name = "CIDR", requires = "replay", help_heading = REPLAY)]
    pub allow: Vec<String>,
    /// Where the figures go.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Shows where this run lies among earlier ones of the same scenario: their reports
    /// as JSON.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "replay")]
    pub baseline: Vec<PathBuf>,
    /// Sends part I of N of the load, I from 0; `job/N` takes I from
    /// `JOB_COMPLETION_INDEX`. Limits and source ports are dealt out as well.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<String>,
    /// Starts at this time, in seconds since 1970: the same for all shards.
    #[arg(long, value_name = "SECONDS")]
    pub start_at: Option<u64>,
    /// Allows faults of the scenario by their words, such as `upstream,ring`.
    #[arg(long, value_name = "FAULTS", value_delimiter = ',')]
    pub allow_faults: Vec<String>,
    /// Prints what would be sent, and sends nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Allows load to a public address: the target is yours.
    #[arg(long)]
    pub i_own_this: bool,
}

/// Arguments of `merge`.
#[derive(Args, Debug)]
pub struct MergeArgs {
    /// Reports as JSON, or logs with one as a line.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Writes the merged report as JSON, too; with - to standard output.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Writes the report as one HTML page, too.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Arguments of `compare`.
#[derive(Args, Debug)]
pub struct CompareArgs {
    /// Reports as JSON of one set, five at least.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub before: Vec<PathBuf>,
    /// Those of the other; make the runs of both in turns.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub after: Vec<PathBuf>,
}

/// Arguments of `find`.
#[derive(Args, Debug)]
pub struct FindArgs {
    /// Address, address:port, or resolv.conf.
    pub server: String,
    /// Names to ask for; `example.com` alone by default.
    pub names: Vec<String>,
    /// What a rate must keep, such as "latency.p99 < 20ms" or "lost < 0.1%"; may be
    /// repeated.
    #[arg(long, value_name = "CONDITION")]
    pub slo: Vec<String>,
    /// The lowest rate, in queries per second.
    #[arg(long, default_value_t = 100.0)]
    pub from: f64,
    /// The highest rate: more is never sent.
    #[arg(long, default_value_t = 100_000.0)]
    pub to: f64,
    /// How long each rate is tried.
    #[arg(long, default_value = "3s", value_name = "DURATION")]
    pub step: String,
    /// The type to ask for.
    #[arg(long = "type", default_value = "A", value_name = "TYPE")]
    pub qtype: String,
    /// How long a query waits for its answer.
    #[arg(long, default_value = "1s", value_name = "DURATION")]
    pub timeout: String,
    /// Sends over TCP.
    #[arg(long)]
    pub tcp: bool,
    /// Sender threads.
    #[arg(long, default_value_t = 1)]
    pub threads: u32,
    /// Allows load to these addresses; loopback is always allowed.
    #[arg(long, value_name = "CIDR")]
    pub allow: Vec<String>,
    /// Allows load to a public address: the target is yours.
    #[arg(long)]
    pub i_own_this: bool,
}

/// Arguments of `quick`.
#[derive(Args, Debug, Default)]
pub struct QuickArgs {
    /// Address, address:port, or resolv.conf.
    pub server: String,
    /// Names to ask for; `example.com` alone by default.
    pub names: Vec<String>,
    /// Queries per second.
    #[arg(long, default_value_t = 1000.0)]
    pub rate: f64,
    /// Independent arrivals instead of even ones.
    #[arg(long)]
    pub poisson: bool,
    /// How long, such as 10s.
    #[arg(long = "for", default_value = "10s", value_name = "DURATION")]
    pub length: String,
    /// The type to ask for.
    #[arg(long = "type", default_value = "A", value_name = "TYPE")]
    pub qtype: String,
    /// How long a query waits for its answer.
    #[arg(long, default_value = "5s", value_name = "DURATION")]
    pub timeout: String,
    /// How long after that a late answer is known; to 12 s after the send by
    /// default.
    #[arg(long, value_name = "DURATION")]
    pub linger: Option<String>,
    /// Source ports: one, pool:N or per-query; as many as ids last for by default.
    #[arg(long)]
    pub ports: Option<String>,
    /// Queries waiting for an answer; more are shed.
    #[arg(long, value_name = "COUNT")]
    pub max_outstanding: Option<u32>,
    /// Queries per second in any 100 ms; twice the rate by default, ten times with
    /// --poisson, so that a moment's lateness can be made up for.
    #[arg(long, value_name = "RATE")]
    pub max_qps: Option<f64>,
    /// What the run must show, such as "latency.p99 < 20ms"; may be repeated.
    #[arg(long, value_name = "CONDITION")]
    pub expect: Vec<String>,
    /// What ends the load, such as "lost > 50% for 10s"; may be repeated.
    #[arg(long, value_name = "CONDITION")]
    pub stop: Vec<String>,
    /// ticks, or exact: each query when it is due, for more CPU.
    #[arg(long)]
    pub pacing: Option<String>,
    /// Sends over TCP.
    #[arg(long)]
    pub tcp: bool,
    /// Connections, with --tcp; one per thread by default.
    #[arg(long)]
    pub connections: Option<u16>,
    /// Sender threads.
    #[arg(long, default_value_t = 1)]
    pub threads: u32,
    /// Sends queries of one length in one system call (UDP GSO): cheap, but in
    /// bursts that no client makes.
    #[arg(long)]
    pub gso: bool,
    /// Allows load to these addresses, such as 10.96.0.10/32; loopback is always
    /// allowed.
    #[arg(long, value_name = "CIDR")]
    pub allow: Vec<String>,
    /// Where the figures go.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Allows load to a public address: the target is yours.
    #[arg(long)]
    pub i_own_this: bool,
}

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// The proxy's program, `fivedots`.
    #[arg(long, value_name = "PATH")]
    pub subject: PathBuf,
    /// How long each of the two loads lasts.
    #[arg(long = "for", default_value = "15s", value_name = "DURATION")]
    pub length: String,
    /// Lookups per second of all pods together.
    #[arg(long, default_value_t = 200.0)]
    pub rate: f64,
    /// Ends after the outages, instead of keeping the proxy and its load.
    #[arg(long)]
    pub exit: bool,
}

/// Where the help lists what is about recordings.
const REPLAY: &str = "Recorded traffic";
/// Where the lever of a machine is.
const STOP_FILE: &str = "/run/fivedots-loadgen.stop";
