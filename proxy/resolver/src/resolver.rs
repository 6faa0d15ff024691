//! What to do with a query: answer it, ask an upstream, or refuse it.
//!
//! No socket and no clock: callers bring messages and `now`, and do what is
//! decided. Decisions are lent, not returned, since what the cache has stays
//! in the cache until it is rendered into the caller's buffer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dns::{Composer, Flags, Header, Rcode, Rtype};

use crate::answer;
use crate::cache::{
    BATCH, Cache, CacheConfig, Entry, EntryView, Head, Key, KeyHasher, KeyView, Kind,
};
use crate::clock::Moment;
use crate::query::{Query, QueryError};
use crate::response::Rendered;

/// Decides about queries, from the cache of the process.
#[derive(Debug)]
pub struct Resolver {
    cache: Arc<Cache>,
    hasher: KeyHasher,
    rotate: AtomicBool,
}

/// What to do with one message from a client.
#[derive(Debug)]
pub enum Decision<'q, 'e> {
    /// Answer from the cache.
    Answer(Query<'q>, EntryView<'e>),
    /// Not in the cache: ask an upstream. The hash of the key, taken for the
    /// look-up, goes with it.
    Ask(Query<'q>, u64),
    /// ANY: answer with HINFO, never ask (RFC 8482, section 4.2).
    Any(Query<'q>),
    /// No query that we look up.
    Reject(QueryError, &'q [u8]),
}

/// How a response is rendered, besides its query.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The time that TTLs are aged to.
    pub now: Moment,
    /// Octets that the transport takes; over UDP the query says fewer.
    pub limit: Limit,
    /// Another number for each answer of a thread or a connection: by it and the ID of the
    /// query RRsets of addresses are rotated.
    pub rotation: u32,
}

/// How long a response may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limit {
    /// What the query says: 512 to 1232 octets.
    Datagram,
    /// 65,535 octets.
    Frame,
}

impl Limit {
    /// Returns the octets that an answer to `query` may have.
    pub fn of(self, query: &Query<'_>) -> usize {
        match self {
            Self::Datagram => query.udp_limit(),
            Self::Frame => usize::from(u16::MAX),
        }
    }
}

impl Resolver {
    /// Decides from `cache`; `rotate` rotates RRsets of addresses with each answer.
    pub fn new(cache: Arc<Cache>, hasher: KeyHasher, rotate: bool) -> Self {
        Self { cache, hasher, rotate: AtomicBool::new(rotate) }
    }

    /// Has the cache keep and refresh answers by another policy from here on.
    pub fn set_policy(&self, config: &CacheConfig) {
        self.cache.set_policy(config);
    }

    /// Rotates, or does not, from here on.
    pub fn set_rotate(&self, rotate: bool) {
        self.rotate.store(rotate, Ordering::Relaxed);
    }

    /// Returns the cache that it answers from.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Takes answers in that another process packed ([`Cache::pack`]); returns how many.
    pub fn take_over(&self, octets: &[u8], now: Moment) -> usize {
        self.take_aged(octets, Duration::ZERO, now)
    }

    /// The same of answers that were packed `age` ago; returns how many are still fresh.
    pub fn take_aged(&self, octets: &[u8], age: Duration, now: Moment) -> usize {
        self.cache.unpack(octets, age, &self.hasher, now)
    }

    /// Returns the key under which the answer to `query` is kept.
    pub fn key(&self, query: &Query<'_>) -> Key {
        Key::of(query, &self.hasher)
    }

    /// Decides about one message, and hands the decision to `act`.
    pub fn decide<T>(
        &self,
        message: &[u8],
        now: Moment,
        act: impl FnOnce(Decision<'_, '_>) -> T,
    ) -> T {
        match sort(message) {
            Err(decision) => act(decision),
            Ok(query) => {
                let key = KeyView::of(&query, &self.hasher);
                self.cache
                    .lookup(&key, now, |entry| act(decided(query, key.hash, entry)))
            }
        }
    }

    /// Decides about up to [`BATCH`] messages, and hands each decision to
    /// `act` with the message's place. The places do not come in order: what
    /// needs no lookup is first.
    pub fn decide_batch(
        &self,
        messages: &[&[u8]],
        now: Moment,
        mut act: impl FnMut(usize, Decision<'_, '_>),
    ) {
        let mut queries = [None; BATCH];
        let mut keys = [KeyView::NONE; BATCH];
        let mut count = 0;
        for (place, message) in messages.iter().take(BATCH).enumerate() {
            match sort(message) {
                Err(decision) => act(place, decision),
                Ok(query) => {
                    if let (Some(slot), Some(key)) = (queries.get_mut(count), keys.get_mut(count)) {
                        *slot = Some((place, query));
                        *key = KeyView::of(&query, &self.hasher);
                        count += 1;
                    }
                }
            }
        }
        let keys = keys.get(..count).unwrap_or_default();
        self.cache.lookup_batch(keys, now, |at, entry| {
            let (Some(Some((place, query))), Some(key)) = (queries.get(at), keys.get(at)) else {
                return;
            };
            act(*place, decided(*query, key.hash, entry));
        });
    }

    /// Renders the answer of the cache for the client that sent `query`.
    pub fn answer(
        &self,
        query: &Query<'_>,
        entry: &EntryView<'_>,
        terms: Terms,
        out: &mut [u8],
    ) -> Option<Rendered> {
        let rotate = self.rotate.load(Ordering::Relaxed);
        let rotation = rotate.then(|| turn(terms.rotation, query.id));
        answer::render(entry, query, terms.now, terms.limit.of(query), rotation, out)
    }

    /// Renders the answer to a query for ANY: HINFO alone (RFC 8482, section
    /// 4.2).
    pub fn answer_any(&self, query: &Query<'_>, terms: Terms, out: &mut [u8]) -> Option<Rendered> {
        let entry = any(query, terms.now)?;
        answer::render(&entry.view(), query, terms.now, terms.limit.of(query), None, out)
    }
}

/// Answers with what the cache has, or asks.
fn decided<'q, 'e>(query: Query<'q>, hash: u64, entry: Option<EntryView<'e>>) -> Decision<'q, 'e> {
    entry.map_or(Decision::Ask(query, hash), |entry| Decision::Answer(query, entry))
}

/// Returns the query in `message` if it has to be looked up, else what to do
/// instead.
#[expect(clippy::result_large_err, reason = "a decision like any other, and inlined")]
fn sort(message: &[u8]) -> Result<Query<'_>, Decision<'_, 'static>> {
    match Query::parse(message) {
        Ok(query) if query.question.qtype == Rtype::ANY => Err(Decision::Any(query)),
        Ok(query) => Ok(query),
        Err(error) => Err(Decision::Reject(error, message)),
    }
}

/// The whole answer to ANY: rare, so composed each time.
fn any(query: &Query<'_>, now: Moment) -> Option<Entry> {
    let asked = query.retain();
    let mut message = Vec::new();
    let mut composer = Composer::new(&mut message, &asked.qname, asked.qtype, asked.qclass);
    composer
        .own_record(&asked.qname, Rtype::HINFO, ANY_TTL, HINFO)
        .ok()?;
    let header = Header { id: 0, flags: Flags(Flags::QR), counts: [1, 1, 0, 0] };
    composer.finish(&header).ok()?;
    let (kind, rcode) = (Kind::Positive, Rcode::NOERROR);
    let head = Head { kind, rcode, ede: None, born: now, expires: now, stale: false, first: None };
    // One record that always fits needs no offset to be cut or aged by.
    Some(Entry { head, message, ttls: Vec::new(), text: Vec::new() })
}

/// CPU "RFC8482", no operating system (RFC 8482, section 4.2).
const HINFO: &[u8] = b"\x07RFC8482\x00";

/// About an hour: nothing is gained by asking again soon.
const ANY_TTL: u32 = 3789;

/// By how many records an answer is rotated. A client asks for A and AAAA in turn, or by a
/// connection for each, so that the number alone would give its A the same place each time.
const fn turn(number: u32, id: u16) -> u32 {
    ((number << 16) | id as u32).wrapping_mul(GOLDEN) >> 16
}

/// 2^32 by the golden ratio: its multiples are spread evenly (Knuth, TAOCP 3, section 6.4).
const GOLDEN: u32 = 0x9e37_79b9;

#[cfg(test)]
mod tests;
