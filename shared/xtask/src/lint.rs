//! `cargo xtask lint`.

use std::process::{ExitCode, Stdio};

use anyhow::Result;

use crate::shell;

/// Checks format, lints and documentation, and dependencies if cargo-deny is
/// there. The first failure ends it.
pub(crate) fn run() -> Result<ExitCode> {
    shell::run(&mut shell::cargo(&["fmt", "--all", "--check"]))?;
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--features",
        "proxy/kubernetes",
        "--",
        "-D",
        "warnings",
    ];
    shell::run(&mut shell::cargo(&clippy))?;
    let mut doc =
        shell::cargo(&["doc", "--no-deps", "--workspace", "--features", "proxy/kubernetes"]);
    shell::run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    if has_deny() {
        // Advisories need the network, and change without a commit.
        let deny = ["deny", "--all-features", "check", "bans", "licenses", "sources"];
        shell::run(&mut shell::cargo(&deny))?;
    } else {
        shell::say("skipped: cargo-deny is not installed (cargo install cargo-deny)");
    }
    Ok(ExitCode::SUCCESS)
}

fn has_deny() -> bool {
    let mut deny = shell::cargo(&["deny", "--version"]);
    let status = deny.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
