//! `cargo xtask coredns` and `cargo xtask apiserver`.

use std::process::ExitCode;

use anyhow::Result;

use crate::shell;

/// Builds CoreDNS where it is missing, and prints its path.
pub(crate) fn run() -> Result<ExitCode> {
    example("coredns")
}

/// The same with kube-apiserver.
pub(crate) fn apiserver() -> Result<ExitCode> {
    example("apiserver")
}

/// The testbed knows how; running its example keeps that in one place without
/// making every chore wait for the testbed to compile.
fn example(name: &str) -> Result<ExitCode> {
    let arguments = ["run", "--quiet", "--package", "testbed", "--example", name];
    shell::run(&mut shell::cargo(&arguments))?;
    Ok(ExitCode::SUCCESS)
}
