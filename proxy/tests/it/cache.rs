//! `fivedots cache`: what is stored under a name, and its removal.

use std::process::{Command, Output};

use testbed::http::try_get;
use testbed::{Fivedots, query};
use upstream::Upstream;

use crate::PROGRAM;

/// Two names of two zones with an answer each, and a name that fails.
fn filled() -> (Upstream, Fivedots) {
    let upstream = Upstream::builder()
        .zone("example.com.", "* 60 A 192.0.2.2")
        .zone("example.net.", "www 60 A 192.0.2.3")
        .start()
        .unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    let client = proxy.client();
    for name in ["www.example.com.", "a.www.example.com.", "www.example.net.", "nowhere.test."] {
        client.udp(&query(name, "A")).unwrap();
    }
    (upstream, proxy)
}

fn cache(proxy: &Fivedots, args: &[&str]) -> Output {
    let admin = proxy.admin.to_string();
    let mut command = Command::new(PROGRAM);
    command.arg("cache").args(args).args(["--admin", &admin]);
    command.output().unwrap()
}

fn said(proxy: &Fivedots, args: &[&str]) -> String {
    let output = cache(proxy, args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn get_shows_the_answers_of_a_name() {
    let (_upstream, proxy) = filled();
    let text = said(&proxy, &["get", "WWW.example.com"]);
    let mut lines = text.lines();
    let head = lines.next().unwrap();
    assert!(head.starts_with("WWW.example.com. A: NOERROR (positive), "), "{head}");
    assert!(head.contains(" old, expires in "), "{head}");
    let record = lines.next().unwrap();
    assert!(record.trim().starts_with("www.example.com. "), "{record}");
    assert!(record.ends_with(" IN A 192.0.2.2"), "{record}");
    let failed = said(&proxy, &["get", "nowhere.test."]);
    assert!(failed.contains("A: REFUSED (failure), ") && failed.contains(" refused"), "{failed}");
    let none = said(&proxy, &["get", "example.org"]);
    assert_eq!(none, "example.org. is not in the cache\n");
    let json = said(&proxy, &["get", "www.example.com", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["answers"][0]["qtype"], "A");
}

#[test]
fn flush_removes_a_name_a_zone_or_all() {
    let (upstream, proxy) = filled();
    let asked = |name: &str| upstream.count(name);
    assert_eq!(said(&proxy, &["flush", "www.example.com"]), "1 answer removed\n");
    proxy.client().udp(&query("www.example.com.", "A")).unwrap();
    assert_eq!((asked("www.example.com."), asked("a.www.example.com.")), (2, 1));
    assert_eq!(said(&proxy, &["flush", "--suffix", "com"]), "2 answers removed\n");
    assert_eq!(
        said(&proxy, &["get", "a.www.example.com"]),
        "a.www.example.com. is not in the cache\n"
    );
    assert!(said(&proxy, &["stats"]).starts_with("2 answers in "));
    assert_eq!(said(&proxy, &["flush", "--all"]), "2 answers removed\n");
    assert!(said(&proxy, &["stats"]).starts_with("0 answers in "));
}

#[test]
fn what_is_asked_wrongly_is_told() {
    let (_upstream, proxy) = filled();
    for args in [&["flush"][..], &["flush", "x.test", "--all"]] {
        assert_eq!(cache(&proxy, args).status.code(), Some(64), "{args:?}");
    }
    let long = "x".repeat(64);
    let output = cache(&proxy, &["get", &long]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("is no name"), "{error}");
}

/// A form of another site cannot send our header.
#[test]
fn a_link_cannot_empty_the_cache() {
    let (_upstream, proxy) = filled();
    let answer = try_get(proxy.admin, "/api/v1/cache/flush?all=true").unwrap();
    assert_eq!(answer.status, 405);
    let curl = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST"])
        .arg(format!("http://{}/api/v1/cache/flush?all=true", proxy.admin))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(curl.stdout).unwrap(), "403");
    assert!(said(&proxy, &["stats"]).starts_with("4 answers in "));
}
