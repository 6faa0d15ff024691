//! `cargo xtask fuzz`: feeds the parsers with changed seeds.

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Result;

use crate::shell;

/// Runs the targets of these names, or all, for `length` each.
///
/// # Errors
///
/// When one does not build, or has a finding.
pub(crate) fn run(targets: &[String], length: Duration) -> Result<ExitCode> {
    let run = ["run", "--quiet", "--package", "fuzz", "--bin", "fuzz", "--"];
    feed(shell::cargo(&run).args(targets), length)?;
    Ok(ExitCode::SUCCESS)
}

/// The same of all targets, with the program of a build of the tests: cargo would compile
/// all of it anew for this package alone, with fewer features.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn run_built(length: Duration) -> Result<()> {
    feed(&mut Command::new(shell::target().join("debug/fuzz")), length)
}

fn feed(fuzz: &mut Command, length: Duration) -> Result<()> {
    let (seconds, findings) = (length.as_secs().to_string(), shell::target().join("fuzz"));
    shell::run(fuzz.args(["--for", &seconds, "--findings"]).arg(findings))
}

/// For each target with the other checks: eleven of them, as many at once as there are
/// processors, are a minute and a half on two.
pub(crate) const WITH_OTHERS: Duration = Duration::from_secs(15);
