//! The models of clients beside the programs that they are models of: the same
//! situations, each in its own addresses of one network namespace, under one capture.
//!
//! `cargo xtask clients` plays all of them and shows both sequences where they differ.
#![cfg(test)]

mod play;
mod sequence;
mod server;
mod situations;

use testbed::{Capture, Component, Netns, by_length, have, have_program, netns};

use sequence::{Difference, Sequences};
use situations::{CLIENTS, Pair, SITUATIONS};

#[test]
fn models_send_what_their_libraries_send() {
    if let Some(role) = netns::role() {
        return play::inside(&role);
    }
    let components = [Component::Netns, Component::Tshark];
    if !components.into_iter().all(have) {
        return;
    }
    let is_long = by_length(false, true);
    let pairs: Vec<Pair> = Pair::all()
        .filter(|pair| is_long || pair.situation().in_short)
        .filter(|pair| have_program(CLIENTS[pair.client].needs, Component::Netns))
        .collect();
    let programs = play::Programs::build();
    let mut left = pairs;
    let mut differences = Vec::new();
    for _ in 0..ATTEMPTS {
        differences = round(&left, &programs);
        left = differences
            .iter()
            .map(|difference| difference.pair)
            .collect();
        if left.is_empty() {
            println!("{} situations: the same", SITUATIONS.len());
            return;
        }
    }
    let shown: Vec<String> = differences.iter().map(Difference::to_string).collect();
    panic!("not the same, {ATTEMPTS} times:\n{}", shown.join("\n"));
}

/// Plays these pairs under one capture; returns what differs.
fn round(pairs: &[Pair], programs: &play::Programs) -> Vec<Difference> {
    let netns = Netns::new().unwrap();
    let capture = Capture::start(&netns, "lo", "dst port 53 or port 9").unwrap();
    let folder = tempfile::tempdir().unwrap();
    play::order(folder.path(), programs, pairs);
    netns
        .run_test("models_send_what_their_libraries_send", folder.path().to_str().unwrap())
        .unwrap();
    let last = format!("echo -n {LAST} >/dev/udp/127.0.0.1/9");
    let status = netns.command("bash").args(["-c", &last]).status().unwrap();
    assert!(status.success());
    let captured = match capture.finish(LAST.as_bytes()) {
        Ok(captured) => captured,
        // A machine that stands still loses packets of the capture, too.
        Err(error) => {
            return pairs
                .iter()
                .map(|pair| Difference::unseen(*pair, &error))
                .collect();
        }
    };
    let sequences = Sequences::read(&captured);
    let mut differences = Vec::new();
    for pair in pairs {
        let report = play::report(folder.path(), *pair);
        match sequences.compare(*pair, &report) {
            Ok(count) => println!("{pair}: {count} packets, the same"),
            Err(difference) => {
                println!("{difference}");
                differences.push(difference);
            }
        }
    }
    differences
}

/// A machine that stands still moves instants; what is sent it does not.
const ATTEMPTS: usize = 8;

/// The packet after the last that matters.
const LAST: &str = "the-clients-have-asked-enough";
