//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::upstreams::Service;
use console::{CacheCommand, ProbeCommand, RecordArgs, StatsArgs, TapArgs, TopArgs};

mod evidence;
pub use evidence::EvidenceArgs;

mod fleet;
pub use fleet::FleetArgs;

mod diagnose;
pub use diagnose::{BundleArgs, DiagnoseArgs, Format};

mod audit;
pub use audit::AuditArgs;

mod kubectl;
pub use kubectl::parse;

/// A node-local DNS cache for Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "fivedots", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer queries until SIGTERM or SIGINT.
    ///
    /// By default it listens on 127.0.0.1:5335 and forwards to the servers of
    /// /etc/resolv.conf.
    Run(RunArgs),
    /// Print the figures of a running proxy on one screen.
    ///
    /// Reads its admin listener. `--json` prints /api/v1/summary.
    Stats(StatsArgs),
    /// Show, live, which workloads waste queries and what fails, and why.
    ///
    /// Reads the admin listener of a running proxy once a second; `?` shows the
    /// keys. Without a terminal it prints the list once, as with `--once`.
    Top(TopArgs),
    /// Print the queries of a running proxy as they come.
    ///
    /// Reads its admin listener. At most 1000 a second are shown. The number of
    /// queries left out goes to standard error or, with `--json`, into a line
    /// of its own.
    Tap(TapArgs),
    /// Write the queries of a running proxy for a while, to standard output.
    ///
    /// `fivedots-loadgen run --replay FILE` plays them again. At most 1000 a second are
    /// written; the number of queries left out is in lines of its own. `--redact` hides
    /// names and clients.
    Record(RecordArgs),
    /// Find out why DNS fails on this node: the scope, the cause, the evidence, the fix.
    ///
    /// Reads the proxy of this node, the kernel and kube-proxy, and sends less than 300
    /// queries, 50 a second to one server at most; it changes nothing and takes some
    /// seconds. Exit status 0: healthy; 3: a problem was found; 4: too little was seen.
    #[command(after_long_help = DIAGNOSE_EXAMPLES)]
    Diagnose(Box<DiagnoseArgs>),
    /// Write one file with all that a ticket needs: evidence, verdict, the proxy's pages.
    ///
    /// It does what `diagnose` does, and adds what the proxy of this node has: its metrics,
    /// its figures, its configuration as it is in force, its verdicts of the last hours and
    /// its version. The file is JSON of less than a megabyte, has no secret, and
    /// `diagnose --bundle FILE` judges it again. Exit status 0: it was written.
    #[command(after_long_help = BUNDLE_EXAMPLES)]
    Bundle(Box<BundleArgs>),
    /// Find the pod templates of a cluster whose names resolve slowly, or not with musl.
    ///
    /// Lists the templates of all workloads, and Pods without one, the worst first: dnsPolicy,
    /// ndots and search list, what each resolver library makes of them, and what to paste. It
    /// asks the Kubernetes API and nobody else, and changes nothing.
    /// Exit status 0: no template fails; 3: one does; 4: not all could be listed.
    #[command(after_long_help = AUDIT_EXAMPLES)]
    Audit(AuditArgs),
    /// Show or remove what a running proxy has cached.
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Ask a running proxy whether it is well: exit status 0 if it is.
    ///
    /// For probes: it asks the `socket` of the process in the same container, where no
    /// other process answers.
    #[command(subcommand)]
    Probe(ProbeCommand),
    /// Show or remove what takes over this node's DNS.
    #[command(subcommand)]
    Intercept(InterceptCommand),
    /// Check a configuration file, or print the defaults.
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// How one begins.
const DIAGNOSE_EXAMPLES: &str = "\
Examples:
  In the Pod of Fivedots on the node of an alert, without a flag:
    $ kubectl -n kube-system get pods -l app.kubernetes.io/name=fivedots -o wide
    $ kubectl -n kube-system exec POD -- fivedots diagnose
  On a node, as root, with the Kubernetes API:
    # fivedots diagnose --kubeconfig ~/.kube/config
  Any DNS server, from anywhere:
    $ fivedots diagnose --no-kubernetes --server 192.0.2.53
  All nodes, with your own rights, on your own machine:
    $ fivedots diagnose --all-nodes
  From a capture of packets, without Fivedots on the node:
    # tcpdump -i any -w node1.pcap port 53
    $ fivedots diagnose --pcap node1.pcap
  What two nodes see together:
    $ fivedots diagnose --format json >node1.json    (on each)
    $ fivedots diagnose --bundle node1.json --bundle node2.json

Words in capitals in the commands of a fix, such as IP-OF-A-RESOLVER, are yours to replace.
docs/causes.md has a page for each cause.";

/// How one gets a file out of a Pod, which has no place for one.
const BUNDLE_EXAMPLES: &str = "\
Examples:
  From the Pod of Fivedots on the node:
    $ kubectl -n kube-system exec POD -- fivedots bundle >ticket.json
  For others to see:
    $ fivedots bundle --redact names,clients --output ticket.json
  What it amounts to:
    $ fivedots diagnose --bundle ticket.json";

/// Who runs it, and where.
const AUDIT_EXAMPLES: &str = "\
Examples:
  With your own rights, on your own machine:
    $ fivedots audit
    $ fivedots audit --namespace shop --format json
  Where the nodes have a search list of their own:
    $ fivedots audit --node-search corp.example

Which library an image has, the API does not tell: an image called alpine is a hint at musl
and no proof. Commands are printed and never run.";

/// The subcommands of `intercept`.
#[derive(Debug, Subcommand)]
pub enum InterceptCommand {
    /// Show the rules and addresses that are there, and whether queries come to us.
    Status,
    /// Remove the rules and addresses, whichever process made them.
    ///
    /// Queries then go where they went before. While a process renews the
    /// interception nothing is removed.
    Remove {
        /// Show what would be removed, and remove nothing.
        #[arg(long)]
        check: bool,
    },
}

/// The subcommands of `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check a file: exit status 0 if it is valid, 78 if not.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Print every key with its default and its meaning.
    Defaults,
}

/// The flags of `run`; each overrides the file.
#[derive(Args, Clone, Debug, Default)]
pub struct RunArgs {
    /// Configuration file (`fivedots config defaults` prints one).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address to listen on, UDP and TCP; may be repeated.
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Vec<SocketAddr>,
    /// Upstream for all names without a zone; may be repeated.
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = parse_upstream)]
    pub upstream: Vec<SocketAddr>,
    /// Upstreams for the names of a zone, asked over TCP with `+tcp`; may be
    /// repeated.
    #[arg(long, value_name = "SUFFIX=ADDR[:PORT][,…][+tcp]", value_parser = parse_zone)]
    pub zone: Vec<ZoneArg>,
    /// Service behind an upstream: its Pods are asked in its place; may be repeated.
    #[arg(long, value_name = "ADDR=NAMESPACE/NAME", value_parser = Service::parse)]
    pub service: Vec<Service>,
    /// Address of /metrics, /livez and /readyz.
    #[arg(long, value_name = "ADDR:PORT")]
    pub metrics: Option<SocketAddr>,
    /// Address of the admin listener (page and API), or `unix:PATH`.
    #[arg(long, value_name = "ADDR:PORT|unix:PATH")]
    pub admin: Option<String>,
    /// Socket with all that both listeners have, for commands and probes.
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// UDP threads for each address.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: Option<u16>,
    /// Format of the logs.
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
}

/// One `--zone`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ZoneArg {
    /// The zone's own name.
    pub suffix: dns::Name,
    /// Its upstreams.
    pub upstreams: Vec<SocketAddr>,
    /// Ask over TCP from the start.
    pub tcp: bool,
}

/// Format of the logs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

impl LogFormat {
    /// The word in flags and files.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Parses a server's address; without a port it is 53.
///
/// # Errors
///
/// A sentence that names the text.
pub fn parse_upstream(text: &str) -> Result<SocketAddr, String> {
    let with_port = || text.parse().ok();
    let alone = || text.parse().ok().map(|ip| SocketAddr::new(ip, DNS_PORT));
    let addr = with_port()
        .or_else(alone)
        .ok_or_else(|| format!("{text:?} is not an address such as 10.0.0.2:53 or [::1]:53"))?;
    if addr.port() == 0 {
        return Err(format!("{text:?} has port 0; a server needs another"));
    }
    Ok(addr)
}

/// Parses a zone's name.
///
/// # Errors
///
/// A sentence that names the text.
pub fn parse_suffix(text: &str) -> Result<dns::Name, String> {
    dns::Name::from_text(text).map_err(|error| format!("{text:?} is not a domain name: {error}"))
}

fn parse_zone(text: &str) -> Result<ZoneArg, String> {
    let (suffix, servers) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is not SUFFIX=ADDR[:PORT]"))?;
    let (servers, tcp) = match servers.strip_suffix("+tcp") {
        Some(servers) => (servers, true),
        None => (servers, false),
    };
    let upstreams: Result<_, _> = servers.split(',').map(parse_upstream).collect();
    Ok(ZoneArg { suffix: parse_suffix(suffix)?, upstreams: upstreams?, tcp })
}

/// The port of DNS (RFC 1035, section 4.2).
const DNS_PORT: u16 = 53;

#[cfg(test)]
mod tests {
    use super::*;

    fn run(flags: &[&str]) -> Result<RunArgs, clap::Error> {
        let words = ["fivedots", "run"].iter().chain(flags);
        match Cli::try_parse_from(words)?.command {
            Command::Run(args) => Ok(args),
            _ => unreachable!("asked to run"),
        }
    }

    #[test]
    fn a_zone_has_a_suffix_servers_and_perhaps_tcp() {
        let args = run(&["--zone", "cluster.local=10.96.0.10,[fd00::a]:5353+tcp"]).unwrap();
        let [zone] = args.zone.as_slice() else { panic!("{args:?}") };
        assert_eq!(zone.suffix.to_string(), "cluster.local.");
        assert_eq!(zone.upstreams[0].to_string(), "10.96.0.10:53");
        assert_eq!(zone.upstreams[1].to_string(), "[fd00::a]:5353");
        assert!(zone.tcp);
        assert!(!run(&["--zone", ".=::1"]).unwrap().zone[0].tcp);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (flags, said) in [
            (["--zone", "cluster.local"], "cluster.local"),
            (["--zone", "a..b=10.0.0.1"], "a..b"),
            (["--zone", "a=10.0.0.1,"], "not an address"),
            (["--upstream", "coredns"], "coredns"),
            (["--upstream", "10.0.0.1:0"], "port 0"),
            (["--listen", "127.0.0.1"], "--listen"),
            (["--workers", "0"], "--workers"),
            (["--cahce", "1"], "--cahce"),
        ] {
            let text = run(&flags).unwrap_err().to_string();
            assert!(text.contains(said), "{flags:?}: {text}");
        }
    }
}
