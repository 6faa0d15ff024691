//! `cargo xtask coredns`.

use std::process::ExitCode;

use anyhow::Result;

use crate::shell;

/// Builds CoreDNS where it is missing, and prints its path.
///
/// The testbed knows how; running its example keeps that in one place without
/// making every chore wait for the testbed to compile.
pub(crate) fn run() -> Result<ExitCode> {
    let arguments = ["run", "--quiet", "--package", "testbed", "--example", "coredns"];
    shell::run(&mut shell::cargo(&arguments))?;
    Ok(ExitCode::SUCCESS)
}
