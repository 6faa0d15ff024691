//! Times and memory, at ten thousand to a million entries.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use quick_cache::sync::Cache as QuickCache;
use rand::seq::SliceRandom as _;
use resolver::Moment;
use resolver::{Cache, CacheConfig, Key, KeyHasher, KeyView};

use crate::names::{Names, entry, key, query};
use crate::output::print_line;

/// Nanoseconds for each uniform look-up with a copy of the answer: medians of
/// [`ROUNDS`], the tables in turn within each.
pub(crate) fn lookups() {
    print_line("ns per look-up and copy         entries: 10,000    100,000  1,000,000");
    let mut lines: [(&str, Vec<f64>); 4] = [
        ("this cache, batches of 8", Vec::new()),
        ("this cache, batches of 32", Vec::new()),
        ("hashbrown, boxed entries", Vec::new()),
        ("quick_cache", Vec::new()),
    ];
    for entries in [10_000_u64, 100_000, 1_000_000] {
        let tables = Tables::filled(entries);
        let mut samples: [Vec<f64>; 4] = Default::default();
        for round in 0..ROUNDS {
            let start = round * PROBES;
            for (which, samples) in samples.iter_mut().enumerate() {
                let took = timed(|| tables.probe(which, start));
                samples.push(took.as_secs_f64() * 1e9 / PROBES as f64);
            }
        }
        for ((_, line), samples) in lines.iter_mut().zip(&mut samples) {
            line.push(median(samples));
        }
    }
    for (what, figures) in &lines {
        let figures: String = figures.iter().map(|ns| format!("{ns:>11.1}")).collect();
        print_line(&format!("{what:<34}{figures}"));
    }
    if let [(_, ours), _, (_, theirs), _] = &lines
        && let (Some(ours), Some(theirs)) = (ours.last(), theirs.last())
    {
        print_line(&format!("at 1,000,000: {:.2} of hashbrown's time", ours / theirs));
    }
}

/// The same answers in each kind of table.
struct Tables {
    hasher: KeyHasher,
    ours: Cache,
    boxed: HashMap<Box<[u8]>, Box<[u8]>, RandomState>,
    quick: QuickCache<Box<[u8]>, std::sync::Arc<[u8]>>,
    probes: Names,
}

impl Tables {
    fn filled(entries: u64) -> Self {
        let hasher = KeyHasher::default();
        let ours = Cache::new(&CacheConfig { bytes: 1 << 30, ..CacheConfig::default() });
        let mut boxed = HashMap::default();
        let quick = QuickCache::new(usize::try_from(entries).unwrap_or_default() * 2);
        let names = Names::new(0..entries);
        for number in 0..entries {
            let entry = entry(number);
            let name = names.get(usize::try_from(number).unwrap_or_default());
            ours.insert(&Key::of(&query(name), &hasher), &entry);
            quick.insert(name.into(), entry.message.as_slice().into());
            boxed.insert(name.into(), entry.message.into_boxed_slice());
        }
        let mut order: Vec<_> = (0..entries).collect();
        order.shuffle(&mut rand::rng());
        Self { hasher, ours, boxed, quick, probes: Names::new(order) }
    }

    fn probe(&self, which: usize, start: usize) {
        match which {
            0 => self.probe_ours::<8>(start),
            1 => self.probe_ours::<32>(start),
            2 => self.probe_each(start, |name, out| {
                self.boxed.get(name).is_some_and(|found| copy(found, out))
            }),
            _ => self.probe_each(start, |name, out| {
                self.quick.get(name).is_some_and(|found| copy(&found, out))
            }),
        }
    }

    fn probe_ours<const BATCH: usize>(&self, start: usize) {
        let mut out = [0; 512];
        let mut found = 0;
        for first in (start..start + PROBES).step_by(BATCH) {
            let mut keys = [KeyView::NONE; BATCH];
            for (place, slot) in keys.iter_mut().enumerate() {
                *slot = key(self.probes.get(first + place), &self.hasher);
            }
            self.ours
                .lookup_batch(&keys, Moment::from_micros(1), |_, entry| {
                    found += usize::from(entry.is_some_and(|entry| copy(entry.message, &mut out)));
                });
        }
        assert_eq!(found, PROBES, "all are there");
    }

    fn probe_each(&self, start: usize, mut get: impl FnMut(&[u8], &mut [u8]) -> bool) {
        let mut out = [0; 512];
        let probes = start..start + PROBES;
        let found = probes.filter(|place| get(self.probes.get(*place), &mut out));
        assert_eq!(found.count(), PROBES, "all are there");
    }
}

fn copy(message: &[u8], out: &mut [u8]) -> bool {
    black_box(dns::put_octets(out, 0, message)).is_some()
}

/// Inserts into a full cache: each drives others out.
pub(crate) fn inserts() {
    let bytes = 192 << 20;
    let cache = Cache::new(&CacheConfig { bytes, ..CacheConfig::default() });
    let hasher = KeyHasher::default();
    let template = entry(0);
    let names = Names::new(0..4_000_000);
    let mut took = Vec::with_capacity(names.len());
    let mut at_full = 0;
    for place in 0..names.len() {
        let name = names.get(place);
        let key = Key::of(&query(name), &hasher);
        let mut entry = template.clone();
        dns::put_octets(&mut entry.message, dns::HEADER_LEN, name).unwrap_or_default();
        let each = timed(|| cache.insert(&key, &entry));
        if cache_is_full(place) {
            took.push(each);
        } else {
            at_full = cache.len();
        }
    }
    took.sort_unstable();
    // In hundred-thousandths.
    let at = |share: usize| {
        let place = took.len() * share / 100_000;
        took.get(place.min(took.len() - 1))
            .copied()
            .unwrap_or_default()
    };
    let all: Duration = took.iter().sum();
    print_line(&format!(
        "\ninsert with eviction, {} entries: mean {} ns, p50 {:?}, p99.9 {:?}, p99.999 {:?}, longest {:?}",
        cache.len(),
        all.as_nanos() / took.len() as u128,
        at(50_000),
        at(99_900),
        at(99_999),
        at(100_000),
    ));
    let each = cache.bytes() as f64 / cache.len() as f64;
    let share = cache.bytes() as f64 / bytes as f64;
    print_line(&format!(
        "memory: {each:.0} octets for each A answer, {:.1} % of the bound in use, {at_full} entries after the first half",
        share * 100.0
    ));
}

/// Long before half of the names were inserted there was no room any more.
const fn cache_is_full(place: usize) -> bool {
    place >= 2_000_000
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// Look-ups in each round.
const PROBES: usize = 96_000;

/// Rounds of which the median is taken.
const ROUNDS: usize = 7;
