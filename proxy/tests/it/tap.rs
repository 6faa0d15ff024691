//! `/api/v1/tap` and `fivedots tap`.

use std::process::Command;

use console::api::{QueryLine, TapLine};
use observe::MAX_TAPS;
use testbed::http::{self, get};
use testbed::{Fivedots, Process, eventually};

use crate::api::{A, Pod, keys, settle, world};
use crate::{PROGRAM, SOON};

/// A running `fivedots tap --json` that has begun to listen.
pub(crate) fn tap(proxy: &Fivedots, flags: &[&str]) -> Process {
    let mut command = Command::new(PROGRAM);
    let admin = proxy.admin.to_string();
    command
        .args(["tap", "--json", "--admin", &admin])
        .args(flags);
    let process = Process::spawn(&mut command).unwrap();
    process.wait_for_line("\"skipped\":0", SOON).unwrap();
    process
}

fn lines(process: &Process) -> Vec<TapLine> {
    let output = process.output();
    output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn queries(process: &Process) -> Vec<QueryLine> {
    let query = |line| match line {
        TapLine::Query(query) => Some(*query),
        TapLine::Skipped(_) => None,
    };
    lines(process).into_iter().filter_map(query).collect()
}

fn skipped(process: &Process) -> u64 {
    let count = |line| match line {
        TapLine::Query(_) => 0,
        TapLine::Skipped(line) => line.skipped,
    };
    lines(process).into_iter().map(count).sum()
}

#[test]
fn who_taps_sees_what_was_asked_for_and_nothing_else() {
    let (upstream, proxy) = world();
    let pods = ["127.0.0.2", "127.0.0.3"].map(|addr| Pod::new(addr, proxy.listen));
    let failed = tap(&proxy, &["--rcode", "SERVFAIL", "--client", "127.0.0.2/32"]);
    let named = tap(&proxy, &["--name", "*eb.t*", "--limit", "2"]);
    for pod in &pods {
        pod.ask("web.test.", A);
        pod.ask("x.broken.test.", A);
    }
    assert!(eventually(SOON, || queries(&failed).len() == 1), "{}", failed.output());
    let seen = &queries(&failed)[0];
    assert_eq!((seen.client, seen.name.as_deref()), (pods[0].addr(), Some("x.broken.test.")));
    assert_eq!((seen.qtype.as_str(), seen.rcode.as_deref()), ("A", Some("SERVFAIL")));
    assert_eq!((seen.upstream, seen.transport.as_str()), (Some(upstream.addr()), "udp"));
    assert!(!seen.data && !seen.repeated && seen.took_ms > 0.0, "{seen:?}");
    assert_eq!(named.wait(SOON).unwrap().code(), Some(0), "two is all that was wanted");
    let origins: Vec<_> = queries(&named)
        .into_iter()
        .map(|query| query.origin)
        .collect();
    assert_eq!(origins, ["upstream", "cache"]);
}

#[test]
fn more_than_the_rate_is_counted_in_lines_of_its_own() {
    let (_upstream, proxy) = world();
    let pod = Pod::new("127.0.0.8", proxy.listen);
    let slow = tap(&proxy, &["--rate", "3", "--client", "127.0.0.8"]);
    for _ in 0..200 {
        pod.ask("web.test.", A);
    }
    settle(&proxy, 200);
    let shown = || queries(&slow).len() as u64;
    assert!(eventually(SOON, || shown() + skipped(&slow) == 200), "{}", slow.output());
    assert!(skipped(&slow) > 0 && shown() >= 3, "{}", slow.output());
}

#[test]
fn text_has_columns_and_bad_filters_are_named() {
    let (_upstream, proxy) = world();
    let admin = proxy.admin.to_string();
    let mut command = Command::new(PROGRAM);
    command.args(["tap", "--url", &format!("http://{admin}/"), "--limit", "1"]);
    command.args(["--client", "127.0.0.9", "--redact", "names"]);
    let text = Process::spawn(&mut command).unwrap();
    let pod = Pod::new("127.0.0.9", proxy.listen);
    // It may not listen from the first.
    assert!(eventually(SOON, || {
        pod.ask("web.test.", A);
        text.output().contains("NOERROR")
    }));
    let line = text.output();
    assert!(line.contains(" 127.0.0.9       A     NOERROR ") && line.contains(" name-"), "{line}");
    assert!(!line.contains("web"), "{line}");
    for bad in ["client=pod", "name=a..b", "rcode=OOPS", "type=B", "redact=all", "cleint=1"] {
        assert_eq!(get(proxy.admin, &format!("/api/v1/tap?{bad}")).status, 400, "{bad}");
    }
    let mut nobody = Command::new(PROGRAM);
    nobody.args(["tap", "--admin", &admin, "--client", "shop/Deployment/web"]);
    let output = nobody.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("shop/Deployment/web: this proxy knows clients by their addresses"),
        "{said}"
    );
}

#[test]
fn only_so_many_may_tap() {
    let (_upstream, proxy) = world();
    let open: Vec<_> = (0..MAX_TAPS)
        .map(|_| {
            let tap = http::open(proxy.admin, "/api/v1/tap").unwrap();
            assert_eq!(tap.status, 200);
            tap
        })
        .collect();
    let ninth = || get(proxy.admin, "/api/v1/tap?limit=0").status;
    assert_eq!(ninth(), 429);
    drop(open);
    let pod = Pod::new("127.0.0.10", proxy.listen);
    assert!(eventually(SOON, || {
        pod.ask("web.test.", A);
        ninth() == 200
    }));
}

#[test]
fn the_documented_fields_of_a_tap_are_those_given() {
    let (_upstream, proxy) = world();
    let pod = Pod::new("127.0.0.12", proxy.listen);
    let all = tap(&proxy, &["--client", "127.0.0.12", "--limit", "1"]);
    pod.ask("web.test.", A);
    all.wait(SOON).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.md");
    let described = std::fs::read_to_string(path).unwrap();
    for line in all.output().lines() {
        for key in keys(&serde_json::from_str(line).unwrap()) {
            assert!(described.contains(&format!("`{key}`")), "{key} of a tap is in no table");
        }
    }
}
