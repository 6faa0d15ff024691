//! What looks like a loop and is none.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use testbed::client::{ResponseCode, addresses, parse, receive_datagram};
use testbed::{Fivedots, eventually, query};
use upstream::{Rule, Upstream};

use crate::SOON;
use crate::loops::tells_of_none;

const RIGHT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn slow(delay: u64) -> (Upstream, Fivedots) {
    let upstream = Upstream::builder()
        .zone("test.", "* 60 A 192.0.2.2")
        .rule(Rule::any().delay(Duration::from_millis(delay)))
        .start()
        .unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    (upstream, proxy)
}

/// Sends the same question so many times, each from a socket of its own.
fn herd(proxy: &Fivedots, name: &str, count: u16) -> Vec<UdpSocket> {
    let ask = |id| {
        let socket = proxy.client().socket().unwrap();
        socket.send(&query(name, "A").id(id).octets()).unwrap();
        socket
    };
    (0..count).map(ask).collect()
}

fn all_answered(sockets: &[UdpSocket]) {
    for socket in sockets {
        let answer = receive_datagram(socket).unwrap().unwrap();
        assert_eq!(addresses(&parse(&answer).unwrap()), [RIGHT]);
    }
}

/// All of a host's programs have the address of its upstream, too: those of a
/// herd are many, and those of a pair as few as a loop brings.
#[test]
fn clients_at_the_address_of_the_upstream_are_clients() {
    for (delay, count) in [(300, 300), (700, 300), (20, 2), (300, 2), (700, 2)] {
        let (upstream, proxy) = slow(delay);
        all_answered(&herd(&proxy, "web.test.", count));
        tells_of_none(&proxy);
        // At most one look behind a question, and the three retries of a
        // question that is not answered within 400 ms.
        let (total, asked) = (upstream.total(), upstream.count("web.test."));
        assert!(total <= asked + 1 && asked <= 4, "{delay} ms, {count}: {total}, {asked}");
    }
}

#[test]
fn retransmits_are_no_laps() {
    let (upstream, proxy) = slow(300);
    let socket = proxy.client().socket().unwrap();
    let octets = query("web.test.", "A").octets();
    for _ in 0..5 {
        socket.send(&octets).unwrap();
    }
    all_answered(&[socket]);
    assert_eq!(upstream.total(), 1);
    tells_of_none(&proxy);
}

/// CoreDNS's `forward` asks for the name servers of the root to see whether we
/// live, and others ask the same.
#[test]
fn health_checks_are_no_laps() {
    let (_upstream, proxy) = slow(100);
    let sockets: Vec<_> = (0..4)
        .map(|n| {
            let socket = proxy.client().socket().unwrap();
            socket.send(&query(".", "NS").id(n).octets()).unwrap();
            socket
        })
        .collect();
    for socket in &sockets {
        let answer = parse(&receive_datagram(socket).unwrap().unwrap()).unwrap();
        assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
    }
    assert!(eventually(SOON, || proxy.is_ready_within(SOON)));
    tells_of_none(&proxy);
}
