//! Each target with its seeds and some thousand inputs, always the same; and that the
//! driver finds what is there to be found.

#![cfg(test)]

use std::process::Command;

use fuzz::{Driver, Target, seeds, targets};

/// Long enough to reach past the first checks of each target.
const STEPS: u32 = 2_000;

fn run(target: &'static Target) -> usize {
    let mut driver = Driver::new(target, 1);
    let steps = if target.name == "http" { STEPS / 10 } else { STEPS };
    for _ in 0..steps {
        let finding = driver.step(|_| ());
        assert_eq!(finding, None, "{}", target.name);
    }
    driver.kept() - seeds(target).len()
}

#[test]
fn all_targets_hold() {
    for target in targets::ALL {
        let new = run(target);
        assert!(
            new > 3,
            "{}: {new} outcomes beside the seeds: it ends at its first check",
            target.name
        );
    }
}

/// Each seed as it is, cut at each octet, and with each octet changed.
#[test]
fn seeds_hold_however_they_are_cut_and_changed() {
    for target in targets::ALL.iter().filter(|target| target.name != "http") {
        let all = seeds(target);
        assert!(!all.is_empty(), "no seeds of {}", target.name);
        for octets in all.iter().filter(|octets| octets.len() < 512) {
            for cut in 0..octets.len() {
                (target.feed)(&octets[..cut]);
                for change in [0x01, 0x20, 0x80, 0xff] {
                    let mut changed = octets.clone();
                    changed[cut] ^= change;
                    (target.feed)(&changed);
                }
            }
        }
    }
}

#[test]
fn the_driver_finds_what_is_two_changes_away() {
    static PLANTED: Target = Target {
        name: "planted",
        feed: |octets| {
            let found = octets
                .windows(2)
                .filter(|pair| *pair == b"\xff\x3f")
                .count();
            assert_eq!(found, 0, "found");
            u64::from(octets.contains(&0xff))
        },
        folders: &[],
        words: &[],
        longest: 64,
    };
    let mut driver = Driver::with_seeds(&PLANTED, vec![vec![1; 16]], 1);
    let found = (0..200_000).find_map(|_| driver.step(|_| ()));
    let finding = found.unwrap();
    assert!(finding.input.windows(2).any(|pair| pair == b"\xff\x3f"), "{finding:?}");
}

#[test]
fn the_program_runs_one_target_and_refuses_an_unknown_one() {
    let fuzz = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_fuzz")).args(args).output();
        let output = output.unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let findings = tempfile::tempdir().unwrap();
    let findings = findings.path().to_str().unwrap();
    let (succeeds, said) = fuzz(&["--for", "1", "--findings", findings, "name"]);
    assert!(succeeds, "{said}");
    let (succeeds, said) = fuzz(&["--findings", findings, "parsley"]);
    assert!(!succeeds && said.contains("no target \"parsley\"; known are "), "{said}");
}
