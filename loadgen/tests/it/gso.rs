//! Queries that UDP GSO: queries of one length leave together are counted one by one.

use std::net::UdpSocket;

use upstream::{Rule, Upstream};

use crate::program::{Ran, report, run, scenario, shared};

fn server() -> upstream::Builder {
    Upstream::builder()
        .zone("example.", "www 60 A 192.0.2.1\na 60 A 192.0.2.1\nlonger 60 A 192.0.2.1")
}

/// 200 queries of three lengths within 2 ms; the sender wakes up every 0.2 ms,
/// so that there are segmented batches.
fn burst(address: &str, timeout: &str) -> Ran {
    scenario(&format!(
        r#"
        schema = 1
        name = "burst"
        target = {{ server = "{address}" }}
        limits = {{ max_qps = 1000000, max_duration = "1m" }}
        sender = {{ gso = true, timeout = "{timeout}", linger = "0s" }}
        workload = {{ names = ["www.example", "a.example", "longer.example"] }}
        [[phase]]
        name = "load"
        for = "2ms"
        schedule = {{ shape = "constant", rate = 100000 }}
        "#
    ))
}

#[test]
fn queries_of_all_lengths_are_answered_one_by_one() {
    let _machine = shared();
    let server = server().start().unwrap();
    let ran = burst(&server.addr().to_string(), "5s");
    let counts = ["due", "sent", "answered", "wrong"].map(|name| ran.count(name));
    assert_eq!(counts, [200, 200, 200, 0], "{}", ran.text);
    assert_eq!(server.total(), 200);
    let asked = ["www.example.", "a.example.", "longer.example."].map(|name| server.count(name));
    assert!(asked.iter().all(|&count| count > 0), "{asked:?}");
    assert!(
        ran.text
            .contains("UDP GSO: queries of one length leave together"),
        "{}",
        ran.text
    );
    assert!(ran.has("/load/gso"), "{}", ran.text);
}

#[test]
fn each_lost_query_of_a_segmented_batch_is_counted() {
    let _machine = shared();
    let server = server().rule(Rule::any().loss(0.25)).start().unwrap();
    let ran = burst(&server.addr().to_string(), "500ms");
    assert!((25..=80).contains(&ran.count("lost")), "{}", ran.text);
    assert_eq!(ran.count("lost") + ran.count("answered"), 200, "{}", ran.text);
}

#[test]
fn a_closed_port_refuses_every_query_of_a_segmented_batch() {
    let _machine = shared();
    // Connected to another: its port refuses us, and no other program gets it.
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap();
    closed.connect(other.local_addr().unwrap()).unwrap();
    let ran = burst(&closed.local_addr().unwrap().to_string(), "5s");
    let counts = ["sent", "refused", "lost"].map(|name| ran.count(name));
    assert_eq!(counts, [200, 200, 0], "{}", ran.text);
}

#[test]
fn gso_at_any_rate_and_over_several_threads_is_a_constant_load() {
    let _machine = shared();
    let server = server().start().unwrap();
    let address = server.addr().to_string();
    let ran = report(&[
        "quick",
        &address,
        "www.example",
        "--rate",
        "3000",
        "--for",
        "1s",
        "--gso",
        "--threads",
        "2",
        "--ports",
        "pool:4",
        "--max-qps",
        "1000000",
    ]);
    let counts = ["due", "sent", "answered"].map(|name| ran.count(name));
    assert_eq!(counts, [3000; 3], "{}", ran.text);
}

#[test]
fn the_command_line_refuses_gso_where_it_cannot_work() {
    for (more, message) in [
        (&["--tcp"][..], "sender.gso: TCP has no datagrams"),
        (&["--ports", "per-query"], "sender.gso: with a port per query"),
    ] {
        let ran = run(&[&["quick", "127.0.0.1:9", "--gso"], more].concat());
        assert_eq!(ran.code, 64, "{}", ran.errors);
        assert!(ran.errors.contains(message), "{}", ran.errors);
    }
}
