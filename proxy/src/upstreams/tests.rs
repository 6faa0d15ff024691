//! Which Pods a zone gets.

use super::*;

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn known(pods: &[(&str, &[&str], &[&str])]) -> Known {
    let list = |texts: &[&str]| texts.iter().map(|text| addr(text)).collect();
    let pods = pods.iter().map(|(service, ready, others)| {
        let pods = ZonePods { ready: list(ready), others: list(others) };
        (service.parse().unwrap(), pods)
    });
    Known { zones: Vec::new(), pods: pods.collect(), order: RandomState::new() }
}

fn zone(upstreams: &[&str]) -> ForwardZone {
    ForwardZone::root(upstreams.iter().map(|text| addr(text)).collect())
}

#[test]
fn a_zone_gets_the_pods_behind_its_upstreams() {
    let known = known(&[
        ("10.96.0.10", &["10.244.1.2:53", "[fd00::2]:53"], &["10.244.1.3:53"]),
        ("10.96.0.77", &["10.244.9.9:53"], &[]),
    ]);
    let with = known.with_pods(&zone(&["10.96.0.10:53"]));
    assert_eq!(with.pods.ready, [addr("10.244.1.2:53")], "of its family alone");
    assert_eq!(with.pods.others, [addr("10.244.1.3:53")]);
    assert_eq!(with.upstreams, [addr("10.96.0.10:53")], "the last to be asked");
    let none = known.with_pods(&zone(&["192.0.2.1:53"]));
    assert_eq!(none.pods, ZonePods::default());
    let tls = Some(forward::TlsServer { name: "dns.example".to_owned(), ca: None });
    let under_tls = ForwardZone { tls, ..zone(&["10.96.0.10:853"]) };
    assert_eq!(known.with_pods(&under_tls).pods, ZonePods::default());
}

#[test]
fn a_zone_has_room_for_some_of_very_many() {
    let many: Vec<_> = (0..100).map(|n| format!("10.244.1.{n}:53")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let known = known(&[("10.96.0.10", &many, &many[..2])]);
    let first = known.with_pods(&zone(&["10.96.0.10:53"])).pods;
    assert_eq!((first.ready.len(), first.others.len()), (31, 0));
    assert_eq!(known.with_pods(&zone(&["10.96.0.10:53"])).pods, first, "the same each time");
}
