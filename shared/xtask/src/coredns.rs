//! `cargo xtask coredns`, `cargo xtask apiserver` and `cargo xtask helm`.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::shell;

/// Builds CoreDNS where it is missing, and prints its path.
pub(crate) fn run() -> Result<ExitCode> {
    example("coredns", &[])
}

/// The same with kube-apiserver.
pub(crate) fn apiserver() -> Result<ExitCode> {
    example("apiserver", &[])
}

/// The same with helm.
pub(crate) fn helm() -> Result<ExitCode> {
    example("helm", &[])
}

/// Builds all, and the other parts of a cluster, with the programs of a build of the
/// tests, which cargo alone would compile anew, with fewer features.
///
/// # Errors
///
/// When one cannot be built.
pub(crate) fn run_built() -> Result<()> {
    for (name, arguments) in PROGRAMS {
        let built = shell::target().join("debug/examples").join(name);
        match built.is_file() {
            true => shell::run(Command::new(built).args(arguments))?,
            // Only some crates were built.
            false => {
                example(name, arguments)?;
            }
        }
    }
    Ok(())
}

/// The testbed knows how; running its example keeps that in one place without
/// making every chore wait for the testbed to compile.
fn example(name: &str, arguments: &[&str]) -> Result<ExitCode> {
    let run = ["run", "--quiet", "--package", "testbed", "--example", name, "--"];
    shell::run(shell::cargo(&run).args(arguments))?;
    Ok(ExitCode::SUCCESS)
}

const PROGRAMS: [(&str, &[&str]); 4] =
    [("coredns", &[]), ("apiserver", &[]), ("cluster", &["parts"]), ("helm", &[])];
