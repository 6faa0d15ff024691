//! What zones answer, by UDP and TCP, IPv4 and IPv6.

use std::net::SocketAddr;

use super::*;
use upstream::{Flags, Script, Upstream, Zone, kubernetes, synthetic_address};

const RECORDS: &str = "
    web.default.svc 30 A 10.96.0.7
    web.default.svc 30 A 10.96.0.8
    web.default.svc 30 AAAA fd00::7
    _http._tcp.web.default.svc 30 SRV 0 100 80 web.default.svc
    alias 30 CNAME alias2
    alias2 40 CNAME web.default.svc
    *.wild 5 TXT \"any name\"
    big 30 TXT \"0123456789012345678901234567890123456789012345678901234567890123456789\"
";

fn cluster() -> Upstream {
    Upstream::builder()
        .zone("cluster.local.", RECORDS)
        .start()
        .unwrap()
}

#[test]
fn records_are_found_over_both_transports() {
    let server = cluster();
    let query = query("web.default.svc.cluster.local.", RecordType::A);
    for message in [ask_udp(server.addr(), &query), ask_tcp(server.addr(), &query)] {
        assert_eq!(message.metadata.id, 0x1234);
        assert_eq!(rcode(&message), ResponseCode::NoError);
        assert!(message.metadata.authoritative && !message.metadata.recursion_available);
        assert!(message.metadata.recursion_desired && !message.metadata.authentic_data);
        assert_eq!(message.queries, query.queries);
        let mut found = addresses(&message);
        found.sort();
        assert_eq!(found, [IpAddr::from([10, 96, 0, 7]), IpAddr::from([10, 96, 0, 8])]);
    }
}

#[test]
fn it_listens_on_ipv6() {
    let listen = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0));
    let builder = Upstream::builder()
        .listen(listen)
        .zone("cluster.local.", RECORDS);
    let server = builder.start().unwrap();
    let query = query("web.default.svc.cluster.local.", RecordType::AAAA);
    for message in [ask_udp(server.addr(), &query), ask_tcp(server.addr(), &query)] {
        assert_eq!(addresses(&message), ["fd00::7".parse::<IpAddr>().unwrap()]);
    }
}

#[test]
fn a_chain_of_cnames_comes_whole_and_in_order() {
    let message = ask_udp(cluster().addr(), &query("alias.cluster.local.", RecordType::A));
    let chain: Vec<_> = message
        .answers
        .iter()
        .map(|a| (a.name.to_ascii(), a.ttl))
        .collect();
    assert_eq!(
        chain[..2],
        [("alias.cluster.local.".to_owned(), 30), ("alias2.cluster.local.".to_owned(), 40)]
    );
    assert_eq!(addresses(&message).len(), 2);
}

#[test]
fn a_wildcard_answers_under_the_name_asked() {
    let message = ask_udp(cluster().addr(), &query("x.y.wild.cluster.local.", RecordType::TXT));
    assert_eq!(message.answers.len(), 1);
    assert_eq!(message.answers[0].name.to_ascii(), "x.y.wild.cluster.local.");
}

#[test]
fn owners_keep_the_case_they_were_asked_in() {
    let server = cluster();
    let asked = "wEb.DEFAULT.svc.cluster.LOCAL.";
    let message = ask_udp(server.addr(), &query(asked, RecordType::A));
    assert_eq!(message.queries[0].name.to_ascii(), asked);
    assert_eq!(message.answers[0].name.to_ascii(), asked);
    assert_eq!(server.queries()[0].qname, asked);
    assert_eq!(server.count("web.default.svc.cluster.local"), 1);
}

/// RFC 2308, sections 2 and 3.
#[test]
fn negative_responses_carry_the_soa() {
    let zone = Zone::new("cluster.local.").records(RECORDS).negative_ttl(7);
    let server = Upstream::builder()
        .script(Script::new().zone(zone))
        .start()
        .unwrap();
    let table = [
        ("gone.default.svc.cluster.local.", RecordType::A, ResponseCode::NXDomain),
        ("web.default.svc.cluster.local.", RecordType::MX, ResponseCode::NoError),
        // An empty non-terminal exists (RFC 8020).
        ("default.svc.cluster.local.", RecordType::A, ResponseCode::NoError),
    ];
    for (name, qtype, expected) in table {
        let message = ask_udp(server.addr(), &query(name, qtype));
        assert_eq!(rcode(&message), expected, "{name}");
        assert!(message.answers.is_empty(), "{name}");
        let [soa] = message.authorities.as_slice() else { panic!("{name}: no SOA") };
        assert_eq!((soa.record_type(), soa.ttl), (RecordType::SOA, 7), "{name}");
    }
}

#[test]
fn a_name_of_no_zone_is_refused() {
    let message = ask_udp(cluster().addr(), &query("example.com.", RecordType::A));
    assert_eq!(rcode(&message), ResponseCode::Refused);
}

#[test]
fn flags_are_the_zones() {
    let all = Flags { authoritative: false, recursion_available: true, authentic_data: true };
    let zone = Zone::new("example.")
        .records("web 30 A 192.0.2.1")
        .flags(all);
    let server = Upstream::builder()
        .script(Script::new().zone(zone))
        .start()
        .unwrap();
    let message = ask_udp(server.addr(), &query("web.example.", RecordType::A));
    let metadata = message.metadata;
    assert!(!metadata.authoritative && metadata.recursion_available && metadata.authentic_data);
}

#[test]
fn an_answer_above_the_clients_size_is_cut_at_a_record_and_says_so() {
    let line = |host| format!("many 30 A 10.0.0.{host}\n");
    let records: String = (1..=60).map(line).collect();
    let server = Upstream::builder()
        .zone("example.", &records)
        .start()
        .unwrap();
    let plain = query("many.example.", RecordType::A);
    let message = ask_udp(server.addr(), &plain);
    assert!(message.metadata.truncation);
    // (512 - 12 - 18 octets of question) / 16 octets a record.
    assert_eq!(message.answers.len(), 30);
    let message = ask_udp(server.addr(), &with_payload(plain.clone(), 1232));
    assert_eq!((message.metadata.truncation, message.answers.len()), (false, 60));
    assert!(message.edns.is_some());
    let message = ask_tcp(server.addr(), &plain);
    assert_eq!((message.metadata.truncation, message.answers.len()), (false, 60));
    assert!(message.edns.is_none());
}

#[test]
fn a_zone_that_cannot_be_parsed_is_named() {
    let error = Upstream::builder()
        .zone("example.", "web 30 A not-an-address")
        .start()
        .err();
    assert!(format!("{:#}", error.unwrap()).contains("zone \"example.\""));
}

#[test]
fn kubernetes_plays_a_cluster_and_the_internet() {
    let server = Upstream::builder().script(kubernetes()).start().unwrap();
    let ask = |name, qtype| ask_udp(server.addr(), &query(name, qtype));

    let service = ask("cart.shop.svc.cluster.local.", RecordType::A);
    assert_eq!(addresses(&service), [IpAddr::from([10, 96, 0, 4])]);
    assert!(service.metadata.authoritative && !service.metadata.recursion_available);
    let walked = ask("api.example.com.svc.cluster.local.", RecordType::A);
    assert_eq!(rcode(&walked), ResponseCode::NXDomain);
    assert_eq!(walked.authorities.len(), 1);
    let cloud = ask("api.example.com.eu-west-1.compute.internal.", RecordType::A);
    assert_eq!(rcode(&cloud), ResponseCode::NXDomain);

    let external = ask("api.example.com.", RecordType::A);
    assert_eq!(addresses(&external), [IpAddr::from(synthetic_address("API.example.com"))]);
    assert!(!external.metadata.authoritative && external.metadata.recursion_available);
    let no_data = ask("api.example.com.", RecordType::AAAA);
    assert_eq!((rcode(&no_data), no_data.answers.len()), (ResponseCode::NoError, 0));
    assert_eq!(no_data.authorities.len(), 1);
}
