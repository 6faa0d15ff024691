//! The chart: valid for helm, every mistake named, and no combination that installs
//! and then breaks.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::{PROFILES, can, deploy, documents, helm, render, run, top};

#[test]
fn helm_finds_nothing_to_complain_about() {
    if !can() {
        return;
    }
    for profile in PROFILES {
        let profile = format!("profile={profile}");
        helm(&["lint", "chart", "--strict", "--namespace", "kube-system", "--set", &profile])
            .unwrap();
    }
}

#[test]
fn a_value_that_is_wrong_is_named_by_its_path() {
    if !can() {
        return;
    }
    for (value, path) in [
        ("replicas=two", "/replicas"),
        ("profile=sidecar", "/profile"),
        ("cluster.domian=x", "/cluster"),
        ("metrics.port=70000", "/metrics/port"),
        ("image.digest=sha256:12", "/image/digest"),
        ("zones[0].suffix=corp", "/zones/0"),
        ("monitoring.podMonitor.enabled=1", "/monitoring/podMonitor/enabled"),
        ("terminationGracePeriodSeconds=3", "/terminationGracePeriodSeconds"),
        ("updateStrategy.maxSurge=some", "/updateStrategy/maxSurge"),
    ] {
        let said = render("front", &[value]).unwrap_err();
        assert!(said.contains(path), "{value}: {said}");
    }
}

/// Each of these would install, and then break or do nothing.
#[test]
fn bad_combinations_are_refused_with_a_sentence() {
    if !can() {
        return;
    }
    for (profile, values, said) in [
        (
            "node-cache",
            &["updateStrategy.maxUnavailable=1"][..],
            "either maxSurge or maxUnavailable",
        ),
        ("node-cache", &["updateStrategy.maxSurge=0"], "no Pod could ever be replaced"),
        ("node-cache", &["ipFamily=Dual"], "HOST_IP has one family"),
        ("node-cache", &["admin.port=9253"], "the process needs two ports"),
        ("node-cache", &["metrics.port=53"], "port 53 of the node is that of DNS"),
        ("node-cache", &["config=share_ports = false"], "a file must not have a key twice"),
        ("node-cache", &["config=suffix = \"cluster.local.\""], "set cluster.upstreams"),
        ("front", &["config=[kubernetes]"], "the table [kubernetes]"),
        ("front", &["cluster.domain=c.test", "config=[observe]"], "the table [observe]"),
        ("diagnose", &["service.clusterIP=10.96.0.9"], "serves no client"),
        ("front", &["resources.limits.cpu=1"], "a throttled cache"),
        ("front", &["interception.enabled=true"], "only profile node-cache"),
        ("node-cache", &["interception.enabled=true"], "no address to take over"),
        ("node-cache", &[INTERCEPT, "cluster.upstreams={10.96.0.10}"], "both taken over and asked"),
        ("node-cache", &[INTERCEPT, "config=[intercept]"], "the table [intercept]"),
    ] {
        let error = render(profile, values).unwrap_err();
        assert!(error.contains(said), "{profile} {values:?}: {error}");
    }
    let elsewhere = ["template", "fivedots", "chart", "--namespace", "dns"];
    let error = helm(&elsewhere).unwrap_err();
    assert!(error.contains("set cluster.upstreams"), "{error}");
    let named = [&elsewhere[..], &["--set", "cluster.upstreams={10.96.0.10}"]].concat();
    helm(&named).unwrap();
}

/// The configuration that each profile writes is one that the program takes.
#[test]
fn the_program_takes_the_configuration() {
    if !can() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("fivedots.toml");
    let more = "cluster.domain=c.test,config=workers = 4\n[cache]\nsize = \"32MiB\"";
    for profile in PROFILES {
        // Only that profile has something to take over.
        let intercepting = (profile == "node-cache").then_some(INTERCEPT);
        let all = ["", more].into_iter().chain(intercepting);
        for values in all {
            let rendered = render(profile, &[values]).unwrap();
            fs::write(&file, configuration(&rendered)).unwrap();
            let mut check = Command::new(env!("CARGO_BIN_EXE_fivedots"));
            run(check.args(["config", "check"]).arg(&file)).unwrap();
        }
    }
}

fn configuration(rendered: &str) -> String {
    let (_, text) = rendered.split_once("fivedots.toml: |\n").unwrap();
    let lines = text
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("    "));
    lines
        .map(|line| line.trim_start_matches("    ").to_owned() + "\n")
        .collect()
}

/// The flags of each profile are flags of the program: it complains about the first
/// one that is not, and about an address that has no value yet.
#[test]
fn the_program_takes_the_flags() {
    if !can() {
        return;
    }
    let more = "zones[0].suffix=corp.test,zones[0].upstreams={10.0.0.53},zones[0].transport=tcp";
    for profile in PROFILES {
        let rendered = render(profile, &[more, "cluster.others=cluster"]).unwrap();
        let (_, args) = rendered.split_once("          args:\n").unwrap();
        let args: Vec<_> = args
            .lines()
            .map_while(|line| line.strip_prefix("            - "))
            .map(|arg| arg.replace("$(HOST_IP)", "127.0.0.1"))
            .map(|arg| arg.replace("$(KUBE_DNS_SERVICE_HOST)", "10.96.0.10"))
            .map(
                |arg| {
                    if arg.starts_with("--config") { "--config=/nonexistent".into() } else { arg }
                },
            )
            .collect();
        assert!(args.contains(&"--zone=corp.test=10.0.0.53+tcp".to_owned()), "{args:?}");
        let said = run(Command::new(env!("CARGO_BIN_EXE_fivedots")).args(&args)).unwrap_err();
        assert!(said.contains("cannot read /nonexistent"), "{profile} {args:?}: {said}");
    }
}

/// What makes an update safe, and what would make it hang.
#[test]
fn the_node_cache_is_updated_with_an_overlap() {
    if !can() {
        return;
    }
    let rendered = render("node-cache", &[]).unwrap();
    let daemon_set = documents(&rendered)
        .into_iter()
        .find(|part| top(part, "kind") == "DaemonSet")
        .unwrap();
    for needed in [
        "hostNetwork: true",
        "dnsPolicy: Default",
        "maxSurge: 1",
        "maxUnavailable: 0",
        "priorityClassName: system-node-critical",
        "- operator: Exists",
        "readOnlyRootFilesystem: true",
        "allowPrivilegeEscalation: false",
        "add: [\"NET_BIND_SERVICE\"]",
        "command: [\"fivedots\", \"probe\", \"ready\"]",
        "share_ports = true",
    ] {
        let text = if needed.contains("share") { rendered.as_str() } else { daemon_set };
        assert!(text.contains(needed), "{needed} is not in\n{text}");
    }
    for harmful in [" ports:", "httpGet", "tcpSocket", "cpu: 1", "hostPort"] {
        assert!(!daemon_set.contains(harmful), "{harmful} is in\n{daemon_set}");
    }
}

/// Who serves no client needs no right and no address of the node.
#[test]
fn each_profile_has_the_rights_it_uses() {
    if !can() {
        return;
    }
    let kinds = |profile| -> BTreeSet<String> {
        let rendered = render(profile, &[]).unwrap();
        documents(&rendered)
            .iter()
            .map(|part| top(part, "kind").to_owned())
            .collect()
    };
    assert!(kinds("node-cache").contains("ClusterRole"));
    assert!(kinds("front").contains("PodDisruptionBudget"));
    let diagnose = kinds("diagnose");
    let expected = ["ConfigMap", "DaemonSet", "ServiceAccount"].map(str::to_owned);
    assert_eq!(diagnose, expected.into());
    for profile in ["front", "diagnose"] {
        let rendered = render(profile, &[]).unwrap();
        assert!(!rendered.contains("hostNetwork") && !rendered.contains("add: ["), "{rendered}");
    }
}

/// Each value has its line in the schema, and the other way round.
#[test]
fn the_schema_has_every_value() {
    let chart = deploy().join("chart");
    let schema = fs::read_to_string(chart.join("values.schema.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let known: BTreeSet<_> = schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    let values = fs::read_to_string(chart.join("values.yaml")).unwrap();
    let mut written: BTreeSet<_> = values
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()))
        .map(|line| line.split(':').next().unwrap().to_owned())
        .collect();
    // Set by a chart that contains this one.
    written.insert("global".to_owned());
    assert_eq!(known, written);
}

/// Values that take over a ClusterIP.
const INTERCEPT: &str = "interception.enabled=true,interception.services={10.96.0.10}";
