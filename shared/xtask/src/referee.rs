//! The tests of the load generator in their long forms, each a command of its own.

use std::process::ExitCode;

use anyhow::Result;

use crate::shell;

/// Plays a test program in its long form: `referee`, `clients`, `replay`, or `shards`.
///
/// # Errors
///
/// When a test fails, or something is missing.
pub(crate) fn run(name: &str) -> Result<ExitCode> {
    // Shards are among the tests of the program.
    let (test, filter) = if name == "shards" { ("it", Some(name)) } else { (name, None) };
    let arguments = ["test", "--package", "loadgen", "--test", test];
    let rest = filter.into_iter().chain(["--", "--nocapture"]);
    let arguments: Vec<&str> = arguments.into_iter().chain(rest).collect();
    let mut cargo = shell::cargo(&arguments);
    cargo
        .env("TEST_LENGTH", "long")
        .env("REQUIRE", "coredns,netns,tshark");
    shell::run(&mut cargo)?;
    Ok(ExitCode::SUCCESS)
}

/// Plays the files of scenarios/, those of these names or all.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn scenarios(names: &[String]) -> Result<ExitCode> {
    // The proxy that is put in front is a program of another package.
    shell::run(&mut shell::cargo(&["build", "--package", "proxy", "--bin", "fivedots"]))?;
    let test = ["test", "--package", "loadgen", "--test", "causes"];
    let mut cargo = shell::cargo(&[&test[..], &["scenario", "--", "--nocapture"]].concat());
    cargo
        .env("TEST_LENGTH", "long")
        .env("REQUIRE", "coredns,netns");
    if !names.is_empty() {
        cargo.env("SCENARIOS", names.join(","));
    }
    shell::run(&mut cargo)?;
    Ok(ExitCode::SUCCESS)
}
