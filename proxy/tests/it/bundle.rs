//! `fivedots bundle` as a program: the file for a ticket, with a proxy and without one.

use std::process::{Command, Output};

use serde_json::Value;

use crate::PROGRAM;
use crate::redact::{told, world};

fn fivedots(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

/// Of whatever the probes find: 0, 3 or 4.
fn judged(file: &str) -> (i32, Value) {
    let again = fivedots(&["diagnose", "--bundle", file, "--format", "json"]);
    let code = again.status.code().unwrap();
    (code, serde_json::from_slice(&again.stdout).unwrap_or_else(|_| panic!("{again:?}")))
}

const PARTS: [&str; 11] = [
    "cache",
    "config",
    "failures",
    "loops",
    "metrics",
    "summary",
    "upstreams",
    "verdict",
    "version",
    "workloads_by_failures",
    "workloads_by_waste",
];

#[test]
fn a_bundle_has_all_that_the_proxy_tells_and_is_judged_again() {
    let (_upstream, proxy) = world();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ticket.json");
    let file = file.to_str().unwrap();
    let admin = proxy.admin.to_string();
    let output = fivedots(&["bundle", "--admin", &admin, "--output", file]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = text(&output.stdout);
    assert!(said.starts_with("verdict   ") && said.contains(file), "{said}");
    assert!(!said.contains("missing"), "{said}");

    let written = std::fs::read_to_string(file).unwrap();
    assert!(written.len() < 1_000_000, "{} octets", written.len());
    let ticket: Value = serde_json::from_str(&written).unwrap();
    let parts: Vec<_> = ticket["proxy"].as_object().unwrap().keys().collect();
    assert_eq!(parts, PARTS);
    assert_eq!(ticket["missing"], serde_json::json!([]));
    assert_eq!(ticket["version"], ticket["proxy"]["version"]);
    let metrics = ticket["proxy"]["metrics"].as_str().unwrap();
    assert!(metrics.contains("fivedots_observed_queries_total 15\n"), "{metrics}");
    let config = ticket["proxy"]["config"].as_str().unwrap();
    assert!(config.contains("[[observe.search]]"), "{config}");
    let pages = [&ticket["proxy"]["verdict"]["events"], &ticket["evidence"]["window"]["who"]];
    assert!(pages.iter().all(|page| page.is_array()), "{pages:?}");
    let (_, again) = judged(file);
    assert_eq!(again["evidence"], ticket["evidence"]);
    assert_eq!(again["verdict"], ticket["verdict"]);
    assert!(!told(&written).is_empty(), "names and clients are there unless they are hidden");
}

#[test]
fn a_redacted_bundle_has_no_name_and_no_client() {
    let (_upstream, proxy) = world();
    let admin = proxy.admin.to_string();
    let output = fivedots(&["bundle", "--admin", &admin, "--redact", "names,clients"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let ticket = text(&output.stdout);
    assert_eq!(told(&ticket), Vec::<&str>::new(), "{ticket}");
    assert!(text(&output.stderr).starts_with("verdict   "), "{output:?}");
    // Whoever fails in one part is found in the others.
    let ticket: Value = serde_json::from_str(&ticket).unwrap();
    let who = &ticket["evidence"]["window"]["who"][0]["name"];
    assert!(who.as_str().unwrap().starts_with("2001:db8::"), "{who}");
    assert_eq!(*who, ticket["proxy"]["workloads_by_failures"]["workloads"][0]["name"]);
}

#[test]
fn without_a_proxy_each_part_that_is_missing_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ticket.json");
    let file = file.to_str().unwrap();
    let output = fivedots(&["bundle", "--admin", "127.0.0.1:1", "-o", file]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let ticket: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(ticket["proxy"], serde_json::json!({}));
    let missing: Vec<_> = ticket["missing"].as_array().unwrap().iter().collect();
    for part in PARTS {
        let begins = format!("{part} of the proxy: cannot reach 127.0.0.1:1");
        let is_named = |one: &&&Value| one.as_str().unwrap().starts_with(&begins);
        assert_eq!(missing.iter().filter(is_named).count(), 1, "{part}: {missing:?}");
    }
    assert_eq!(judged(file).0, 4);
    let nowhere = fivedots(&["bundle", "--admin", "127.0.0.1:1", "-o", "/nowhere/ticket.json"]);
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
    assert!(text(&nowhere.stderr).contains("cannot write /nowhere/ticket.json"), "{nowhere:?}");
}
