//! Few descriptors, and a client that takes as many as it gets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

use testbed::client::{Connection, addresses};
use testbed::http::get;
use testbed::{Fivedots, Process, by_length, eventually, fivedots, port, query};
use upstream::Upstream;

use crate::greedy::count;
use crate::{PROGRAM, SOON};

/// A proxy that may have so many descriptors, and at its start fewer.
fn with_limits(upstream: SocketAddr, hard: usize, soft: usize) -> Fivedots {
    let [listen, metrics, admin] = [(); 3].map(|()| port::free(Ipv4Addr::LOCALHOST).unwrap());
    let mut command = Command::new("sh");
    let limits = format!("ulimit -S -n {soft} && ulimit -H -n {hard}");
    command.args(["-c", &format!("{limits} && exec \"$0\" \"$@\""), PROGRAM]);
    let addrs = [
        ("--listen", listen),
        ("--upstream", upstream),
        ("--metrics", metrics),
        ("--admin", admin),
    ];
    let addrs = addrs.map(|(flag, addr)| [flag.to_owned(), addr.to_string()]);
    let flags: Vec<_> = addrs.iter().flatten().map(String::as_str).collect();
    let keys = "[tcp]\nidle_timeout = \"5m\"";
    let process: Process = fivedots::serve(&mut command, keys, &flags).unwrap();
    let proxy = Fivedots { process, listen, metrics, admin };
    assert!(proxy.is_ready_within(SOON), "{}", proxy.process.output());
    proxy
}

fn upstream() -> Upstream {
    Upstream::builder()
        .zone("test.", "* 60 A 10.0.0.2")
        .start()
        .unwrap()
}

/// Nine addresses want more connections than there are descriptors.
#[test]
fn connections_leave_descriptors_to_upstreams_and_probes() {
    let (upstream, limit) = (upstream(), by_length(512, 1024));
    let proxy = with_limits(upstream.addr(), limit, limit);
    assert_eq!(count(&proxy, "process_max_fds"), limit as u64);
    let mut held: Vec<Connection> = Vec::new();
    for n in 0..limit {
        let last = u8::try_from(10 + n % 9).unwrap();
        let client = proxy.client().from(IpAddr::from([127, 0, 0, last]));
        held.push(client.connect().unwrap());
        if n % 16 == 0 {
            let other = proxy.client().from(IpAddr::from([127, 0, 0, 3]));
            // Each miss leaves from a port of its own.
            let answer = other.udp(&query(&format!("n{n}.test."), "A")).unwrap();
            assert_eq!(addresses(&answer).len(), 1, "beside {n} connections");
            let answer = other.tcp(&query(&format!("t{n}.test."), "A")).unwrap();
            assert_eq!(addresses(&answer).len(), 1, "beside {n} connections");
            assert_eq!(get(proxy.metrics, "/livez").body, "ok\n");
        }
    }
    assert_eq!(count(&proxy, "fivedots_no_descriptor_total"), 0);
    assert!(count(&proxy, "process_open_fds") < limit as u64);
    let evicted = || count(&proxy, "fivedots_tcp_connections_total{result=\"evicted\"}") > 0;
    assert!(eventually(SOON, evicted));
}

/// The soft limit of a service manager is raised as far as the hard one.
#[test]
fn the_soft_limit_is_raised() {
    let upstream = upstream();
    let proxy = with_limits(upstream.addr(), 800, 200);
    let limits = format!("/proc/{}/limits", proxy.process.pid());
    let limits = std::fs::read_to_string(limits).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    assert_eq!(line.matches(" 800 ").count(), 2, "{line}");
    assert_eq!(count(&proxy, "process_max_fds"), 800);
    // Sockets to the upstream are there before the first query.
    assert!(count(&proxy, "process_open_fds") >= 16);
}
