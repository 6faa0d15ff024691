//! `cargo xtask fire`: what a client gets beside trouble, from Fivedots and others.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::shell;

/// Builds the programs as they are compared, and runs a trial.
///
/// # Errors
///
/// When one does not build or cannot be started; cargo has shown why. A goal that is
/// missed is none.
pub(crate) fn run(trial: &str, arguments: &[String]) -> Result<ExitCode> {
    let packages = ["--package", "proxy", "--package", "benches"];
    let mut build = shell::cargo(&["build", "--bins", "--profile", PROFILE]);
    if trial == "storms" {
        // For the storm in which its API is away.
        build.args(["--features", "proxy/kubernetes"]);
    }
    shell::run(build.args(packages))?;
    let programs = shell::target().join(PROFILE);
    let mut command = Command::new(programs.join("trials"));
    command.arg(trial).arg("--programs").arg(&programs);
    let status = shell::status(command.args(arguments))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// That of the lab.
const PROFILE: &str = "lab";
