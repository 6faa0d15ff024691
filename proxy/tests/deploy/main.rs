//! What deploy/ has, read by the programs that will read it: helm, an API server,
//! Prometheus, systemd.
#![cfg(test)]

mod base;
mod chart;
mod monitoring;
mod server;
mod unit;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use testbed::{Component, have};

/// The profiles of the chart, which are also the names of the files of deploy/base.
const PROFILES: [&str; 3] = ["node-cache", "front", "diagnose"];

/// The folder deploy/.
fn deploy() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy").into()
}

/// Whether the machine has what these tests need.
fn can() -> bool {
    have(Component::Deploy)
}

/// Runs a program; returns all that it said, as an error if it failed.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(said),
        false => Err(said + &String::from_utf8_lossy(&output.stderr)),
    }
}

/// Runs helm in deploy/.
fn helm(arguments: &[&str]) -> Result<String, String> {
    let mut helm = Command::new(testbed::helm::binary().unwrap());
    // No repositories and plugins of whoever runs the test.
    helm.args(arguments)
        .current_dir(deploy())
        .env("HELM_CONFIG_HOME", "/nonexistent")
        .env_remove("KUBECONFIG");
    run(&mut helm)
}

/// The manifests of a profile, with more values as `key=value`.
fn render(profile: &str, values: &[&str]) -> Result<String, String> {
    let profile = format!("profile={profile}");
    let mut arguments = vec!["template", "fivedots", "chart", "--namespace", "kube-system"];
    arguments.extend(["--skip-tests", "--set", &profile]);
    for value in values {
        arguments.extend(["--set", value]);
    }
    helm(&arguments)
}

/// The manifests of a text, one each.
fn documents(text: &str) -> Vec<&str> {
    let parts = text.split("---\n").map(str::trim);
    parts.filter(|part| part.contains("kind: ")).collect()
}

/// The value of a top-level key of a manifest.
fn top<'a>(manifest: &'a str, key: &str) -> &'a str {
    let prefix = format!("{key}: ");
    let line = manifest.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("no {key} in\n{manifest}"))
}

/// Enough for anything that is done at once, beside a busy compiler.
const SOON: Duration = Duration::from_secs(20);
