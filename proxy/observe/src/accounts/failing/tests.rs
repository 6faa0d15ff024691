//! Names that fail: which are kept, for how long, and for whom.

use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::intake::Record;

/// A failure of a name at a second.
fn fail(failing: &mut FailingNames, qname: &[u8], origin: Origin, upstream: u8, second: u64) {
    let now = at(second);
    let peer = SocketAddr::from(([10, 0, 0, 1], 4000));
    let record = Record {
        origin,
        upstream: Some(upstream),
        qtype: Rtype::AAAA,
        rcode: Rcode::SERVFAIL,
        ..Record::unparsed(1, peer, now)
    };
    failing.note(&QueryEvent { record, qname }, now);
}

fn at(second: u64) -> Moment {
    Moment::from_micros(second * 1_000_000)
}

fn name_of(number: u64) -> Vec<u8> {
    let label = number.to_string();
    let mut name = vec![u8::try_from(label.len()).unwrap()];
    name.extend_from_slice(label.as_bytes());
    name.push(0);
    name
}

fn find<'a>(failing: &'a FailingNames, name: &[u8]) -> &'a FailingName {
    let mut all = failing.iter();
    all.find(|(held, _)| *held == name).unwrap().1
}

#[test]
fn a_name_has_what_failed_where_and_since_when() {
    let (mut failing, name) = (FailingNames::default(), name_of(1));
    for second in 100..140 {
        fail(&mut failing, &name, Origin::Relayed, 3, second);
    }
    let seen = find(&failing, &name);
    let kind = seen.now(at(140)).unwrap();
    assert_eq!(
        (kind.origin, kind.upstream, kind.rcode),
        (Origin::Relayed, Some(3), Rcode::SERVFAIL)
    );
    assert_eq!((kind.since, kind.last), (at(100), at(139)));
    assert_eq!(seen.types().text(), "AAAA");
    let failed = Window::ALL
        .iter()
        .map(|window| seen.failed(*window, at(140)));
    assert_eq!(failed.collect::<Vec<_>>(), [1, 10, 40, 40]);
    // After a pause they begin anew.
    fail(&mut failing, &name, Origin::Relayed, 3, 139 + 61);
    assert_eq!(find(&failing, &name).now(at(200)).unwrap().since, at(200));
}

#[test]
fn another_origin_is_what_fails_within_ten_seconds() {
    for change in 0..10 {
        let (mut failing, name) = (FailingNames::default(), name_of(1));
        let mut origins = Windows::new(at(0));
        let mut note = |failing: &mut FailingNames, origin: Origin, second| {
            fail(failing, &name, origin, 0, second);
            origins.add(origin.index(), 1, at(second));
            (
                find(failing, &name).now(at(second)).unwrap().origin,
                failing_now(&origins, at(second)),
            )
        };
        for second in 0..600 + change {
            note(&mut failing, Origin::Relayed, second);
        }
        let mut took = 0;
        for second in 600 + change.. {
            took += 1;
            let (of_name, of_client) = note(&mut failing, Origin::Timeout, second);
            if of_name == Origin::Timeout && of_client == Some(Origin::Timeout) {
                break;
            }
        }
        assert!(took <= 10, "after {took} s at {change}");
    }
}

#[test]
fn a_remembered_failure_is_one_of_what_failed_first() {
    let (mut failing, name) = (FailingNames::default(), name_of(1));
    let peer = SocketAddr::from(([10, 0, 0, 1], 4000));
    let record = Record {
        origin: Origin::CachedFailure,
        first: Some(Origin::Timeout),
        ..Record::unparsed(1, peer, at(1))
    };
    failing.note(&QueryEvent { record, qname: &name }, at(1));
    fail(&mut failing, &name, Origin::Limit, 0, 2);
    fail(&mut failing, &[], Origin::Timeout, 0, 2);
    let seen = find(&failing, &name);
    assert_eq!((seen.failed(Window::Start, at(3)), failing.iter().count()), (1, 1));
    assert_eq!(seen.now(at(3)).unwrap().origin, Origin::Timeout);
}

/// A thousand made-up names take none of the places of the name that keeps failing,
/// and there are no more places than there may be.
#[test]
fn names_that_keep_failing_stay() {
    let mut failing = FailingNames::default();
    for second in 0..1000 {
        fail(&mut failing, &name_of(0), Origin::Timeout, 0, second);
        for made_up in 0..10 {
            fail(&mut failing, &name_of(1 + second * 10 + made_up), Origin::Timeout, 0, second);
        }
        if second % 60 == 0 {
            failing.decay();
        }
    }
    assert_eq!(find(&failing, &name_of(0)).failed(Window::Start, at(1000)), 1000);
    assert!(failing.iter().count() <= FailingNames::CAPACITY);
    // The latest are there as well.
    let recent = |name: &FailingName| name.failed(Window::Second, at(1000)) > 0;
    assert!(failing.iter().filter(|(_, name)| recent(name)).count() > LATEST);
}

#[test]
fn clients_of_a_workload_are_put_together() {
    let [mut one, mut other, mut empty] = [(); 3].map(|()| FailingNames::default());
    let name = name_of(1);
    fail(&mut one, &name, Origin::Timeout, 0, 5);
    fail(&mut other, &name, Origin::Timeout, 0, 9);
    fail(&mut other, &name, Origin::Relayed, 1, 9);
    empty.merge(&one);
    empty.merge(&other);
    let seen = find(&empty, &name);
    assert_eq!(seen.failed(Window::Start, at(9)), 3);
    let timeout = seen
        .kinds
        .iter()
        .find(|kind| kind.origin == Origin::Timeout);
    assert_eq!(timeout.map(|kind| (kind.since, kind.last)), Some((at(5), at(9))));
    assert!(at(9).saturating_since(at(5)) < Duration::from_secs(10));
}
