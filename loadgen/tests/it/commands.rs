//! Commands and their exit codes.

use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use loadgen::scenario::fingerprint;
use tempfile::TempDir;
use testbed::Process;
use upstream::{Upstream, kubernetes};

use crate::program::{command, piped_scenario, run, scenario, shared};

#[test]
fn usage_is_64_and_help_is_0() {
    for arguments in [&[][..], &["fly"], &["quick"], &["quick", "127.0.0.1", "--rate", "fast"]] {
        assert_eq!(run(arguments).code, 64, "{arguments:?}");
    }
    let ran = run(&["quick", "127.0.0.1", "--rate", "-5"]);
    assert_eq!(ran.code, 64, "{}", ran.errors);
    let ran = run(&["quick", "127.0.0.1", "--rate", "0"]);
    assert!(ran.errors.contains("limits.max_qps: 0 is not a rate"), "{}", ran.errors);
    assert_eq!(ran.code, 64);
    assert_eq!(run(&["--help"]).code, 0);
    assert_eq!(run(&["--version"]).code, 0);
}

/// These would be sent to if the guard let them.
#[test]
fn a_target_that_is_not_allowed_is_77() {
    for (server, allow, message) in [
        ("10.96.0.10", "10.96.1.0/24", "10.96.0.10 is not in `allow`"),
        ("192.0.2.1", "192.0.2.0/24", "192.0.2.1 is a public address"),
        ("2001:db8::1", "::/0", "2001:db8::1 is a public address"),
        ("0.0.0.0", "0.0.0.0/0", "is not the address of one server"),
    ] {
        let ran = run(&["quick", server, "--allow", allow]);
        assert_eq!(ran.code, 77, "{}", ran.errors);
        assert!(ran.errors.contains(message), "{}", ran.errors);
    }
}

const SCENARIO: &str = r#"
schema = 1
name = "checked"
target = { server = "127.0.0.1:9" }
limits = { max_qps = 100, max_duration = "1m" }
workload = { names = ["www.example"] }
[[phase]]
name = "load"
for = "10s"
schedule = { shape = "ramp", from = 10, to = 100 }
"#;

#[test]
fn a_wrong_scenario_is_78_and_nothing_is_sent_by_a_check() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("s.toml");
    let file = path.to_str().unwrap();
    fs::write(&path, SCENARIO).unwrap();
    for arguments in [&["check", file][..], &["run", file, "--dry-run"]] {
        let ran = run(arguments);
        assert_eq!(ran.code, 0, "{}", ran.errors);
        assert!(
            ran.text
                .contains("load: 10s, ramp 10/s to 100/s: about 550"),
            "{}",
            ran.text
        );
    }
    fs::write(&path, SCENARIO.replace("max_qps", "max_qsp")).unwrap();
    for arguments in [&["check", file][..], &["run", file]] {
        let ran = run(arguments);
        assert_eq!(ran.code, 78, "{}", ran.errors);
        assert!(ran.errors.contains("s.toml:5: unknown field `max_qsp`"), "{}", ran.errors);
    }
}

/// A pipe gives its text once: what is fingerprinted is what ran.
#[test]
fn a_scenario_is_read_once() {
    let _machine = shared();
    let text = SCENARIO.replace("10s", "100ms");
    let fingerprint = format!("{:016x}", fingerprint(&text));
    assert_eq!(piped_scenario(&text).text_at("/load/fingerprint"), fingerprint);
}

/// 864 billion queries are not counted one by one.
#[test]
fn a_plan_is_calculated() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("s.toml");
    let text = SCENARIO
        .replace("max_qps = 100,", "max_qps = 10000000,")
        .replace("\"1m\"", "\"24h\"")
        .replace("\"10s\"", "\"24h\"")
        .replace("from = 10, to = 100", "from = 10000000, to = 10000000");
    fs::write(&path, text).unwrap();
    let ran = run(&["check", path.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    for expected in [
        "about 864000000000",
        "at most 10000000 packets/s and 5680.0 Mbit/s leave",
        "100000 queries are outstanding if the server is silent, and the rest is shed",
        "socket(s), as many flows in conntrack",
    ] {
        assert!(ran.text.contains(expected), "{expected}: {}", ran.text);
    }
}

#[test]
fn the_server_of_a_file_can_be_replaced() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("s.toml");
    let file = path.to_str().unwrap();
    fs::write(&path, SCENARIO).unwrap();
    let ran = run(&["run", file, "--dry-run", "--server", "127.0.0.1:5454"]);
    assert!(ran.text.contains("checked: queries to 127.0.0.1:5454"), "{}", ran.text);
    let ran = run(&["run", file, "--dry-run", "--server", "10.96.0.10"]);
    assert_eq!(ran.code, 77, "{}", ran.errors);
    let ran = run(&["run", file, "--dry-run", "--server", "kube-dns"]);
    assert_eq!(ran.code, 78, "{}", ran.errors);
    assert!(ran.errors.contains("s.toml:4: target.server: \"kube-dns\""), "{}", ran.errors);
}

/// Before an hour of load, not after it.
#[test]
fn a_report_that_cannot_be_written_is_found_at_the_start() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let ran = run(&["quick", &address, "--for", "1h", "--json", "/gone/report.json"]);
    assert_eq!(ran.code, 1, "{}", ran.errors);
    assert!(
        ran.errors
            .contains("cannot write /gone/report.json: No such file"),
        "{}",
        ran.errors
    );
    assert!(silent.recv(&mut [0]).is_err(), "a query was sent");
}

/// One line on standard output, so that a log is a transport.
#[test]
fn a_dash_is_standard_output() {
    let _machine = shared();
    let server = Upstream::builder().script(kubernetes()).start().unwrap();
    let address = server.addr().to_string();
    let arguments = ["quick", &address, "--rate", "100", "--for", "100ms", "--json", "-"];
    let mut arguments = arguments.to_vec();
    arguments.extend(["--expect", "answered >= 10", "--expect", "run.latency.p50 < 5s"]);
    let ran = run(&arguments);
    let json: serde_json::Value = serde_json::from_str(ran.text.trim_end()).unwrap();
    assert_eq!(json["run"]["counts"]["answered"], 10);
    assert_eq!(ran.text.lines().count(), 1);
    assert!(ran.errors.contains("ok   load.answered >= 10   (is 10)"), "{}", ran.errors);
    assert!(ran.errors.contains("ok   run.latency.p50 < 5s"), "{}", ran.errors);
    assert!(!fs::exists("-").unwrap());
    let ran = run(&["quick", &address, "--expect", "answered"]);
    assert_eq!(ran.code, 64, "{}", ran.errors);
    assert!(
        ran.errors
            .contains("--expect \"answered\": write for instance"),
        "{}",
        ran.errors
    );
}

/// A green run must mean that the situation was there.
#[test]
fn a_situation_that_did_not_occur_is_4() {
    let _machine = shared();
    let server = Upstream::builder().script(kubernetes()).start().unwrap();
    let asked = |condition: &str| {
        let text = SCENARIO
            .replace("127.0.0.1:9", &server.addr().to_string())
            .replace("10s", "100ms")
            .replace("max_qps = 100", "max_qps = 1000");
        let more = "[expect]\n\"load.answered\" = \"> 1\"\n[reproduced]\n\"load.rcode.";
        scenario(&format!("{text}{more}{condition}\n"))
    };
    let ran = asked("SERVFAIL\" = \"> 50%\"");
    assert!(ran.ended_with(4), "{}", ran.text);
    assert!(
        ran.text
            .contains("not reproduced: load.rcode.SERVFAIL > 50%"),
        "{}",
        ran.text
    );
    assert!(ran.text.contains("ok   load.answered > 1"), "{}", ran.text);
    let ran = asked("NOERROR\" = \"> 50%\"");
    assert!(ran.ended_with(0), "{}", ran.text);
}

#[test]
fn a_scenario_that_cannot_be_read_is_78() {
    for arguments in [&["run", "/gone.toml"][..], &["check", "/gone.toml"]] {
        let ran = run(arguments);
        assert_eq!(ran.code, 78, "{}", ran.errors);
        assert!(ran.errors.contains("cannot read /gone.toml: No such file"), "{}", ran.errors);
    }
}

#[test]
fn a_signal_ends_the_run_with_a_report() {
    let _machine = shared();
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        end_by(signal, code);
    }
}

fn end_by(signal: &str, code: i32) {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let load = Process::spawn(&mut command(&["quick", &address, "--for", "1h"])).unwrap();
    // The first query: it runs.
    silent
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    silent.recv(&mut [0; 512]).unwrap();
    load.signal(signal).unwrap();
    let status = load.wait(Duration::from_secs(5)).unwrap();
    assert_eq!(status.code(), Some(code));
    let said = load.output();
    assert!(said.contains("had no answer yet when the run was interrupted"), "{said}");
    assert!(said.contains("interrupted: the figures cover the time until then"), "{said}");
}

#[test]
fn a_report_that_cannot_be_written_is_1() {
    let _machine = shared();
    let ran = run(&["quick", "127.0.0.1:9", "--for", "100ms", "--json", "/gone/report.json"]);
    assert_eq!(ran.code, 1, "{}", ran.errors);
    assert!(ran.errors.contains("cannot write /gone/report.json"), "{}", ran.errors);
}

#[test]
fn a_demo_of_a_program_that_does_not_start_is_1() {
    let _machine = shared();
    let ran = run(&["demo", "--subject", "/gone/fivedots", "--for", "1s"]);
    assert_eq!(ran.code, 1, "{}", ran.errors);
    assert!(ran.errors.contains("cannot start /gone/fivedots"), "{}", ran.errors);
    let ran = run(&["demo", "--subject", "false", "--for", "1s"]);
    assert_eq!(ran.code, 1, "{}", ran.errors);
    assert!(ran.errors.contains("false ended before it was ready"), "{}", ran.errors);
    assert_eq!(run(&["demo", "--subject", "false", "--for", "soon"]).code, 64);
    assert_eq!(run(&["demo", "--subject", "false", "--rate", "0"]).code, 64);
}
