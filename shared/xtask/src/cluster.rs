//! `cargo xtask cluster`: a real Kubernetes cluster on this machine.

use std::process::ExitCode;

use anyhow::Result;

use crate::shell;

/// Runs the testbed's program, which knows how, with these arguments.
///
/// # Errors
///
/// When it does not build or cannot be started.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let build = ["build", "--quiet", "--package", "testbed", "--example", "cluster"];
    shell::run(&mut shell::cargo(&build))?;
    let program = shell::target().join("debug/examples/cluster");
    let status = shell::status(std::process::Command::new(program).args(arguments))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
