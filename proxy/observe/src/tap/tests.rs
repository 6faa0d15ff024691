//! Filters, the governor and slow readers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dns::{Name, Rcode, Rtype};

use super::*;
use crate::accounts::{Identity, Workload};
use crate::config::ObserveConfig;
use crate::intake::QueryFlags;
use crate::observer::Observer;

struct World {
    queries: Vec<(Record, Name)>,
    /// Knows whose some of them are.
    observer: Observer,
}

fn query(client: &str, name: &str, rcode: Rcode, ms: u64) -> (Record, Name) {
    let peer = SocketAddr::new(client.parse().unwrap(), 4242);
    let mut record = Record::unparsed(7, peer, Moment::from_micros(5_000_000));
    record.qtype = Rtype::A;
    record.took = Duration::from_millis(ms);
    record.rcode = rcode;
    record.flags = QueryFlags::ANSWERED;
    (record, Name::from_text(name).unwrap())
}

impl World {
    fn new() -> Self {
        let mut unanswered = query("10.0.0.9", "lost.test.", Rcode::NOERROR, 4000);
        unanswered.0.flags = QueryFlags::default();
        let queries = vec![
            query("10.0.0.1", "api.example.com.shop.svc.cluster.local.", Rcode::NXDOMAIN, 1),
            query("10.0.0.2", "redis.shop.svc.cluster.local.", Rcode::NOERROR, 0),
            query("fd00::1", "api.example.com.", Rcode::SERVFAIL, 250),
            unanswered,
        ];
        Self { queries, observer: nameless() }
    }

    /// One of the namespace `shop`, with a pod of two addresses, another of the
    /// same workload, and a node.
    fn named() -> Self {
        let mut world = Self::new();
        for (addr, workload, pod) in [
            ("10.0.0.1", ["shop", "Deployment", "web"], Some("web-0")),
            ("fd00::1", ["shop", "Deployment", "web"], Some("web-0")),
            ("10.0.0.2", ["shop", "Deployment", "web"], Some("web-1")),
            ("10.0.0.9", ["-", "Node", "node.a"], None),
        ] {
            let identity = Identity {
                uid: addr.into(),
                workload: Arc::new(Workload::of_path(workload)),
                pod: pod.map(Into::into),
                since: None,
                search: None,
                options: Vec::new(),
            };
            let addr = addr.parse().unwrap();
            world.observer.identify(addr, Some(Arc::new(identity)));
        }
        world
    }

    /// The places of those that a filter takes.
    fn taken(&self, filter: &TapFilter) -> Vec<usize> {
        let seen = |(record, name): &(Record, Name)| {
            let seen = QueryEvent { record: *record, qname: name.as_wire() };
            filter.takes(&seen, &self.observer.names)
        };
        let places = self.queries.iter().enumerate();
        places
            .filter(|(_, query)| seen(query))
            .map(|(at, _)| at)
            .collect()
    }

    fn offer(&self, taps: &Taps, times: usize) {
        let mut audience = taps.audience().unwrap();
        for (record, name) in self.queries.iter().cycle().take(times) {
            let seen = QueryEvent { record: *record, qname: name.as_wire() };
            audience.offer(&seen, &self.observer.names, record.arrived);
        }
    }
}

fn nameless() -> Observer {
    Observer::new(ObserveConfig::default(), &[], 1, Moment::default())
}

fn clients(text: &str) -> TapFilter {
    TapFilter { clients: parse_clients(text).unwrap(), ..TapFilter::default() }
}

fn heard(tap: &Tap) -> usize {
    let context = Context::from_waker(Waker::noop());
    let mut count = 0;
    while let Poll::Ready(Some(_)) = tap.poll(&context) {
        count += 1;
    }
    count
}

#[test]
fn a_filter_takes_what_it_says() {
    let world = World::new();
    let name = |text: &str| TapFilter {
        name: Some(NamePattern::parse(text).unwrap()),
        ..TapFilter::default()
    };
    let rcodes =
        |text: &str| TapFilter { rcodes: parse_rcodes(text).unwrap(), ..TapFilter::default() };
    let types =
        |text: &str| TapFilter { types: parse_types(text).unwrap(), ..TapFilter::default() };
    let slow = |ms| TapFilter { min_took: Duration::from_millis(ms), ..TapFilter::default() };
    for (filter, expected) in [
        (TapFilter::default(), &[0, 1, 2, 3][..]),
        (name("example.com"), &[2]),
        (name("Cluster.Local."), &[0, 1]),
        (name("."), &[0, 1, 2, 3]),
        (name("api.*"), &[0, 2]),
        (name("*.example.com"), &[2]),
        (name("*REDIS*"), &[1]),
        (name("*a*b*"), &[]),
        (clients("10.0.0.1"), &[0]),
        (clients("10.0.0.0/30,fd00::1"), &[0, 1, 2]),
        (rcodes("servfail,NXDOMAIN"), &[0, 2]),
        (rcodes("NOERROR"), &[1]),
        (types("A"), &[0, 1, 2, 3]),
        (types("AAAA,SRV"), &[]),
        (slow(250), &[2, 3]),
    ] {
        assert_eq!(world.taken(&filter), expected, "{filter:?}");
    }
}

#[test]
fn what_cannot_be_meant_is_named() {
    assert!(NamePattern::parse("a..b").is_err());
    for bad in ["pod", "10.0.0.0/33", "fd00::/129", "a/b/c/d", "shop/", "Shop/web", "a/b-c/d"] {
        let said = parse_clients(&format!("10.0.0.1,{bad}"))
            .unwrap_err()
            .to_string();
        assert!(said.starts_with(&format!("{bad:?} is no address, no range")), "{said}");
    }
    assert!(parse_rcodes("SERVFAIL,").is_err());
    assert!(parse_types("B").is_err());
}

#[test]
fn pods_and_workloads_are_clients_where_they_are_known() {
    let world = World::named();
    for (who, expected) in [
        ("shop/web-0", &[0, 2][..]),
        ("shop/web-1,10.0.0.9", &[1, 3]),
        ("shop/Deployment/web", &[0, 1, 2]),
        ("shop/deployment/web", &[0, 1, 2]),
        ("-/Node/node.a", &[3]),
    ] {
        let filter = clients(who);
        assert_eq!(filter.check(&world.observer), Ok(()), "{who}");
        assert_eq!(world.taken(&filter), expected, "{who}");
    }
    for who in ["shop/web", "web/web-0", "shop/StatefulSet/web", "shop/node.a"] {
        let said = clients(who).check(&world.observer).unwrap_err().to_string();
        let known = "is no pod or workload that this proxy knows";
        assert_eq!(said, format!("{who} {known} (the Kubernetes API: not asked)"));
        assert!(world.taken(&clients(who)).is_empty(), "{who}");
    }
    assert_eq!(clients("10.0.0.1,10.1.0.0/16").check(&nameless()), Ok(()));
    let said = clients("shop/web-0").check(&nameless()).unwrap_err();
    assert_eq!(said, FilterError::Nameless("shop/web-0".to_owned()));
}

#[test]
fn more_than_the_rate_is_counted_and_not_sent() {
    let (world, taps) = (World::new(), Taps::default());
    let filter = TapFilter { rcodes: vec![Rcode::SERVFAIL], ..TapFilter::default() };
    let tap = taps.open(filter, Governor::new(10)).unwrap();
    // The filter comes first: others do not use up the rate.
    world.offer(&taps, 4 * 25);
    assert_eq!(heard(&tap), 10);
    let skipped = tap.skipped();
    assert_eq!((skipped.over_limit, skipped.behind, skipped.missed), (15, 0, 0));
    assert_eq!(tap.skipped(), Skipped::default(), "each is said once");
}

#[test]
fn a_governor_begins_again_each_second_and_has_a_top() {
    let mut governor = Governor::new(u32::MAX);
    let mut passed = |ms: u64| {
        let now = Moment::from_micros(ms * 1000);
        (0..5000).filter(|_| governor.allows(now)).count()
    };
    assert_eq!([passed(0), passed(999), passed(1000)], [1000, 0, 1000]);
}

#[test]
fn a_reader_that_does_not_read_costs_a_bounded_queue() {
    let (world, taps) = (World::new(), Taps::default());
    let tap = taps
        .open(TapFilter::default(), Governor::new(MAX_RATE))
        .unwrap();
    for second in 0..3 {
        let mut audience = taps.audience().unwrap();
        for (record, name) in world.queries.iter().cycle().take(1000) {
            let now = Moment::from_micros(second * 1_000_000);
            let seen = QueryEvent { record: *record, qname: name.as_wire() };
            audience.offer(&seen, &world.observer.names, now);
        }
    }
    assert_eq!(tap.skipped().behind, 3000 - QUEUE as u64);
    assert_eq!(heard(&tap), QUEUE);
}

#[test]
fn who_leaves_makes_room() {
    let taps = Taps::default();
    assert!(taps.audience().is_none());
    let open = || taps.open(TapFilter::default(), Governor::new(1));
    let mut all: Vec<_> = (0..MAX_TAPS).map(|_| open().unwrap()).collect();
    assert!(open().is_none());
    all.pop();
    drop(taps.audience());
    let last = open().unwrap();
    drop((all, last));
    drop(taps.audience());
    assert!(taps.audience().is_none());
}

#[test]
fn records_that_the_rings_missed_while_it_listened_are_said() {
    let taps = Taps::default();
    let tap = taps.open(TapFilter::default(), Governor::new(1)).unwrap();
    for missed in [100, 100, 107] {
        taps.audience().unwrap().missed(missed);
    }
    assert_eq!((tap.skipped().missed, tap.skipped().missed), (7, 0));
}
