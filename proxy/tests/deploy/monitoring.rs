//! Alerts and dashboards against promtool, a live scrape, and a real Prometheus.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use serde_json::Value;
use testbed::http::{get, try_get};
use testbed::{Fivedots, Process, eventually, port, query};
use upstream::Upstream;

use crate::{SOON, can, deploy, render, run};

#[test]
fn every_alert_fires_and_is_silent_when_it_should() {
    if !can() {
        return;
    }
    let folder = deploy().join("chart/files");
    let promtool = |arguments: &[&str]| {
        let mut promtool = Command::new("promtool");
        run(promtool.args(arguments).current_dir(&folder)).unwrap()
    };
    promtool(&["check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml"]);
    promtool(&["test", "rules", "alerts.test.yaml"]);
    let [alerts, cases] = ["alerts.yaml", "alerts.test.yaml"]
        .map(|name| fs::read_to_string(folder.join(name)).unwrap());
    let page = fs::read_to_string(deploy().join("../docs/operating.md")).unwrap();
    let names: Vec<_> = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        for case in ["fires", "is silent"] {
            assert!(cases.contains(&format!("- name: {name} {case}\n")), "{name} {case}");
        }
        assert!(page.contains(&format!("`{name}`")), "docs/operating.md lacks {name}");
    }
}

/// What the cluster gets is what was tested.
#[test]
fn the_chart_carries_rules_and_dashboards_as_they_are() {
    if !can() {
        return;
    }
    let on = ["podMonitor", "prometheusRule", "dashboards"]
        .map(|part| format!("monitoring.{part}.enabled=true"));
    let rendered = render("node-cache", &on.each_ref().map(String::as_str)).unwrap();
    let alerts = fs::read_to_string(deploy().join("chart/files/alerts.yaml")).unwrap();
    for line in alerts.lines().chain(["  - portNumber: 9253"]) {
        assert!(rendered.contains(line.trim()), "{line}");
    }
    for (_, board) in dashboards() {
        let title = board["title"].as_str().unwrap();
        assert!(rendered.contains(&format!("\"title\": \"{title}\"")), "{title}");
    }
}

#[test]
fn every_series_of_alerts_and_dashboards_is_served() {
    let upstream = Upstream::builder().zone("test.", "web 60 A 10.0.0.1");
    let upstream = upstream.start().unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    let served = get(proxy.metrics, "/metrics").body;
    let served: BTreeSet<_> = served
        .lines()
        .filter_map(|line| line.split([' ', '{']).next())
        .collect();
    let mut expressions: Vec<_> = dashboards()
        .into_iter()
        .flat_map(|(_, board)| queries(&board))
        .collect();
    expressions.push(fs::read_to_string(deploy().join("chart/files/alerts.yaml")).unwrap());
    let mut seen = 0;
    for expression in &expressions {
        for name in series(expression) {
            assert!(served.contains(name), "{name}, of {expression}");
            seen += 1;
        }
    }
    assert!(seen > 40, "only {seen}: the walk is broken");
    assert_eq!(series("rate(fivedots_x_total[5m]) / process_y"), ["fivedots_x_total", "process_y"]);
}

/// Every panel is a query that Prometheus understands, over series that it has.
#[test]
fn prometheus_answers_every_panel() {
    if !can() {
        return;
    }
    let upstream = Upstream::builder().zone("test.", "web 60 A 10.0.0.1");
    let upstream = upstream.start().unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    proxy.client().udp(&query("web.test.", "A")).unwrap();
    let (addr, _prometheus, _dir) = prometheus(proxy.metrics);
    let ask = |expression: &str| -> Value {
        let query = encoded(
            &expression
                .replace("$instance", ".+")
                .replace("$__rate_interval", "1m"),
        );
        let page = get(addr, &format!("/api/v1/query?query={query}"));
        serde_json::from_str(&page.body).unwrap()
    };
    let has = |expression: &str| {
        !ask(expression)["data"]["result"]
            .as_array()
            .unwrap()
            .is_empty()
    };
    assert!(eventually(SOON, || has("fivedots_build_info")));
    // Rates need two scrapes.
    assert!(eventually(SOON, || has("rate(fivedots_queries_total[1m])")));
    for (name, board) in dashboards() {
        for expression in queries(&board) {
            assert_eq!(ask(&expression)["status"], "success", "{name}: {expression}");
            let is_optional = expression.contains("> 0")
                || expression.contains('/')
                || expression.contains("quantile");
            assert!(is_optional || has(&expression), "{name}: {expression}");
        }
    }
}

/// A Prometheus that scrapes this every second.
fn prometheus(target: SocketAddr) -> (SocketAddr, Process, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("prometheus.yml");
    let text = format!(
        "scrape_configs:\n- job_name: fivedots\n  scrape_interval: 1s\n  \
         static_configs: [{{targets: [\"{target}\"]}}]\n"
    );
    fs::write(&config, text).unwrap();
    let addr = port::free(Ipv4Addr::LOCALHOST).unwrap();
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
        .arg(format!("--web.listen-address={addr}"));
    let process = Process::spawn(&mut command).unwrap();
    let ready = || try_get(addr, "/-/ready").is_ok_and(|page| page.status == 200);
    assert!(eventually(SOON, ready), "{}", process.output());
    (addr, process, dir)
}

fn dashboards() -> Vec<(String, Value)> {
    let folder = deploy().join("chart/files/dashboards");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let board = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        (path.display().to_string(), board)
    };
    let all: Vec<_> = files.map(read).collect();
    assert_eq!(all.len(), 2);
    all
}

fn queries(board: &Value) -> Vec<String> {
    let panels = board["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    targets
        .map(|target| target["expr"].as_str().unwrap().to_owned())
        .collect()
}

/// The names of ours in a text.
fn series(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = |word: &&str| word.starts_with("fivedots_") || word.starts_with("process_");
    words.filter(ours).collect()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|octet| format!("%{octet:02X}")).collect()
}
