//! Storing, finding, expiring, and the bound in octets.

use dns::{Class, Flags, Name, Rcode, Rtype};

use super::*;
use crate::query::Retained;

fn query(n: u32) -> Retained {
    let qname = Name::from_text(&format!("name-{n}.example.")).unwrap();
    Retained { id: 1, flags: Flags(0), qname, qtype: Rtype::A, qclass: Class::IN, edns: None }
}

fn key(n: u32, hasher: &KeyHasher) -> Key {
    Key::of(&query(n).as_query(), hasher)
}

fn entry(n: u32, seconds: u64) -> Entry {
    let error = dns::ExtendedError { code: 0, text: b"" };
    let ttl = Duration::from_secs(seconds);
    let failed = failure(&query(n), Rcode::NOERROR, error, ttl, Moment::from_micros(0));
    Entry { head: Head { kind: Kind::Positive, ..failed.head }, ..failed }
}

fn small(bytes: usize) -> Cache {
    Cache::new(&CacheConfig { bytes, ..CacheConfig::default() })
}

#[test]
fn an_entry_is_found_until_it_expires() {
    let (cache, hasher) = (small(1 << 20), KeyHasher::default());
    let at = Moment::from_micros;
    cache.insert(&key(1, &hasher), &entry(1, 2));
    let found = |now| cache.lookup(&key(1, &hasher).view(), now, |entry| entry.is_some());
    assert!(found(at(0)) && found(at(1_999_999)));
    assert!(!found(at(2_000_000)));
    assert!(!cache.lookup(&key(2, &hasher).view(), at(0), |entry| entry.is_some()));
}

#[test]
fn a_batch_finds_what_single_lookups_find() {
    let (cache, hasher) = (small(1 << 20), KeyHasher::default());
    for n in (0..32).step_by(2) {
        cache.insert(&key(n, &hasher), &entry(n, 60));
    }
    let keys: Vec<_> = (0..32).map(|n| key(n, &hasher)).collect();
    let views: Vec<_> = keys.iter().map(Key::view).collect();
    let mut places = Vec::new();
    cache.lookup_batch(&views, Moment::from_micros(0), |place, entry| {
        places.push(place);
        assert_eq!(entry.is_some(), place % 2 == 0, "{place}");
    });
    assert!(places.into_iter().eq(0..32));
}

#[test]
fn the_bound_holds_and_what_is_used_stays() {
    let (cache, hasher) = (small(256 << 10), KeyHasher::default());
    let now = Moment::from_micros(0);
    cache.insert(&key(0, &hasher), &entry(0, 600));
    for n in 1..20_000 {
        cache.insert(&key(n, &hasher), &entry(n, 600));
        assert!(cache.lookup(&key(0, &hasher).view(), now, |entry| entry.is_some()), "after {n}");
    }
    assert!(cache.bytes() <= cache.capacity_bytes());
    assert!(cache.capacity_bytes() <= 256 << 10);
    assert!(
        cache.evictions() > 10_000 && cache.len() > 500,
        "{} {}",
        cache.evictions(),
        cache.len()
    );
}

#[test]
fn a_second_insert_replaces_the_first() {
    let (cache, hasher) = (small(1 << 20), KeyHasher::default());
    for seconds in [1, 100] {
        cache.insert(&key(1, &hasher), &entry(1, seconds));
    }
    assert_eq!(cache.len(), 1);
    let later = Moment::from_micros(50_000_000);
    assert!(cache.lookup(&key(1, &hasher).view(), later, |entry| entry.is_some()));
}

/// An eviction is a loss; what has expired is none.
#[test]
fn what_has_expired_makes_room_without_an_eviction() {
    let (cache, hasher) = (small(256 << 10), KeyHasher::default());
    for n in 0..20_000 {
        let now = Moment::from_micros(u64::from(n) * 1_000_000);
        let error = dns::ExtendedError { code: 0, text: b"" };
        let fresh = failure(&query(n), Rcode::SERVFAIL, error, Duration::from_secs(1), now);
        cache.insert(&key(n, &hasher), &fresh);
        // Used, but that saves nobody for longer than his time.
        assert!(cache.lookup(&key(n, &hasher).view(), now, |entry| entry.is_some()));
    }
    assert_eq!(cache.evictions(), 0);
}

/// Whatever is stored, in whatever sizes: the octets stay within the bound, and
/// what is found is what was stored last under its key.
#[test]
fn the_bound_holds_for_answers_of_every_size() {
    use rand::{RngExt as _, SeedableRng as _};
    for seed in 0..20 {
        let mut random = rand::rngs::StdRng::seed_from_u64(seed);
        let bytes = random.random_range(64 << 10..2 << 20);
        let (cache, hasher) = (small(bytes), KeyHasher::default());
        let mut last = std::collections::HashMap::new();
        for turn in 0..3_000_u32 {
            let n = random.random_range(0..400);
            let length = 1 << random.random_range(0..15);
            let mut stored = entry(n, 600);
            stored.message.resize(stored.message.len() + length, 0);
            stored.message.extend(turn.to_be_bytes());
            cache.insert(&key(n, &hasher), &stored);
            last.insert(n, stored.message);
            assert!(cache.bytes() <= cache.capacity_bytes() && cache.capacity_bytes() <= bytes);
            let n = random.random_range(0..400);
            cache.lookup(&key(n, &hasher).view(), Moment::from_micros(0), |found| {
                let same = found
                    .is_none_or(|found| Some(found.message) == last.get(&n).map(Vec::as_slice));
                assert!(same, "seed {seed}, turn {turn}, name {n}");
            });
        }
        assert!(!cache.is_empty());
    }
}

const SECOND: u64 = 1_000_000;

fn head_at(cache: &Cache, key: &Key, micros: u64) -> Option<Head> {
    let now = Moment::from_micros(micros);
    cache.lookup(&key.view(), now, |entry| entry.map(|entry| entry.head))
}

#[test]
fn what_has_expired_is_held_stale_until_a_newer_one_comes() {
    let (cache, hasher) = (small(1 << 20), KeyHasher::default());
    let at = Moment::from_micros;
    let key = key(1, &hasher);
    assert!(cache.hold_stale(&key.view(), at(5), at(0)).is_none());
    cache.insert(&key, &entry(1, 2));
    assert_eq!(head_at(&cache, &key, 3 * SECOND), None);
    let until = at(8 * SECOND);
    let held = cache
        .hold_stale(&key.view(), until, at(3 * SECOND))
        .unwrap();
    assert!(held.head.stale && held.head.ede == Some(3) && held.head.born == at(0));
    assert_eq!(head_at(&cache, &key, 7 * SECOND), Some(held.head));
    assert_eq!(held.message, entry(1, 2).message);
    assert_eq!(head_at(&cache, &key, 8 * SECOND), None);
    assert!(
        cache
            .hold_stale(&key.view(), at(20 * SECOND), at(9 * SECOND))
            .is_some()
    );
    let newer = entry(1, 600);
    cache.insert(&key, &newer);
    assert_eq!(head_at(&cache, &key, 10 * SECOND), Some(newer.head));
}

/// Nor is it longer used by being asked for again and again.
#[test]
fn a_stale_answer_is_bounded_from_its_arrival() {
    let max_stale = Duration::from_secs(60);
    let config = CacheConfig { bytes: 1 << 20, max_stale, ..CacheConfig::default() };
    let (cache, hasher) = (Cache::new(&config), KeyHasher::default());
    let (at, key) = (Moment::from_micros, key(1, &hasher));
    cache.insert(&key, &entry(1, 2));
    let hold = |secs| cache.hold_stale(&key.view(), at((secs + 30) * SECOND), at(secs * SECOND));
    assert!(hold(10).is_some() && hold(40).is_some());
    assert!(head_at(&cache, &key, 59 * SECOND).is_some());
    assert_eq!(head_at(&cache, &key, 60 * SECOND), None);
    assert!(hold(60).is_none());
}

#[test]
fn a_denial_is_held_with_its_own_reason_and_a_failure_is_not_held() {
    let (cache, hasher) = (small(1 << 20), KeyHasher::default());
    let (at, both) = (Moment::from_micros, [key(1, &hasher), key(2, &hasher)]);
    for (key, kind) in both.iter().zip([Kind::Negative, Kind::Failure]) {
        let mut entry = entry(1, 2);
        entry.head = Head { kind, rcode: Rcode::NXDOMAIN, ..entry.head };
        cache.insert(key, &entry);
    }
    let held = both.map(|key| cache.hold_stale(&key.view(), at(9 * SECOND), at(3 * SECOND)));
    assert_eq!(held.map(|held| held.map(|held| held.head.ede)), [Some(Some(19)), None]);
}

/// A name that is asked for three times within its TTL is asked for anew, once, near
/// the end of it.
#[test]
fn one_look_up_of_a_name_asked_often_refreshes_it() {
    let (cache, hasher) = (small(1 << 20), KeyHasher::default());
    let refreshes = |n: u32, times: &[u64]| {
        let key = key(n, &hasher);
        let find = |at: &u64| {
            let now = Moment::from_micros(at * SECOND);
            cache.lookup(&key.view(), now, |entry| entry.unwrap().refresh)
        };
        times.iter().filter(|at| find(at)).count()
    };
    for n in 0..4 {
        cache.insert(&key(n, &hasher), &entry(n, 160));
    }
    assert_eq!(refreshes(0, &[1, 2, 3, 100, 139]), 0, "not near the end");
    assert_eq!(refreshes(1, &[1, 151]), 0, "asked for twice");
    assert_eq!(refreshes(2, &[1, 2, 3, 151, 152, 159]), 1);
    cache.insert(&key(3, &hasher), &entry(3, 4));
    assert_eq!(refreshes(3, &[0, 1, 2, 3, 3]), 0, "TTL of 4 s");
}

/// Under pressure names that clients need stay, though their TTL is over.
#[test]
fn what_was_asked_for_is_evicted_after_what_was_not() {
    let (cache, hasher) = (small(256 << 10), KeyHasher::default());
    let late = Moment::from_micros(700 * SECOND);
    for n in 0..200 {
        cache.insert(&key(n, &hasher), &entry(n, 600));
    }
    for n in 0..20 {
        assert!(head_at(&cache, &key(n, &hasher), SECOND).is_some());
    }
    for n in 200..4_000 {
        let mut flood = entry(n, 600);
        flood.head = Head { born: late, expires: late + Duration::from_secs(1), ..flood.head };
        cache.insert(&key(n, &hasher), &flood);
        if n % 50 == 0 {
            for needed in 0..20 {
                cache.hold_stale(&key(needed, &hasher).view(), late, late);
            }
        }
    }
    let left = |numbers: std::ops::Range<u32>| {
        let held = |n: &u32| {
            cache
                .hold_stale(&key(*n, &hasher).view(), late, late)
                .is_some()
        };
        numbers.filter(held).count()
    };
    assert_eq!(left(0..20), 20);
    assert!(left(20..200) < 20, "{} of the others", left(20..200));
}

#[test]
fn what_is_stored_under_a_name_is_shown_and_removed() {
    let (cache, hasher) = (small(1 << 20), KeyHasher::default());
    for n in 0..500 {
        cache.insert(&key(n, &hasher), &entry(n, 60));
    }
    let mut other = query(7);
    (other.qtype, other.flags) = (Rtype::AAAA, Flags(Flags::CD));
    let mut failed = entry(7, 1);
    failed.head.kind = Kind::Failure;
    cache.insert(&Key::of(&other.as_query(), &hasher), &failed);
    let name = Name::from_text("NAME-7.example.").unwrap();
    let mut stored = cache.stored(&name);
    stored.sort_by_key(|stored| stored.checking_disabled);
    let kinds: Vec<_> = stored.iter().map(|stored| stored.entry.head.kind).collect();
    assert_eq!(kinds, [Kind::Positive, Kind::Failure]);
    assert_eq!(cache.flush(&Flush::Name(name)), 2);
    assert!(cache.stored(&name).is_empty());
    assert_eq!(cache.len(), 499);
    let zone = |text| Flush::Suffix(Name::from_text(text).unwrap());
    assert_eq!(cache.flush(&zone("ame-8.example.")), 0, "no suffix of text");
    assert_eq!(cache.flush(&zone("name-8.example.")), 1);
    assert_eq!(cache.flush(&zone("example.")), 498);
    cache.insert(&key(1, &hasher), &entry(1, 60));
    assert_eq!((cache.flush(&Flush::All), cache.len()), (1, 0));
}
