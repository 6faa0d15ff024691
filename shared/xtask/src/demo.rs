//! `cargo xtask demo`.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::shell;

/// Builds both programs, then lets the load generator show the proxy.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    // By name: without it a program that is no longer made would be an old file.
    shell::run(&mut shell::cargo(&["build", "--bin", "fivedots", "--bin", "fivedots-loadgen"]))?;
    let programs = shell::target().join("debug");
    let mut demo = Command::new(programs.join("fivedots-loadgen"));
    demo.arg("demo")
        .arg("--subject")
        .arg(programs.join("fivedots"))
        .args(arguments);
    shell::run(&mut demo)?;
    Ok(ExitCode::SUCCESS)
}
