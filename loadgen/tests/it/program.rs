//! Runs the program and reads its JSON report.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::Value;
use tempfile::TempDir;

/// What one run of the program left.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) text: String,
    pub(crate) errors: String,
    json: Option<Value>,
}

impl Ran {
    /// Whether the run ended with this code; also where only a busy machine made
    /// it invalid. What is tested then does not depend on our lateness.
    pub(crate) fn ended_with(&self, code: i32) -> bool {
        let reasons = self
            .json
            .as_ref()
            .and_then(|json| json["invalid"].as_array());
        let late = |reason: &Value| reason.as_str().unwrap_or_default().contains(" late at p99");
        let is_late = reasons.is_some_and(|reasons| reasons.iter().all(late));
        self.code == code || (self.code == 3 && is_late)
    }

    /// A number of the report, by its path: `/run/counts/sent`.
    pub(crate) fn number(&self, pointer: &str) -> f64 {
        let json = self
            .json
            .as_ref()
            .unwrap_or_else(|| panic!("no report: {}", self.errors));
        let value = json.pointer(pointer).and_then(Value::as_f64);
        value.unwrap_or_else(|| panic!("{pointer} is no number in {json:#}"))
    }

    /// A text of the report, by its path.
    pub(crate) fn text_at(&self, pointer: &str) -> &str {
        let json = self
            .json
            .as_ref()
            .unwrap_or_else(|| panic!("no report: {}", self.errors));
        let value = json.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("{pointer} is no text in {json:#}"))
    }

    /// Whether the report has something there.
    pub(crate) fn has(&self, pointer: &str) -> bool {
        self.json
            .as_ref()
            .is_some_and(|json| json.pointer(pointer).is_some())
    }

    /// A count of the whole run.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let json = self
            .json
            .as_ref()
            .unwrap_or_else(|| panic!("no report: {}", self.errors));
        json.pointer(&format!("/run/counts/{name}"))
            .and_then(Value::as_u64)
            .unwrap()
    }
}

/// Lets a machine that was busy make up for it, however long.
pub(crate) const UNLIMITED: [&str; 2] = ["--max-qps", "1000000"];

/// The program with these arguments.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fivedots-loadgen"));
    command.args(arguments);
    command
}

/// Runs it to its end, without a report as JSON.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    ran(&command(arguments).output().unwrap(), None)
}

/// Runs it to its end with `--json`.
pub(crate) fn report(arguments: &[&str]) -> Ran {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("report.json");
    let output = command(arguments)
        .arg("--json")
        .arg(&path)
        .output()
        .unwrap();
    ran(&output, Some(&path))
}

/// Runs a scenario from its text with `--json`.
pub(crate) fn scenario(text: &str) -> Ran {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("scenario.toml");
    fs::write(&path, text).unwrap();
    report(&["run", path.to_str().unwrap()])
}

/// Runs a scenario that comes through a pipe, with `--json`.
pub(crate) fn piped_scenario(text: &str) -> Ran {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("report.json");
    let mut child = command(&["run", "/dev/stdin", "--json", path.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    ran(&child.wait_with_output().unwrap(), Some(&path))
}

fn ran(output: &Output, json: Option<&Path>) -> Ran {
    let json = json.and_then(|path| fs::read_to_string(path).ok());
    Ran {
        code: output.status.code().unwrap(),
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        json: json.map(|text| serde_json::from_str(&text).unwrap()),
    }
}

/// Tests of time take the machine for themselves, the others share it.
static MACHINE: RwLock<()> = RwLock::new(());

/// Keeps tests of time away; a test that failed has let go of it.
pub(crate) fn shared() -> RwLockReadGuard<'static, ()> {
    MACHINE
        .read()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits until no other test of this program runs.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE
        .write()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
