//! `cargo xtask test`: set-up, all tests once, and the count at the very end.

mod count;
mod setup;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result, anyhow};

use crate::shell;
use count::Count;

/// Runs the tests; succeeds when none failed.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    setup::run();
    let skips = shell::target().join("skips");
    // Absent unless an earlier run skipped something.
    fs::remove_file(&skips).unwrap_or_default();

    let scope: &[&str] = if arguments.is_empty() { &WHOLE } else { &[] };
    // One failure must not hide the tests after it.
    let mut cargo = shell::cargo(&[&["test", "--no-fail-fast"], scope].concat());
    // testbed::require adds a line here for each test it skips.
    cargo
        .args(arguments)
        .env("TESTBED_SKIPS_FILE", &skips)
        .stdout(Stdio::piped());
    let mut child = cargo.spawn().context("cannot start cargo")?;
    let output = child
        .stdout
        .take()
        .ok_or_else(|| anyhow!("cargo has no output"))?;
    let mut count = Count::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        shell::say(&line);
        count.add_line(&line);
    }
    let status = child.wait()?;

    let skipped = fs::read_to_string(&skips).unwrap_or_default();
    count.add_skips(&skipped);
    for line in count.skips() {
        shell::say(&format!("skipped: {line}"));
    }
    if !status.success() && count.failed() == 0 {
        shell::say("a test did not build, or a test program ended before its result");
    }
    shell::say(&count.to_string());
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All that is built for the image: the client of the Kubernetes API too.
const WHOLE: [&str; 3] = ["--workspace", "--features", "proxy/kubernetes"];
