//! `cargo xtask check`: what is looked at after each change, in a minute.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::shell;
use crate::stages::Stages;
use crate::workspace::{Krate, Workspace, features};

/// Checks the format, the lints and the unit tests of the crate `wanted`, or of
/// those that have changed, and the tidy test of all.
///
/// # Errors
///
/// At the first of them that fails.
pub(crate) fn run(wanted: Option<&str>) -> Result<ExitCode> {
    let workspace = Workspace::read()?;
    let (tested, dependents) = match wanted {
        Some(name) => (vec![workspace.find(name)?], vec![]),
        None => {
            let files = changed()?;
            for file in workspace.outside(&files) {
                shell::say(&format!("not tested here, only by cargo xtask test: {file}"));
            }
            let tested = workspace.touched_by(&files);
            let dependents = workspace.dependents(&tested);
            (tested, dependents)
        }
    };
    shell::say(&format!("tested: {}", names(&tested)));
    shell::say(&format!("only linted, because they depend on those: {}", names(&dependents)));
    let mut stages = Stages::default();
    let outcome = parts(&tested, &dependents, &mut stages);
    shell::say(&format!("\n{stages}"));
    outcome.map(|()| ExitCode::SUCCESS)
}

fn parts(tested: &[&Krate], dependents: &[&Krate], stages: &mut Stages) -> Result<()> {
    let linted = [tested, dependents].concat();
    if !linted.is_empty() {
        let mut format = shell::cargo(&["fmt", "--check"]);
        format.args(packages(tested));
        stages.time("fmt", || shell::run(&mut format))?;
        let mut clippy = shell::cargo(&["clippy", "--all-targets"]);
        clippy.args(packages(&linted)).args(features(&linted));
        clippy.args(["--", "-D", "warnings"]);
        stages.time("clippy", || shell::run(&mut clippy))?;
    }
    if let Some(mut tests) = unit_tests(tested) {
        stages.time("unit tests", || shell::run(&mut tests))?;
    }
    let mut tidy = shell::cargo(&["test", "--quiet", "--package", "xtask", "--test", "tidy"]);
    stages.time("tidy", || shell::run(&mut tidy))
}

/// Their unit tests; asking for a kind of target that none of them has is an
/// error.
fn unit_tests(tested: &[&Krate]) -> Option<Command> {
    let kinds = [
        ("--lib", tested.iter().any(|krate| krate.has_library())),
        ("--bins", tested.iter().any(|krate| krate.has_program())),
    ];
    let kinds: Vec<_> = kinds
        .iter()
        .filter(|(_, has)| *has)
        .map(|(flag, _)| flag)
        .collect();
    let mut cargo = shell::cargo(&["test"]);
    cargo
        .args(packages(tested))
        .args(features(tested))
        .args(&kinds);
    (!kinds.is_empty()).then_some(cargo)
}

fn packages<'a>(krates: &[&'a Krate]) -> Vec<&'a str> {
    krates
        .iter()
        .flat_map(|krate| ["--package", krate.name()])
        .collect()
}

fn names(krates: &[&Krate]) -> String {
    let names: Vec<_> = krates.iter().map(|krate| krate.name()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The files of the uncommitted change; without one, of the commits that
/// origin/main lacks.
fn changed() -> Result<Vec<String>> {
    let mut files = git(&["diff", "--name-only", "HEAD"])?;
    files.extend(git(&["ls-files", "--others", "--exclude-standard"])?);
    if files.is_empty() {
        files = git(&["diff", "--name-only", "origin/main...HEAD"])?;
    }
    Ok(files)
}

fn git(arguments: &[&str]) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.args(arguments).current_dir(shell::root());
    let output = git.output().context("cannot start git")?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("git {}: {}; name a crate instead", arguments.join(" "), complaint.trim());
    }
    let lines = String::from_utf8(output.stdout)?;
    Ok(lines.lines().map(str::to_owned).collect())
}
