//! The HTML report in a real browser: in both themes, on a desk and on a phone, with the
//! numbers of the JSON report. `PAGE_PICTURES=FOLDER` keeps what was seen.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{Browser, Component, axe, have, port};

use crate::program::{command, shared};

#[test]
fn a_report_is_read_on_a_desk_and_on_a_phone() {
    if !have(Component::Browser) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let report = played(&folder);
    let mut browser = Browser::start().unwrap();
    let url = format!("file://{}", folder.path().join("report.html").display());
    for scheme in ["light", "dark"] {
        browser.prefer(scheme).unwrap();
        for width in [1280, 360] {
            browser.resize(width, 900).unwrap();
            browser.open(&url).unwrap();
            let scroll = browser.eval("document.documentElement.scrollWidth");
            assert_eq!(scroll.unwrap(), json!(width), "{scheme}");
            keep_nobody_out(&mut browser, &format!("{scheme} at {width} px"));
            take_picture(&mut browser, &format!("report-{scheme}-{width}"));
        }
    }
    has_the_numbers(&mut browser, &report);
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    let elsewhere = browser
        .requests()
        .iter()
        .find(|request| !request.starts_with("file://"));
    assert_eq!(elsewhere, None);
}

/// A run of two phases with a fault in the second, against a server that shows nothing
/// but its own answers.
fn played(folder: &TempDir) -> Value {
    let _machine = shared();
    let listen = port::free(Ipv4Addr::LOCALHOST).unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = format!(
        "schema = 1\nname = \"page\"\nabout = \"An upstream that fails for a second\"\n\
         limits = {{ max_qps = 4000, max_duration = \"1m\" }}\n\
         workload = {{ names = [\"www.example.com\"], nxdomain = \"5%\" }}\n\
         [target]\nserver = \"{listen}\"\n[upstream]\nlisten = \"{listen}\"\n\
         [[upstream.fault]]\nphase = \"outage\"\nanswer = \"SERVFAIL\"\ndelay = \"20ms\"\n\
         jitter = \"60ms\"\nloss = \"10%\"\n[sender]\ntimeout = \"300ms\"\nlinger = \"0s\"\n\
         [[phase]]\nname = \"before\"\nfor = \"1s\"\nschedule = {{ shape = \"poisson\", rate = 300 }}\n\
         [[phase]]\nname = \"outage\"\nfor = \"1s\"\nschedule = {{ shape = \"poisson\", rate = 300 }}\n\
         [[phase]]\nname = \"after\"\nfor = \"1s\"\nschedule = {{ shape = \"poisson\", rate = 300 }}\n\
         [reproduced]\n\"outage.upstream.faulted\" = \"> 100\"\n\
         [expect]\n\"outage.rcode.NOERROR\" = \"> 99%\"\n\"before.lost\" = \"< 1%\"\n"
    );
    fs::write(path("s.toml"), text).unwrap();
    let mut command = command(&["run", "--allow-faults", "upstream"]);
    command.arg(path("s.toml"));
    command.arg("--json").arg(path("report.json"));
    command.arg("--html").arg(path("report.html"));
    let output = command.output().unwrap();
    let report = fs::read_to_string(path("report.json"))
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(&report).unwrap()
}

fn keep_nobody_out(browser: &mut Browser, what: &str) {
    let script = fs::read_to_string(axe::script().unwrap()).unwrap();
    browser.eval(&script).unwrap();
    let run = "axe.run().then((found) => found.violations.map((one) =>
        `${one.impact} ${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`))";
    assert_eq!(browser.eval(run).unwrap(), json!([]), "axe-core on {what}");
}

/// The whole page, however long.
fn take_picture(browser: &mut Browser, name: &str) {
    let Some(folder) = std::env::var_os("PAGE_PICTURES").map(PathBuf::from) else { return };
    let size = browser.eval("[innerWidth, document.documentElement.scrollHeight]");
    let size = size.unwrap();
    let side = |at: usize| u32::try_from(size[at].as_u64().unwrap()).unwrap();
    browser.resize(side(0), side(1)).unwrap();
    browser
        .screenshot(&folder.join(format!("{name}.png")))
        .unwrap();
}

/// Each table as it is seen: a row for each phase and the run.
fn has_the_numbers(browser: &mut Browser, report: &Value) {
    let cells = "[...document.querySelectorAll('tr')].map((row) =>
        [...row.cells].map((cell) => cell.innerText))";
    let rows: Vec<Vec<String>> = serde_json::from_value(browser.eval(cells).unwrap()).unwrap();
    let row = |start: &[&str], len: usize| {
        let is_it = |row: &&Vec<String>| {
            row.len() == len && row.iter().zip(start).all(|(cell, want)| cell == want)
        };
        rows.iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("{start:?} is not in {rows:?}"))
    };
    let phases = report["phases"].as_array().unwrap();
    for phase in phases.iter().chain([&report["run"]]) {
        let name = phase["name"].as_str().unwrap();
        let counts = row(&[name], 14);
        for (at, count) in ["due", "sent", "answered", "late", "lost", "refused"]
            .iter()
            .enumerate()
        {
            assert_eq!(counts[at + 2], phase["counts"][*count].to_string(), "{name} {count}");
        }
        let latency = row(&[name, "from the due time"], 9);
        for (at, percentile) in ["p50", "p90", "p95", "p99"].iter().enumerate() {
            let shown: f64 = latency[at + 2].parse().unwrap();
            let value = phase["latency_ms"][*percentile].as_f64().unwrap();
            // Three digits at least are shown.
            assert!((shown / value - 1.0).abs() < 0.006, "{name} {percentile}: {shown}, {value}");
        }
        let rcodes = report["run"]["rcodes"].as_object().unwrap();
        let answers = row(&[name], rcodes.len() + 1);
        for (at, rcode) in rcodes.keys().enumerate() {
            let count = phase["rcodes"][rcode].as_u64().unwrap_or(0);
            assert_eq!(answers[at + 1], count.to_string(), "{name} {rcode}");
        }
    }
    let faulted = row(&["upstream.faulted"], 5);
    let found = report["phases"][1]["evidence"]["upstream.faulted"].as_f64();
    assert_eq!(faulted[2].parse().ok(), found);
    for one in ["reproduced", "expectations"] {
        for one in report[one].as_array().unwrap() {
            let [key, condition, found] = ["key", "condition", "found"].map(|name| &one[name]);
            let shown = format!("{} {}", key.as_str().unwrap(), condition.as_str().unwrap());
            let shown = rows.iter().find(|row| row.get(1) == Some(&shown)).unwrap();
            assert!(shown[2].starts_with(found.as_str().unwrap()), "{shown:?}");
        }
    }
}
