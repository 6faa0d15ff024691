//! What `diagnose` finds on both nodes of incidents that are made in the cluster, and that
//! what it prints heals them.
//!
//! `cargo xtask cluster diagnosis`: some minutes for each of the runs that `RUNS` asks for.

mod cases;
mod further;
mod steps;
mod table;

use std::fs;
use std::process::Output;

use diagnose::{Cause, Evidence, Fleet, Outcome, Scope};
use testbed::{Component, eventually, have, have_program};

use crate::bed::{Bed, LONG};
use cases::{CASES, Case};
use steps::restore;

/// Without `RUNS` there is none: each takes ten minutes of two processors.
#[test]
fn incidents_of_a_cluster_are_named_and_healed() {
    let Some(runs) = std::env::var("RUNS")
        .ok()
        .and_then(|runs| runs.parse::<u32>().ok())
    else {
        return println!("skipped: RUNS is not set");
    };
    let programs = ["gcc", "musl-gcc", "strip", "conntrack"];
    let can = |program: &&str| have_program(program, Component::Cluster);
    if !have(Component::Cluster) || !have(Component::Deploy) || !programs.iter().all(can) {
        return;
    }
    let bed = Bed::named("diagnosis");
    bed.release().install();
    bed.wait_until_both_live();
    bed.ask();
    all_nodes_are_asked(&bed);
    let only = std::env::var("CASES").unwrap_or_default();
    let mut wrong = Vec::new();
    for _ in 0..runs {
        let is_wanted = |case: &&Case| only.split(',').any(|part| case.name.contains(part));
        for case in CASES.iter().filter(is_wanted) {
            wrong.extend(run(&bed, case).err());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// By way of the API server and the kubelets, what listens on loopback in each Pod.
fn all_nodes_are_asked(bed: &Bed) {
    let space = bed.cluster.nodes[0].space();
    let mut command = space.command(bed.program()).unwrap();
    command
        .args(["diagnose", "--all-nodes", "--format", "json", "--kubeconfig"])
        .arg(bed.cluster.control_plane.kubeconfig());
    let output = command.output().unwrap();
    let fleet: Fleet = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!((fleet.nodes.len(), fleet.unseen.len()), (2, 0), "{fleet}");
}

/// Makes a case, looks, heals it by what was printed, and looks again.
fn run(bed: &Bed, case: &Case) -> Result<(), String> {
    let made = (case.make)(bed);
    let fleet = look(bed, case, case.name);
    let mut found = found(&fleet);
    println!("{}: {found:?}", case.name);
    let mut wrong = String::new();
    match case.expected {
        None if fleet.outcome() != Outcome::Healthy => wrong = format!("{}: {fleet}", case.name),
        Some((cause, scope, who, nodes)) => {
            let is_it = |(_, one, reach, culprit): &(String, Cause, Scope, String)| {
                *one == cause && *reach == scope && culprit.contains(who)
            };
            // Both are so: the load is of search lists, and the quota is too small for it.
            let beside =
                |one: Cause| (cause, one) == (Cause::Amplification, Cause::CorednsThrottled);
            found.retain(|(_, one, ..)| !beside(*one));
            let finders: Vec<_> = found.iter().map(|(node, ..)| &**node).collect();
            if !nodes.are(&finders) || !found.iter().all(is_it) {
                wrong = format!("{}: {fleet}", case.name);
            }
        }
        None => {}
    }
    let commands = fleet.nodes.iter().flat_map(|one| &one.verdict.findings);
    let commands: Vec<_> = commands
        .flat_map(|finding| finding.fix.commands.clone())
        .collect();
    (case.heal)(bed, &commands);
    drop(made);
    if case.expected.is_some() {
        let healed = || look(bed, case, "healed").outcome() == Outcome::Healthy;
        let is_healed = eventually(LONG, healed);
        if !is_healed {
            wrong += &format!("{}: not healed: {}", case.name, look(bed, case, "healed"));
        }
        println!("{}: {}", case.name, if is_healed { "healed" } else { "not healed" });
    }
    if wrong.is_empty() {
        return Ok(());
    }
    println!("{wrong}");
    // What a case leaves behind is not that of the next one.
    restore(bed);
    Err(wrong)
}

fn found(fleet: &Fleet) -> Vec<(String, Cause, Scope, String)> {
    let mut all = Vec::new();
    for one in &fleet.nodes {
        for finding in &one.verdict.findings {
            let culprit = finding.culprit.clone().unwrap_or_default();
            all.push((one.node.clone(), finding.cause, finding.scope, culprit));
        }
    }
    all
}

/// What both nodes find, each with the other as its peer; kept where `EVIDENCE` says.
fn look(bed: &Bed, case: &Case, name: &str) -> Fleet {
    let all: Vec<Evidence> = std::thread::scope(|scope| {
        let look = |node| scope.spawn(move || evidence(bed, case, node));
        [look(0), look(1)]
            .map(|thread| thread.join().unwrap())
            .into()
    });
    if let Some(dir) = std::env::var_os("EVIDENCE") {
        let path =
            std::path::Path::new(&dir).join(format!("cluster-{}.jsonl", name.replace(' ', "-")));
        let lines: String = all
            .iter()
            .map(|one| serde_json::to_string(one).unwrap() + "\n")
            .collect();
        let known = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, known + &lines).unwrap();
    }
    Fleet::judge(&all)
}

/// On the node itself: where its connections have no room, `kubectl exec` has none.
fn evidence(bed: &Bed, case: &Case, node: usize) -> Evidence {
    let flags = [&["--format", "json"], case.flags].concat();
    let output = diagnose(bed, node, &flags);
    let bundle: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    serde_json::from_value(bundle["evidence"].clone()).unwrap()
}

/// Runs `diagnose` on a node with these flags.
fn diagnose(bed: &Bed, node: usize, flags: &[&str]) -> Output {
    let space = bed.cluster.nodes[node].space();
    let mut command = space.command(bed.program()).unwrap();
    let file = bed.cluster.control_plane.kubeconfig();
    command
        .arg("diagnose")
        .arg("--kubeconfig")
        .arg(file)
        .args(flags);
    // As its kubelet has it.
    command
        .arg("--resolv-conf")
        .arg(bed.cluster.dir().join("resolv.conf"));
    command.env("NODE_NAME", bed.cluster.nodes[node].name());
    command.output().unwrap()
}
