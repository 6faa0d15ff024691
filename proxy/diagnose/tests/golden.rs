//! The evidence of real incidents, judged again: those of `cargo xtask incidents` and of
//! the two-node cluster. Each file of `golden/` has a line for each run, those of
//! `golden/cluster/` one of each node for a run.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use diagnose::{Evidence, Fleet, NodeVerdict, Outcome, judge};

/// What is to be found: the cause, its scope and a part of who it is, a line each.
const EXPECTED: &str = include_str!("golden/expected.txt");

/// The same with the nodes that find it, `-` for nobody, and what may be found beside it.
const OF_CLUSTER: &str = include_str!("golden/cluster/expected.txt");

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn runs(incident: &str) -> Vec<Evidence> {
    let path = here(&format!("tests/golden/{incident}.jsonl"));
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Each line: the incident and the words after it.
fn expected(text: &'static str) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.collect()))
    })
}

/// Each file has a line of what is expected.
fn count_files(folder: &str, text: &'static str) {
    let files = fs::read_dir(here(folder)).unwrap().flatten();
    let files = files.filter(|file| file.path().extension().is_some_and(|end| end == "jsonl"));
    assert_eq!(files.count(), expected(text).count(), "each file has a line in expected.txt");
}

#[test]
fn each_run_of_each_incident_has_its_cause() {
    let mut count = 0;
    for (incident, wanted) in expected(EXPECTED) {
        for (n, evidence) in runs(incident).iter().enumerate() {
            let verdict = judge(evidence);
            let found = verdict.findings.iter().map(|finding| {
                let culprit = finding.culprit.clone().unwrap_or_default();
                (finding.cause.label(), finding.scope.label(), culprit)
            });
            let found: Vec<_> = found.collect();
            let is_it = match (wanted.as_slice(), found.as_slice()) {
                (["nothing"], []) => verdict.outcome == Outcome::Healthy,
                ([cause, scope, who], [one]) => {
                    one.0 == *cause && one.1 == *scope && one.2.contains(who)
                }
                _ => false,
            };
            assert!(is_it, "{incident}, run {}: {found:?}, not {wanted:?}", n + 1);
            count += 1;
        }
    }
    println!("{count} runs");
    count_files("tests/golden", EXPECTED);
}

#[test]
fn each_run_on_two_nodes_has_its_cause_and_who_finds_it() {
    let mut count = 0;
    for (incident, wanted) in expected(OF_CLUSTER) {
        for (n, nodes) in runs(&format!("cluster/{incident}")).chunks(2).enumerate() {
            let fleet = Fleet::judge(nodes);
            let found: Vec<_> = fleet.nodes.iter().flat_map(of_node).collect();
            let is_it = match wanted.as_slice() {
                ["nothing"] => fleet.outcome() == Outcome::Healthy && nodes.len() == 2,
                [cause, scope, who, by, beside @ ..] => {
                    let found: Vec<_> = found
                        .iter()
                        .filter(|(_, one, ..)| !beside.contains(one))
                        .collect();
                    let finders: Vec<_> = found.iter().map(|(node, ..)| &**node).collect();
                    let who = who.trim_start_matches('-');
                    by.split(',')
                        .any(|by| finders == by.split('+').collect::<Vec<_>>())
                        && found.iter().all(|(_, one, reach, culprit)| {
                            one == cause && reach == scope && culprit.contains(who)
                        })
                }
                _ => false,
            };
            assert!(is_it, "{incident}, run {}: {found:?}, not {wanted:?}", n + 1);
            count += 1;
        }
    }
    println!("{count} runs");
    count_files("tests/golden/cluster", OF_CLUSTER);
}

fn of_node(one: &NodeVerdict) -> Vec<(String, &'static str, &'static str, String)> {
    let findings = one.verdict.findings.iter();
    let found = findings.map(|finding| {
        let culprit = finding.culprit.clone().unwrap_or_default();
        (one.node.clone(), finding.cause.label(), finding.scope.label(), culprit)
    });
    found.collect()
}

/// `BLESS=1` writes them.
#[test]
fn the_examples_of_the_docs_are_what_is_printed() {
    let path = here("../../docs/causes.md");
    let text = fs::read_to_string(&path).unwrap();
    let mut parts = text.split("<!-- golden: ");
    let mut written = parts.next().unwrap().to_owned();
    for part in parts {
        let (incident, rest) = part
            .split_once(" -->\n```console\n")
            .expect("a block follows");
        let (_, rest) = rest.split_once("```\n").expect("the block ends");
        let printed = printed(incident);
        written += &format!("<!-- golden: {incident} -->\n```console\n{printed}```\n{rest}");
    }
    for cause in diagnose::Cause::ALL {
        let title = format!("\n## {}\n", cause.label());
        assert!(written.contains(&title), "docs/causes.md has no page for {}", cause.label());
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &written).unwrap();
    }
    assert!(
        text == written || std::env::var_os("BLESS").is_some(),
        "BLESS=1 renews docs/causes.md"
    );
}

/// Of its first run: a verdict, or those of both nodes.
fn printed(incident: &str) -> String {
    let runs = runs(incident);
    if incident.starts_with("cluster/") {
        let fleet = Fleet::judge(runs.get(..2).expect("a run"));
        return format!("$ fivedots diagnose --bundle node1.json --bundle node2.json\n{fleet}");
    }
    format!("$ fivedots diagnose\n{}", judge(runs.first().expect("a run")))
}
