//! Loops that no client has found yet: by probes, and by the option that marks
//! our queries.

use std::time::Duration;

use testbed::client::ResponseCode;
use testbed::http::get;
use testbed::{Fivedots, eventually, query};
use upstream::{Rule, Upstream};

use crate::forwarders::{Forwarder, Kind};
use crate::loops::{ask_in_loop, is_told, tells_of_none};

const OFTEN: &str = "[loop]\nprobe_interval = \"200ms\"";

/// Some servers refuse the type that is asked for first, and the second.
#[test]
fn a_ring_is_found_before_a_client_asks() {
    for kind in [Kind::Naive, Kind::Stub, Kind::Picky] {
        let forwarder = Forwarder::start(kind);
        let proxy = Fivedots::configured(forwarder.addr, OFTEN);
        // It is asked, and brings nothing back.
        assert!(eventually(Duration::from_secs(10), || forwarder.total() > 5));
        tells_of_none(&proxy);
        forwarder.forward_to(proxy.listen);
        is_told(&proxy, &format!("us -> {} -> us", forwarder.addr), "probe");
    }
}

/// Each upstream is asked for itself: the other one cannot answer for it.
#[test]
fn a_ring_is_found_behind_one_of_two_upstreams() {
    let (forwarder, good) = (Forwarder::start(Kind::Naive), Upstream::builder().start().unwrap());
    let upstreams = format!("upstreams = [\"{}\", \"{}\"]", good.addr(), forwarder.addr);
    let lines = format!("{OFTEN}\n[[zone]]\nsuffix = \"example\"\n{upstreams}");
    let proxy = Fivedots::configured(good.addr(), &lines);
    forwarder.forward_to(proxy.listen);
    is_told(&proxy, &format!("us -> {} -> us", forwarder.addr), "probe");
    let body = get(proxy.metrics, "/readyz").body;
    assert!(body.contains("loop in example.:"), "{body}");
    assert!(!body.contains(&good.addr().to_string()), "{body}");
}

/// Who mends it wants to see that it is gone, and not wait for the next of rare probes.
#[test]
fn a_ring_that_a_client_found_is_probed_while_it_is_there() {
    let forwarder = Forwarder::start(Kind::Naive);
    let proxy = Fivedots::configured(forwarder.addr, "[loop]\nprobe_interval = \"1h\"");
    // The probes of the start are over.
    assert!(eventually(Duration::from_secs(10), || forwarder.total() > 2));
    forwarder.forward_to(proxy.listen);
    ask_in_loop(&proxy, "n.example.");
    let shown = "fivedots_loops_total{evidence=\"probe\"} 0\n";
    let is_probed = || !get(proxy.metrics, "/metrics").body.contains(shown);
    assert!(!is_probed());
    assert!(eventually(Duration::from_secs(30), is_probed));
}

/// CoreDNS's own check took silence for a loop, once.
#[test]
fn silence_is_no_loop() {
    let silent = Upstream::builder()
        .rule(Rule::any().silence())
        .start()
        .unwrap();
    let proxy = Fivedots::configured(silent.addr(), OFTEN);
    assert!(silent.wait_for(2, Duration::from_secs(10)));
    tells_of_none(&proxy);
}

/// A proxy whose upstream may see the mark, or may not.
fn marking(upstream: &Forwarder, cluster: bool) -> Fivedots {
    let upstreams = format!("upstreams = [\"{}\"]", upstream.addr);
    let zone = format!("suffix = \"example\"\n{upstreams}\ncluster = {cluster}");
    let lines = format!("[[zone]]\n{zone}\n[loop]\nprobe_interval = \"0s\"\nhop_option = true");
    Fivedots::configured(upstream.addr, &lines)
}

#[test]
fn a_marked_query_that_comes_back_is_a_loop() {
    let forwarder = Forwarder::start(Kind::Naive);
    let proxy = marking(&forwarder, true);
    forwarder.forward_to(proxy.listen);
    ask_in_loop(&proxy, "web.example.");
    assert_eq!(forwarder.count("web.example."), 1);
    is_told(&proxy, &format!("us -> {} -> us", forwarder.addr), "hop_option");
}

/// Each adds a number of its own.
#[test]
fn a_marked_query_names_the_proxies_that_it_passed() {
    let (first, second) = (Forwarder::start(Kind::Naive), Forwarder::start(Kind::Naive));
    let (one, other) = (marking(&first, true), marking(&second, true));
    first.forward_to(other.listen);
    second.forward_to(one.listen);
    let answer = one.client().udp(&query("web.example.", "A")).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    assert_eq!((first.count("web.example."), second.count("web.example.")), (1, 1));
    let body = get(one.metrics, "/readyz").body;
    assert!(body.contains(&format!("us -> {} -> proxy ", first.addr)), "{body}");
}

#[test]
fn no_mark_leaves_the_cluster() {
    let forwarder = Forwarder::start(Kind::Naive);
    let proxy = marking(&forwarder, false);
    forwarder.forward_to(proxy.listen);
    ask_in_loop(&proxy, "web.example.");
    is_told(&proxy, &format!("us -> {} -> us", forwarder.addr), "in_flight");
}
