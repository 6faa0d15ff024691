//! What a message costs in user space: parse, hash, render. Look-ups are in
//! `cache`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dns::{Class, Flags, Name, Rtype};
use hickory_proto::op::Message;
use proxy::answer::render;
use proxy::cache::{Cache, CacheConfig, Key, KeyHasher, KeyView, admit};
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

/// A cache with the answer to one query.
fn filled(query: &Retained, hasher: &KeyHasher) -> Cache {
    let cache = Cache::new(&CacheConfig { bytes: 1 << 20, ..CacheConfig::default() });
    let mut message = Vec::new();
    let mut composer = dns::Composer::new(&mut message, &query.qname, query.qtype, query.qclass);
    composer
        .own_record(&query.qname, Rtype::A, 3600, &[10, 0, 0, 1])
        .unwrap_or_default();
    let header = dns::Header { id: 1, flags: Flags(Flags::QR), counts: [1, 1, 0, 0] };
    composer.finish(&header).unwrap_or_default();
    let now = Moment::from_micros(0);
    if let Ok(admitted) = admit(&message, &query.question(), now, &CacheConfig::default()) {
        cache.insert(&Key::of(&query.as_query(), hasher), &admitted.entry);
    }
    cache
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

criterion_group!(benches, parse_and_render, hickory);
criterion_main!(benches);
