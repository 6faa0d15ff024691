//! `cargo xtask incidents`: what `diagnose` finds of incidents that are made, as a table.

use std::collections::BTreeMap;
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result};

use crate::shell;

/// Makes each incident twenty times, and prints what was found how often.
///
/// # Errors
///
/// When a cause is not the one that was made, or something is missing.
pub(crate) fn run() -> Result<ExitCode> {
    let arguments = [
        "test",
        "--package",
        "proxy",
        // As `cargo xtask test` builds it.
        "--features",
        "kubernetes",
        "--test",
        "incidents",
        "--",
        "--nocapture",
        // Most of an incident is waiting.
        "--test-threads=4",
    ];
    let mut cargo = shell::cargo(&arguments);
    cargo
        .env("TEST_LENGTH", "long")
        .env("REQUIRE", "coredns,netns")
        .stdout(Stdio::piped());
    let output = cargo.output().context("cannot start cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    shell::say(table(&text).trim_end());
    match output.status.success() {
        true => Ok(ExitCode::SUCCESS),
        false => {
            shell::complain(&text);
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Counts the lines `INCIDENT: FOUND` of the tests.
fn table(text: &str) -> String {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in text.lines() {
        // The first stands on the line with the name of its test.
        let line = line.rsplit_once("... ").map_or(line, |(_, rest)| rest);
        if let Some((incident, found)) = line.split_once(": [") {
            let found = found.trim_end_matches(']');
            *counts.entry((incident, found)).or_default() += 1;
        }
    }
    let mut table = String::from("| incident | found | times |\n|---|---|---|\n");
    for ((incident, found), count) in counts {
        let found = if found.is_empty() { "nothing" } else { found };
        table += &format!("| {incident} | {found} | {count} |\n");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_counted_by_incident() {
        let text = "running 2 tests\ntest all_is_well ... None: []\nNone: []\nok\n\
            Loop: [(Loop, Node)]\ntest result: ok. 2 passed\n";
        let table = table(text);
        assert!(
            table.ends_with("| Loop | (Loop, Node) | 1 |\n| None | nothing | 2 |\n"),
            "{table}"
        );
    }
}
