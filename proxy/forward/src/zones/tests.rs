//! Zones by suffix, upstreams in order.

use super::*;

fn zone(suffix: &str, ports: &[u16]) -> ForwardZone {
    ForwardZone {
        suffix: Name::from_text(suffix).unwrap(),
        upstreams: ports
            .iter()
            .map(|port| ([127, 0, 0, 1], *port).into())
            .collect(),
        pods: ZonePods::default(),
        transport: Transport::Udp,
        tls: None,
        cluster: false,
    }
}

fn at(millis: u64) -> Moment {
    Moment::from_micros(millis * 1000)
}

#[test]
fn the_longest_suffix_wins_at_label_ends() {
    let zones = [zone(".", &[1]), zone("cluster.local.", &[2, 1]), zone("local.", &[3])];
    let zones = Zones::new(&zones).unwrap();
    assert_eq!(zones.upstreams().len(), 3);
    let port = |name: &str| {
        let zone = zones.find(&Name::from_text(name).unwrap())?;
        Some(zones.upstreams()[zones.get(zone)?.upstreams[0]].port())
    };
    assert_eq!(port("a.svc.Cluster.LOCAL."), Some(2));
    assert_eq!(port("cluster.local."), Some(2));
    assert_eq!(port("mycluster.local."), Some(3));
    assert_eq!(port("example."), Some(1));
    let only = Zones::new(&[zone("local.", &[3])]).unwrap();
    assert_eq!(only.find(&Name::from_text("example.").unwrap()), None);
}

#[test]
fn zones_are_replaced_and_numbers_stay() {
    let first = Zones::new(&[zone(".", &[1]), zone("local.", &[2])]).unwrap();
    let second = first.replaced(&[zone(".", &[3, 1])]).unwrap();
    let name = Name::from_text("a.local.").unwrap();
    let ports = |zones: &Zones, at: usize| -> Vec<u16> {
        let upstreams = zones.get(at).unwrap().upstreams.iter();
        upstreams.map(|at| zones.upstreams()[*at].port()).collect()
    };
    let before = first.find(&name).unwrap();
    assert_eq!(ports(&second, before), [2], "what is in flight goes on");
    assert_eq!(ports(&second, second.find(&name).unwrap()), [3, 1]);
    assert_eq!(second.iter().count(), 1);
    let mut flapping = first;
    for n in 0..2_000 {
        flapping = flapping.replaced(&[zone(".", &[1 + n % 2])]).unwrap();
    }
    assert_eq!((flapping.zones.len(), flapping.upstreams().len()), (3, 2));
    let many: Vec<u16> = (0..300).collect();
    let results = many.iter().map(|port| {
        flapping
            .replaced(&[zone(".", &[100 + port])])
            .map(|zones| flapping = zones)
    });
    assert_eq!(results.filter(Result::is_err).count(), 300 - 253);
}

/// Ready pods share the questions; the others and the address of their Service are
/// asked in their order, when none of the ready ones is well.
#[test]
fn pods_go_before_the_address_of_their_service() {
    let addr = |port: u16| ([127, 0, 0, 1], port).into();
    let pods = |ready: &[u16], others: &[u16]| ZonePods {
        ready: ready.iter().copied().map(addr).collect(),
        others: others.iter().copied().map(addr).collect(),
    };
    let with = |pods| ForwardZone { pods, ..zone(".", &[9]) };
    let order = |zones: &Zones, ill: &[usize], random| -> Vec<u16> {
        let zone = zones.iter().next().unwrap();
        let mut health = UpstreamHealth::new(zones.upstreams().len());
        ill.iter()
            .for_each(|ill| health.failed(*ill, at(0), at(10)));
        let (mut tried, mut order) = (Tried::default(), Vec::new());
        while !zone.all_tried(tried) {
            let place = zone.pick(tried, &health, at(20), random);
            order.push(zones.upstreams()[zone.upstreams[place]].port());
            tried = tried.with(place);
        }
        order
    };
    let first = Zones::new(&[with(pods(&[], &[]))]).unwrap();
    assert_eq!(order(&first, &[], 0), [9]);
    let two = first.replaced(&[with(pods(&[1, 2], &[3]))]).unwrap();
    assert_eq!(two.marks(Some(7)), [None, Some(7), Some(7), Some(7)]);
    for random in 0..9_u32 {
        let random = random << 24 | random << 16 | random << 8;
        let order_of = |ill: &[usize]| order(&two, ill, random);
        assert!(order_of(&[])[..2] == [1, 2] || order_of(&[])[..2] == [2, 1]);
        assert_eq!(order_of(&[])[2..], [3, 9]);
        assert_eq!(order_of(&[1]), [2, 3, 9, 1]);
        assert_eq!(order_of(&[1, 2, 3])[0], 9, "all pods are ill");
    }
    // None is ready: those that may answer go before rules that would refuse.
    let none = two.replaced(&[with(pods(&[], &[3, 1]))]).unwrap();
    assert_eq!(order(&none, &[], 0), [3, 1, 9]);
    assert!(
        two.replaced(&[with(pods(&(100..132).collect::<Vec<_>>(), &[]))])
            .is_err()
    );
}

#[test]
fn a_zone_needs_upstreams() {
    let error = Zones::new(&[zone("local.", &[])]).unwrap_err();
    assert_eq!(error.to_string(), "zone local.: 0 upstreams, not 1 to 32");
}

#[test]
fn each_try_goes_to_another_upstream_the_suspect_last() {
    let zones = Zones::new(&[zone(".", &[1, 2, 3])]).unwrap();
    let zone = zones.get(0).unwrap();
    let mut health = UpstreamHealth::new(3);
    health.failed(1, at(0), at(10));
    for random in 0..6 {
        let mut tried = Tried::default();
        let mut order = Vec::new();
        while !zone.all_tried(tried) {
            let place = zone.pick(tried, &health, at(20), random);
            order.push(place);
            tried = tried.with(place);
        }
        assert_eq!((order.len(), order[2]), (3, 1), "{order:?}");
        assert!(zone.pick(tried, &health, at(20), random) < 3);
    }
}
