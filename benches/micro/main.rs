//! What a cached answer costs in user space: parse, hash, look up, render.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use dns::{Class, ExtendedError, Flags, Name, Rcode, Rtype};
use proxy::answer::render;
use proxy::cache::{BATCH, Cache, CacheConfig, Key, KeyHasher, KeyView, failure};
use proxy::moment::Moment;
use proxy::query::{Query, Retained};

fn query(n: usize) -> Retained {
    let qname =
        Name::from_text(&format!("name-{n}.default.svc.cluster.local")).unwrap_or(Name::ROOT);
    Retained {
        id: 1,
        flags: Flags(Flags::RD),
        qname,
        qtype: Rtype::A,
        qclass: Class::IN,
        edns: None,
    }
}

fn octets(query: &Retained) -> Vec<u8> {
    let mut message = Vec::new();
    let composer = dns::Composer::new(&mut message, &query.qname, query.qtype, query.qclass);
    let header = dns::Header { id: query.id, flags: query.flags, counts: [1, 0, 0, 0] };
    composer.finish(&header).unwrap_or_default();
    message
}

fn filled(entries: usize, hasher: &KeyHasher) -> Cache {
    let cache = Cache::new(&CacheConfig { bytes: 1 << 30, ..CacheConfig::default() });
    let error = ExtendedError { code: ExtendedError::OTHER, text: "" };
    for n in 0..entries {
        let query = query(n);
        let entry = failure(
            &query,
            Rcode::SERVFAIL,
            error,
            Duration::from_secs(3_600),
            Moment::from_micros(0),
        );
        cache.insert(&Key::of(&query.as_query(), hasher), &entry);
    }
    cache
}

/// One iteration looks up a batch of 32 names spread over all entries.
fn lookup(criterion: &mut Criterion) {
    let hasher = KeyHasher::default();
    for entries in [10_000, 100_000, 1_000_000] {
        let cache = filled(entries, &hasher);
        let mut next = 0_usize;
        let mut batch = || {
            next += 1;
            let name = |place: usize| query((next * BATCH + place).wrapping_mul(7_919) % entries);
            (0..BATCH)
                .map(|place| Key::of(&name(place).as_query(), &hasher))
                .collect::<Vec<_>>()
        };
        criterion.bench_function(&format!("lookup of 32 among {entries}"), |bencher| {
            bencher.iter_batched(
                &mut batch,
                |keys| {
                    let views: Vec<_> = keys.iter().map(Key::view).collect();
                    cache.lookup_batch(&views, Moment::from_micros(0), |_, entry| {
                        black_box(entry.is_some());
                    });
                },
                BatchSize::SmallInput,
            );
        });
    }
}

fn parse_and_render(criterion: &mut Criterion) {
    let hasher = KeyHasher::default();
    let cache = filled(1, &hasher);
    let asked = query(0);
    let message = octets(&asked);
    criterion.bench_function("parse and hash", |bencher| {
        bencher.iter(|| {
            let query = Query::parse(black_box(&message)).ok();
            query.map(|query| KeyView::of(&query, &hasher).hash)
        });
    });
    let key = Key::of(&asked.as_query(), &hasher);
    let mut out = [0; 512];
    cache.lookup(&key, Moment::from_micros(0), |entry| {
        let Some(entry) = entry else { return };
        criterion.bench_function("render", |bencher| {
            bencher.iter(|| {
                render(
                    &entry,
                    &asked.as_query(),
                    Moment::from_micros(1),
                    512,
                    None,
                    black_box(&mut out),
                )
            });
        });
    });
}

criterion_group!(benches, lookup, parse_and_render);
criterion_main!(benches);
