//! Builds the test programs, all at once.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use anyhow::{Context as _, Result, anyhow, bail};

use super::options::Options;
use super::program::Program;
use crate::shell;

/// Builds the wanted test programs, cheapest first.
///
/// # Errors
///
/// When one does not build; cargo has shown why.
pub(crate) fn build(options: &Options) -> Result<Vec<Program>> {
    let mut cargo = shell::cargo(&["test", "--no-run"]);
    cargo
        .arg("--message-format=json-render-diagnostics")
        .args(options.crates())
        .args(options.targets())
        .stdout(Stdio::piped());
    let mut child = cargo.spawn().context("cannot start cargo")?;
    let output = child
        .stdout
        .take()
        .ok_or_else(|| anyhow!("cargo has no output"))?;
    let mut programs = Vec::new();
    for line in BufReader::new(output).lines() {
        programs.extend(Program::from_message(&line?));
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("cargo test --no-run: {status}");
    }
    programs.sort_by_key(|program: &Program| (program.kind(), program.title()));
    Ok(programs)
}
