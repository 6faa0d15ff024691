//! The cases, played inside the namespace; each leaves a line of results.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use testbed::{Process, pace};

use crate::cases::{self, Case, Stops};
use crate::server;

/// The address of a case.
pub(crate) fn address(number: usize) -> String {
    format!("127.0.7.{}", number + 1)
}

/// Plays the cases that `role` names: the file for results, and their numbers.
pub(crate) fn inside(role: &str) {
    let (results, numbers) = role.rsplit_once(' ').unwrap();
    nft("add table inet referee");
    nft("add chain inet referee in { type filter hook input priority 0; }");
    nft("add chain inet referee out { type filter hook output priority 0; }");
    let all = cases::all();
    let mut file = fs::File::create(results).unwrap();
    for number in numbers
        .split(',')
        .map(|number| number.parse::<usize>().unwrap())
    {
        let case = &all[number];
        let server = SocketAddr::new(address(number).parse().unwrap(), 53);
        server::serve(server, case.mode);
        if let Some(rule) = case.filter {
            let chain = if rule.starts_with("reject") { "in" } else { "out" };
            let matched = format!("ip daddr {} udp dport 53", server.ip());
            nft(&format!("add rule inet referee {chain} {matched} {rule}"));
        }
        let line = run(number, case, server, Path::new(results));
        writeln!(file, "{line}").unwrap();
    }
}

/// What [`inside`] wrote.
pub(crate) fn results(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn run(number: usize, case: &Case, server: SocketAddr, results: &Path) -> Value {
    let json = results.with_extension(format!("{number}.json"));
    let program = env!("CARGO_BIN_EXE_fivedots-loadgen");
    let mut command = Command::new(if case.is_alone { "chrt" } else { program });
    if case.is_alone {
        command.args(["--fifo", "20", program]);
    }
    command.args(["quick", &server.to_string(), NAME]);
    command.args(case.arguments.split_whitespace());
    command.arg("--json").arg(&json);
    let load = Process::spawn(&mut command).unwrap();
    match case.stops {
        Stops::Never => {}
        Stops::Long => {
            pace(Duration::from_millis(800));
            stop(&load, 500);
        }
        Stops::Often => {
            while stop(&load, 40) {
                pace(Duration::from_millis(460));
            }
        }
    }
    let status = load.wait(Duration::from_secs(60)).unwrap();
    let report: Value = fs::read_to_string(&json)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    json!({ "case": number, "code": status.code(), "report": report, "text": load.output() })
}

/// Stops the generator for so long; false if it has ended.
fn stop(load: &Process, ms: u64) -> bool {
    let is_stopped = load.signal("STOP").is_ok();
    pace(Duration::from_millis(ms));
    load.signal("CONT").is_ok() && is_stopped
}

fn nft(words: &str) {
    let output = Command::new("nft").arg(words).output().unwrap();
    assert!(output.status.success(), "nft {words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What is asked for.
const NAME: &str = "www.example.com";
