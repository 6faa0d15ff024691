//! `fivedots diagnose` as a program: what it sends, what it prints, how it ends.

use std::collections::HashSet;
use std::process::{Command, Output};
use std::time::Duration;

use testbed::client::Client;
use testbed::http::get;
use testbed::{Fivedots, eventually, query};
use upstream::{Rule, Upstream};

use crate::PROGRAM;

fn diagnose(flags: &[&str]) -> Output {
    Command::new(PROGRAM)
        .arg("diagnose")
        .args(flags)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// One server in every part: the most that one can get.
#[test]
fn it_sends_little_and_slowly() {
    let upstream = Upstream::builder()
        .rule(Rule::any().silence())
        .start()
        .unwrap();
    let server = upstream.addr().to_string();
    let output = diagnose(&["--service", &server, "--coredns", &server, "--upstream", &server]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let queries = upstream.queries();
    assert!((30..300).contains(&queries.len()), "{}", queries.len());
    for query in &queries {
        let second = query.at..query.at + Duration::from_secs(1);
        let within = queries
            .iter()
            .filter(|other| second.contains(&other.at))
            .count();
        // A busy machine may make up for what was late.
        assert!(within <= 60, "{within} in a second");
    }
    let outside = |name: &&str| name.ends_with(".example.com.");
    let names: Vec<_> = queries.iter().map(|query| query.qname.as_str()).collect();
    let outside: Vec<_> = names.iter().copied().filter(outside).collect();
    let different: HashSet<_> = outside.iter().collect();
    assert_eq!(outside.len(), different.len(), "names that no cache has");
    assert!(names.contains(&"kubernetes.default.svc.cluster.local."), "{names:?}");
}

#[test]
fn a_bundle_is_judged_as_it_was() {
    let upstream = Upstream::builder()
        .rule(Rule::any().rcode(upstream::ResponseCode::Refused))
        .start()
        .unwrap();
    let server = upstream.addr().to_string();
    let live = diagnose(&["--server", &server, "--format", "json"]);
    assert_eq!(live.status.code(), Some(3), "{live:?}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &live.stdout).unwrap();
    let again = diagnose(&["--bundle", file.path().to_str().unwrap(), "--format", "json"]);
    assert_eq!((again.status.code(), text(&again)), (Some(3), text(&live)));
    let shown = text(&diagnose(&["--bundle", file.path().to_str().unwrap()]));
    assert!(shown.starts_with("PROBLEM  the upstream of CoreDNS answers REFUSED"), "{shown}");
    assert!(shown.contains("gaps "), "{shown}");
}

/// The proxy tells whom it asks.
#[test]
fn without_flags_it_asks_whom_the_proxy_asks() {
    let upstream = Upstream::builder()
        .zone("cluster.local.", "kubernetes.default.svc 30 A 10.96.0.1")
        .start()
        .unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    let output = diagnose(&["--admin", &proxy.admin.to_string(), "--format", "json"]);
    let bundle: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let service = &bundle["evidence"]["service"];
    assert_eq!(service["addr"], upstream.addr().to_string(), "{bundle}");
    assert_eq!(service["udp"]["rcodes"]["NOERROR"], 20, "{bundle}");
    assert!(bundle["evidence"]["window"].is_object(), "{bundle}");
}

#[test]
fn how_it_ends_says_what_it_found() {
    let nobody = diagnose(&["--admin", "127.0.0.1:1"]);
    assert_eq!(nobody.status.code(), Some(4), "{nobody:?}");
    assert!(text(&nobody).starts_with("INSUFFICIENT EVIDENCE"), "{nobody:?}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{\"evidence\": {\"node\": 7}}").unwrap();
    let bad = diagnose(&["--bundle", file.path().to_str().unwrap()]);
    let said = String::from_utf8(bad.stderr).unwrap();
    assert_eq!(bad.status.code(), Some(78), "{said}");
    assert!(said.contains("line 1") && said.contains("integer `7`"), "{said}");
    for flags in [&["--server", "coredns"][..], &["--bundle", "x", "--server", "10.0.0.1"]] {
        assert_eq!(diagnose(flags).status.code(), Some(64), "{flags:?}");
    }
}

/// From the queries of clients alone, without a probe.
#[test]
fn a_running_proxy_finds_that_coredns_is_silent() {
    let upstream = Upstream::builder()
        .rule(Rule::any().silence())
        .start()
        .unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    let asks = (0..12).map(|n| {
        let listen = proxy.listen;
        std::thread::spawn(move || {
            let client = Client::new(listen).timeout(Duration::from_secs(6));
            client.udp(&query(&format!("n{n}.test."), "A"))
        })
    });
    let asks: Vec<_> = asks.collect();
    for ask in asks {
        ask.join().unwrap().unwrap();
    }
    let verdict = || get(proxy.admin, "/api/v1/verdict").body;
    // Windows end with full tens of seconds, and it looks every ten.
    let found = || verdict().contains("\"cause\":\"coredns_down\"");
    assert!(eventually(Duration::from_secs(40), found), "{}", verdict());
    assert!(verdict().contains(&upstream.addr().to_string()), "{}", verdict());
    let hidden = get(proxy.admin, "/api/v1/verdict?redact=clients").body;
    assert!(!hidden.contains(&upstream.addr().to_string()), "{hidden}");
    let metrics = get(proxy.metrics, "/metrics").body;
    let series = "fivedots_verdict{cause=\"coredns_down\",scope=\"node_or_cluster\"} 1";
    assert!(metrics.contains(series), "{metrics}");
    assert!(metrics.contains("fivedots_verdict{cause=\"loop\",scope=\"none\"} 0"), "{metrics}");
    proxy
        .process
        .wait_for_line("CoreDNS does not answer", Duration::from_secs(5))
        .unwrap();
    let page = get(proxy.admin, "/?window=total").body;
    assert!(page.contains("<b>CoreDNS does not answer</b>"), "{page}");
    let output = Command::new(PROGRAM)
        .args(["stats", "--admin", &proxy.admin.to_string()])
        .output();
    let stats = text(&output.unwrap());
    assert!(stats.contains("verdict   CoreDNS does not answer"), "{stats}");
    let output = Command::new(PROGRAM)
        .args(["top", "--once", "--admin", &proxy.admin.to_string()])
        .output();
    let top = text(&output.unwrap());
    assert!(top.contains("COREDNS DOES NOT ANSWER"), "{top}");
}
