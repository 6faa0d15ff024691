//! Captures made by hand: what is judged of them, and what is left open.

use std::net::{IpAddr, SocketAddr};

use diagnose::{Cause, Outcome, Scope, Verdict, judge};
use dns::Flags;

use super::*;

/// A file of raw IPv4 packets.
struct World {
    file: Vec<u8>,
    id: u16,
}

const SERVICE: &str = "10.96.0.10:53";
const COREDNS: &str = "10.244.0.2:53";
/// A Thursday at noon, UTC, on a full ten seconds.
const START: u64 = 1_774_526_400_000;

impl World {
    fn new() -> Self {
        let mut file = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
        file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0]);
        Self { file, id: 0 }
    }

    fn packet(&mut self, ms: u64, (from, to): (&str, &str), protocol: u8, body: &[u8]) {
        let [from, to]: [SocketAddr; 2] = [from, to].map(|addr| addr.parse().unwrap());
        let octets = |addr: SocketAddr| match addr.ip() {
            IpAddr::V4(addr) => addr.octets(),
            IpAddr::V6(_) => panic!("{addr}"),
        };
        let len = u16::try_from(24 + body.len()).unwrap();
        let mut packet = vec![0x45, 0];
        packet.extend(len.to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
        packet.extend([octets(from), octets(to)].concat());
        packet.extend([from.port(), to.port()].map(u16::to_be_bytes).concat());
        packet.extend(body);
        let at = START + ms;
        let numbers = [at / 1_000, at % 1_000 * 1_000, u64::from(len), u64::from(len)];
        for number in numbers {
            self.file
                .extend(u32::try_from(number).unwrap().to_le_bytes());
        }
        self.file.extend(packet);
    }

    fn message(
        &mut self,
        ms: u64,
        ends: (&str, &str),
        (id, flags, answers): (u16, u16, u16),
        name: &str,
    ) {
        let mut message = [id, flags, 1, answers, 0, 0].map(u16::to_be_bytes).concat();
        message.extend(Name::from_text(name).unwrap().as_wire());
        message.extend([0, 1, 0, 1]);
        let len = u16::try_from(message.len() + 8).unwrap();
        let body = [&len.to_be_bytes()[..], &[0, 0], &message].concat();
        self.packet(ms, ends, 17, &body);
    }

    fn asks(&mut self, ms: u64, client: &str, server: &str, name: &str) -> u16 {
        self.id += 1;
        self.message(ms, (client, server), (self.id, Flags::RD, 0), name);
        self.id
    }

    fn answers(&mut self, ms: u64, ends: (&str, &str), id: u16, flags: u16, name: &str) {
        let (client, server) = ends;
        let has_data = u16::from(flags & 0x0f == 0);
        self.message(ms, (server, client), (id, Flags::QR | flags, has_data), name);
    }

    /// A query and its answer, 2 ms later.
    fn looks_up(&mut self, ms: u64, client: &str, name: &str, flags: u16) {
        let id = self.asks(ms, client, SERVICE, name);
        self.answers(ms + 2, (client, SERVICE), id, flags, name);
    }

    /// A packet that has nothing to do with it.
    fn last(&mut self, ms: u64) {
        self.packet(ms, ("10.0.0.1:1", "10.0.0.2:9"), 17, &[0, 8, 0, 0]);
    }

    fn read(&self) -> Captured {
        of(&*self.file, &Name::from_text("cluster.local").unwrap()).unwrap()
    }

    fn judged(&self) -> (Captured, Verdict) {
        let captured = self.read();
        let verdict = judge(&captured.evidence);
        (captured, verdict)
    }
}

fn found(verdict: &Verdict) -> Vec<(Cause, Scope, String)> {
    let findings = verdict.findings.iter();
    let each = findings.map(|one| (one.cause, one.scope, one.culprit.clone().unwrap_or_default()));
    each.collect()
}

fn has_gap(captured: &Captured, text: &str) -> bool {
    captured.evidence.gaps.iter().any(|gap| gap.contains(text))
}

const A: &str = "10.244.1.7:4000";
const B: &str = "10.244.1.8:4000";
const INSIDE: &str = "cart.shop.svc.cluster.local";

#[test]
fn all_that_is_answered_is_healthy() {
    let mut world = World::new();
    for n in 0..100 {
        world.looks_up(n * 100, A, INSIDE, Flags::AA);
        world.looks_up(n * 100 + 10, B, "example.com", Flags::RA);
    }
    let (captured, verdict) = world.judged();
    assert_eq!(verdict.outcome, Outcome::Healthy, "{verdict}");
    let window = captured.evidence.window.as_ref().unwrap();
    assert_eq!((window.internal.queries, window.external.queries), (100, 100));
    assert_eq!((window.seconds, window.p99_ms), (10, Some(2.0)));
    let who: Vec<_> = window
        .who
        .iter()
        .map(|who| (&*who.name, who.queries, who.failed))
        .collect();
    assert_eq!(who, [("10.244.1.7", 100, 0), ("10.244.1.8", 100, 0)]);
    let view = &captured.view;
    assert_eq!((view.packets, view.queries, view.responses), (400, 200, 200));
    assert_eq!(view.unix_ms, [START, START + 9_912]);
    assert!(has_gap(&captured, "kube-proxy: a capture has only packets"));
    let text = view.to_string();
    assert!(text.starts_with("capture   : 10 s from 12:00:00 UTC, 400 packets\n"), "{text}");
}

#[test]
fn servfail_with_ra_for_several_clients_is_what_is_behind_coredns() {
    let mut world = World::new();
    for n in 0..60 {
        for client in [A, B] {
            world.looks_up(n * 100, client, INSIDE, Flags::AA);
            world.looks_up(n * 100 + 10, client, "example.com", Flags::RA | 2);
        }
    }
    let (captured, verdict) = world.judged();
    let expected = (Cause::UpstreamServfail, Scope::NodeOrCluster, String::new());
    assert_eq!(found(&verdict), [expected], "{verdict}");
    assert_eq!(
        captured.evidence.window.as_ref().unwrap().failing,
        ["example.com.", "example.com."]
    );
    assert_eq!(captured.view.clients[0].failing, ["example.com."]);
}

#[test]
fn silence_is_named_with_its_server_and_what_it_leaves_open() {
    let mut world = World::new();
    let ids: Vec<_> = (0..40)
        .map(|n| world.asks(n * 100, A, SERVICE, INSIDE))
        .collect();
    for (n, id) in (0..).zip(ids) {
        // As resolvers do.
        world.message(n * 100 + 5_005, (A, SERVICE), (id, Flags::RD, 0), INSIDE);
    }
    world.last(20_000);
    let (captured, verdict) = world.judged();
    let expected = (Cause::CorednsDown, Scope::NodeOrCluster, SERVICE.to_owned());
    assert_eq!(found(&verdict), [expected], "{verdict}");
    assert!(has_gap(&captured, "what loses the queries to 10.96.0.10:53"), "{verdict}");
    let client = &captured.view.clients[0];
    assert_eq!((client.queries, client.unanswered, client.failed), (80, 40, 40));
}

/// It would be called silence.
#[test]
fn a_capture_of_one_direction_is_no_evidence() {
    let mut world = World::new();
    for n in 0..200 {
        world.asks(n * 100, A, SERVICE, "example.com");
    }
    let (captured, verdict) = world.judged();
    assert_eq!(verdict.outcome, Outcome::Insufficient, "{verdict}");
    assert!(has_gap(&captured, "not `dst port 53`"), "{verdict}");
    let mut world = World::new();
    world.answers(0, (A, SERVICE), 1, 0, "example.com");
    let (captured, verdict) = world.judged();
    assert_eq!(verdict.outcome, Outcome::Insufficient, "{verdict}");
    assert!(has_gap(&captured, "not `src port 53`"), "{verdict}");
}

#[test]
fn files_without_dns_are_no_evidence() {
    let empty = World::new();
    let (captured, verdict) = empty.judged();
    assert_eq!(verdict.outcome, Outcome::Insufficient);
    assert!(has_gap(&captured, "the accounts of the proxy: the file has no packet"));
    let mut other = World::new();
    other.last(0);
    let (captured, verdict) = other.judged();
    assert_eq!(verdict.outcome, Outcome::Insufficient);
    assert!(has_gap(&captured, "no query over UDP to port 53"), "{verdict}");
    let mut cut = World::new();
    cut.looks_up(0, A, INSIDE, 0);
    cut.file.pop();
    let captured = cut.read();
    assert!(has_gap(&captured, "cut short at octet"), "{:?}", captured.evidence.gaps);
    assert!(has_gap(&captured, "no query has its answer in the file"));
}

/// At the pod's interface, at the node's, and behind the rules of the Service.
#[test]
fn however_often_a_packet_is_captured_it_counts_once() {
    let [mut once, mut often] = [World::new(), World::new()];
    for n in 0..100_u64 {
        let flags = if n % 10 == 0 { Flags::RA | 2 } else { Flags::RA };
        let id = once.asks(n * 100, A, COREDNS, "example.com");
        once.answers(n * 100 + 3, (A, COREDNS), id, flags, "example.com");
        for (at, server) in [(0, SERVICE), (0, SERVICE), (1, COREDNS)] {
            often.message(n * 100 + at, (A, server), (id, Flags::RD, 0), "example.com");
        }
        for (at, server) in [(3, COREDNS), (3, SERVICE), (4, SERVICE)] {
            often.answers(n * 100 + at, (A, server), id, flags, "example.com");
        }
    }
    let [once, often] = [once, often].map(|world| world.read());
    assert_eq!(once.evidence.window, often.evidence.window);
    assert_eq!(once.evidence.coredns, often.evidence.coredns);
    assert_eq!((often.view.queries, often.view.copies), (100, 400));
}

#[test]
fn queries_that_end_at_the_rules_of_a_service_are_told() {
    let mut world = World::new();
    for n in 0..100_u64 {
        let id = world.asks(n * 100, A, SERVICE, "example.com");
        if n % 4 == 0 {
            continue;
        }
        world.message(n * 100, (A, COREDNS), (id, Flags::RD, 0), "example.com");
        world.answers(n * 100 + 2, (A, COREDNS), id, Flags::RA, "example.com");
    }
    world.last(20_000);
    world.looks_up(20_100, A, INSIDE, 0);
    let (captured, verdict) = world.judged();
    assert!(has_gap(&captured, "what lost 25 queries to 10.96.0.10:53"), "{verdict}");
    assert_eq!(verdict.outcome, Outcome::Insufficient, "{verdict}");
    assert!(verdict.gaps[0].starts_with("why 25 of 101 queries of clients fail"), "{verdict}");
}

#[test]
fn answers_that_are_asked_for_again_are_lost() {
    let mut world = World::new();
    for n in 0..200 {
        world.looks_up(n * 50, A, INSIDE, Flags::AA);
    }
    let name = "db.shop.svc.cluster.local";
    let ids = (0..20).map(|n| {
        world.looks_up(n * 50 + 10_000, B, name, Flags::AA);
        world.id
    });
    let ids: Vec<_> = ids.collect();
    for (n, id) in (0..).zip(ids) {
        for (ms, ends, flags) in [(0, (B, SERVICE), 0), (2, (SERVICE, B), Flags::QR)] {
            world.message(n * 50 + 12_500 + ms, ends, (id, flags, 1), name);
        }
    }
    let (captured, verdict) = world.judged();
    assert_eq!(found(&verdict), [(Cause::RepliesLost, Scope::Node, "10.244.1.8".to_owned())]);
    assert_eq!(captured.view.clients.len(), 2);
}

#[test]
fn the_worst_minute_of_a_long_capture_is_judged() {
    let mut world = World::new();
    for s in 0..1_200_u64 {
        let is_out = (600..640).contains(&s);
        for n in 0..8 {
            let (ms, client) = (s * 1_000 + n * 100, if n % 2 == 0 { A } else { B });
            let name = if n < 4 { INSIDE } else { "example.com" };
            let flags = if is_out && n >= 4 { Flags::RA | 2 } else { Flags::RA };
            world.looks_up(ms, client, name, flags);
        }
    }
    let (captured, verdict) = world.judged();
    assert_eq!(found(&verdict)[0].0, Cause::UpstreamServfail, "{verdict}");
    let [from, until] = captured.view.judged_unix_ms.map(|at| (at - START) / 1_000);
    assert_eq!(until - from, 60);
    assert!((580..=600).contains(&from), "{from}");
    assert_eq!(captured.evidence.window.unwrap().external.failed, 160);
    assert!(
        captured
            .view
            .to_string()
            .contains("judged    its worst minute, from 12:")
    );
}

#[test]
fn connections_without_an_answer_and_truncated_answers_are_told() {
    let syn = |world: &mut World, ms, port: u16| {
        let client = format!("10.244.1.7:{port}");
        let mut body = [0; 16];
        body[9] = 0x02;
        world.packet(ms, (&client, SERVICE), 6, &body);
    };
    let mut world = World::new();
    for n in 0..120 {
        let flags = if n < 3 { Flags::TC } else { 0 };
        world.looks_up(n * 50, A, INSIDE, flags | Flags::AA);
    }
    let truncated = world.read();
    assert_eq!(truncated.view.truncated, [3, 3]);
    assert!(has_gap(&truncated, "not `udp port 53`"), "{:?}", truncated.evidence.gaps);
    for port in 5_000..5_003 {
        syn(&mut world, 6_000, port);
    }
    world.last(9_000);
    let (captured, verdict) = world.judged();
    let expected = (Cause::TcpBlocked, Scope::NodeOrCluster, "TCP to 10.96.0.10:53".to_owned());
    assert_eq!(found(&verdict), [expected], "{verdict}");
    assert_eq!((captured.view.tcp_segments, captured.view.truncated), (3, [3, 0]));
}

#[test]
fn names_and_clients_can_be_hidden() {
    let mut world = World::new();
    for n in 0..60 {
        world.looks_up(n * 100, A, "secret.example", Flags::RA | 2);
    }
    let veil = console::Pseudonyms::default().veil("names,clients".parse().unwrap());
    let hidden = world.read().redacted(&veil);
    let text = format!("{} {}", hidden.view, serde_json::to_string(&hidden.evidence).unwrap());
    assert!(!text.contains("secret") && !text.contains("10.244.1.7"), "{text}");
    assert!(text.contains("2001:db8::") && text.contains("name-"), "{text}");
}
