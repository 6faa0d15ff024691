//! `cargo xtask clients`: the models of clients beside the programs they are of.

use std::process::ExitCode;

use anyhow::Result;

use crate::shell;

/// Plays all situations, which the tests do for the quick ones.
///
/// # Errors
///
/// When a model does not send what its program sends, or something is missing.
pub(crate) fn run() -> Result<ExitCode> {
    let arguments = ["test", "--package", "loadgen", "--test", "clients", "--", "--nocapture"];
    let mut cargo = shell::cargo(&arguments);
    cargo
        .env("TEST_LENGTH", "long")
        .env("REQUIRE", "netns,tshark");
    shell::run(&mut cargo)?;
    Ok(ExitCode::SUCCESS)
}
