//! What negative answers may hold.

use dns::{Class, Flags, Name, Rcode, Rtype};
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::cache::{Entry, Key, KeyHasher, Kind, failure};
use crate::query::Retained;

/// A shard, and what is put into it.
struct World {
    shard: Shard,
    hasher: KeyHasher,
}

impl World {
    fn new(bytes: usize, negative_share: u8) -> Self {
        Self {
            shard: Shard::new(bytes, &CacheConfig { negative_share, ..CacheConfig::default() }),
            hasher: KeyHasher::default(),
        }
    }

    fn key(&self, n: u32) -> Key {
        Key::of(&query(n).as_query(), &self.hasher)
    }

    fn insert(&mut self, n: u32, kind: Kind, extra: usize) {
        let mut entry = entry(n);
        entry.head.kind = kind;
        entry.message.resize(entry.message.len() + extra, 0);
        let key = self.key(n);
        self.shard.insert(&key.view(), &entry.view());
    }

    /// Looks a name up, as a client would.
    fn has(&mut self, n: u32) -> bool {
        let key = self.key(n);
        let at = self.shard.find(&key.view());
        at.is_some_and(|at| self.shard.fresh(at, NOW).is_some())
    }

    fn count(&mut self, numbers: std::ops::Range<u32>) -> usize {
        numbers.filter(|n| self.has(*n)).count()
    }

    /// Octets of negative entries in the main queue, counted one by one.
    fn negative(&self) -> usize {
        let log = self.shard.main;
        let (mut at, mut left, mut sum) = (log.tail().unwrap_or_default(), log.used(), 0);
        while left > 0 {
            let header = EntryHeader::read(&self.shard.octets[at..log.end()]);
            let size = header.map_or_else(|| log.end() - at, |header| header.size());
            sum += header
                .filter(EntryHeader::is_negative)
                .map_or(0, |header| header.size());
            left -= size;
            at += size;
            if at >= log.end() {
                at = log.end() - log.len();
            }
        }
        sum
    }
}

fn query(n: u32) -> Retained {
    let qname = Name::from_text(&format!("name-{n}.example.")).unwrap();
    Retained { id: 1, flags: Flags(0), qname, qtype: Rtype::A, qclass: Class::IN, edns: None }
}

fn entry(n: u32) -> Entry {
    let error = dns::ExtendedError { code: 0, text: b"" };
    failure(&query(n), Rcode::NXDOMAIN, error, Duration::from_secs(600), NOW)
}

/// Positive answers for half of the room, and then many times as many negative
/// ones as there is room for, all of them used.
fn flood(share: u8) -> (usize, usize) {
    let mut world = World::new(256 << 10, share);
    for n in 0..1_000 {
        world.insert(n, Kind::Positive, 0);
    }
    for n in 1_000..20_000 {
        world.insert(n, Kind::Negative, 0);
        assert!(world.has(n));
    }
    (world.count(0..1_000), world.count(1_000..20_000))
}

#[test]
fn a_flood_of_negative_answers_leaves_the_others_alone() {
    let (positive, negative) = flood(25);
    assert_eq!(positive, 1_000);
    let size = EntryHeader::new(&World::new(0, 0).key(20_000).view(), &entry(20_000).view())
        .unwrap()
        .size();
    assert!(negative * size <= (256 << 10) / 4, "{negative} of {size} octets");
    assert!(negative * size >= (256 << 10) / 8, "{negative} of {size} octets");
    // Without a bound of their own they take all.
    let (positive, negative) = flood(100);
    assert_eq!(positive, 0);
    assert!(negative > 1_000, "{negative}");
}

/// A client that asks for failing names again and again has a tenth of the room.
#[test]
fn a_flood_of_failures_leaves_the_others_alone() {
    let mut world = World::new(256 << 10, 25);
    for n in 0..300 {
        world.insert(n, Kind::Positive, 0);
        world.insert(n + 300, Kind::Negative, 0);
    }
    assert_eq!(world.count(0..600), 600);
    for n in 1_000..20_000 {
        for _ in 0..2 {
            world.insert(n, Kind::Failure, 0);
            assert!(world.has(n));
        }
    }
    assert_eq!(world.count(0..600), 600);
    assert!(world.count(1_000..20_000) > 0);
}

#[test]
fn a_negative_answer_in_use_outlives_those_that_are_not() {
    let mut world = World::new(256 << 10, 25);
    for n in 1..20_000 {
        world.insert(n, Kind::Negative, 0);
        if n > 2_000 {
            // By then the part of the negative ones is full.
            if n == 2_001 {
                world.insert(0, Kind::Negative, 0);
            }
            assert!(world.has(0), "after {n}");
        }
    }
}

#[test]
fn the_account_is_of_what_is_there() {
    for seed in 0..20 {
        let mut random = rand::rngs::StdRng::seed_from_u64(seed);
        let bytes = random.random_range(16 << 10..256 << 10);
        let mut world = World::new(bytes, random.random_range(10..=100));
        for _ in 0..3_000 {
            let kinds = [Kind::Positive, Kind::Negative, Kind::Failure];
            let kind = kinds[random.random_range(0..kinds.len())];
            world.insert(random.random_range(0..400), kind, random.random_range(0..600));
            world.has(random.random_range(0..400));
        }
        assert_eq!(world.shard.negative, world.negative(), "seed {seed}");
        assert!(world.shard.negative <= world.shard.most_negative, "seed {seed}");
    }
}

const NOW: Moment = Moment::from_micros(0);
