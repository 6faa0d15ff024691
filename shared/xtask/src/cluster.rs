//! `cargo xtask cluster`: a real Kubernetes cluster on this machine.

use std::process::ExitCode;

use anyhow::Result;

use crate::test::setup;
use crate::{image, shell};

/// Runs the testbed's program, which knows how, with these arguments.
///
/// # Errors
///
/// When it does not build or cannot be started.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    match arguments {
        [verb] if verb == "test" => test(&[]),
        [verb, all] if verb == "test" && all == "--all" => test(&["--slow"]),
        [verb] if verb == "up" => {
            setup::for_a_cluster();
            program(arguments)
        }
        [verb] if verb == "install" => {
            let archive = image::for_this_machine()?.to_string_lossy().into_owned();
            program(&[verb.clone(), archive])
        }
        _ => program(arguments),
    }
}

/// Builds the testbed's program and runs it.
fn program(arguments: &[String]) -> Result<ExitCode> {
    let build = ["build", "--quiet", "--package", "testbed", "--example", "cluster"];
    shell::run(&mut shell::cargo(&build))?;
    let program = shell::target().join("debug/examples/cluster");
    let status = shell::status(std::process::Command::new(program).args(arguments))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The tests in a cluster of their own, with the table that they print: those of each
/// run of all checks, or in their long form all.
fn test(length: &[&str]) -> Result<ExitCode> {
    let tests = ["xtask", "test", "--package", "proxy", "--test", "cluster"];
    let line = [&tests[..], length, &["--", "--nocapture"]].concat();
    let status = shell::status(shell::cargo(&line).env("REQUIRE", "cluster"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
