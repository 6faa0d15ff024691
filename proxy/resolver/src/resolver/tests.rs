//! Decisions in virtual time, one by one and in batches.

use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use testbed::query;

use super::*;
use crate::cache::{CacheConfig, admit};
use dns::Name;

/// A resolver whose cache knows `web.` with two addresses, TTL 30.
struct World {
    resolver: Resolver,
    cache: Arc<Cache>,
}

impl World {
    fn new() -> Self {
        let config = CacheConfig { bytes: 1 << 20, ..CacheConfig::default() };
        let cache = Arc::new(Cache::new(&config));
        let resolver = Resolver::new(Arc::clone(&cache), KeyHasher::default(), true);
        let world = Self { resolver, cache };
        let octets = query("web.", "A").octets();
        let asked = Query::parse(&octets).unwrap();
        let admitted = admit(&upstream_answer(), &asked.question, at(0), &config).unwrap();
        assert!(admitted.cacheable);
        world
            .cache
            .insert(&world.resolver.key(&asked), &admitted.entry);
        world
    }

    /// What the client is told, or why it is told nothing.
    fn ask(&self, message: &[u8], now: Moment) -> Result<Message, &'static str> {
        self.resolver.decide(message, now, |decision| {
            let terms = Terms { now, limit: Limit::Datagram, rotation: 1 };
            let mut out = [0; 1232];
            let rendered = match &decision {
                Decision::Answer(query, entry) => {
                    self.resolver.answer(query, entry, terms, &mut out)
                }
                Decision::Any(query) => self.resolver.answer_any(query, terms, &mut out),
                Decision::Reject(error, message) => error.reply(message, &mut out),
                Decision::Ask(..) => return Err("asked upstream"),
            };
            let len = rendered.ok_or("silence")?.len;
            Ok(Message::from_vec(&out[..len]).unwrap())
        })
    }
}

fn upstream_answer() -> Vec<u8> {
    let name = Name::from_text("web.").unwrap();
    let mut message = Vec::new();
    let mut composer = Composer::new(&mut message, &name, Rtype::A, dns::Class::IN);
    for host in [1, 2] {
        composer
            .own_record(&name, Rtype::A, 30, &[10, 0, 0, host])
            .unwrap();
    }
    let header = Header { id: 7, flags: Flags(Flags::QR), counts: [1, 2, 0, 0] };
    composer.finish(&header).unwrap();
    message
}

fn at(seconds: u64) -> Moment {
    Moment::default() + Duration::from_secs(seconds)
}

#[test]
fn what_is_cached_is_answered_until_its_ttl_ends() {
    let world = World::new();
    let octets = query("wEb.", "A").octets();
    let answer = world.ask(&octets, at(12)).unwrap();
    assert_eq!(answer.queries[0].name().to_string(), "wEb.");
    assert_eq!(answer.answers.len(), 2);
    assert!(answer.answers.iter().all(|record| record.ttl == 18));
    assert_eq!(world.ask(&octets, at(30)).unwrap_err(), "asked upstream");
    assert_eq!(
        world
            .ask(&query("web.", "AAAA").octets(), at(0))
            .unwrap_err(),
        "asked upstream"
    );
}

/// RFC 8482, section 4.2.
#[test]
fn any_is_answered_with_hinfo_and_never_asked() {
    let answer = World::new()
        .ask(&query("web.", "ANY").edns(1232).octets(), at(0))
        .unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
    let [record] = answer.answers.as_slice() else { panic!("{answer:?}") };
    assert_eq!((record.name.to_string(), record.ttl), ("web.".to_owned(), 3789));
    assert!(record.data.to_string().contains("RFC8482"), "{record}");
    assert!(answer.edns.is_some());
}

#[test]
fn a_batch_is_decided_as_its_messages_one_by_one() {
    let world = World::new();
    let messages = [
        query("web.", "A").octets(),
        b"short".to_vec(),
        query("unknown.", "A").octets(),
        query("web.", "ANY").octets(),
        query("WEB.", "A").octets(),
        query("web.", "AXFR").octets(),
    ];
    let borrowed: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let mut decided = [""; 6];
    world
        .resolver
        .decide_batch(&borrowed, at(1), |place, decision| {
            assert_eq!(decided[place], "", "decided twice");
            decided[place] = match decision {
                Decision::Answer(..) => "answer",
                Decision::Ask(..) => "ask",
                Decision::Any(_) => "any",
                Decision::Reject(error, _) => error.label(),
            };
        });
    assert_eq!(decided, ["answer", "header_too_short", "ask", "any", "answer", "transfer"]);
}

/// Every second answer is for A; over TCP each is the first of its connection.
#[test]
fn the_first_address_is_another_for_clients_of_all_kinds() {
    let share = |turns: &mut dyn Iterator<Item = u32>, count: u32| {
        let mut firsts = vec![0; count as usize];
        turns.for_each(|turn| firsts[(turn % count) as usize] += 1);
        (firsts.iter().copied().min().unwrap(), firsts.iter().copied().max().unwrap())
    };
    let id = |n: u16| n.wrapping_mul(40_503);
    for count in 2..=4 {
        let pairs = share(&mut (0..2000).step_by(2).map(|n| turn(n.into(), id(n))), count);
        let in_step = share(&mut (0..1000).map(|n| turn(n.into(), n)), count);
        let connections = share(&mut (0..1000).map(|n| turn(1, id(n))), count);
        for (least, most) in [pairs, in_step, connections] {
            let even = 1000 / count;
            assert!(least > even * 8 / 10 && most < even * 12 / 10, "{count}: {least} {most}");
        }
    }
}
