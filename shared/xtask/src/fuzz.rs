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
    let seconds = length.as_secs().to_string();
    let mut fuzz = shell::cargo(&["run", "--quiet", "--package", "fuzz", "--bin", "fuzz", "--"]);
    let findings = shell::target().join("fuzz");
    fuzz.args(["--for", &seconds, "--findings"]).arg(findings);
    shell::run(fuzz.args(targets))?;
    Ok(ExitCode::SUCCESS)
}

/// The same of all targets, with the program of a build of the tests: cargo would compile
/// all of it anew for this package alone, with fewer features.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn run_built(length: Duration) -> Result<()> {
    let built = shell::target().join("debug/fuzz");
    let findings = shell::target().join("fuzz");
    let seconds = length.as_secs().to_string();
    let mut fuzz = Command::new(built);
    shell::run(fuzz.args(["--for", &seconds, "--findings"]).arg(findings))
}

/// For each target with the other checks: eleven of them, as many at once as there are
/// processors, are a minute and a half on two.
pub(crate) const WITH_OTHERS: Duration = Duration::from_secs(15);
