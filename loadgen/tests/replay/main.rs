//! A log of CoreDNS that is played, beside a capture of what left; and a real CoreDNS
//! that meets ten times as many clients.
//!
//! `cargo xtask replay` plays 100,000 lines, the tests some thousands.
#![cfg(test)]

mod hits;
mod log;
mod recorded;
mod tapped;
mod wire;

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use testbed::{Capture, Component, Coredns, Netns, by_length, have};

use log::Log;

/// Per client the same queries in the same order, at the instants of the recording, from
/// three files that are not in order.
#[test]
fn a_log_is_played_as_it_was_recorded() {
    let has_nft = testbed::have_program("nft", Component::Netns);
    if !has_nft || ![Component::Netns, Component::Tshark].into_iter().all(have) {
        return;
    }
    let _machine = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (lines, seconds, most) = by_length((4_000, 2, 50.0), (100_000, 20, 1.0));
    let log = Log::new(lines, CLIENTS, seconds);
    let folder = tempfile::tempdir().unwrap();
    let files = log.write(folder.path());
    let mut seen = String::new();
    for _ in 0..ATTEMPTS {
        let netns = Netns::new().unwrap();
        // Nobody answers; what counts is what leaves.
        for words in [
            "add table inet silent",
            "add chain inet silent in { type filter hook input priority 0; }",
            "add rule inet silent in udp dport 53 drop",
        ] {
            assert!(netns.command("nft").arg(words).status().unwrap().success());
        }
        let capture = Capture::start(&netns, "lo", "dst port 53 or dst port 9").unwrap();
        let json = folder.path().join("report.json");
        // Ahead of what else this machine does.
        let mut command = netns.command("chrt");
        command.args(["--fifo", "20", PROGRAM, "run"]);
        command.args(files.iter().flat_map(|file| ["--replay", file]));
        command.args(["--server", "127.0.0.1:53", "--first-source", "127.20.0.1"]);
        command.args(["--timeout", "100ms", "--max-lateness", &format!("{most}ms"), "--json"]);
        let ran = command.arg(&json).output().unwrap();
        let last = format!("echo -n {LAST} >/dev/udp/127.0.0.1/9");
        assert!(
            netns
                .command("bash")
                .args(["-c", &last])
                .status()
                .unwrap()
                .success()
        );
        let report = std::fs::read_to_string(&json).unwrap_or_default();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap_or_default();
        let is_valid = report["invalid"].as_array().is_some_and(Vec::is_empty);
        let Ok(captured) = capture.finish(LAST.as_bytes()) else { continue };
        if !is_valid {
            seen = format!("{}, {ran:?}", report["invalid"]);
            continue;
        }
        assert_eq!(report["run"]["counts"]["sent"], lines, "{ran:?}");
        let wire = wire::Wire::read(&captured);
        wire.check_order(&log);
        let p99 = wire.p99_ms(&log, report["started_unix_ns"].as_u64().unwrap());
        seen = format!("{lines} lines, {CLIENTS} clients: instants within {p99:.3} ms at p99");
        println!("{seen}");
        if p99 <= most {
            return;
        }
    }
    panic!("no valid run within {most} ms in {ATTEMPTS}; the last: {seen}");
}

/// Clients that are added bring as many new names each as those that were there.
#[test]
fn ten_times_the_clients_keep_the_hit_ratio_of_coredns() {
    if ![Component::Netns, Component::Coredns].into_iter().all(have) {
        return;
    }
    let _machine = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = by_length(1_000, 6_000);
    let log = Log::new(lines, 20, by_length(2, 10));
    let folder = tempfile::tempdir().unwrap();
    let files = log.write(folder.path());
    // Slower where there are more, so that CoreDNS keeps up beside what else runs here.
    let ratios = [(1, "1"), (10, "0.4")].map(|(clients, speed)| {
        let netns = Netns::new().unwrap();
        let listen = "127.0.0.1:53".parse().unwrap();
        let _coredns = Coredns::start_in(&netns, listen, hits::COREFILE, &[]).unwrap();
        let mut command = netns.command(PROGRAM);
        command.args(["run", "--server", "127.0.0.1:53", "--speed", speed]);
        command.args(["--max-lateness", "10s", "--clients", &clients.to_string()]);
        command.args(files.iter().flat_map(|file| ["--replay", file]));
        let ran = command.output().unwrap();
        let (came, ratio) = hits::count(&netns);
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        let expected = (lines * clients) as f64;
        assert!(came > 0.9 * expected, "{came} of {expected}: {ran:?}");
        ratio
    });
    println!("hits of CoreDNS: {:.2}%; with ten times the clients: {:.2}%", ratios[0], ratios[1]);
    assert!((ratios[0] - ratios[1]).abs() < 1.0, "{ratios:?}");
    assert!((50.0..90.0).contains(&ratios[0]), "{ratios:?}");
}

#[test]
fn a_log_without_times_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("core.log");
    std::fs::write(
        &path,
        "[INFO] 10.0.0.1:4000 - 1 \"A IN a. udp 40 false 512\" NOERROR qr 9 0.1s\n",
    )
    .unwrap();
    let mut command = Command::new(PROGRAM);
    command
        .args(["run", "--server", "127.0.0.1:9", "--replay"])
        .arg(path);
    let ran = command.output().unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(78), "{errors}");
    assert!(errors.contains("core.log:1: the line has no time"), "{errors}");
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_fivedots-loadgen");
const CLIENTS: u16 = 200;
/// A load on its own: what runs beside it takes its CPU.
static ALONE: Mutex<()> = Mutex::new(());
/// Rounds until the machine lets us be punctual.
const ATTEMPTS: usize = 6;
/// The packet after the last that matters.
const LAST: &str = "the-recording-is-over";
