//! Upstreams of which nothing is heard, and the proxy's own limits.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::thread;

use resolver::Origin;
use testbed::http::get;
use testbed::{Component, Fivedots, Lan, Netns, eventually, netns, port, query};

use crate::SOON;
use crate::asker::{ask, ask_all, names};
use crate::expected::{CLIENT, Expected, HUNDRED};

/// It takes each datagram and never answers; nothing listens there for TCP.
#[test]
fn silence_is_a_timeout() {
    let (_silent, addr) = silent();
    let proxy = Fivedots::start(addr, &[]);
    let text = format!("no answer before the deadline; last asked: {addr}");
    Expected::servfail(Origin::Timeout, 22, text).check(&proxy, ".");
}

#[test]
fn a_closed_port_refuses_the_connection() {
    let closed = port::free(Ipv4Addr::LOCALHOST).unwrap();
    let proxy = Fivedots::start(closed, &[]);
    let text = format!("nothing listens at {closed}");
    Expected::servfail(Origin::ConnectRefused, 23, text).check(&proxy, ".");
}

/// Behind a network one hears of a few datagrams a second that nothing listens:
/// the kernel there says no more (`icmp_ratelimit`).
#[test]
fn a_closed_port_of_another_host_refuses_the_connection() {
    if !testbed::have(Component::Netns) {
        return;
    }
    if netns::role().is_none() {
        let lan = Lan::new().unwrap();
        let node = lan.host(&["10.79.0.1/24"]).unwrap();
        let _other = lan.host(&["10.79.0.2/24"]).unwrap();
        return run_inside(&node, "silence::a_closed_port_of_another_host_refuses_the_connection");
    }
    let closed = SocketAddr::from(([10, 79, 0, 2], 53));
    let proxy = Fivedots::start(closed, &[]);
    let text = format!("nothing listens at {closed}");
    Expected::servfail(Origin::ConnectRefused, 23, text).check(&proxy, ".");
}

/// As with a full conntrack table: the kernel says EPERM to who sends a datagram,
/// and nothing to who connects.
#[test]
fn what_a_firewall_drops_on_its_way_out_was_not_sent() {
    if !testbed::have(Component::Netns) || !testbed::have_program("nft", Component::Netns) {
        return;
    }
    if netns::role().is_none() {
        let name = "silence::what_a_firewall_drops_on_its_way_out_was_not_sent";
        return run_inside(&Netns::new().unwrap(), name);
    }
    let (_silent, addr) = silent();
    let proxy = Fivedots::start(addr, &[]);
    let ruleset = format!(
        "table inet test {{
            chain output {{
                type filter hook output priority 0;
                meta l4proto {{ tcp, udp }} th dport {} drop;
            }}
        }}",
        addr.port()
    );
    let nft = Command::new("nft").arg(&ruleset).output().unwrap();
    assert!(nft.status.success(), "{nft:?}");
    let text = format!("the kernel refused to send to {addr}: Operation not permitted");
    Expected::servfail(Origin::SendFailed, 23, text).check(&proxy, ".");
}

/// A client has as many questions open as there may be, and asks as many again: its
/// oldest give way.
#[test]
fn what_is_above_the_limit_gives_way() {
    let (_silent, addr) = silent();
    let proxy = Fivedots::configured(addr, "[forward]\nmax_inflight = 100");
    let page = || get(proxy.metrics, "/metrics").body;
    let told = thread::scope(|scope| {
        let first = scope.spawn(|| ask(proxy.listen, CLIENT, &names(HUNDRED, "test.")));
        assert!(eventually(SOON, || page().contains(WAITING_100)), "{}", page());
        let more = proxy.client().from(CLIENT).socket().unwrap();
        for name in names(HUNDRED, "more.test.") {
            more.send(&query(&name, "A").octets()).unwrap();
        }
        first.join().unwrap()
    });
    let text = "over its share: this client has the most queries in flight".to_owned();
    let expected = Expected::servfail(Origin::Limit, 0, text);
    expected.compare_told(&told);
    expected.compare_client(&proxy);
}

/// A class that nobody looks up.
#[test]
fn what_is_not_looked_up_is_rejected() {
    let (_silent, addr) = silent();
    let proxy = Fivedots::start(addr, &[]);
    let chaos = names(HUNDRED, "test.").into_iter();
    let chaos = chaos.map(|name| query(&name, "TXT").class(3).edns(1232));
    let expected = Expected::refused(Origin::Rejected, None);
    expected.compare_told(&ask_all(proxy.listen, CLIENT, chaos));
    expected.compare_client(&proxy);
}

/// Runs the test `name` in a namespace, and shows what it found.
pub(crate) fn run_inside(netns: &Netns, name: &str) {
    let output = netns.run_test(name, "the node");
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    for line in said.lines().filter(|line| line.contains("100")) {
        println!("{line}");
    }
}

/// A UDP port that is there; its socket must be kept.
fn silent() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = socket.local_addr().unwrap();
    (socket, addr)
}

const WAITING_100: &str = "\nfivedots_inflight_waiters 100\n";
