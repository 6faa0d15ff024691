//! The reason for this program: a server that stops for a second, and how long
//! that was for those who came meanwhile.

use std::time::{Duration, Instant};

use testbed::eventually;

use crate::answering;
use crate::program::{Ran, UNLIMITED, alone, report};

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
    let (_, port) = address.rsplit_once(':').unwrap();
    let port = port.parse().unwrap();
    let load = std::thread::spawn(move || {
        let arguments = ["quick", &address, "--rate", "5000", "--for", "8s"];
        report(&[&arguments[..], &UNLIMITED].concat())
    });
    server
        .wait_for_line(answering::WARM_LINE, Duration::from_secs(60))
        .unwrap();
    server.signal("STOP").unwrap();
    let stopped = Instant::now();
    // Some second later its queue holds a second's queries.
    let is_long = eventually(Duration::from_secs(60), || queued(port) >= STALL_OCTETS);
    server.signal("CONT").unwrap();
    let stall = stopped.elapsed();
    assert!(is_long, "{} octets are queued", queued(port));
    (load.join().unwrap(), stall)
}

/// Octets in the receive queues of a UDP port of loopback, as the kernel
/// charges them (proc(5), `/proc/net/udp`).
fn queued(port: u16) -> u64 {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap();
    let local = format!("0100007F:{port:04X}");
    let lines = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = lines.filter(|fields| fields[1] == local);
    let queue = |fields: Vec<&str>| u64::from_str_radix(fields[4].split_once(':').unwrap().1, 16);
    ours.map(|fields| queue(fields).unwrap()).sum()
}

/// A second's queries in the receive queue: the kernel charges 768 octets for
/// a small datagram, so that the stall is a second long, or a little more or
/// less with another kernel.
const STALL_OCTETS: u64 = 5_000 * 768;
