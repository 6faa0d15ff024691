//! The reason for this program: a server that stops for a second, and how long
//! that was for those who came meanwhile.

use std::time::{Duration, Instant};

use testbed::pace;

use crate::answering;
use crate::program::{Ran, alone, report};

/// Rate and length of the run; 400 of its queries are the slowest percent.
const RATE: f64 = 5_000.0;
const SLOWEST_PERCENT: f64 = 400.0;

/// The machine may be busy, so that the server or we get no CPU for longer
/// than was planned. Such a run proves nothing, and is made again.
const ATTEMPTS: usize = 3;

/// Queries of the stall have waited from their due time to its end: evenly
/// from nothing to all of it. So p99 is the stall less the time in which the
/// slowest percent came up: 920 ms for a second.
#[test]
fn a_stopped_server_shows_in_p99_at_its_true_length() {
    let _machine = alone();
    let mut tried = Vec::new();
    for _ in 0..ATTEMPTS {
        let (ran, stall) = run_with_a_stall();
        let truth = (stall.as_secs_f64() - SLOWEST_PERCENT / RATE) * 1e3;
        let p99 = ran.number("/run/latency_ms/p99");
        let uncounted = ran.count("lost") + ran.count("late");
        assert_eq!(ran.count("sent"), 40_000);
        if ran.code == 0 && uncounted == 0 && (p99 / truth - 1.0).abs() <= 0.02 {
            return;
        }
        tried.push(format!("{p99} ms for {truth} ms, {uncounted} lost\n{}", ran.text));
    }
    panic!("{}", tried.join("\n"));
}

#[expect(clippy::disallowed_methods, reason = "the truth to compare with is a time")]
fn run_with_a_stall() -> (Ran, Duration) {
    let (server, address) = answering::start();
    let load =
        std::thread::spawn(move || report(&["quick", &address, "--rate", "5000", "--for", "8s"]));
    pace(Duration::from_secs(3));
    server.signal("STOP").unwrap();
    let stopped = Instant::now();
    pace(Duration::from_secs(1));
    server.signal("CONT").unwrap();
    let stall = stopped.elapsed();
    (load.join().unwrap(), stall)
}
