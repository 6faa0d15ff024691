//! What is found of one template, and what is not.

use std::collections::BTreeMap;

use cluster::object::PodObject;
use cluster::{Kubelet, Owner, Template};
use serde_json::{Value, json};

use super::*;

fn row_of(spec: &Value, images: &[&str]) -> Row {
    let pod = json!({ "metadata": { "namespace": "shop", "name": "web" }, "spec": spec });
    let pod: PodObject = serde_json::from_value(pod).unwrap();
    let owner = Owner { kind: "Deployment".to_owned(), name: "web".to_owned() };
    let images = images.iter().map(|image| (*image).to_owned()).collect();
    let labels = BTreeMap::new();
    let template = Template { owner, made_by: None, pods: 2, pod, images, labels };
    let kubelet =
        Kubelet { cluster_domain: "cluster.local".to_owned(), search: Vec::new(), ndots: None };
    Row::of(&template, &kubelet, &[])
}

fn found(spec: &Value, images: &[&str]) -> Vec<(&'static str, Gravity)> {
    let findings = row_of(spec, images).findings.into_iter();
    findings
        .map(|finding| (finding.what, finding.gravity))
        .collect()
}

fn config(config: &Value) -> Value {
    json!({ "dnsConfig": config })
}

fn options(options: &Value) -> Value {
    config(&json!({ "options": options }))
}

#[test]
fn the_default_costs_three_names_in_vain_and_is_no_problem() {
    let row = row_of(&json!({}), &["nginx:1.27-alpine"]);
    assert_eq!((row.worst, row.ndots, row.search_domains), (Gravity::Cost, 5, 3));
    let text = &row.findings[0].text;
    assert!(text.contains("as 4 names, 3 of them in vain"), "{text}");
    let command = row.advice[0].command.as_deref().unwrap();
    assert!(command.starts_with("kubectl -n shop patch deployment web --type=merge"), "{command}");
    assert!(row.advice[0].saves.contains("6 of 8 queries"), "{}", row.advice[0].saves);
    assert_eq!(row.advice.len(), 2, "the dot at the end, too");
}

#[test]
fn ndots_are_judged_by_what_each_library_reads() {
    let ndots = |value: Value| options(&json!([{ "name": "ndots", "value": value }]));
    let unread = options(&json!([{ "name": "ndots" }]));
    for (spec, expected) in [
        (ndots(json!("4")), &[("ndots_cost", Gravity::Cost)][..]),
        (ndots(json!("3")), &[("ndots_cost", Gravity::Cost)]),
        (ndots(json!("2")), &[("ndots_two", Gravity::Note)]),
        (ndots(json!("1")), &[("ndots_low", Gravity::Risk)]),
        (ndots(json!("0")), &[("ndots_low", Gravity::Risk)]),
        (ndots(json!("99")), &[("ndots_cost", Gravity::Cost), ("option_bounds", Gravity::Note)]),
        (unread, &[("ndots_unread", Gravity::Risk), ("ndots_low", Gravity::Risk)]),
    ] {
        assert_eq!(found(&spec, &["app"]), expected, "{spec}");
    }
    // glibc reads no number as 0, musl takes the default.
    let odd = found(&ndots(json!("two")), &["app"]);
    assert_eq!(odd[0], ("ndots_differs", Gravity::Risk), "{odd:?}");
    // An image hints at musl.
    assert_eq!(found(&ndots(json!("1")), &["a:alpine"]), [("ndots_low", Gravity::Likely)]);
    // Of the node, whose search list is not known.
    let of_node = json!({ "dnsPolicy": "Default" });
    assert_eq!(found(&of_node, &["app"]), []);
}

#[test]
fn the_other_options_stay_in_the_patch() {
    let spec =
        options(&json!([{ "name": "single-request-reopen" }, { "name": "timeout", "value": "1" }]));
    let row = row_of(&spec, &["app"]);
    let command = row.advice[0].command.as_deref().unwrap();
    for option in [r#"{"name":"single-request-reopen""#, r#"{"name":"ndots","value":"2"}"#] {
        assert!(command.contains(option), "{command}");
    }
    assert_eq!(row.options, ["ndots:5", "single-request-reopen", "timeout:1"]);
}

#[test]
fn options_that_musl_ignores_are_named_and_count_with_an_image_that_hints() {
    for option in ["use-vc", "single-request", "trust-ad", "rotate", "edns0"] {
        let spec = options(&json!([{ "name": option }, { "name": "ndots", "value": "2" }]));
        let glibc = found(&spec, &["debian:13"]);
        assert!(glibc.contains(&("option_ignored", Gravity::Note)), "{option}: {glibc:?}");
        let musl = found(&spec, &["python:3.13-alpine"]);
        assert_eq!(musl[0], ("option_ignored", Gravity::Risk), "{option}");
        let row = row_of(&spec, &[]);
        let text = format!("`{option}` is ignored by musl");
        assert!(row.findings.iter().any(|one| one.text == text), "{row:?}");
    }
    let spec = options(&json!([{ "name": "no-aaaa" }, { "name": "nonsense" }]));
    let row = row_of(&spec, &[]);
    let texts: Vec<_> = row.findings.iter().map(|one| &*one.text).collect();
    assert!(texts.contains(&"`no-aaaa` is ignored by musl and Go"), "{texts:?}");
    assert!(texts.contains(&"`nonsense` is known to none of glibc, musl and Go"), "{texts:?}");
}

#[test]
fn search_lists_are_measured_where_libraries_and_kubelets_end() {
    let searches = |count: usize, octets: usize| {
        let all: Vec<_> = (0..count).map(|n| format!("{n:0octets$}")).collect();
        json!({ "dnsPolicy": "None", "dnsConfig": { "nameservers": ["10.0.0.2"], "searches": all } })
    };
    assert_eq!(found(&searches(6, 3), &[]), []);
    assert_eq!(found(&searches(7, 3), &[]), [("search_long", Gravity::Note)]);
    // "search " and 247 octets: musl reads 254 at most.
    let line = |octets: usize| found(&searches(1, octets), &[]);
    assert_eq!(line(247), []);
    assert_eq!(line(248), [("search_line", Gravity::Risk)]);
    assert_eq!(found(&searches(1, 248), &["alpine"]), [("search_line", Gravity::Likely)]);
    assert_eq!(found(&searches(33, 2), &[])[0], ("search_cut", Gravity::Risk));
    let root = config(&json!({ "searches": ["."] }));
    assert!(found(&root, &[]).contains(&("search_root", Gravity::Risk)));
}

#[test]
fn nameservers_beside_the_clusters_are_asked_at_once_by_musl() {
    let beside = |servers: Value| found(&config(&json!({ "nameservers": servers })), &[]);
    assert_eq!(beside(json!(["10.0.0.2"]))[0], ("nameservers_beside", Gravity::Risk));
    let four = beside(json!(["10.0.0.2", "10.0.0.3", "10.0.0.4"]));
    assert!(four.contains(&("nameservers_many", Gravity::Risk)), "{four:?}");
    let own = json!({
        "dnsPolicy": "None", "dnsConfig": { "nameservers": ["10.0.0.2", "10.0.0.3"] },
    });
    assert_eq!(found(&own, &[]), [("nameservers_parallel", Gravity::Note)]);
}

#[test]
fn the_host_network_changes_the_policy() {
    let host = json!({ "hostNetwork": true, "dnsPolicy": "ClusterFirst" });
    assert_eq!(found(&host, &[]), [("host_network", Gravity::Note)]);
    let with = json!({ "hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet" });
    assert_eq!(found(&with, &[]), [("ndots_cost", Gravity::Cost)]);
}
