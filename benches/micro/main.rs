//! What a message costs in user space: parse, hash, render, admit, count.
//! Look-ups are in `cache`.

mod hostile;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use dns::{Class, Flags, Name, Rtype};
use hickory_proto::op::Message;
use observe::Counter;
use resolver::Moment;
use resolver::render;
use resolver::{Cache, CacheConfig, Key, KeyHasher, KeyView, admit};
use resolver::{Query, Retained};

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

/// A cache with the answer to one query.
fn filled(query: &Retained, hasher: &KeyHasher) -> Cache {
    let cache = Cache::new(&CacheConfig { bytes: 1 << 20, ..CacheConfig::default() });
    let message = answer(query);
    let now = Moment::from_micros(0);
    if let Ok(admitted) = admit(&message, &query.question(), now, &CacheConfig::default()) {
        cache.insert(&Key::of(&query.as_query(), hasher), &admitted.entry);
    }
    cache
}

/// One address, for an hour.
fn answer(query: &Retained) -> Vec<u8> {
    let mut message = Vec::new();
    let mut composer = dns::Composer::new(&mut message, &query.qname, query.qtype, query.qclass);
    composer
        .own_record(&query.qname, Rtype::A, 3600, &[10, 0, 0, 1])
        .unwrap_or_default();
    let header = dns::Header { id: 1, flags: Flags(Flags::QR), counts: [1, 1, 0, 0] };
    composer.finish(&header).unwrap_or_default();
    message
}

fn parse_and_render(criterion: &mut Criterion) {
    let hasher = KeyHasher::default();
    let asked = query(0);
    let cache = filled(&asked, &hasher);
    let message = octets(&asked);
    criterion.bench_function("parse and hash", |bencher| {
        bencher.iter(|| {
            let query = Query::parse(black_box(&message)).ok();
            query.map(|query| KeyView::of(&query, &hasher).hash)
        });
    });
    let key = Key::of(&asked.as_query(), &hasher);
    let mut out = [0; 512];
    cache.lookup(&key.view(), Moment::from_micros(0), |entry| {
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

/// What becomes of an upstream's answer before it is sent on.
fn admit_an_answer(criterion: &mut Criterion) {
    let asked = query(0);
    let message = answer(&asked);
    let now = Moment::from_micros(0);
    let config = CacheConfig::default();
    criterion.bench_function("admit an answer of one record", |bencher| {
        bencher.iter(|| admit(black_box(&message), &asked.question(), now, &config).is_ok());
    });
}

/// The same of answers that need more than one name.
fn admit_more_names(criterion: &mut Criterion) {
    let asked = query(0);
    let [alias, zone] = ["web.default.svc.cluster.local", "cluster.local"]
        .map(|text| Name::from_text(text).unwrap_or(Name::ROOT));
    let soa = [zone.as_wire(), zone.as_wire(), &[0; 20]].concat();
    let web = [&alias; 3].map(|name| (*name, Rtype::A, vec![10, 0, 0, 1]));
    let aliased = [(asked.qname, Rtype::CNAME, alias.as_wire().to_vec())];
    let now = Moment::from_micros(0);
    let config = CacheConfig::default();
    for (what, sections) in [
        ("an alias and three addresses", [&[&aliased[..], &web[..]].concat()[..], &[]]),
        ("a denial", [&[], &[(zone, Rtype::SOA, soa)]]),
    ] {
        let message = hostile::response(&asked, sections);
        criterion.bench_function(&format!("admit {what}"), |bencher| {
            bencher.iter(|| admit(black_box(&message), &asked.question(), now, &config).is_ok());
        });
    }
}

/// What a counter costs: that of one thread alone, as all of ours are, and one
/// that all threads share, while another thread counts as well.
fn counters(criterion: &mut Criterion) {
    let own = Counter::default();
    criterion.bench_function("count: a thread's own", |bencher| {
        bencher.iter(|| black_box(&own).add(1));
    });
    let shared = AtomicU64::new(0);
    criterion.bench_function("count: shared, by one thread", |bencher| {
        bencher.iter(|| black_box(&shared).fetch_add(1, Ordering::Relaxed));
    });
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                shared.fetch_add(1, Ordering::Relaxed);
            }
        });
        criterion.bench_function("count: shared, another thread counts", |bencher| {
            bencher.iter(|| black_box(&shared).fetch_add(1, Ordering::Relaxed));
        });
        stop.store(true, Ordering::Relaxed);
    });
    // As the crate keeps it behind a handle; by name it would be looked up.
    let handle = metrics::Counter::from_arc(Arc::new(AtomicU64::new(0)));
    criterion.bench_function("count: metrics, a kept handle", |bencher| {
        bencher.iter(|| black_box(&handle).increment(1));
    });
}

/// What one would take instead of our own code for messages.
fn hickory(criterion: &mut Criterion) {
    let message = octets(&query(0));
    criterion.bench_function("hickory-proto: parse a query", |bencher| {
        bencher.iter(|| Message::from_vec(black_box(&message)));
    });
    let Ok(parsed) = Message::from_vec(&message) else { return };
    criterion.bench_function("hickory-proto: write it", |bencher| {
        bencher.iter(|| black_box(&parsed).to_vec());
    });
}

criterion_group!(
    benches,
    parse_and_render,
    admit_an_answer,
    admit_more_names,
    hostile::admit_hostile_names,
    counters,
    hickory
);
criterion_main!(benches);
