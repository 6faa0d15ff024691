//! The cache: octets are read as insertions and look-ups, and a plain map beside it
//! has what should be found.

use std::collections::HashMap;
use std::time::Duration;

use dns::{Class, Flags, Name, Rcode, Rtype};
use resolver::{Cache, CacheConfig, Entry, Head, Key, KeyHasher, Kind, Moment, Retained};

use super::{Target, outcome, size};

pub(super) const CACHE: Target =
    Target { name: "cache", feed: cache, folders: &["cache"], words: &[], longest: 4_096 };

/// What is found is what was stored last under its key, and not expired; the bound on
/// octets holds after each step.
fn cache(octets: &[u8]) -> u64 {
    let Some((share, steps)) = octets.split_first() else { return 0 };
    let config =
        CacheConfig { bytes: 32 << 10, negative_share: 10 + share % 91, ..CacheConfig::default() };
    let (cache, hasher) = (Cache::new(&config), KeyHasher::default());
    let mut stored: HashMap<u8, (Moment, Vec<u8>)> = HashMap::new();
    let (mut now, mut found) = (Moment::from_micros(0), 0);
    for step in steps.chunks_exact(4) {
        let &[what, which, length, ttl] = step else { break };
        let query = query(which);
        let key = Key::of(&query.as_query(), &hasher);
        now = now + Duration::from_secs((what >> 4).into());
        if what % 2 == 0 {
            let entry = entry(&query, what, length, Duration::from_secs(ttl.into()), now);
            cache.insert(&key, &entry);
            stored.insert(which, (entry.head.expires, entry.message));
        } else {
            found += usize::from(cache.lookup(&key.view(), now, |entry| {
                let Some(entry) = entry else { return false };
                let (expires, message) = &stored[&which];
                assert!(*expires > now, "expired");
                assert_eq!(entry.message, message, "what was stored last");
                true
            }));
        }
        assert!(cache.bytes() <= cache.capacity_bytes());
    }
    outcome((size(found), size(cache.len()), size(usize::try_from(cache.evictions()).unwrap())))
}

fn query(which: u8) -> Retained {
    let qname = Name::from_text(&format!("name-{}.example.", which / 2)).unwrap();
    let qtype = if which.is_multiple_of(2) { Rtype::A } else { Rtype::AAAA };
    Retained { id: 1, flags: Flags(0), qname, qtype, qclass: Class::IN, edns: None }
}

/// A question and up to 8 KiB behind it, which is no more than octets to the cache.
fn entry(query: &Retained, what: u8, length: u8, ttl: Duration, now: Moment) -> Entry {
    let mut message = vec![0; dns::HEADER_LEN];
    message.extend(query.qname.as_wire());
    message.extend(query.qtype.0.to_be_bytes());
    message.extend(query.qclass.0.to_be_bytes());
    let extra = usize::from(length) * if what & 8 == 0 { 1 } else { 32 };
    message.extend(std::iter::repeat_n(what, extra));
    let kind = match what & 6 {
        0 | 2 => Kind::Positive,
        4 => Kind::Negative,
        _ => Kind::Failure,
    };
    let (rcode, expires) = (Rcode::NOERROR, now + ttl);
    let head = Head { kind, rcode, ede: None, born: now, expires, stale: false, first: None };
    let ttls = vec![0; usize::from(length % 4) * 2];
    Entry { head, message, ttls, text: Vec::new() }
}
