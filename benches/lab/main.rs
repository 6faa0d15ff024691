//! The lab: what a query costs in Fivedots and in what one would run instead.
//!
//! All subjects run at the same time, on the same CPUs, and are asked in turn:
//! one round visits each with each workload, so that what the machine does
//! between minutes falls on all of them. What counts is CPU time per query and
//! its ratio within a round, never queries per second.

mod cli;
mod cpu;
mod lab;
mod load;
mod network;
mod null;
mod output;
mod report;
mod sender;
mod serve;
mod subject;
mod workload;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, LabCommand};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        LabCommand::Run(args) if args.sender => sender::run(&args),
        LabCommand::Run(args) => lab::run(&args),
        LabCommand::Serve(args) => serve::run(&args).map(|()| ExitCode::SUCCESS),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            output::print_progress(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
