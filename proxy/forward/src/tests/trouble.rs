//! Upstreams that are silent, closed, failing, truncating, or lossy.

use upstream::{Script, TcpMode, Zone};

use super::*;

/// The longest that a client may wait: glibc asks again after five seconds.
const BOUND: Duration = Duration::from_millis(4200);

/// An address nobody listens on.
fn closed() -> SocketAddr {
    let server = server(Vec::new());
    server.addr()
}

fn upstream_queries(world: &World) -> u64 {
    let both = [Transport::Udp, Transport::Tcp];
    let sum = |over: Transport| {
        world
            .stats
            .sum(|worker| worker.upstream_queries.get(over.index()))
    };
    both.into_iter().map(sum).sum()
}

#[test]
fn silence_ends_at_the_deadline_and_is_remembered() {
    let server = server(vec![Rule::any().silence()]);
    let mut world = World::over(Transport::Udp, &[server.addr()]);
    let (answer, waited) = world.lookup(WEB);
    assert_eq!(rcode(&answer), ResponseCode::ServFail);
    assert!(waited >= ForwardConfig::DEADLINE && waited < BOUND, "{waited:?}");
    assert_eq!(upstream_queries(&world), 8);

    let (answer, waited) = world.lookup(WEB);
    assert_eq!(rcode(&answer), ResponseCode::ServFail);
    assert!(waited < Duration::from_millis(500), "{waited:?}");
    assert_eq!(upstream_queries(&world), 8);
}

#[test]
fn lost_syns_and_a_server_that_never_reads_end_at_the_deadline() {
    for mode in [TcpMode::BlackHole, TcpMode::NeverAccept] {
        let server = Upstream::builder().tcp(mode).start().unwrap();
        let mut world = World::over(Transport::Tcp, &[server.addr()]);
        let (answer, waited) = world.lookup(WEB);
        assert_eq!(rcode(&answer), ResponseCode::ServFail);
        assert!(waited < BOUND, "{mode:?}: {waited:?}");
    }
}

#[test]
fn a_closed_port_is_given_up_after_three_tries() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut world = World::over(transport, &[closed()]);
        let (answer, waited) = world.lookup(WEB);
        assert_eq!(rcode(&answer), ResponseCode::ServFail);
        assert!(waited < Duration::from_secs(2), "{transport:?}: {waited:?}");
        assert!(upstream_queries(&world) <= 3);
    }
}

#[test]
fn the_only_upstream_is_found_when_it_starts() {
    let addr = closed();
    let mut world = World::over(Transport::Udp, &[addr]);
    world.ask(WEB, 1);
    let zone = Zone::new("example.").records("web 30 A 192.0.2.1");
    let script = Script::new().zone(zone);
    let _server = Upstream::builder()
        .listen(addr)
        .script(script)
        .start()
        .unwrap();
    assert!(address(&world.answer()).is_some());
}

#[test]
fn another_upstream_is_asked_when_one_fails() {
    let failing = server(vec![Rule::any().rcode(ResponseCode::ServFail)]);
    let (silent, right) = (server(vec![Rule::any().silence()]), server(Vec::new()));
    for bad in [failing.addr(), silent.addr(), closed()] {
        let mut world = World::over(Transport::Udp, &[bad, right.addr()]);
        for n in 0..8 {
            let (answer, waited) = world.lookup(&format!("n{n}.many.example."));
            assert!(address(&answer).is_some(), "{answer:?}");
            assert!(waited < Duration::from_secs(1), "{waited:?}");
        }
    }
}

#[test]
fn what_all_upstreams_refuse_is_refused_and_remembered() {
    let rule = || vec![Rule::any().rcode(ResponseCode::Refused)];
    let (one, two) = (server(rule()), server(rule()));
    let mut world = World::over(Transport::Udp, &[one.addr(), two.addr()]);
    for _ in 0..2 {
        let (answer, waited) = world.lookup(WEB);
        assert_eq!(rcode(&answer), ResponseCode::Refused);
        assert!(waited < Duration::from_millis(500), "{waited:?}");
    }
    assert_eq!((one.total(), two.total()), (1, 1));
}

/// RFC 6891, section 7: a server that knows no EDNS says FORMERR or NOTIMP.
#[test]
fn an_upstream_without_edns_is_asked_without() {
    for rcode in [ResponseCode::FormErr, ResponseCode::NotImp] {
        let server = server(vec![Rule::any().first(1).rcode(rcode)]);
        let mut world = World::over(Transport::Udp, &[server.addr()]);
        let (answer, waited) = world.lookup(WEB);
        assert!(address(&answer).is_some(), "{answer:?}");
        assert!(waited < Duration::from_millis(300), "{waited:?}");
        let sizes: Vec<_> = server
            .queries()
            .iter()
            .map(|query| query.udp_payload_size)
            .collect();
        assert_eq!(sizes, [Some(1232), None]);
    }
    // One that says so whatever it is asked is believed the second time.
    let server = server(vec![Rule::any().rcode(ResponseCode::FormErr)]);
    let mut world = World::over(Transport::Udp, &[server.addr()]);
    assert_eq!(rcode(&world.lookup(WEB).0), ResponseCode::FormErr);
    assert_eq!(server.total(), 2);
}

#[test]
fn a_truncated_answer_is_fetched_over_tcp() {
    let server = server(vec![Rule::any().truncated()]);
    let mut world = World::over(Transport::Udp, &[server.addr()]);
    assert!(address(&world.lookup(WEB).0).is_some());
    let over: Vec<_> = server
        .queries()
        .iter()
        .map(|query| query.transport)
        .collect();
    assert_eq!(over, [upstream::Transport::Udp, upstream::Transport::Tcp]);
}

#[test]
fn a_connection_that_was_closed_is_opened_again() {
    let close = Rule::on("close.many.example.")
        .first(1)
        .delivery(upstream::Delivery::Close);
    let server = server(vec![close]);
    let mut world = World::over(Transport::Tcp, &[server.addr()]);
    for name in [WEB, "close.many.example.", "last.many.example."] {
        let (answer, waited) = world.lookup(name);
        assert!(address(&answer).is_some(), "{name}: {answer:?}");
        assert!(waited < Duration::from_millis(800), "{name}: {waited:?}");
    }
}

/// One datagram in ten is lost: of a thousand, one may wait half a second. Of
/// three thousand, so that chance alone rarely fails this.
#[test]
fn loss_is_made_good_within_half_a_second() {
    let server = server(vec![Rule::any().udp().loss(0.1)]);
    let mut world = World::over(Transport::Udp, &[server.addr()]);
    let (mut slow, mut asked) = (0, Vec::new());
    for round in 0..10 {
        asked.clear();
        for n in 0..300 {
            asked.push(world.clock.now());
            world.ask(&format!("r{round}n{n}.many.example."), n);
        }
        for _ in 0..300 {
            let answer = world.answer();
            assert!(address(&answer).is_some(), "{answer:?}");
            let since = asked[usize::from(answer.metadata.id)];
            let waited = world.clock.now().saturating_since(since);
            slow += u32::from(waited > Duration::from_millis(500));
        }
    }
    assert!(slow <= 3, "{slow} of 3000 waited longer");
}
