//! `cargo xtask lab`.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::shell;

/// Builds the programs as they are released, then lets the lab compare them.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let packages = ["--package", "proxy", "--package", "loadgen", "--package", "benches"];
    shell::run(shell::cargo(&["build", "--release", "--bins"]).args(packages))?;
    let programs = shell::target().join("release");
    let mut lab = Command::new(programs.join("lab"));
    lab.arg("run")
        .arg("--programs")
        .arg(&programs)
        .args(arguments);
    let status = shell::status(&mut lab)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
