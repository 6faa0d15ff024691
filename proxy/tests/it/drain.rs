//! The end of the process.

use std::net::Ipv4Addr;
use std::time::Duration;

use testbed::client::{addresses, parse, receive_datagram};
use testbed::http::{Response, get};
use testbed::{Fivedots, query};
use upstream::{Rule, Upstream};

#[test]
fn sigterm_with_50_in_flight_answers_all_50_and_exits_0() {
    let names: Vec<_> = (0..50).map(|n| format!("n{n}")).collect();
    let records: Vec<_> = names
        .iter()
        .map(|name| format!("{name} 60 A 10.0.0.1"))
        .collect();
    let upstream = Upstream::builder()
        .zone("test.", &records.join("\n"))
        .rule(Rule::any().delay(Duration::from_secs(1)))
        .start()
        .unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    // Half over UDP, half over one connection.
    let mut connection = proxy.client().connect().unwrap();
    let mut sockets = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let octets = query(&format!("{name}.test."), "A").octets();
        if n % 2 == 0 {
            let socket = proxy.client().socket().unwrap();
            socket.send(&octets).unwrap();
            sockets.push(socket);
        } else {
            connection.send(&octets).unwrap();
        }
    }
    assert!(upstream.wait_for(50, Duration::from_secs(5)));
    proxy.process.signal("TERM").unwrap();
    proxy
        .process
        .wait_for_line("draining", Duration::from_secs(1))
        .unwrap();
    let Response { status, body: reasons, .. } = get(proxy.metrics, "/readyz");
    assert_eq!((status, reasons.as_str()), (503, "draining\n"));

    let datagrams = sockets
        .iter()
        .map(|socket| receive_datagram(socket).unwrap());
    let frames = (0..25).map(|_| connection.receive().unwrap());
    let answers: Vec<_> = datagrams.chain(frames).map(Option::unwrap).collect();
    for answer in &answers {
        assert_eq!(addresses(&parse(answer).unwrap()), [Ipv4Addr::new(10, 0, 0, 1)]);
    }
    assert_eq!(answers.len(), 50);
    let status = proxy.process.wait(Duration::from_secs(4)).unwrap();
    assert_eq!(status.code(), Some(0), "{}", proxy.process.output());
}

/// The kernel holds connections and datagrams of a process that has no time to take
/// them; their clients have sent their queries.
#[test]
fn what_waits_to_be_taken_is_answered() {
    let upstream = Upstream::builder().zone("test.", "web 60 A 10.0.0.1");
    let upstream = upstream.start().unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    proxy.process.signal("STOP").unwrap();
    let octets = query("web.test.", "A").octets();
    let mut connections: Vec<_> = (0..8).map(|_| proxy.client().connect().unwrap()).collect();
    let sockets: Vec<_> = (0..8).map(|_| proxy.client().socket().unwrap()).collect();
    for (connection, socket) in connections.iter_mut().zip(&sockets) {
        connection.send(&octets).unwrap();
        socket.send(&octets).unwrap();
    }
    proxy.process.signal("TERM").unwrap();
    proxy.process.signal("CONT").unwrap();
    for (connection, socket) in connections.iter_mut().zip(&sockets) {
        assert!(connection.receive().unwrap().is_some());
        assert!(receive_datagram(socket).unwrap().is_some());
    }
}

/// Nobody's answer is worth more than five seconds.
#[test]
fn a_silent_upstream_does_not_hold_up_the_end() {
    let upstream = Upstream::builder()
        .rule(Rule::any().silence())
        .start()
        .unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    let socket = proxy.client().socket().unwrap();
    socket.send(&query("web.test.", "A").octets()).unwrap();
    assert!(upstream.wait_for(1, Duration::from_secs(5)));
    proxy.process.signal("INT").unwrap();
    let status = proxy.process.wait(Duration::from_secs(5)).unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(receive_datagram(&socket).unwrap().is_some(), "the client was told");
}
