//! Clients of networks that may not ask, beside one that may.

use std::net::{IpAddr, SocketAddr};

use testbed::client::{Message, ResponseCode, addresses};
use testbed::{Client, Fivedots, query};
use upstream::Upstream;

use crate::greedy::count;

/// The INFO-CODE of the response's Extended DNS Error.
fn info_code(message: &Message) -> Option<u16> {
    let edns = message.edns.as_ref()?;
    let option = edns.options().get(15.into())?;
    let octets: Vec<u8> = option.try_into().unwrap();
    Some(u16::from_be_bytes([octets[0], octets[1]]))
}

fn start(upstream: &Upstream) -> (Fivedots, Client, Client) {
    let proxy = Fivedots::configured(upstream.addr(), "allow = [\"127.0.0.2\", \"10.0.0.0/8\"]");
    let from = |last| proxy.client().from(IpAddr::from([127, 0, 0, last]));
    let clients = (from(2), from(3));
    (proxy, clients.0, clients.1)
}

fn upstream() -> Upstream {
    Upstream::builder()
        .zone("test.", "web 60 A 10.0.0.1")
        .start()
        .unwrap()
}

#[test]
fn a_stranger_is_refused_over_both_transports_and_costs_no_lookup() {
    let upstream = upstream();
    let (proxy, client, stranger) = start(&upstream);
    let plain = query("web.test.", "A");
    for answer in [client.udp(&plain), client.tcp(&plain)] {
        assert_eq!(addresses(&answer.unwrap()).len(), 1);
    }
    // The proxy's own query at its start is one of 127.0.0.1.
    let rejected = || count(&proxy, "fivedots_rejected_queries_total{reason=\"not_allowed\"}");
    let before = rejected();
    let lookups = count(&proxy, "fivedots_cache_lookups_total{result=\"fresh\"}");
    for (asked, code) in [(plain.clone(), None), (plain.edns(1232), Some(18))] {
        for answer in [stranger.udp(&asked), stranger.tcp(&asked)] {
            let answer = answer.unwrap();
            assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
            assert_eq!((answer.answers.len(), info_code(&answer)), (0, code));
        }
    }
    assert_eq!(upstream.total(), 1);
    assert_eq!(count(&proxy, "fivedots_cache_lookups_total{result=\"fresh\"}"), lookups);
    assert_eq!(rejected() - before, 4);
}

/// A stranger and a client in the same batch: each gets its own.
#[test]
fn a_flood_of_strangers_takes_no_answer_from_a_client() {
    let upstream = upstream();
    let (proxy, client, stranger) = start(&upstream);
    let octets = query("web.test.", "A").octets();
    let flood = stranger.socket().unwrap();
    for _ in 0..20 {
        for _ in 0..50 {
            flood.send(&octets).unwrap();
        }
        assert_eq!(addresses(&client.udp(&query("web.test.", "A")).unwrap()).len(), 1);
    }
    let summary = testbed::http::get(proxy.admin, "/api/v1/clients?limit=100").body;
    assert!(!summary.contains("127.0.0.3"), "a stranger has no account: {summary}");
}

/// Answering a response invites a loop, whoever sends it.
#[test]
fn a_response_of_a_stranger_is_met_with_silence() {
    let upstream = upstream();
    let (_proxy, _, stranger) = start(&upstream);
    let socket = stranger.socket().unwrap();
    let mut response = query("web.test.", "A").id(1).octets();
    response[2] |= 0x80;
    socket.send(&response).unwrap();
    socket
        .send(&query("web.test.", "A").id(2).octets())
        .unwrap();
    let first = testbed::client::receive_datagram(&socket).unwrap().unwrap();
    assert_eq!(first[..2], [0, 2]);
}

/// Without the key: addresses of this machine are its own.
#[test]
fn this_node_is_allowed_by_default() {
    let upstream = upstream();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    let own = std::net::UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        // Nothing is sent.
        socket.connect("192.0.2.1:53")?;
        socket
            .local_addr()
            .as_ref()
            .map(SocketAddr::ip)
            .map_err(|_| unreachable!())
    });
    let sources = [Ok(IpAddr::from([127, 9, 9, 9])), own];
    for source in sources.into_iter().flatten() {
        let answer = proxy.client().from(source).udp(&query("web.test.", "A"));
        // A source that loopback does not route is none of a client.
        let Ok(answer) = answer else { continue };
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError, "{source}");
    }
}
