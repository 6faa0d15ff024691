//! The tests of the load generator in their long forms, each a command of its own.

use std::process::ExitCode;

use anyhow::Result;

use crate::shell;

/// Plays a test program in its long form: `referee`, `clients`, `compare`, `replay`,
/// `safety`, or `shards`.
///
/// # Errors
///
/// When a test fails, or something is missing.
pub(crate) fn run(name: &str) -> Result<ExitCode> {
    // Some are among the tests of another program.
    let (test, filter) = match name {
        "shards" => ("it", Some(name)),
        "compare" => ("it", Some("compared")),
        "safety" => ("causes", Some(name)),
        _ => (name, None),
    };
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
    // The proxy that is put in front is a program of another package; built beside the
    // load generator it has the features that it has everywhere.
    shell::run(&mut shell::cargo(&["build", "--bin", "fivedots", "--bin", "fivedots-loadgen"]))?;
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
