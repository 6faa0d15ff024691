//! How much of a trace each policy answers, with room for as many entries.
//!
//! Requests follow Zipf's law over 100,000 names, and three in ten are for a
//! name that never comes again, as those of a search path or of a random
//! subdomain attack do.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use quick_cache::unsync::Cache as QuickCache;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use resolver::Moment;
use resolver::{Cache, CacheConfig, Key, KeyHasher};

use crate::names::{Names, entry, query};
use crate::output::print_line;

/// Plays the trace to each policy and prints what it answered.
pub(crate) fn print() {
    print_line(
        "\nhit ratio, Zipf(1.0) over 100,000 names, 30 % of the requests for one-time names",
    );
    print_line("entries      this cache  quick_cache (S3-FIFO kind)     LRU   random");
    for bytes in [256 << 10, 1 << 20, 4 << 20] {
        let trace = trace();
        let (ours, entries) = of_ours(&trace, bytes);
        let others =
            [of_quick(&trace, entries), of_lru(&trace, entries), of_random(&trace, entries)];
        let [quick, lru, random] = others.map(|hits| percent(hits, &trace));
        let ours = percent(ours, &trace);
        print_line(&format!(
            "{entries:<13}{ours:>9.1} %{quick:>26.1} %{lru:>8.1} %{random:>7.1} %"
        ));
    }
}

fn trace() -> Vec<u64> {
    let mut random = StdRng::seed_from_u64(1);
    let mut sum = 0.0;
    let cumulated: Vec<f64> = (1..=CATALOG)
        .map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        })
        .collect();
    let mut once = CATALOG;
    let request = |_| {
        if random.random_ratio(3, 10) {
            once += 1;
            return once;
        }
        let point = random.random::<f64>() * sum;
        cumulated.partition_point(|weight| *weight < point) as u64
    };
    (0..REQUESTS).map(request).collect()
}

/// Returns the hits of our cache, and how many entries it held at the end.
fn of_ours(trace: &[u64], bytes: usize) -> (usize, usize) {
    let cache = Cache::new(&CacheConfig { bytes, ..CacheConfig::default() });
    let hasher = KeyHasher::default();
    let now = Moment::from_micros(1);
    let mut hits = 0;
    let mut entries = HashMap::new();
    for &number in trace {
        let names = Names::new([number]);
        let key = Key::of(&query(names.get(0)), &hasher);
        if cache.lookup(&key.view(), now, |found| found.is_some()) {
            hits += 1;
        } else {
            // Composing is slow; the trace asks for most names again.
            let entry = entries.entry(number).or_insert_with(|| entry(number));
            cache.insert(&key, entry);
        }
    }
    (hits, cache.len())
}

fn of_quick(trace: &[u64], entries: usize) -> usize {
    let mut cache = QuickCache::new(entries);
    let hit = |number: &&u64| {
        let found = cache.get(*number).is_some();
        if !found {
            cache.insert(**number, ());
        }
        found
    };
    trace.iter().filter(hit).count()
}

fn of_lru(trace: &[u64], entries: usize) -> usize {
    let mut cache = lru::LruCache::new(NonZeroUsize::new(entries).unwrap_or(NonZeroUsize::MIN));
    let hit = |number: &&u64| {
        let found = cache.get(*number).is_some();
        if !found {
            cache.put(**number, ());
        }
        found
    };
    trace.iter().filter(hit).count()
}

/// As CoreDNS does.
fn of_random(trace: &[u64], entries: usize) -> usize {
    let mut random = StdRng::seed_from_u64(2);
    let mut places: HashMap<u64, usize> = HashMap::new();
    let mut kept: Vec<u64> = Vec::new();
    let mut hits = 0;
    for &number in trace {
        if places.contains_key(&number) {
            hits += 1;
            continue;
        }
        if kept.len() < entries {
            kept.push(number);
            places.insert(number, kept.len() - 1);
            continue;
        }
        let place = random.random_range(0..kept.len());
        if let Some(victim) = kept.get_mut(place) {
            places.remove(victim);
            *victim = number;
            places.insert(number, place);
        }
    }
    hits
}

fn percent(hits: usize, trace: &[u64]) -> f64 {
    hits as f64 * 100.0 / trace.len() as f64
}

const CATALOG: u64 = 100_000;

const REQUESTS: usize = 2_000_000;
