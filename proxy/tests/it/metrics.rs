//! The two HTTP listeners.

use std::collections::BTreeSet;

use testbed::http::{Response, get};
use testbed::{Fivedots, query};
use upstream::Upstream;

fn proxy() -> (Upstream, Fivedots) {
    let upstream = Upstream::builder()
        .zone("test.", "web 60 A 10.0.0.1")
        .start()
        .unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    (upstream, proxy)
}

fn value(text: &str, series: &str) -> Option<f64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok())
}

#[test]
fn what_happens_is_counted() {
    let (_upstream, proxy) = proxy();
    let before = get(proxy.metrics, "/metrics").body;
    let client = proxy.client();
    for _ in 0..3 {
        client.udp(&query("web.test.", "A")).unwrap();
    }
    client.tcp(&query("web.test.", "A")).unwrap();
    client.udp(&query("web.test.", "A").class(3)).unwrap();
    let after = get(proxy.metrics, "/metrics").body;
    for (series, more) in [
        ("fivedots_queries_total{transport=\"udp\"}", 4.0),
        ("fivedots_queries_total{transport=\"tcp\"}", 1.0),
        ("fivedots_cache_lookups_total{result=\"miss\"}", 1.0),
        ("fivedots_cache_lookups_total{result=\"fresh\"}", 3.0),
        ("fivedots_responses_total{rcode=\"NOERROR\"}", 4.0),
        ("fivedots_responses_total{rcode=\"REFUSED\"}", 1.0),
        ("fivedots_rejected_queries_total{reason=\"class\"}", 1.0),
        ("fivedots_upstream_queries_total{transport=\"udp\"}", 1.0),
        ("fivedots_response_seconds_count{source=\"upstream\"}", 1.0),
        ("fivedots_cache_entries", 1.0),
    ] {
        let [before, after] = [&before, &after].map(|text| value(text, series).expect(series));
        assert_eq!(after - before, more, "{series}");
    }
}

/// An alert that finds no series has found a mistake, not health.
#[test]
fn every_label_value_is_there_from_the_start() {
    let (_upstream, proxy) = proxy();
    let text = get(proxy.metrics, "/metrics").body;
    for series in [
        "fivedots_rejected_queries_total{reason=\"bad_version\"}",
        "fivedots_upstream_failures_total{reason=\"silent\"}",
        "fivedots_upstream_dropped_total{reason=\"id\"}",
        "fivedots_tcp_connections_total{result=\"refused\"}",
        "fivedots_responses_total{rcode=\"SERVFAIL\"}",
        "fivedots_cache_evictions_total",
    ] {
        assert_eq!(value(&text, series), Some(0.0), "{series}");
    }
}

/// docs/metrics.md has every series, and no other.
#[test]
fn the_documented_series_are_those_served() {
    let (_upstream, proxy) = proxy();
    let text = get(proxy.metrics, "/metrics").body;
    let served: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    let page = std::fs::read_to_string(page).unwrap();
    let documented: BTreeSet<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next())
        .collect();
    assert_eq!(documented, served);
}

/// Nothing on the public listener is about a client or the configuration.
#[test]
fn the_listeners_show_different_things() {
    let (_upstream, proxy) = proxy();
    assert_eq!(get(proxy.metrics, "/config").status, 404);
    let Response { status, body, .. } = get(proxy.admin, "/metrics");
    assert_eq!((status, body.contains("\"error\":\"/metrics: Not Found\"")), (404, true), "{body}");
    let Response { status, body: config, .. } = get(proxy.admin, "/config");
    assert_eq!(status, 200);
    assert!(config.contains(&format!("listen = [\"{}\"]", proxy.listen)), "{config}");
    let status: serde_json::Value =
        serde_json::from_str(&get(proxy.admin, "/status").body).unwrap();
    assert_eq!(status["cache_entries"], 0);
    assert_eq!(get(proxy.admin, "/version").body.trim(), env!("CARGO_PKG_VERSION"));
}
