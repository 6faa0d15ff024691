//! Queries and responses by hand: copies, Services, what is sent again, what is lost.

use super::*;

const MS: u64 = 1_000_000;

/// Feeds messages, each at its millisecond.
#[derive(Default)]
struct World {
    matcher: Matcher,
    ended: Vec<Ended>,
}

impl World {
    fn message(&mut self, ms: u64, ends: (&str, &str), id: u16, kind: Kind) {
        let [client, server] = [ends.0, ends.1].map(|addr| addr.parse().unwrap());
        let qname = b"\x01a\0"[..].into();
        let key = Key { client, id, qtype: dns::Rtype::A, qname };
        self.matcher
            .take(Message { at: ms * MS, server, key, kind }, &mut self.ended);
    }

    fn asks(&mut self, ms: u64, client: &str, server: &str, id: u16) -> &mut Self {
        self.message(ms, (client, server), id, Kind::Query { edns: false, flags: Flags(0) });
        self
    }

    fn answers(&mut self, ms: u64, client: &str, server: &str, id: u16) -> &mut Self {
        let kind = Kind::Response { flags: Flags(Flags::QR), has_records: true };
        self.message(ms, (client, server), id, kind);
        self
    }

    /// For each that ended: its id, its server, its milliseconds, and how.
    fn ends(&mut self) -> Vec<(u16, String, u64, &'static str)> {
        let ended = self.ended.drain(..);
        let ended = ended.map(|ended| {
            let how = match ended.end {
                End::Answered { .. } => "answered",
                End::Silence => "silence",
                End::Repeats => "repeats",
            };
            let took = (ended.done - ended.arrived) / MS;
            (ended.key.id, ended.server.ip().to_string(), took, how)
        });
        ended.collect()
    }
}

const POD: &str = "10.244.1.7:4000";
const SERVICE: &str = "10.96.0.10:53";
const COREDNS: &str = "10.244.0.2:53";

#[test]
fn a_response_ends_its_query_and_no_other() {
    let mut world = World::default();
    world
        .asks(0, POD, SERVICE, 1)
        .asks(1, POD, SERVICE, 2)
        .answers(3, POD, SERVICE, 2)
        .answers(4, POD, SERVICE, 7)
        .answers(5, "10.244.1.7:4001", SERVICE, 1);
    assert_eq!(world.ends(), [(2, "10.96.0.10".to_owned(), 2, "answered")]);
    let counts = world.matcher.counts;
    assert_eq!((counts.queries, counts.responses, counts.strays), (2, 1, 2));
}

#[test]
fn what_waits_longer_than_resolvers_do_was_not_answered() {
    let mut world = World::default();
    world.asks(0, POD, SERVICE, 1).asks(5_499, POD, SERVICE, 2);
    assert_eq!(world.ends(), []);
    world.asks(5_500, POD, SERVICE, 3);
    assert_eq!(world.ends(), [(1, "10.96.0.10".to_owned(), 5_500, "silence")]);
    // Too late, and of the last two nobody can tell.
    world.answers(5_600, POD, SERVICE, 1);
    world.matcher.finish(5_600 * MS, &mut world.ended);
    assert_eq!((world.matcher.counts.open, world.matcher.counts.strays), (2, 1));
}

/// `tcpdump -i any`: at the pod's interface, at the bridge, at the node's.
#[test]
fn a_packet_that_is_captured_three_times_counts_once() {
    let mut world = World::default();
    for _ in 0..3 {
        world.asks(0, POD, COREDNS, 1);
    }
    for _ in 0..3 {
        world.answers(2, POD, COREDNS, 1);
    }
    assert_eq!(world.ends().len(), 1);
    let counts = world.matcher.counts;
    assert_eq!((counts.queries, counts.responses, counts.copies), (1, 1, 4));
    // Twenty milliseconds apart it is another one.
    world.asks(100, POD, COREDNS, 2).asks(119, POD, COREDNS, 2);
    assert_eq!(world.matcher.counts.queries, 2);
    world.asks(139, POD, COREDNS, 2);
    assert_eq!(world.matcher.counts.queries, 3);
}

#[test]
fn behind_the_rules_of_a_service_it_is_the_same_query() {
    let mut world = World::default();
    world
        .asks(0, POD, SERVICE, 1)
        .asks(0, POD, COREDNS, 1)
        .answers(2, POD, COREDNS, 1)
        .answers(2, POD, SERVICE, 1);
    assert_eq!(world.ends(), [(1, "10.244.0.2".to_owned(), 2, "answered")]);
    let is_service = |addr: &str| world.matcher.is_service(addr.parse().unwrap());
    assert!(is_service(SERVICE) && !is_service(COREDNS));
    // One that is lost is lost at the server that it was sent to last.
    world.asks(10, POD, SERVICE, 2).asks(10, POD, COREDNS, 2);
    world.asks(20, POD, SERVICE, 3).asks(6_000, POD, SERVICE, 4);
    let ends = world.ends();
    assert_eq!(ends[0], (2, "10.244.0.2".to_owned(), 5_500, "silence"));
    assert_eq!(ends[1], (3, "10.96.0.10".to_owned(), 5_500, "silence"));
}

#[test]
fn what_is_sent_again_waits_or_was_answered() {
    let mut world = World::default();
    world.asks(0, POD, SERVICE, 1).asks(5_005, POD, SERVICE, 1);
    assert_eq!(world.ends(), [(1, "10.96.0.10".to_owned(), 0, "repeats")]);
    world.answers(5_010, POD, SERVICE, 1);
    assert_eq!(world.ends(), [(1, "10.96.0.10".to_owned(), 5_010, "answered")]);
    // After its answer it is a query of its own, and be it at once.
    world
        .asks(5_011, POD, SERVICE, 1)
        .answers(5_012, POD, SERVICE, 1);
    assert_eq!(world.ends(), [(1, "10.96.0.10".to_owned(), 1, "answered")]);
    assert_eq!((world.matcher.counts.queries, world.matcher.counts.repeats), (3, 1));
}

#[test]
fn a_server_that_asks_passes_queries_on() {
    let mut world = World::default();
    world
        .asks(0, POD, COREDNS, 1)
        .asks(1, "10.244.0.2:5000", "192.0.2.53:53", 2)
        .answers(2, "10.244.0.2:5000", "192.0.2.53:53", 2)
        .answers(3, POD, COREDNS, 1);
    let forwarded: Vec<_> = world.ended.iter().map(|ended| ended.is_forwarded).collect();
    assert_eq!(forwarded, [true, false]);
    // One on the same host is none.
    let mut world = World::default();
    world.asks(0, "127.0.0.1:4000", "127.0.0.1:53", 1).answers(
        1,
        "127.0.0.1:4000",
        "127.0.0.1:53",
        1,
    );
    assert!(!world.ended[0].is_forwarded);
}

#[test]
fn there_is_room_for_so_many_and_the_oldest_is_forgotten() {
    let mut world = World::default();
    for n in 0..=MOST {
        let client = format!("10.{}.{}.1:4000", n >> 16, (n >> 8) & 0xff);
        let id = u16::try_from(n & 0xff).unwrap();
        world.asks(0, &client, SERVICE, id);
    }
    assert_eq!(world.matcher.counts.forgotten, 1);
    world.answers(1, "10.0.0.1:4000", SERVICE, 0);
    assert_eq!(world.matcher.counts.strays, 1);
    world.answers(1, "10.0.0.1:4000", SERVICE, 1);
    assert_eq!(world.ends().len(), 1);
}

/// By their ports alone two interfaces may have a packet out of order.
#[test]
fn time_never_goes_back() {
    let mut world = World::default();
    world
        .asks(1_000, POD, SERVICE, 1)
        .answers(900, POD, SERVICE, 1);
    assert_eq!(world.ends(), [(1, "10.96.0.10".to_owned(), 0, "answered")]);
}
