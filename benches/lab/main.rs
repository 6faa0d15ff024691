//! The lab: what a query costs in Fivedots and in what one would run instead.
//!
//! All subjects run at the same time, on the same CPUs, and are asked in turn:
//! one round visits each with each workload, so that what the machine does
//! between minutes falls on all of them. What counts is CPU time per query and
//! its ratio within a round, never queries per second.

mod cpu;
mod lab;
mod load;
mod null;
mod place;
mod report;
mod sender;
mod serve;
mod subject;
mod workload;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use subject::Kind;
use workload::Workload;

/// Measures Fivedots beside its peers.
#[derive(Debug, Parser)]
#[command(name = "lab", bin_name = "cargo xtask lab")]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Runs the rounds and prints the figures
    Run(RunArgs),
    /// The floor and the upstream, started by `run`
    #[command(hide = true)]
    Serve(ServeArgs),
}

/// What `run` is told.
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
    /// Where the figures go as JSON, every round of them
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Where the programs `fivedots` and `fivedots-loadgen` are
    #[arg(long, hide = true)]
    pub(crate) programs: PathBuf,
}

/// What a server of ours is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServeArgs {
    #[arg(long)]
    pub(crate) listen: SocketAddr,
    /// Threads, each with a socket
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: usize,
    /// What it does
    #[arg(long, value_enum)]
    pub(crate) mode: serve::Mode,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().part {
        Part::Run(args) if args.sender => sender::run(&args),
        Part::Run(args) => lab::run(&args),
        Part::Serve(args) => serve::run(&args).map(|()| ExitCode::SUCCESS),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            report::complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
