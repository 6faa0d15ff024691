//! The command line of the lab.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::serve::ServeArgs;
use crate::subject::{Kind, Programs};
use crate::workload::Workload;

/// Measures Fivedots beside its peers.
#[derive(Debug, Parser)]
#[command(name = "lab", bin_name = "cargo xtask lab")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: LabCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Runs the rounds and prints the figures
    Run(RunArgs),
    /// The floor and the upstream, started by `run`
    #[command(hide = true)]
    Serve(ServeArgs),
}

/// The arguments of `run`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Rounds; a claim needs five
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Seconds for each subject and workload in a round
    #[arg(long, default_value_t = 2)]
    pub(crate) seconds: u64,
    /// Only these subjects
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) subjects: Vec<Kind>,
    /// Only these workloads
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) workloads: Vec<Workload>,
    /// Servers and clients in two network namespaces (needs root)
    #[arg(long)]
    pub(crate) veth: bool,
    /// Not the servers but our load generator, beside dnsperf where it is
    /// installed, and against a server that does nothing
    #[arg(long, conflicts_with_all = ["subjects", "workloads", "veth", "quick"])]
    pub(crate) sender: bool,
    /// Three short rounds of hits against echo and CoreDNS; fails when a ratio
    /// is far from its target
    #[arg(long)]
    pub(crate) quick: bool,
    /// Also the `fivedots` of another build, such as that of the commit before;
    /// alone with ours unless `--subjects` names more
    #[arg(long, value_name = "PROGRAM", conflicts_with_all = ["sender", "quick"])]
    pub(crate) beside: Option<PathBuf>,
    /// Where the figures go as JSON, every round of them
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Where the programs `fivedots` and `fivedots-loadgen` are
    #[arg(long, hide = true)]
    pub(crate) programs: PathBuf,
}

impl RunArgs {
    /// Our own programs: those of this build, and that of `--beside`.
    pub(crate) fn programs(&self) -> Programs<'_> {
        Programs { folder: &self.programs, before: self.beside.as_deref() }
    }
}
