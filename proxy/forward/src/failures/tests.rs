//! How the time grows and ends.

use dns::{Class, Flags, Name, Rtype};

use super::*;
use resolver::KeyHasher;
use resolver::Retained;

fn key(name: &str, hasher: &KeyHasher) -> Key {
    let query = Retained {
        id: 1,
        flags: Flags(0),
        qname: Name::from_text(name).unwrap(),
        qtype: Rtype::A,
        qclass: Class::IN,
        edns: None,
    };
    Key::of(&query.as_query(), hasher)
}

fn at(secs: u64) -> Moment {
    Moment::from_micros(secs * 1_000_000)
}

/// RFC 9520, section 3.2.
#[test]
fn a_failure_is_believed_longer_each_time_until_an_answer_comes() {
    let (mut failures, hasher) = (Failures::default(), KeyHasher::default());
    let (ill, other) = (key("ill.example.", &hasher), key("other.example.", &hasher));
    let mut note = |key: &Key, secs| failures.note(key, at(secs)).as_secs();
    assert_eq!([note(&ill, 0), note(&ill, 2), note(&ill, 5), note(&ill, 10)], [1, 2, 4, 5]);
    assert_eq!(note(&other, 10), 1);
    assert_eq!(note(&ill, 60), 1, "long ago");
    assert_eq!(note(&ill, 62), 2);
    failures.clear(&ill);
    assert_eq!(failures.note(&ill, at(63)).as_secs(), 1);
}

#[test]
fn the_memory_is_bounded_and_gives_way_to_what_is_recent() {
    let (mut failures, hasher) = (Failures::default(), KeyHasher::default());
    for n in 0..CAPACITY + 10 {
        failures.note(&key(&format!("n{n}.example."), &hasher), at(0));
    }
    assert_eq!(failures.recent.len(), CAPACITY);
    let late = key("late.example.", &hasher);
    assert_eq!(failures.note(&late, at(100)).as_secs(), 1);
    assert_eq!(failures.recent.len(), 1);
}

#[test]
fn reasons_have_their_places() {
    let all = UpstreamFailure::ALL;
    assert!(
        all.iter()
            .enumerate()
            .all(|(at, reason)| at == reason.index())
    );
    assert!(all.len() <= observe::LABELS);
}
