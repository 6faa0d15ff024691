//! The flags of `diagnose` and `bundle`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use console::Redact;

use super::{EvidenceArgs, FleetArgs};

/// The flags of `diagnose`.
#[derive(Args, Clone, Debug)]
pub struct DiagnoseArgs {
    /// Whom to ask.
    #[command(flatten)]
    pub whom: EvidenceArgs,
    /// Judge what an earlier `--format json` printed, and ask nobody; several, of one node
    /// each, are judged together.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["admin", "service", "coredns", "upstream"])]
    pub bundle: Vec<PathBuf>,
    /// Judge a capture of packets (pcap, pcapng; `-` for standard input), and ask nobody:
    /// who fails, for which names, and how. Capture `port 53`, both ways.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "bundle", "all_nodes", "admin", "service", "coredns", "upstream", "external",
        "kubeconfig", "dns_service", "resolv_conf", "expect_upstream",
    ])]
    pub pcap: Option<PathBuf>,
    /// Which nodes to ask.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Print the signals of the usual runbook, in its order, before the verdict.
    #[arg(long)]
    pub runbook: bool,
    /// Put pseudonyms in the place of `names`, `clients`, or both: `names,clients`, to show
    /// the output to others. Servers, nodes and CoreDNS keep theirs.
    #[arg(long, value_name = "names,clients")]
    pub redact: Option<Redact>,
    /// How the verdict is printed; `json` has the evidence too.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// The flags of `bundle`.
#[derive(Args, Clone, Debug)]
pub struct BundleArgs {
    /// Whom to ask.
    #[command(flatten)]
    pub whom: EvidenceArgs,
    /// The file to write; standard output without it.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Put pseudonyms in the place of `names`, `clients`, or both: `names,clients`. Servers,
    /// nodes and CoreDNS keep theirs.
    #[arg(long, value_name = "names,clients")]
    pub redact: Option<Redact>,
}

/// How a verdict is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}
