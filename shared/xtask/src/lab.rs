//! `cargo xtask lab`.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::shell;

/// Builds the programs, with the profile `lab` or as they ship, then lets the
/// lab compare them.
pub(crate) fn run(shipped: bool, arguments: &[String]) -> Result<ExitCode> {
    let profile = if shipped { "release" } else { "lab" };
    let packages = ["--package", "proxy", "--package", "loadgen", "--package", "benches"];
    let mut build = shell::cargo(&["build", "--bins", "--profile", profile]);
    shell::run(build.args(packages))?;
    let programs = shell::target().join(profile);
    let mut lab = Command::new(programs.join("lab"));
    lab.arg("run")
        .arg("--programs")
        .arg(&programs)
        .args(arguments);
    let status = shell::status(&mut lab)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
