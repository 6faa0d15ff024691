//! `cargo xtask referee`: the load generator's report beside a capture.

use std::process::ExitCode;

use anyhow::Result;

use crate::shell;

/// Plays all states, which the tests do for a few.
///
/// # Errors
///
/// When a report is not what the capture shows, or something is missing.
pub(crate) fn run() -> Result<ExitCode> {
    let arguments = ["test", "--package", "loadgen", "--test", "referee", "--", "--nocapture"];
    let mut cargo = shell::cargo(&arguments);
    cargo
        .env("TEST_LENGTH", "long")
        .env("REQUIRE", "netns,tshark");
    shell::run(&mut cargo)?;
    Ok(ExitCode::SUCCESS)
}
