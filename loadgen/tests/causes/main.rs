//! Each file of scenarios/ is played three times, in a network namespace of its own: at a
//! server that is well, at a real CoreDNS with the trouble, and at the same CoreDNS with
//! Fivedots in front.
//!
//! `cargo xtask scenarios` plays all of them and prints the pairs, `cargo xtask safety` ends
//! each fault in each way.
#![cfg(test)]

mod play;
mod rules;
mod safety;
mod world;

use testbed::{Component, by_length, have, have_program};

use play::{Played, World};
use rules::{PLAYS, Play};

#[test]
fn a_scenario_occurs_where_its_trouble_is_and_fivedots_meets_what_is_expected() {
    let components = [Component::Netns, Component::Coredns];
    if !components.into_iter().all(have) || !have_program("nft", Component::Netns) {
        return;
    }
    let mut wrong = Vec::new();
    for play in PLAYS.iter().filter(|play| is_wanted(play)) {
        if let Err(why) = at_all_worlds(play) {
            println!("  WRONG {why}");
            wrong.push(format!("{}: {why}", play.file));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Those that `SCENARIOS` names, or all of this length.
fn is_wanted(play: &Play) -> bool {
    match std::env::var("SCENARIOS") {
        Ok(names) => names
            .split(',')
            .any(|name| play.file.trim_end_matches(".toml") == name),
        Err(_) => play.in_short || by_length(false, true),
    }
}

/// Plays a file in its three worlds; a world in which this machine was too busy to
/// measure gets another try.
fn at_all_worlds(play: &Play) -> Result<(), String> {
    println!("{}", play.file);
    for (world, expected) in World::ALL.into_iter().zip(play.exits) {
        let mut played = Played::new(play, world);
        for _ in 1..ATTEMPTS {
            if played.exit == expected {
                break;
            }
            println!("  {world}: {played}; once more");
            played = Played::new(play, world);
        }
        println!("  {world}: {played}");
        if played.exit != expected {
            return Err(format!("{world}: exit {}, not {expected}\n{}", played.exit, played.text));
        }
    }
    Ok(())
}

/// Every file has a row here.
#[test]
fn every_scenario_file_is_played() {
    let folder = play::scenarios();
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    files.sort_unstable();
    let mut played: Vec<&str> = PLAYS.iter().map(|play| play.file).collect();
    played.sort_unstable();
    assert_eq!(files, played);
}

/// Until the machine lets us measure.
const ATTEMPTS: usize = 3;
