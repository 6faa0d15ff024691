//! Trials: what becomes of a well-behaved client while something goes wrong.
//!
//! `fire` puts a greedy client beside it, at ten times each bound. `storms` lets its
//! upstreams, the machine or the operator make trouble. `day` mixes both for as long as
//! is wanted, in one process of ours. The subjects are
//! Fivedots and what one would run instead, each in a fresh process for each case.
//! Everything is on loopback, in addresses of its own, and ends with this process.

mod cli;
mod day;
mod fire;
mod flood;
mod neighbor;
mod output;
mod storms;
mod subject;
mod vitals;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Trial};

fn main() -> ExitCode {
    let outcome = match Cli::parse().trial {
        Trial::Fire(args) => fire::run(&args),
        Trial::Storms(args) => storms::run(&args),
        Trial::Day(args) => day::run(&args),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            output::print_progress(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
