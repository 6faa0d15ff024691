//! Every scenario of the repository, and every example of its page, is read.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use loadgen::scenario::Scenario;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

#[test]
fn every_scenario_file_is_read_and_has_its_own_name() {
    let mut count = 0;
    for entry in fs::read_dir(root().join("scenarios")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(Some(scenario.name.as_str()), path.file_stem().and_then(|stem| stem.to_str()));
        assert!(!scenario.about.is_empty(), "{}", path.display());
        assert!(!scenario.expectations.is_empty(), "{} expects nothing", path.display());
        count += 1;
    }
    assert!(count >= 5, "only {count} scenarios were found");
}

#[test]
fn every_example_of_the_page_is_read() {
    let page = fs::read_to_string(root().join("docs/scenarios.md")).unwrap();
    let examples: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(examples.len() >= 3, "only {} examples were found", examples.len());
    for example in examples {
        Scenario::parse(example, Path::new("docs/scenarios.md"))
            .unwrap_or_else(|error| panic!("{error}\n{example}"));
    }
}

/// What the page calls a count is one: each is a key of `[expect]`.
#[test]
fn every_count_of_the_page_can_be_expected() {
    let page = fs::read_to_string(root().join("docs/scenarios.md")).unwrap();
    let (_, table) = page.split_once("| count |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let counts: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert_eq!(counts.len(), 13, "{counts:?}");
    for count in counts {
        let text = format!(
            "schema = 1\nname = \"n\"\ntarget = {{ server = \"127.0.0.1\" }}\n\
             limits = {{ max_qps = 1, max_duration = \"1m\" }}\nworkload = {{ names = [\"a\"] }}\n\
             [[phase]]\nname = \"p\"\nfor = \"1s\"\n\
             schedule = {{ shape = \"constant\", rate = 1 }}\n[expect]\n\"p.{count}\" = \"< 1%\"\n"
        );
        Scenario::parse(&text, Path::new("page")).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// The Job's scenario is one, and its Pods have the parts that it is dealt out in.
#[test]
fn the_job_deals_its_scenario_out_to_all_of_its_pods() {
    let manifest = fs::read_to_string(root().join("deploy/loadgen/job.yaml")).unwrap();
    let (_, rest) = manifest.split_once("  scenario.toml: |\n").unwrap();
    let (text, _) = rest.split_once("---\n").unwrap();
    let text: String = text
        .lines()
        .map(|line| line.trim_start().to_owned() + "\n")
        .collect();
    let scenario =
        Scenario::parse(&text, Path::new("job.yaml")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(scenario.clients.unwrap().count(), 200);
    for line in ["  completions: 4", "  parallelism: 4", "            - --shard=job/4"] {
        assert!(manifest.lines().any(|found| found == line), "{line}");
    }
}
