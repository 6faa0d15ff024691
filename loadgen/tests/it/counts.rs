//! Lost, refused, late, wrong and shed are different things.

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use upstream::{ResponseCode, Rule, Upstream, Wrong};

use crate::program::{Ran, UNLIMITED, report, scenario, shared};

fn server(rule: Rule) -> Upstream {
    Upstream::builder()
        .zone("example.", "www 60 A 192.0.2.1")
        .rule(rule)
        .start()
        .unwrap()
}

fn quick(server: &Upstream, more: &[&str]) -> Ran {
    let address = server.addr().to_string();
    let arguments = ["quick", &address, "www.example", "--rate", "200", "--for", "1s"];
    report(&[&arguments, more, &UNLIMITED].concat())
}

#[test]
fn a_closed_port_refuses_and_loses_nothing() {
    let _machine = shared();
    // Connected to another: its port refuses us, and no other program gets it.
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap();
    closed.connect(other.local_addr().unwrap()).unwrap();
    let address = closed.local_addr().unwrap().to_string();
    for ports in ["one", "pool:20", "per-query"] {
        let arguments = ["quick", &address, "--rate", "200", "--for", "1s", "--ports", ports];
        let ran = report(&[&arguments[..], &UNLIMITED].concat());
        assert_eq!((ran.count("sent"), ran.count("refused")), (200, 200), "{}", ran.text);
        assert_eq!(ran.count("lost"), 0, "{}", ran.text);
        assert!(ran.text.contains("ICMP: port unreachable (200)"), "{}", ran.text);
        assert!(ran.ended_with(2), "{}", ran.text);
    }
}

/// A query that no connection took was never sent, and it is the server's fault.
#[test]
fn a_closed_port_takes_no_query_over_tcp() {
    let _machine = shared();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap().to_string();
    drop(closed);
    let ran = report(&[
        "quick",
        &address,
        "--rate",
        "200",
        "--for",
        "1s",
        "--tcp",
        "--max-qps",
        "1000000",
    ]);
    let counts = ["due", "sent", "unconnected", "lost", "reconnects"].map(|name| ran.count(name));
    assert_eq!(counts, [200, 0, 200, 0, 0], "{}", ran.text);
    assert!(
        ran.text
            .contains("no connection took a query: ECONNREFUSED"),
        "{}",
        ran.text
    );
    assert!(ran.ended_with(2), "{}", ran.text);
}

/// Also those of the last queries, and on a socket that had one query.
#[test]
fn an_answer_after_the_timeout_is_late() {
    let _machine = shared();
    for ports in ["one", "per-query"] {
        let server = server(Rule::any().delay(Duration::from_millis(400)));
        let ran = quick(&server, &["--timeout", "200ms", "--ports", ports]);
        assert_eq!((ran.count("late"), ran.count("lost")), (200, 0), "{}", ran.text);
        assert_eq!(ran.count("wrong"), 0, "{}", ran.text);
        assert!(ran.ended_with(2), "{}", ran.text);
        // It ends with the last of them, not after the 12 s in which one could come.
        assert!(ran.number("/took_s") < 10.0, "{}", ran.text);
    }
}

#[test]
fn an_answer_to_another_query_is_wrong() {
    let _machine = shared();
    let server = server(Rule::any().wrong(Wrong::Id));
    let ran = quick(&server, &["--timeout", "200ms", "--linger", "0s"]);
    assert_eq!((ran.count("wrong"), ran.count("lost")), (200, 200), "{}", ran.text);
}

#[test]
fn a_failing_server_answers_and_its_rcode_is_told() {
    let _machine = shared();
    let server = server(Rule::any().rcode(ResponseCode::ServFail));
    let ran = quick(&server, &[]);
    assert_eq!(ran.count("answered"), 200, "{}", ran.text);
    assert!(ran.ended_with(0), "{}", ran.text);
    assert!((ran.number("/run/rcodes/SERVFAIL") - 200.0).abs() < 0.5, "{}", ran.text);
}

#[test]
fn lost_queries_are_told_apart_from_slow_ones() {
    let _machine = shared();
    let server = server(Rule::any().loss(0.25));
    let ran = quick(&server, &["--timeout", "500ms", "--linger", "0s"]);
    assert!((25..=80).contains(&ran.count("lost")), "{}", ran.text);
    assert_eq!(ran.count("lost") + ran.count("answered"), 200, "{}", ran.text);
    assert!(ran.text.contains("have no latency"), "{}", ran.text);
}

#[test]
fn load_above_the_bound_is_shed_and_makes_the_run_invalid() {
    let _machine = shared();
    let server = server(Rule::any().silence());
    let ran = scenario(&format!(
        r#"
        schema = 1
        name = "shed"
        target = {{ server = "{}" }}
        limits = {{ max_qps = 100000, max_duration = "1m", max_outstanding = 50 }}
        sender = {{ timeout = "2s", linger = "0s" }}
        workload = {{ names = ["www.example"] }}
        [[phase]]
        name = "load"
        for = "1s"
        schedule = {{ shape = "constant", rate = 200 }}
        "#,
        server.addr()
    ));
    let counts = (ran.count("due"), ran.count("sent"), ran.count("shed"), ran.count("lost"));
    assert_eq!(counts, (200, 50, 150, 50), "{}", ran.text);
    assert_eq!(ran.code, 3, "{}", ran.text);
}
