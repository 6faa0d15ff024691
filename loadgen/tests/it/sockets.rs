//! From which ports, over what, and along which search path.

use std::collections::HashSet;
use std::net::SocketAddr;

use upstream::{Delivery, Rule, Transport, Upstream, kubernetes};

use crate::program::{UNLIMITED, report, scenario, shared};

fn server(listen: &str) -> Upstream {
    let listen = listen.parse().unwrap();
    Upstream::builder()
        .zone("example.", "www 60 A 192.0.2.1")
        .listen(listen)
        .start()
        .unwrap()
}

fn sources(server: &Upstream) -> HashSet<SocketAddr> {
    server.queries().iter().map(|query| query.from).collect()
}

/// Runs 300 queries, all of which must be answered.
fn quick(server: &Upstream, more: &[&str]) {
    let address = server.addr().to_string();
    let arguments = ["quick", &address, "www.example", "--rate", "300", "--for", "1s"];
    let ran = report(&[&arguments, more, &UNLIMITED].concat());
    assert_eq!(ran.count("answered"), 300, "{}{}", ran.text, ran.errors);
    assert!(ran.ended_with(0), "{}{}", ran.text, ran.errors);
}

#[test]
fn source_ports_are_as_many_as_was_said() {
    let _machine = shared();
    let server = server("127.0.0.1:0");
    for (ports, least, most) in [("one", 1, 1), ("pool:7", 7, 7), ("per-query", 270, 300)] {
        server.forget();
        quick(&server, &["--ports", ports]);
        let found = sources(&server).len();
        assert!((least..=most).contains(&found), "{ports}: {found}");
    }
}

#[test]
fn tcp_connections_are_kept() {
    let _machine = shared();
    let server = server("127.0.0.1:0");
    quick(&server, &["--tcp", "--connections", "3"]);
    assert!(
        server
            .queries()
            .iter()
            .all(|query| query.transport == Transport::Tcp)
    );
    assert_eq!(sources(&server).len(), 3);
}

#[test]
fn a_broken_connection_is_made_again_and_counted() {
    let _machine = shared();
    let server = Upstream::builder()
        .zone("example.", "www 60 A 192.0.2.1")
        .rule(Rule::any().nth(50).delivery(Delivery::Close))
        .start()
        .unwrap();
    let address = server.addr().to_string();
    let arguments = [
        "quick",
        &address,
        "www.example",
        "--rate",
        "300",
        "--for",
        "1s",
        "--tcp",
        "--linger",
        "0s",
    ];
    let ran = report(&[&arguments[..], &UNLIMITED].concat());
    assert_eq!(ran.count("reconnects"), 1, "{}", ran.text);
    assert!((1..20).contains(&ran.count("lost")), "{}", ran.text);
    assert_eq!(ran.count("lost") + ran.count("answered"), 300, "{}", ran.text);
}

#[test]
fn ipv6_is_a_target_like_any() {
    let _machine = shared();
    let server = server("[::1]:0");
    quick(&server, &[]);
    quick(&server, &["--tcp"]);
    assert!(sources(&server).iter().all(SocketAddr::is_ipv6));
}

/// Four names of an external lookup that are denied, then the name itself; a
/// Service's first name is the right one. A and AAAA each.
#[test]
fn lookups_walk_the_search_path_as_a_pod_does() {
    let _machine = shared();
    let server = Upstream::builder().script(kubernetes()).start().unwrap();
    let run = |name: &str, queries: u64| {
        server.forget();
        let ran = scenario(&format!(
            r#"
            schema = 1
            name = "search"
            target = {{ server = "{}" }}
            limits = {{ max_qps = 100000, max_duration = "1m" }}
            sender = {{ ports = "pool:5" }}
            [workload]
            names = ["{name}"]
            lookup = {{ search = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "x.internal"] }}
            [[phase]]
            name = "load"
            for = "1s"
            schedule = {{ shape = "constant", rate = 50 }}
            [expect]
            "load.lookup.p50" = "< 2s"
            "#,
            server.addr()
        ));
        assert!(ran.ended_with(0), "{}{}", ran.text, ran.errors);
        assert_eq!(ran.count("lookups_resolved"), 50, "{}", ran.text);
        assert_eq!(ran.count("sent"), 50 * queries, "{}", ran.text);
        assert_eq!(server.total(), 50 * queries);
    };
    run("www.example.com", 10);
    run("cart", 2);
    assert_eq!(server.count("cart.shop.svc.cluster.local."), 100);
}
