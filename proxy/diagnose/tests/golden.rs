//! The evidence of real incidents, judged again: those of `cargo xtask incidents` and of
//! the two-node cluster. Each file of `golden/` has a line for each run.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use diagnose::{Evidence, Outcome, judge};

/// What is to be found: the cause, its scope and a part of who it is, a line each.
const EXPECTED: &str = include_str!("golden/expected.txt");

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

/// Each line of [`EXPECTED`]: the incident and the words after it.
fn expected() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    EXPECTED.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.collect()))
    })
}

#[test]
fn each_run_of_each_incident_has_its_cause() {
    let mut count = 0;
    for (incident, wanted) in expected() {
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
    let files = fs::read_dir(here("tests/golden")).unwrap().flatten();
    let files = files.filter(|file| file.path().extension().is_some_and(|end| end == "jsonl"));
    assert_eq!(files.count(), expected().count(), "each file has a line in expected.txt");
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
        let verdict = judge(runs(incident).first().expect("a run"));
        written += &format!(
            "<!-- golden: {incident} -->\n```console\n$ fivedots diagnose\n{verdict}```\n{rest}"
        );
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
