//! Answers over UDP and TCP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use testbed::client::{ResponseCode, addresses, parse};
use testbed::http::get;
use testbed::{Client, Fivedots, port, query};
use upstream::{Rule, Upstream};

fn upstream() -> Upstream {
    Upstream::builder()
        .zone("test.", "web 60 A 10.0.0.1\nslow 60 A 10.0.0.2")
        .rule(Rule::on("slow.test.").delay(Duration::from_millis(300)))
        .start()
        .unwrap()
}

#[test]
fn a_name_is_asked_once_and_answered_over_both_transports() {
    let upstream = upstream();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    let client = proxy.client();
    for _ in 0..3 {
        for answer in [client.udp(&query("web.test.", "A")), client.tcp(&query("wEb.test.", "A"))] {
            let answer = answer.unwrap();
            assert_eq!(addresses(&answer), [Ipv4Addr::new(10, 0, 0, 1)]);
            assert!(answer.metadata.recursion_available);
        }
    }
    assert_eq!(upstream.count("web.test."), 1);
    let gone = client.udp(&query("gone.test.", "A")).unwrap();
    assert_eq!(gone.metadata.response_code, ResponseCode::NXDomain);
}

/// RFC 8482, section 4.2: whoever asks for everything gets a made-up record.
#[test]
fn any_is_answered_without_an_upstream() {
    let upstream = upstream();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    for answer in [
        proxy.client().udp(&query("web.test.", "ANY")),
        proxy.client().tcp(&query("web.test.", "ANY")),
    ] {
        assert_eq!(answer.unwrap().answers[0].record_type().to_string(), "HINFO");
    }
    assert_eq!(upstream.total(), 0);
}

/// RFC 6840, section 5.8: AD is for those who show that they know it.
#[test]
fn ad_comes_through_as_received_to_those_who_asked() {
    let flags = upstream::Flags { authentic_data: true, ..upstream::Flags::RECURSIVE };
    let zone = upstream::Zone::new("test.")
        .records("web 60 A 10.0.0.1")
        .flags(flags);
    let upstream = Upstream::builder()
        .script(upstream::Script::new().zone(zone))
        .start()
        .unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    let plain = || query("web.test.", "A");
    for (question, authentic) in [
        (plain(), false),
        (plain().authentic_data(), true),
        (plain().dnssec_ok(), true),
        (plain(), false),
    ] {
        let answer = proxy.client().udp(&question).unwrap();
        assert_eq!(answer.metadata.authentic_data, authentic);
        assert!(!answer.metadata.authoritative);
    }
}

/// RFC 7766, section 6.2.1.1: a later answer may overtake an earlier one.
#[test]
fn a_miss_does_not_hold_back_what_is_cached() {
    let upstream = upstream();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    proxy.client().udp(&query("web.test.", "A")).unwrap();
    let mut connection = proxy.client().connect().unwrap();
    let queries = [query("slow.test.", "A").id(1), query("web.test.", "A").id(2)];
    connection.send_all(&queries).unwrap();
    let ids = [(); 2].map(|()| {
        let octets = connection.receive().unwrap().unwrap();
        parse(&octets).unwrap().metadata.id
    });
    assert_eq!(ids, [2, 1]);
}

/// More than one connection may have in flight: the rest waits its turn.
#[test]
fn pipelined_misses_beyond_the_bound_are_all_answered() {
    let upstream = Upstream::builder()
        .script(upstream::kubernetes())
        .start()
        .unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    let mut connection = proxy.client().connect().unwrap();
    let queries: Vec<_> = (0..300)
        .map(|n| query(&format!("n{n}.example."), "A").id(n))
        .collect();
    connection.send_all(&queries).unwrap();
    let mut ids: Vec<_> = (0..300)
        .map(|_| {
            parse(&connection.receive().unwrap().unwrap())
                .unwrap()
                .metadata
                .id
        })
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..300).collect::<Vec<_>>());
}

#[test]
fn a_half_closed_connection_still_gets_its_answers_and_an_empty_frame_ends_it() {
    let upstream = upstream();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    let mut connection = proxy.client().connect().unwrap();
    connection.send(&query("slow.test.", "A").octets()).unwrap();
    connection
        .stream
        .shutdown(std::net::Shutdown::Write)
        .unwrap();
    let answer = parse(&connection.receive().unwrap().unwrap()).unwrap();
    assert_eq!(addresses(&answer), [Ipv4Addr::new(10, 0, 0, 2)]);
    assert_eq!(connection.receive().unwrap(), None);

    let mut connection = proxy.client().connect().unwrap();
    connection.send_raw(&[0, 0]).unwrap();
    assert_eq!(connection.receive().unwrap(), None);
}

/// A client that trickles octets, or says nothing, must not hold its place.
#[test]
fn an_idle_connection_is_closed() {
    let upstream = upstream();
    let proxy = Fivedots::configured(upstream.addr(), "[tcp]\nidle_timeout = \"200ms\"");
    let mut connection = proxy.client().connect().unwrap();
    connection.send_raw(&[0]).unwrap();
    assert_eq!(connection.receive().unwrap(), None);
}

/// The client's socket is connected: a reply from another address is silence.
#[test]
fn a_wildcard_answers_from_the_address_that_was_asked() {
    let upstream = upstream();
    for (any, asked) in [("0.0.0.0", "127.0.0.77"), ("::", "::1")] {
        let [any, asked]: [IpAddr; 2] = [any, asked].map(|text| text.parse().unwrap());
        let listen = port::free(any).unwrap();
        let proxy = Fivedots::start_on(listen, upstream.addr(), &[]);
        let client = Client::new(SocketAddr::new(asked, listen.port()));
        for _ in 0..2 {
            client.udp(&query("web.test.", "A")).unwrap();
            client.tcp(&query("web.test.", "A")).unwrap();
        }
        drop(proxy);
    }
}

#[test]
fn it_is_ready_without_any_upstream_and_refuses_nobody_silently() {
    let nobody = port::free(Ipv4Addr::LOCALHOST).unwrap();
    let proxy = Fivedots::start(nobody, &[]);
    let answer = proxy.client().udp(&query("web.test.", "A")).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(get(proxy.metrics, "/readyz").body, "ok\n");
    assert_eq!(get(proxy.metrics, "/livez").body, "ok\n");
}
