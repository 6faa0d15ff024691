//! The systemd unit: read by systemd, and what it waits for sent by the program.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use testbed::{Component, Process, have_program};

use crate::{SOON, deploy, run};

fn can() -> bool {
    have_program("systemd-analyze", Component::Deploy)
}

/// The unit as on this machine, where the program is elsewhere.
fn unit(dir: &tempfile::TempDir) -> std::path::PathBuf {
    let unit = fs::read_to_string(deploy().join("systemd/fivedots.service")).unwrap();
    let path = dir.path().join("fivedots.service");
    let program = env!("CARGO_BIN_EXE_fivedots");
    fs::write(&path, unit.replace("/usr/bin/fivedots", program)).unwrap();
    path
}

#[test]
fn systemd_takes_the_unit() {
    if !can() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = unit(&dir);
    let verify = |path: &std::path::Path| {
        let mut analyze = Command::new("systemd-analyze");
        analyze
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .arg(path);
        let output = analyze.output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (is_valid, said) = verify(&path);
    assert!(is_valid, "{said}");
    // Not because it takes everything.
    let misspelt = fs::read_to_string(&path)
        .unwrap()
        .replace("Type=notify", "Type=nofity");
    let other = dir.path().join("misspelt.service");
    fs::write(&other, misspelt).unwrap();
    let (is_valid, said) = verify(&other);
    assert!(!is_valid && said.contains("nofity"), "{said}");
}

/// At most 2.0 of 10, which systemd calls OK.
#[test]
fn the_unit_takes_no_more_than_it_needs() {
    if !can() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = unit(&dir);
    let mut analyze = Command::new("systemd-analyze");
    analyze
        .args(["security", "--offline=yes", "--no-pager", "--threshold=20"])
        .arg(path);
    run(&mut analyze).unwrap();
}

#[test]
fn the_configuration_of_the_unit_is_valid() {
    let path = deploy().join("systemd/fivedots.toml");
    let mut check = Command::new(env!("CARGO_BIN_EXE_fivedots"));
    run(check.args(["config", "check"]).arg(path)).unwrap();
}

/// What `Type=notify` and `WatchdogSec=` wait for.
#[test]
fn the_program_reports_to_systemd() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(SOON)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fivedots"));
    command
        .args(["run", "--listen", "127.0.0.1:0", "--upstream", "127.0.0.9"])
        .args(["--metrics", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "20000000");
    let process = Process::spawn(&mut command).unwrap();
    let wait_for = |wanted: &str| {
        let mut buffer = [0; 512];
        loop {
            let len = systemd.recv(&mut buffer).unwrap();
            if String::from_utf8_lossy(&buffer[..len]).starts_with(wanted) {
                return;
            }
        }
    };
    wait_for("READY=1");
    wait_for("WATCHDOG=1");
    process.signal("TERM").unwrap();
    wait_for("STOPPING=1");
}
