//! Rates and times.

use std::net::UdpSocket;

use upstream::Upstream;

use crate::answering;
use crate::program::{UNLIMITED, alone, report, scenario, shared};

/// Seconds that a run of three may take on a busy machine.
const BUSY_S: f64 = 30.0;

/// Half a query in 15,000 would be 0.003 %; none is missing.
#[test]
fn the_rate_is_kept_to_a_hundredth_of_a_percent() {
    let _machine = alone();
    let (_server, address) = answering::start();
    for threads in ["1", "2"] {
        let arguments = ["quick", &address, "--rate", "5000", "--for", "3s", "--threads", threads];
        let arguments = [&arguments[..], &UNLIMITED].concat();
        let ran = report(&arguments);
        let error = (ran.number("/run/rate") / 5_000.0 - 1.0).abs();
        assert!(error <= 0.0001, "{error}");
        assert_eq!(ran.count("due"), 15_000);
        assert_eq!(ran.count("answered"), 15_000, "{}", ran.text);
        // All were sent in the time of the plan, not only counted: a sender that
        // waits for each answer would take minutes.
        assert!(ran.number("/took_s") < BUSY_S, "{}", ran.text);
    }
}

/// The load stays up when the server is gone, which is when it matters.
#[test]
fn a_silent_server_gets_every_query_on_time() {
    let _machine = alone();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let mut arguments = vec!["quick", &address, "--rate", "1000", "--for", "2s"];
    arguments.extend(["--timeout", "1s", "--linger", "0s"]);
    let ran = report(&arguments);
    assert_eq!((ran.count("sent"), ran.count("lost")), (2_000, 2_000));
    assert_eq!((ran.count("answered"), ran.count("refused")), (0, 0));
    assert!(ran.ended_with(2), "{}", ran.text);
    assert!(ran.text.contains("there was no answer at all"), "{}", ran.text);
    // Its tail is one timeout: one for each query would be 2,000 s. A sender that
    // waits for timeouts would be late by one at least.
    assert!(ran.number("/took_s") < BUSY_S, "{}", ran.text);
    assert!(ran.number("/run/lateness_ms/p99") < 1_000.0, "{}", ran.text);
}

#[test]
fn a_closed_loop_measures_capacity_and_says_so() {
    let _machine = shared();
    let server = Upstream::builder()
        .zone("example.", "www 60 A 192.0.2.1")
        .start()
        .unwrap();
    let ran = scenario(&format!(
        r#"
        schema = 1
        name = "capacity"
        target = {{ server = "{}" }}
        limits = {{ max_qps = 2000, max_duration = "1m" }}
        workload = {{ names = ["www.example"] }}
        [[phase]]
        name = "max"
        for = "1s"
        schedule = {{ shape = "max", window = 8 }}
        [expect]
        "max.answered" = "> 100"
        "#,
        server.addr()
    ));
    assert_eq!(ran.code, 0, "{}{}", ran.text, ran.errors);
    assert!(ran.text.contains("closed loop"), "{}", ran.text);
    assert!(!ran.has("/run/latency_ms/p50") && !ran.has("/phases/0/latency_ms/p50"));
    // The ceiling of the limits holds here too.
    assert!(ran.count("sent") <= 2_000, "{}", ran.text);
}

/// Our own lateness is our fault and never a failure of the server.
#[test]
fn a_sender_that_is_too_late_makes_the_run_invalid() {
    let _machine = shared();
    let server = Upstream::builder()
        .zone("example.", "www 60 A 192.0.2.1")
        .start()
        .unwrap();
    let ran = scenario(&format!(
        r#"
        schema = 1
        name = "late"
        target = {{ server = "{}" }}
        limits = {{ max_qps = 600, max_duration = "1m", max_lateness = "1ns" }}
        workload = {{ names = ["www.example"] }}
        [[phase]]
        name = "load"
        for = "1s"
        schedule = {{ shape = "poisson", rate = 200 }}
        [expect]
        "load.latency.max" = "< 1ns"
        "#,
        server.addr()
    ));
    assert_eq!(ran.code, 3, "{}{}", ran.text, ran.errors);
    assert!(ran.text.contains("INVALID phase load: we sent"), "{}", ran.text);
    assert!(ran.text.contains("FAIL load.latency.max"), "{}", ran.text);
    assert!(ran.has("/phases/0/burst/p99") && ran.has("/phases/0/cpu_share"));
}
