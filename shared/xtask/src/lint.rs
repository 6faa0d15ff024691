//! `cargo xtask lint`.

use std::process::{ExitCode, Stdio};

use anyhow::Result;

use crate::shell;
use crate::stages::Stages;
use crate::workspace::FEATURES;

/// Checks format, lints and documentation, and dependencies if cargo-deny is
/// there. The first failure ends it.
pub(crate) fn run() -> Result<ExitCode> {
    let mut stages = Stages::default();
    let outcome = parts(&mut stages);
    shell::say(&format!("\n{stages}"));
    outcome.map(|()| ExitCode::SUCCESS)
}

/// The same as part of something longer, which shows the stages.
///
/// # Errors
///
/// At the first check that fails.
pub(crate) fn parts(stages: &mut Stages) -> Result<()> {
    let mut format = shell::cargo(&["fmt", "--all", "--check"]);
    stages.time("fmt", || shell::run(&mut format))?;
    let mut clippy = shell::cargo(&["clippy", "--workspace", "--all-targets"]);
    clippy.args(FEATURES).args(["--", "-D", "warnings"]);
    stages.time("clippy", || shell::run(&mut clippy))?;
    let mut documentation = shell::cargo(&["doc", "--no-deps", "--workspace"]);
    documentation
        .args(FEATURES)
        .env("RUSTDOCFLAGS", "-D warnings");
    stages.time("documentation", || shell::run(&mut documentation))?;
    if !has_deny() {
        shell::say("skipped: cargo-deny is not installed (cargo install cargo-deny)");
        return Ok(());
    }
    // Advisories need the network, and change without a commit.
    let mut deny =
        shell::cargo(&["deny", "--all-features", "check", "bans", "licenses", "sources"]);
    stages.time("licenses", || shell::run(&mut deny))
}

fn has_deny() -> bool {
    let mut deny = shell::cargo(&["deny", "--version"]);
    let status = deny.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
