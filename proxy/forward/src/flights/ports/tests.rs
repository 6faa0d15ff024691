//! Which queries share a port.

use std::collections::HashSet;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use resolver::{Inflight, Joined, Limits, Waiter};

use super::*;

struct Nobody;

impl Waiter for Nobody {
    fn repeats(&self, _: &Self) -> bool {
        false
    }

    fn mark(&self) -> u64 {
        0
    }

    fn whose(&self) -> Option<IpAddr> {
        None
    }
}

/// A ticket like any other.
fn ticket() -> Ticket {
    let limits = Limits { questions: 1, waiters: 1, waiting: 1 };
    let query = resolver::Retained {
        id: 0,
        flags: dns::Flags(0),
        qname: dns::Name::ROOT,
        qtype: dns::Rtype::A,
        qclass: dns::Class::IN,
        edns: None,
    };
    let key = resolver::Key::with_hash(&query, 0);
    let joined = Inflight::new(limits).join(&key, Nobody, Moment::default(), || ());
    let Joined::First(ticket) = joined else { panic!("there is room") };
    ticket
}

/// Sends `count` queries, `per_second` of them a second, each answered at
/// once; returns how many left in a row from each socket.
fn runs(ports: &mut Ports, start: u64, per_second: u64, count: u64) -> Vec<u32> {
    let mut rng = StdRng::seed_from_u64(start);
    let mut runs: Vec<(usize, u32)> = Vec::new();
    for n in 0..count {
        let now = Moment::from_micros(start + n * 1_000_000 / per_second);
        let from = ports.assign(0, ticket(), now, &mut rng).unwrap().from;
        ports.forget(from);
        match runs.last_mut() {
            Some((socket, run)) if *socket == from.socket => *run += 1,
            _ => runs.push((from.socket, 1)),
        }
    }
    runs.into_iter().map(|(_, run)| run).collect()
}

#[test]
fn only_a_flood_of_queries_shares_ports_and_only_sixteen_do() {
    let mut ports = Ports::new(&[([127, 0, 0, 1], 9).into()]);
    let each_its_own = runs(&mut ports, 1_000_000, 950, 1_000);
    assert_eq!(each_its_own, [1; 1_000]);
    // The first tenth of a second shows that it is one; its last query begins
    // the first run.
    let flood = runs(&mut ports, 3_000_000, 100_000, 9_999 + 1_600);
    let (before, after) = flood.split_at(9_999);
    assert!(before.iter().all(|run| *run == 1), "{before:?}");
    assert_eq!(after, [RUN; 100]);
    let after_it = runs(&mut ports, 4_000_000, 950, 100);
    assert_eq!(after_it, [1; 100]);
}

#[test]
fn a_socket_that_cannot_be_opened_leaves_the_queries_to_others() {
    let mut ports = Ports::new(&[([127, 0, 0, 1], 9).into()]);
    let (mut rng, at) = (StdRng::seed_from_u64(1), Moment::from_micros);
    let mut assign = |ports: &mut Ports, now| ports.assign(0, ticket(), now, &mut rng).unwrap();
    let first = assign(&mut ports, at(1_000_000));
    assert!(first.fresh);
    assert_eq!(ports.not_opened(first.from.socket, at(1_000_000)).len(), 1);
    assert!(!ports.has_socket(0));
    // There is none, so each query tries again.
    let again = assign(&mut ports, at(1_000_001));
    assert_eq!((again.fresh, again.from.socket), (true, first.from.socket));
    ports.opened(again.from.socket, None);
    let second = assign(&mut ports, at(2_000_000));
    assert!(second.fresh && second.from.socket != again.from.socket);
    assert_eq!(ports.not_opened(second.from.socket, at(2_000_000)).len(), 1);
    // There is one, which does for a second.
    let third = assign(&mut ports, at(2_900_000));
    assert_eq!((third.fresh, third.from.socket), (false, again.from.socket));
    assert!(assign(&mut ports, at(3_000_000)).fresh);
}

#[test]
fn each_upstream_has_sockets_before_it_is_asked() {
    let addrs: [SocketAddr; 2] = [([127, 0, 0, 1], 9).into(), ([127, 0, 0, 2], 9).into()];
    let mut ports = Ports::new(&addrs);
    let opened = ports.begin(Moment::from_micros(0));
    for upstream in 0..2 {
        let of_it = opened.iter().filter(|(_, of)| *of == upstream);
        assert_eq!(of_it.count(), MIN_POOL);
        assert!(ports.has_socket(upstream));
    }
    let numbers: HashSet<_> = opened.iter().map(|(socket, _)| *socket).collect();
    assert_eq!(numbers.len(), 2 * MIN_POOL);
}

/// With interception each roll-out of CoreDNS brings other Pods, for weeks.
#[test]
fn upstreams_that_are_gone_leave_no_socket_behind() {
    let addr = |n: usize| SocketAddr::from(([10, 0, 0, u8::try_from(n).unwrap()], 53));
    let mut ports = Ports::new(&[addr(0), addr(1)]);
    let (mut rng, mut most) = (StdRng::seed_from_u64(1), 0);
    for n in 1..100 {
        let upstreams: Vec<_> = (0..=n).map(addr).collect();
        ports.extend(&upstreams);
        let now = Moment::from_micros(n as u64 * 1_000_000);
        let waits = ports.assign(n, ticket(), now, &mut rng).unwrap().from;
        for at in 0..500 {
            let now = now + Duration::from_millis(2 * at);
            let from = ports.assign(n, ticket(), now, &mut rng).unwrap().from;
            let port = u16::try_from(from.socket).unwrap();
            ports.opened(from.socket, Some(([127, 0, 0, 1], port).into()));
            ports.forget(from);
        }
        // The Pod is replaced while one answer is to come.
        let (closed, is_all) = ports.fit(|upstream| upstream == n + 1);
        assert_eq!((closed.len(), is_all), (POOL - 1, false));
        assert!(ports.has_socket(n));
        ports.forget(waits);
        assert_eq!(ports.fit(|upstream| upstream == n + 1), (vec![waits.socket], true));
        assert!(!ports.has_socket(n) && ports.own.is_empty());
        most = most.max(ports.slots.len());
    }
    assert_eq!(most, POOL, "numbers are used again");
}

#[test]
fn a_share_is_smaller_among_more() {
    let addr = |n: u8| SocketAddr::from(([10, 0, 0, n], 53));
    let mut ports = Ports::new(&[addr(0)]);
    let (mut rng, now) = (StdRng::seed_from_u64(1), Moment::from_micros(0));
    for at in 0..500 {
        let now = now + Duration::from_millis(2 * at);
        let from = ports.assign(0, ticket(), now, &mut rng).unwrap().from;
        ports.forget(from);
    }
    let all: Vec<_> = (0..32).map(addr).collect();
    ports.extend(&all);
    let (closed, is_all) = ports.fit(|_| true);
    assert_eq!((closed.len(), is_all), (POOL - share(32), true));
}
