//! A referee of the load generator: a server in each of some thirty states, in a
//! network namespace of its own, and a capture of what passed as the judge. Due times
//! are calculated again from the seed.
//!
//! `cargo xtask referee` runs all of them and prints tool, truth and error.
#![cfg(test)]

mod cases;
mod play;
mod server;
mod truth;
mod verdict;

use testbed::{Capture, Component, Netns, by_length, have, netns};

use truth::Wire;
use verdict::Verdict;

#[test]
fn the_report_is_what_the_capture_shows() {
    if let Some(role) = netns::role() {
        return play::inside(&role);
    }
    let components = [Component::Netns, Component::Tshark];
    if !components.into_iter().all(have) || !testbed::have_program("nft", Component::Netns) {
        return;
    }
    let is_long = by_length(false, true);
    let mut left: Vec<usize> = (0..)
        .zip(cases::all())
        .filter_map(|(number, case)| (is_long || case.in_short).then_some(number))
        .collect();
    println!("{}", verdict::HEAD);
    let mut failed = Vec::new();
    for _ in 0..ATTEMPTS {
        failed = round(&left);
        left = failed.iter().map(|verdict| verdict.number).collect();
        if left.is_empty() {
            return;
        }
    }
    let why: Vec<String> = failed.iter().map(Verdict::to_string).collect();
    panic!("not what the capture shows, {ATTEMPTS} times:\n{}", why.join("\n"));
}

/// Plays these cases under one capture; returns those that are not right.
fn round(numbers: &[usize]) -> Vec<Verdict> {
    let netns = Netns::new().unwrap();
    let capture = Capture::start(&netns, "lo", "udp or icmp or icmp6").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results");
    let list: Vec<String> = numbers.iter().map(usize::to_string).collect();
    let role = format!("{} {}", results.display(), list.join(","));
    netns
        .run_test("the_report_is_what_the_capture_shows", &role)
        .unwrap();
    let last = format!("echo -n {LAST} >/dev/udp/127.0.0.1/9");
    assert!(
        netns
            .command("bash")
            .args(["-c", &last])
            .status()
            .unwrap()
            .success()
    );
    let wire = Wire::read(&capture.finish(LAST.as_bytes()).unwrap());
    let verdicts = play::results(&results)
        .into_iter()
        .map(|ran| Verdict::new(&ran, &wire));
    let mut wrong = Vec::new();
    for verdict in verdicts {
        println!("{verdict}");
        if !verdict.is_right() {
            wrong.push(verdict);
        }
    }
    wrong
}

/// A machine that is busy with other things blurs times; counts it does not.
const ATTEMPTS: usize = 3;

/// The packet after the last that matters.
const LAST: &str = "the-referee-has-seen-enough";
