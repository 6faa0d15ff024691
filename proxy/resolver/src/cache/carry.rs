//! Answers on their way from one process to the next.
//!
//! Two processes have no clock in common, so an answer leaves with the TTLs that are
//! left. Failures and stale answers stay: they are of this process's upstreams.

use std::time::Duration;

use dns::{HEADER_LEN, Name, Rcode, get_u16, get_u32, put_u32};

use super::{Cache, Entry, Head, Key, KeyHasher, Kind, Stored, relock};
use crate::clock::Moment;

impl Cache {
    /// Packs the answers of one part of the cache that are fresh at `now`, one after the
    /// other, behind what is in `out`; false when there are no more parts.
    pub fn pack(&self, part: usize, now: Moment, out: &mut Vec<u8>) -> bool {
        let Some(shard) = self.shards.get(part) else { return false };
        for stored in relock(shard).all() {
            // What does not fit the form is rare, and asked for again.
            stored.pack(now, out).unwrap_or_default();
        }
        true
    }

    /// Takes in what another process packed `age` ago, its answers born at `now` with the
    /// TTLs that are left; returns how many are fresh. It ends at the first that is broken.
    pub fn unpack(
        &self,
        mut octets: &[u8],
        age: Duration,
        hasher: &KeyHasher,
        now: Moment,
    ) -> usize {
        let mut count = 0;
        while let Some((mut stored, rest)) = Stored::unpack(octets, now) {
            octets = rest;
            if stored.age(age, now).is_some()
                && let Some(key) = stored.key(hasher)
            {
                self.insert(&key, &stored.entry);
                count += 1;
            }
        }
        count
    }
}

impl Stored {
    fn pack(&self, now: Moment, out: &mut Vec<u8>) -> Option<()> {
        let Self { entry, dnssec_ok, checking_disabled } = self;
        let Entry { head, message, ttls, text } = entry;
        let is_negative = match head.kind {
            Kind::Positive => false,
            Kind::Negative => true,
            Kind::Failure => return None,
        };
        if head.stale || head.expires <= now {
            return None;
        }
        let left = head.expires.saturating_since(now);
        let bits = u8::from(is_negative)
            | u8::from(*dnssec_ok) << 1
            | u8::from(*checking_disabled) << 2
            | u8::from(head.ede.is_some()) << 3;
        let lens = [message.len(), ttls.len(), text.len()].map(u16::try_from);
        let [Ok(message_len), Ok(ttls_len), Ok(text_len)] = lens else { return None };
        let numbers = [head.rcode.0, head.ede.unwrap_or_default(), message_len, ttls_len, text_len];
        out.extend(u64::try_from(left.as_micros()).ok()?.to_be_bytes());
        out.push(bits);
        out.extend(numbers.into_iter().flat_map(u16::to_be_bytes));
        let start = out.len();
        out.extend(message);
        let age = now.saturating_since(head.born).as_secs();
        let age = u32::try_from(age).unwrap_or(u32::MAX);
        for at in entry.view().ttl_offsets() {
            let ttl = get_u32(out, start + at)?;
            put_u32(out, start + at, ttl.saturating_sub(age))?;
        }
        out.extend(ttls);
        out.extend(text);
        Some(())
    }

    fn unpack(octets: &[u8], now: Moment) -> Option<(Self, &[u8])> {
        let (left, rest) = octets.split_first_chunk::<8>()?;
        let (bits, rest) = rest.split_first()?;
        let (numbers, rest) = rest.split_first_chunk::<10>()?;
        let number = |at| get_u16(numbers, at).unwrap_or_default();
        let (message, rest) = rest.split_at_checked(number(4).into())?;
        let (ttls, rest) = rest.split_at_checked(number(6).into())?;
        let (text, rest) = rest.split_at_checked(number(8).into())?;
        let has = |bit: u8| bits >> bit & 1 == 1;
        let left = Duration::from_micros(u64::from_be_bytes(*left));
        let head = Head {
            kind: if has(0) { Kind::Negative } else { Kind::Positive },
            rcode: Rcode(number(0)),
            ede: has(3).then(|| number(2)),
            born: now,
            expires: now + left,
            stale: false,
            first: None,
        };
        let [message, ttls, text] = [message, ttls, text].map(<[u8]>::to_vec);
        let entry = Entry { head, message, ttls, text };
        Some((Self { entry, dnssec_ok: has(1), checking_disabled: has(2) }, rest))
    }

    /// Takes so much off its TTLs; none when they are over.
    fn age(&mut self, age: Duration, now: Moment) -> Option<()> {
        let offsets: Vec<_> = self.entry.view().ttl_offsets().collect();
        let Entry { head, message, .. } = &mut self.entry;
        let left = head.expires.saturating_since(now).checked_sub(age)?;
        head.expires = now + left;
        let seconds = u32::try_from(age.as_secs()).unwrap_or(u32::MAX);
        for at in offsets {
            let ttl = get_u32(message, at)?;
            put_u32(message, at, ttl.saturating_sub(seconds))?;
        }
        (!left.is_zero()).then_some(())
    }

    /// The key of its question.
    fn key(&self, hasher: &KeyHasher) -> Option<Key> {
        let message = &self.entry.message;
        let (qname, end) = Name::parse(message, HEADER_LEN).ok()?;
        let key = Key {
            qname: qname.folded(),
            qtype: dns::Rtype(get_u16(message, end)?),
            qclass: dns::Class(get_u16(message, end + 2)?),
            dnssec_ok: self.dnssec_ok,
            checking_disabled: self.checking_disabled,
            hash: 0,
        };
        let hash = hasher.hash(&key.view());
        Some(Key { hash, ..key })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CacheConfig, KeyView};
    use super::*;
    use crate::query::Query;

    const NAME: &[u8] = b"\x03web\x04test\x00";

    fn at(secs: u64) -> Moment {
        Moment::from_micros(secs * 1_000_000)
    }

    /// A response of one record with this TTL, born at second 100.
    fn stored(kind: Kind, ttl: u32) -> Stored {
        let header = [0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
        let question = [NAME, &[0, 1, 0, 1]].concat();
        let record = [&[0xc0, 12, 0, 1, 0, 1], &ttl.to_be_bytes()[..], &[0, 4, 10, 0, 0, 1]];
        let message = [&header[..], &question, &record.concat()].concat();
        let at_ttl = u16::try_from(header.len() + question.len() + 6).unwrap();
        let head = Head {
            kind,
            rcode: Rcode(0),
            ede: Some(3),
            born: at(100),
            expires: at(100 + u64::from(ttl)),
            stale: false,
            first: None,
        };
        let entry =
            Entry { head, message, ttls: at_ttl.to_be_bytes().to_vec(), text: b"why".to_vec() };
        Stored { entry, dnssec_ok: false, checking_disabled: false }
    }

    fn query() -> Vec<u8> {
        [&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], NAME, &[0, 1, 0, 1]].concat()
    }

    #[test]
    fn an_answer_is_found_in_the_next_process_with_the_ttl_that_is_left() {
        let (old, new) = (KeyHasher::default(), KeyHasher::default());
        let [one, other] = [(); 2].map(|()| Cache::new(&CacheConfig::default()));
        let answer = stored(Kind::Positive, 60);
        one.insert(&answer.key(&old).unwrap(), &answer.entry);
        let mut parts = 0;
        let mut octets = Vec::new();
        while one.pack(parts, at(120), &mut octets) {
            parts += 1;
        }
        assert!(parts > 1);
        assert_eq!(other.unpack(&octets, Duration::ZERO, &new, at(5)), 1);
        let query = query();
        let key = KeyView::of(&Query::parse(&query).unwrap(), &new);
        let found = |now| other.lookup(&key, now, |entry| entry.map(|entry| entry.to_entry()));
        let entry = found(at(44)).unwrap();
        let ttl = entry.view().ttl_offsets().next().unwrap();
        assert_eq!(get_u32(&entry.message, ttl), Some(40));
        assert_eq!((entry.head.ede, entry.text), (Some(3), b"why".to_vec()));
        assert!(found(at(45)).is_none(), "its TTL is over");
        // Packed half a minute before, it has ten seconds; after forty it is over.
        let [third, fourth] = [(); 2].map(|()| Cache::new(&CacheConfig::default()));
        assert_eq!(third.unpack(&octets, Duration::from_secs(30), &new, at(5)), 1);
        let found = |now| third.lookup(&key, now, |entry| entry.map(|entry| entry.to_entry()));
        let entry = found(at(14)).unwrap();
        assert_eq!(get_u32(&entry.message, ttl), Some(10));
        assert!(found(at(15)).is_none());
        assert_eq!(fourth.unpack(&octets, Duration::from_secs(40), &new, at(5)), 0);
    }

    #[test]
    fn what_is_over_and_what_failed_stays() {
        let mut octets = Vec::new();
        for (kind, now) in [(Kind::Failure, 101), (Kind::Positive, 160)] {
            assert_eq!(stored(kind, 60).pack(at(now), &mut octets), None);
        }
        let stale = stored(Kind::Positive, 60);
        let head = Head { stale: true, ..stale.entry.head };
        let stale = Stored { entry: Entry { head, ..stale.entry }, ..stale };
        assert_eq!(stale.pack(at(101), &mut octets), None);
        assert!(octets.is_empty());
    }

    #[test]
    fn what_is_cut_ends_it() {
        let mut octets = Vec::new();
        stored(Kind::Positive, 60)
            .pack(at(100), &mut octets)
            .unwrap();
        stored(Kind::Negative, 60)
            .pack(at(100), &mut octets)
            .unwrap();
        let cache = Cache::new(&CacheConfig::default());
        for len in 0..octets.len() {
            let count = cache.unpack(&octets[..len], Duration::ZERO, &KeyHasher::default(), at(1));
            assert_eq!(count, usize::from(len >= octets.len() / 2), "{len}");
        }
    }
}
