//! What clients see when something is wrong with the upstream, over real sockets.
//! Loss, wrong replies and schedules are tested in virtual time, in `forward`.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use testbed::client::{Message, ResponseCode, addresses, parse, receive_datagram};
use testbed::{Client, Fivedots, eventually, port, query};
use upstream::{Rule, TcpMode, Upstream};

/// Any name of this upstream's zone has the address 192.0.2.2.
fn upstream(rule: Rule) -> Upstream {
    Upstream::builder()
        .zone("test.", "* 60 A 192.0.2.2")
        .rule(rule)
        .start()
        .unwrap()
}

const RIGHT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// The longest that a client may wait: glibc asks again after five seconds.
const BOUND: Duration = Duration::from_secs(5);

#[expect(clippy::disallowed_methods, reason = "how long a client waits is what is tested")]
fn ask(client: &Client, name: &str) -> (Message, Duration) {
    let asked = Instant::now();
    let answer = client.udp(&query(name, "A")).unwrap();
    (answer, asked.elapsed())
}

/// Each asks for a name of its own at the same time, from a socket of its own.
fn all_ask(client: Client, names: &[String]) -> Vec<(Message, Duration)> {
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for name in names {
            threads.push(scope.spawn(move || ask(&client, name)));
        }
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// A proxy that asks `server` over `transport`.
fn with_zone(server: SocketAddr, transport: &str) -> Fivedots {
    let zone = format!("suffix = \"test\"\nupstreams = [\"{server}\"]");
    Fivedots::configured(server, &format!("[[zone]]\n{zone}\ntransport = \"{transport}\""))
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("n{n}.test.")).collect()
}

#[test]
fn every_client_of_a_dead_upstream_is_answered_in_time() {
    let silent = upstream(Rule::any().silence());
    let hole = Upstream::builder().tcp(TcpMode::BlackHole).start().unwrap();
    let closed = port::free(Ipv4Addr::LOCALHOST).unwrap();
    let soon = Duration::from_secs(2);
    for (what, server, transport, bound) in [
        ("silent", silent.addr(), "udp", BOUND),
        ("refusing over UDP", closed, "udp", soon),
        ("refusing over TCP", closed, "tcp", soon),
        ("dropping SYNs", hole.addr(), "tcp", BOUND),
    ] {
        let proxy = with_zone(server, transport);
        let names = names(20);
        for (answer, waited) in all_ask(proxy.client(), &names) {
            assert_eq!(answer.metadata.response_code, ResponseCode::ServFail, "{what}");
            assert!(waited < bound, "{what}: {waited:?}");
        }
    }
}

/// Of each name the first query is lost, over UDP.
#[test]
fn a_lost_query_is_asked_again() {
    let lossy = names(100)
        .into_iter()
        .fold(Upstream::builder().zone("test.", "* 60 A 192.0.2.2"), |upstream, name| {
            upstream.rule(Rule::on(&name).udp().nth(1).silence())
        });
    let upstream = lossy.start().unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    for (answer, _) in all_ask(proxy.client(), &names(100)) {
        assert_eq!(addresses(&answer), [RIGHT]);
    }
    let once: Vec<_> = names(100)
        .into_iter()
        .filter(|name| upstream.count(name) < 2)
        .collect();
    assert_eq!(once, [""; 0], "asked once only");
}

#[test]
fn ttls_are_seen_to_age() {
    let upstream = upstream(Rule::any());
    let proxy = Fivedots::start(upstream.addr(), &[]);
    let ttl = || ask(&proxy.client(), "web.test.").0.answers[0].ttl;
    assert_eq!(ttl(), 60);
    let mut last = 60;
    for age in 1..3 {
        assert!(eventually(Duration::from_secs(3), || {
            let now = ttl();
            assert!(now <= last, "{now} after {last}");
            last = now;
            now <= 60 - age
        }));
    }
    assert_eq!(upstream.total(), 1);
}

/// Over the bound the oldest query of the client that waits for most is answered
/// at once, with the reason, over both transports.
#[test]
fn who_gives_way_is_answered_with_the_reason() {
    let upstream = upstream(Rule::any().silence());
    let proxy = Fivedots::configured(upstream.addr(), "[forward]\nmax_inflight = 1");
    let client = proxy.client();
    let first = client.socket().unwrap();
    first
        .send(&query("first.test.", "A").edns(1232).octets())
        .unwrap();
    assert!(upstream.wait_for(1, Duration::from_secs(5)));
    let mut second = client.connect().unwrap();
    second
        .send(&query("second.test.", "A").edns(1232).octets())
        .unwrap();
    let by_udp = receive_datagram(&first).unwrap();
    client
        .socket()
        .unwrap()
        .send(&query("third.test.", "A").octets())
        .unwrap();
    let by_tcp = second.receive().unwrap();
    for answer in [by_udp, by_tcp] {
        let answer = parse(&answer.expect("an answer")).unwrap();
        assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
        let options = answer.edns.expect("an OPT").options().clone();
        assert_eq!(options.as_ref().len(), 1, "an Extended DNS Error (RFC 8914): {options:?}");
    }
}

#[test]
fn one_connection_too_many_is_closed_and_the_first_goes_on() {
    let upstream = upstream(Rule::any());
    let proxy = Fivedots::configured(upstream.addr(), "[tcp]\nmax_connections = 1");
    let mut first = proxy.client().connect().unwrap();
    first.send(&query("a.test.", "A").octets()).unwrap();
    assert!(first.receive().unwrap().is_some());
    let mut second = proxy.client().connect().unwrap();
    // The end of the connection, clean or by reset.
    assert!(!matches!(second.receive(), Ok(Some(_))));
    first.send(&query("b.test.", "A").octets()).unwrap();
    assert!(first.receive().unwrap().is_some());
    drop(first);
    let client = proxy.client();
    assert!(eventually(Duration::from_secs(5), || client.tcp(&query("a.test.", "A")).is_ok()));
}

/// A client that asks and never reads must not hold its place.
#[test]
fn a_client_that_takes_no_answer_is_given_up() {
    let records = (0..200).map(|n| format!("large 60 TXT \"{n}{}\"\n", "x".repeat(250)));
    let upstream = Upstream::builder()
        .zone("test.", &records.collect::<String>())
        .start()
        .unwrap();
    let bounds = "[tcp]\nmax_connections = 1\nwrite_timeout = \"200ms\"\nidle_timeout = \"1m\"";
    let proxy = Fivedots::configured(upstream.addr(), bounds);
    let mut greedy = proxy.client().connect().unwrap();
    // Some 50 KB each: far more than the buffers of both kernels hold.
    let queries: Vec<_> = (0..1000).map(|_| query("large.test.", "TXT")).collect();
    greedy.send_all(&queries).unwrap();
    let client = proxy.client();
    assert!(eventually(Duration::from_secs(10), || client
        .tcp(&query("large.test.", "TXT"))
        .is_ok()));
}

/// With its port closed, an upstream is as good as away: known names are answered
/// from what was known, over both transports, with the reason.
#[test]
fn known_names_outlive_their_upstream() {
    let upstream = Upstream::builder()
        .zone("test.", "* 1 A 192.0.2.2")
        .start()
        .unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    let client = proxy.client();
    let question = query("web.test.", "A").edns(1232);
    assert_eq!(addresses(&client.udp(&question).unwrap()), [RIGHT]);
    drop(upstream);
    let is_stale = |answer: &Message| {
        let options = answer.edns.as_ref().map(|edns| edns.options().clone());
        options.is_some_and(|options| !options.as_ref().is_empty())
    };
    assert!(eventually(Duration::from_secs(10), || is_stale(&client.udp(&question).unwrap())));
    for answer in [client.udp(&question), client.tcp(&question)] {
        let answer = answer.unwrap();
        assert_eq!(addresses(&answer), [RIGHT]);
        assert_eq!(answer.answers[0].ttl, 30);
        assert!(is_stale(&answer));
    }
    let unknown = client.udp(&query("other.test.", "A")).unwrap();
    assert_eq!(unknown.metadata.response_code, ResponseCode::ServFail);
}
