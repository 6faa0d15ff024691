//! The command line of the trials.

use clap::{Parser, Subcommand};

use crate::fire::Case;
use crate::storms::Storm;
use crate::subject::CommonArgs;

/// Plays trouble and looks at what a client gets.
#[derive(Debug, Parser)]
#[command(name = "trials", bin_name = "cargo xtask")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) trial: Trial,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Trial {
    /// A greedy client beside a well-behaved one
    Fire(FireArgs),
    /// Clients while upstreams, the machine or the operator make trouble
    Storms(StormsArgs),
    /// All of it in turn, in one process of ours
    Day(DayArgs),
}

/// The arguments of `fire`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FireArgs {
    /// Only these cases
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) cases: Vec<Case>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// The arguments of `storms`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StormsArgs {
    /// Only these storms
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) storms: Vec<Storm>,
    /// A minute as 12 seconds, ten minutes as 15
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only the model of getaddrinfo. Without this, the real ones of glibc, musl and Go ask
    /// as well, which needs root, gcc, musl-gcc and Go
    #[arg(long)]
    pub(crate) model_only: bool,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// The arguments of `day`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DayArgs {
    /// Seconds
    #[arg(long = "for", default_value_t = 600)]
    pub(crate) seconds: u64,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}
