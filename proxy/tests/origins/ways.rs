//! Upstreams to which there is no way, and those of which nothing fits.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use resolver::Origin;
use testbed::{Component, Coredns, Fivedots, Lan, Netns, netns, port};

use crate::expected::Expected;
use crate::silence::run_inside;

/// A server that sends each query back, changed.
fn server(change: impl Fn(&mut [u8]) + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = socket.local_addr().unwrap();
    // It ends with the test's process.
    thread::spawn(move || {
        let mut octets = [0; 4096];
        while let Ok((len, peer)) = socket.recv_from(&mut octets) {
            change(&mut octets[..len]);
            socket.send_to(&octets[..len], peer).ok();
        }
    });
    addr
}

/// QR and TC, and not a record. Nothing listens for TCP.
#[test]
fn a_truncated_answer_without_tcp_is_told() {
    let addr = server(|octets| octets[2] |= 0x82);
    let proxy = Fivedots::start(addr, &[]);
    let text = format!("{addr} truncated its answer, and TCP to it failed");
    Expected::servfail(Origin::TcpFailed, 23, text).check(&proxy, ".");
}

/// A query in place of an answer; another name; another ID.
#[test]
fn answers_that_do_not_fit_are_told() {
    let changes: [fn(&mut [u8]); 3] = [
        |_| (),
        |octets| {
            octets[2] |= 0x80;
            octets[13] ^= 1;
        },
        |octets| {
            octets[2] |= 0x80;
            octets[0] ^= 0xff;
        },
    ];
    for change in changes {
        let addr = server(change);
        let proxy = Fivedots::start(addr, &[]);
        let text = format!("what {addr} sent does not fit the query");
        Expected::servfail(Origin::BadAnswer, 24, text).check(&proxy, ".");
    }
}

/// Only the loopback is there.
#[test]
fn without_a_route_there_is_no_way() {
    if !testbed::have(Component::Netns) {
        return;
    }
    if netns::role().is_none() {
        return run_inside(&Netns::new().unwrap(), "ways::without_a_route_there_is_no_way");
    }
    let addr = SocketAddr::from(([192, 0, 2, 1], 53));
    let proxy = Fivedots::start(addr, &[]);
    let text = format!("no way to {addr}: Network is unreachable");
    Expected::servfail(Origin::Unreachable, 23, text).check(&proxy, ".");
}

/// The other host's firewall answers "administratively prohibited" to all.
#[test]
fn through_a_firewall_that_rejects_there_is_no_way() {
    if !testbed::have(Component::Netns) || !testbed::have_program("nft", Component::Netns) {
        return;
    }
    let name = "ways::through_a_firewall_that_rejects_there_is_no_way";
    if netns::role().is_none() {
        let lan = Lan::new().unwrap();
        let node = lan.host(&["10.79.0.1/24"]).unwrap();
        let other = lan.host(&["10.79.0.2/24"]).unwrap();
        let ran = other.command("nft").arg(REJECT).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        return run_inside(&node, name);
    }
    let addr = SocketAddr::from(([10, 79, 0, 2], 53));
    let proxy = Fivedots::start(addr, &[]);
    Expected::servfail(Origin::Unreachable, 23, format!("no way to {addr}")).check(&proxy, ".");
}

/// Nobody answers ARP for the address.
#[test]
fn to_a_host_that_is_away_there_is_no_way() {
    if !testbed::have(Component::Netns) {
        return;
    }
    let name = "ways::to_a_host_that_is_away_there_is_no_way";
    if netns::role().is_none() {
        let lan = Lan::new().unwrap();
        return run_inside(&lan.host(&["10.79.1.1/24"]).unwrap(), name);
    }
    let addr = SocketAddr::from(([10, 79, 1, 2], 53));
    let proxy = Fivedots::start(addr, &[]);
    let text = format!("no way to {addr}");
    Expected::servfail(Origin::Unreachable, 23, text).check(&proxy, ".");
}

/// The query comes back from another server than it went to.
#[test]
fn a_ring_of_two_other_servers_is_a_loop() {
    if !testbed::have(Component::Netns) || !testbed::have(Component::Coredns) {
        return;
    }
    let name = "ways::a_ring_of_two_other_servers_is_a_loop";
    let [us, first, second] = ["10.79.2.1:53", "10.79.2.2:53", "10.79.2.3:53"]
        .map(|addr| addr.parse::<SocketAddr>().unwrap());
    if netns::role().is_none() {
        let lan = Lan::new().unwrap();
        let [node, one, other] =
            [us, first, second].map(|addr| lan.host(&[&format!("{}/24", addr.ip())]).unwrap());
        let forwarding = |netns: &Netns, addr: SocketAddr, to: SocketAddr| {
            let corefile = format!(".:53 {{\nbind {{ip}}\nforward . {to}\n}}\n");
            Coredns::start_in(netns, addr, &corefile, &[]).unwrap()
        };
        let _ring = [forwarding(&one, first, second), forwarding(&other, second, us)];
        return run_inside(&node, name);
    }
    let proxy = Fivedots::start(first, &["--listen", &us.to_string()]);
    let text = "loop: the query came back to its sender".to_owned();
    // On a busy machine CoreDNS asks again what it was answered too late for.
    Expected::servfail(Origin::Loop, 0, text).check_client(&proxy);
}

/// CoreDNS tries for a second, which is no time-out.
#[test]
fn coredns_before_a_closed_port_has_an_error_inside() {
    if !testbed::have(Component::Coredns) {
        return;
    }
    let closed = port::free(Ipv4Addr::LOCALHOST).unwrap();
    let corefile = format!("test:{{port}} {{\nbind {{ip}}\nforward . {closed}\n}}\n");
    let coredns =
        Coredns::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &corefile, &[]).unwrap();
    let text = format!("{} failed at once", coredns.addr());
    let check = || {
        let proxy = Fivedots::start(coredns.addr(), &[]);
        Expected::servfail(Origin::UpstreamError, 0, text.clone()).check(&proxy, ".");
    };
    // On a busy machine its tries take longer than they should, which looks like a
    // time-out; a fresh proxy remembers nothing of that.
    let is_as_expected = (0..3).any(|_| catch_unwind(AssertUnwindSafe(check)).is_ok());
    assert!(is_as_expected, "three times another reason; see above");
}

const REJECT: &str = "table inet test {
    chain input {
        type filter hook input priority 0;
        meta l4proto { tcp, udp } th dport 53 reject with icmpx type admin-prohibited;
    }
}";
