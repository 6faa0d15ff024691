//! The client against the scripted upstream.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::Duration;

use testbed::client::{ResponseCode, addresses};
use testbed::{Client, port, query};
use upstream::{Delivery, Rule, Upstream, Wrong};

const RECORDS: &str = "web 30 A 192.0.2.1";

fn upstream(rule: Rule) -> (Upstream, Client) {
    let server = Upstream::builder()
        .zone("example.", RECORDS)
        .rule(rule)
        .start()
        .unwrap();
    let client = Client::new(server.addr()).timeout(Duration::from_millis(300));
    (server, client)
}

#[test]
fn a_query_arrives_as_it_was_described() {
    let (server, client) = upstream(Rule::any());
    let asked = query("wEb.example", "A")
        .id(7)
        .no_recursion()
        .checking_disabled();
    let asked = asked
        .authentic_data()
        .edns(1400)
        .dnssec_ok()
        .edns_option(10, b"cookie!!");
    for answer in [client.udp(&asked).unwrap(), client.tcp(&asked).unwrap()] {
        assert_eq!(answer.metadata.id, 7);
        assert_eq!(addresses(&answer), [IpAddr::from([192, 0, 2, 1])]);
    }
    for received in server.queries() {
        assert_eq!((received.id, received.qname.as_str()), (7, "wEb.example."));
        assert!(!received.recursion_desired && received.checking_disabled);
        assert!(received.authentic_data && received.dnssec_ok);
        assert_eq!(received.udp_payload_size, Some(1400));
        assert!(
            received
                .octets
                .windows(8)
                .any(|octets| octets == b"cookie!!")
        );
    }
    let plain = query("web.example", "TYPE65280");
    client.udp(&plain).unwrap();
    let last = server.queries().pop().unwrap();
    assert_eq!((u16::from(last.qtype), last.udp_payload_size), (65_280, None));
    assert!(last.recursion_desired && !last.checking_disabled);
}

#[test]
fn a_class_and_an_edns_version_are_sent() {
    let (server, client) = upstream(Rule::any());
    let answer = client.udp(&query("web.example", "A").class(3)).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::NotImp);
    client
        .udp(&query("web.example", "A").edns_version(1))
        .unwrap();
    let octets = server.queries().pop().unwrap().octets;
    // OPT: root, type 41, size, extended RCODE, version (RFC 6891, 6.1.2).
    let opt = &octets[octets.len() - 11..];
    assert_eq!((&opt[..3], opt[6]), (&[0, 0, 41][..], 1));
}

#[test]
fn silence_refusal_and_nonsense_are_told_apart() {
    let web = query("web.example", "A");
    let (_server, client) = upstream(Rule::any().silence());
    assert_eq!(client.udp(&web).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(client.tcp(&web).unwrap_err().kind(), ErrorKind::TimedOut);

    let closed = Client::new(port::free([127, 0, 0, 1]).unwrap());
    assert_eq!(closed.udp(&web).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(closed.tcp(&web).unwrap_err().kind(), ErrorKind::ConnectionRefused);

    for wrong in [Wrong::Id, Wrong::CutRecord] {
        let (_server, client) = upstream(Rule::any().wrong(wrong));
        assert_eq!(client.udp(&web).unwrap_err().kind(), ErrorKind::InvalidData, "{wrong:?}");
    }
    let (_server, client) = upstream(Rule::any().wrong(Wrong::SourcePort));
    assert_eq!(client.udp(&web).unwrap_err().kind(), ErrorKind::TimedOut);

    let (_server, client) = upstream(Rule::any().delivery(Delivery::CloseMidFrame));
    assert_eq!(client.tcp(&web).unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn many_queries_share_a_connection() {
    let (_server, client) = upstream(Rule::any());
    let mut connection = client.connect().unwrap();
    let queries: Vec<_> = (0..20).map(|id| query("web.example", "A").id(id)).collect();
    connection.send_all(&queries).unwrap();
    let mut ids: Vec<u16> = queries
        .iter()
        .map(|_| connection.receive().unwrap().expect("an answer"))
        .map(|octets| testbed::client::parse(&octets).unwrap().metadata.id)
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..20).collect::<Vec<_>>());
}

#[test]
fn octets_no_client_would_send_are_sent() {
    let (server, client) = upstream(Rule::any());
    assert_eq!(client.exchange_udp(b"not DNS").unwrap(), None);
    let mut connection = client.connect().unwrap();
    connection.send_raw(&[0, 3, 1]).unwrap();
    connection.send_raw(&[2, 3]).unwrap();
    assert_eq!(connection.receive().unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(server.malformed(), 2);
    let (_server, client) = upstream(Rule::any().delivery(Delivery::Close));
    let mut connection = client.connect().unwrap();
    connection
        .send(&query("web.example", "A").octets())
        .unwrap();
    assert_eq!(connection.receive().unwrap(), None);
}

#[test]
fn the_source_address_is_chosen() {
    let (server, client) = upstream(Rule::any());
    let source = IpAddr::from([127, 0, 0, 77]);
    client.from(source).udp(&query("web.example", "A")).unwrap();
    client.from(source).tcp(&query("web.example", "A")).unwrap();
    assert!(
        server
            .queries()
            .iter()
            .all(|received| received.from.ip() == source)
    );
    assert_eq!(server.total(), 2);
}
