//! Rules: late, lost, silent, failing, truncating, wrong.

use std::time::Instant;

use super::*;
use upstream::{POISON_V4, Script, Wrong, Zone};

fn ask(server: &Upstream) -> Message {
    ask_udp(server.addr(), &query(WEB, RecordType::A))
}

#[expect(clippy::disallowed_methods, reason = "measures how late an answer is")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn a_delay_is_kept_and_only_where_it_matches() {
    let delay = Duration::from_millis(80);
    let server = with_rule(Rule::on("slow.example.").delay(delay));
    let started = now();
    ask_udp(server.addr(), &query("slow.example.", RecordType::A));
    assert!(started.elapsed() >= delay);

    // Both asked at once: the fast one overtakes.
    let socket = udp_to(server.addr());
    for name in ["slow.example.", WEB] {
        let octets = query(name, RecordType::A).to_vec().unwrap();
        socket.send_to(&octets, server.addr()).unwrap();
    }
    let (first, _) = receive(&socket).unwrap();
    assert_eq!(
        Message::from_vec(&first).unwrap().queries[0]
            .name
            .to_ascii(),
        WEB
    );
}

#[test]
fn a_random_delay_stays_in_its_range() {
    let (least, most) = (Duration::from_millis(5), Duration::from_millis(40));
    let server = with_rule(Rule::any().delay_between(least, most));
    for _ in 0..5 {
        let started = now();
        ask(&server);
        // The upper end cannot be held against a busy machine.
        assert!(started.elapsed() >= least);
    }
}

#[test]
fn loss_follows_the_seed() {
    let lost = |seed| {
        let zone = Zone::new("example.").records(RECORDS);
        let rule = Rule::on("example.").udp().loss(0.5);
        let script = Script::new().zone(zone).rule(rule).seed(seed);
        let server = Upstream::builder().script(script).start().unwrap();
        let socket = udp_to(server.addr());
        let ids: Vec<u16> = (0..64).collect();
        for id in &ids {
            let mut message = query(WEB, RecordType::A);
            message.metadata.id = *id;
            socket
                .send_to(&message.to_vec().unwrap(), server.addr())
                .unwrap();
        }
        assert!(server.wait_for(64, PATIENCE));
        socket.set_read_timeout(Some(SILENCE)).unwrap();
        let heard = std::iter::from_fn(|| receive(&socket));
        heard
            .map(|(octets, _)| u16::from_be_bytes([octets[0], octets[1]]))
            .collect::<Vec<_>>()
    };
    let once = lost(7);
    assert!((12..=52).contains(&once.len()), "{} of 64 heard", once.len());
    assert_eq!(once, lost(7));
    assert_ne!(once, lost(8));
}

#[test]
fn silence_is_silent_and_remembered() {
    let server = with_rule(Rule::any().silence());
    assert!(hears_nothing(server.addr(), &query(WEB, RecordType::A)));
    assert_eq!((server.total(), server.count(WEB)), (1, 1));
}

#[test]
fn a_script_is_replaced_while_running() {
    let server = with_rule(Rule::any().silence());
    assert!(hears_nothing(server.addr(), &query(WEB, RecordType::A)));
    let answering = Script::new().zone(Zone::new("example.").records(RECORDS));
    server.set_script(&answering).unwrap();
    assert_eq!(addresses(&ask(&server)).len(), 1);
    assert_eq!(server.count(WEB), 2);

    let broken = Script::new().zone(Zone::new("example.").records("web 30 A"));
    assert!(server.set_script(&broken).is_err());
    assert_eq!(addresses(&ask(&server)).len(), 1);
}

#[test]
fn rcodes_and_truncation_come_as_asked_for() {
    let server = with_rule(Rule::any().rcode(ResponseCode::ServFail));
    assert_eq!(rcode(&ask(&server)), ResponseCode::ServFail);

    let server = with_rule(Rule::any().truncated());
    let message = ask(&server);
    assert!(message.metadata.truncation && message.answers.is_empty());
    let message = ask_tcp(server.addr(), &query(WEB, RecordType::A));
    assert!(!message.metadata.truncation);
    assert_eq!(addresses(&message).len(), 1);
}

#[test]
fn rules_match_by_type_transport_and_turn() {
    let refuse = |rule: Rule| with_rule(rule.rcode(ResponseCode::Refused));

    let server = refuse(Rule::any().qtype(RecordType::AAAA));
    assert_eq!(rcode(&ask(&server)), ResponseCode::NoError);
    let v6 = ask_udp(server.addr(), &query(WEB, RecordType::AAAA));
    assert_eq!(rcode(&v6), ResponseCode::Refused);

    let server = refuse(Rule::any().tcp());
    assert_eq!(rcode(&ask(&server)), ResponseCode::NoError);
    let by_tcp = ask_tcp(server.addr(), &query(WEB, RecordType::A));
    assert_eq!(rcode(&by_tcp), ResponseCode::Refused);

    let turns = |rule| {
        let server = refuse(rule);
        [(); 4].map(|()| rcode(&ask(&server)) == ResponseCode::Refused)
    };
    assert_eq!(turns(Rule::any().first(2)), [true, true, false, false]);
    assert_eq!(turns(Rule::any().nth(2)), [false, true, false, false]);
}

/// The wire form of each kind is tested beside it; here that it is sent, from
/// where, and that the right one follows.
#[test]
fn every_wrong_reply_comes_first_and_the_right_one_after() {
    let after = Duration::from_millis(30);
    for wrong in Wrong::ALL {
        let server = with_rule(Rule::any().wrong_then_right(wrong, after));
        let socket = udp_to(server.addr());
        let started = now();
        socket
            .send_to(&query(WEB, RecordType::A).to_vec().unwrap(), server.addr())
            .unwrap();
        let (octets, from) = receive(&socket).expect("the wrong reply");
        assert_eq!(from != server.addr(), wrong == Wrong::SourcePort, "{wrong:?}");
        if let Ok(message) = Message::from_vec(&octets) {
            let poison = [IpAddr::V4(POISON_V4)];
            let offered = addresses(&message);
            assert!(offered.is_empty() || offered == poison, "{wrong:?}: {offered:?}");
        }
        let (octets, from) = receive(&socket).expect("the right reply");
        assert!(started.elapsed() >= after, "{wrong:?}");
        assert_eq!(from, server.addr(), "{wrong:?}");
        let right = addresses(&Message::from_vec(&octets).unwrap());
        assert_eq!(right, [IpAddr::from([192, 0, 2, 1])], "{wrong:?}");
        assert_eq!(server.total(), 1, "{wrong:?}");
    }
}

#[test]
fn a_query_is_remembered_whole() {
    let server = with_rule(Rule::any());
    let mut asked = with_payload(query(WEB, RecordType::A), 1400);
    asked.metadata.checking_disabled = true;
    asked.metadata.authentic_data = true;
    asked.edns.as_mut().unwrap().set_dnssec_ok(true);
    let socket = udp_to(server.addr());
    socket
        .send_to(&asked.to_vec().unwrap(), server.addr())
        .unwrap();
    assert!(server.wait_for_name(WEB, 1, PATIENCE));

    let [received] = server.queries().try_into().expect("one query");
    assert_eq!(received.from, socket.local_addr().unwrap());
    assert_eq!(received.transport, upstream::Transport::Udp);
    assert_eq!((received.id, received.qtype), (0x1234, RecordType::A));
    assert_eq!(received.udp_payload_size, Some(1400));
    assert!(received.recursion_desired && received.checking_disabled);
    assert!(received.authentic_data && received.dnssec_ok);
    assert_eq!(received.octets, asked.to_vec().unwrap());

    server.forget();
    assert_eq!((server.total(), server.queries().len()), (0, 0));
}

#[test]
fn what_is_no_query_is_counted_and_not_answered() {
    let server = with_rule(Rule::any());
    let socket = udp_to(server.addr());
    socket.set_read_timeout(Some(SILENCE)).unwrap();
    let mut response = query(WEB, RecordType::A);
    response.metadata.message_type = MessageType::Response;
    socket
        .send_to(&response.to_vec().unwrap(), server.addr())
        .unwrap();
    socket.send_to(b"not DNS", server.addr()).unwrap();
    assert!(receive(&socket).is_none());
    assert_eq!((server.malformed(), server.total()), (2, 0));
}
