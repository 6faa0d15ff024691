//! Processes: their lines, their signals, their end.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testbed::{Process, eventually, port};

use super::PATIENCE;

fn shell(script: &str) -> Process {
    Process::spawn(Command::new("sh").args(["-c", script])).unwrap()
}

#[test]
fn lines_of_both_outputs_are_waited_for() {
    let process = shell("echo one; echo two >&2; read never; exit 3");
    assert_eq!(process.wait_for_line("tw", PATIENCE).unwrap(), "two");
    assert_eq!(process.wait_for_line("one", PATIENCE).unwrap(), "one");
    assert_eq!(process.wait(PATIENCE).unwrap().code(), Some(3));
}

/// An ended program will say no more: the deadline is not waited for.
#[test]
fn a_line_that_never_comes_shows_what_came() {
    let process = shell("echo something else");
    let error = process
        .wait_for_line("needle", Duration::from_secs(3600))
        .unwrap_err();
    assert!(error.to_string().ends_with("something else\n"), "{error}");
}

#[test]
fn a_signal_is_delivered_and_an_ended_process_has_none() {
    let process = shell("trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done");
    process.wait_for_line("ready", PATIENCE).unwrap();
    let error = process.wait(Duration::ZERO).unwrap_err();
    assert!(error.to_string().contains("still runs"), "{error}");
    assert!(process.signal("NONSENSE").is_err());
    process.signal("TERM").unwrap();
    assert_eq!(process.wait(PATIENCE).unwrap().code(), Some(5));
    assert!(
        process
            .signal("TERM")
            .unwrap_err()
            .to_string()
            .contains("has ended")
    );
}

#[test]
fn dropping_kills_and_reaps() {
    let process = shell("trap '' TERM; echo ready; exec sleep 3600");
    process.wait_for_line("ready", PATIENCE).unwrap();
    let proc = format!("/proc/{}", process.pid());
    assert!(Path::new(&proc).exists());
    drop(process);
    assert!(!Path::new(&proc).exists());
}

#[test]
fn a_signal_that_kills_is_seen_in_the_status() {
    let process = shell("exec sleep 3600");
    process.signal("KILL").unwrap();
    assert_eq!(process.wait(PATIENCE).unwrap().signal(), Some(9));
}

#[test]
fn a_port_is_waited_for_and_an_ended_process_ends_the_wait() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let process = shell("exec sleep 3600");
    process
        .wait_for_port(listener.local_addr().unwrap(), PATIENCE)
        .unwrap();

    let ended = shell("echo cannot bind; exit 1");
    assert!(eventually(PATIENCE, || ended.status().is_some()));
    let nobody = port::free([127, 0, 0, 1]).unwrap();
    assert!(
        ended
            .wait_for_port(nobody, Duration::from_secs(3600))
            .is_err()
    );
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let error = Process::spawn(&mut Command::new("/no/such/program"))
        .err()
        .unwrap();
    assert!(format!("{error:#}").contains("/no/such/program"));
}
