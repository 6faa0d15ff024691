//! Queries that were sent before.

use std::hash::{BuildHasher as _, Hasher as _};
use std::hint::black_box;
use std::ops::RangeInclusive;
use std::time::Duration;

use foldhash::quality::RandomState;

use super::record::{Record, Seen, Traits, octets_of};
use crate::moment::Moment;

/// Remembers the queries of the last seconds by client, id, name and type.
///
/// A table of fixed size: with more than 50,000 queries a second the oldest
/// are forgotten before their client may ask again, and a retransmit is taken
/// for a query of its own.
#[derive(Debug)]
pub struct Retransmits {
    places: Box<[[Place; WAYS]]>,
    hasher: RandomState,
}

/// Why a query is sent again.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Again {
    /// Its answer was not there yet.
    Waiting,
    /// It had been answered: the answer was lost on its way.
    Answered,
    /// It had been answered with a failure, and the client tries once more.
    Failed,
}

impl Again {
    /// All, in the order of their index.
    pub const ALL: &[Self] = &[Self::Waiting, Self::Answered, Self::Failed];

    /// The metric label, and a part of the name in the API.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Answered => "answered",
            Self::Failed => "failed",
        }
    }
}

/// A query that was sent before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Repeated {
    /// Why.
    pub again: Again,
    /// How long after the last time.
    pub after: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    print: u32,
    /// Milliseconds since the start, of its last arrival; 0 is nothing.
    at: u32,
    port: u16,
    /// Says whether its first answer was a failure.
    failed: bool,
    /// Says whether only repetitions were seen of it: they are noted at once,
    /// the first one when it is answered.
    early: bool,
}

impl Default for Retransmits {
    fn default() -> Self {
        Self {
            places: vec![[Place::default(); WAYS]; SETS].into_boxed_slice(),
            hasher: RandomState::default(),
        }
    }
}

impl Retransmits {
    /// Has the memory of a query fetched that is judged soon. Several at once
    /// take as long as one.
    pub fn touch(&self, hash: u64) {
        let set = self.places.get(set_of(hash));
        black_box(set.and_then(|set| Some((set.first()?.at, set.last()?.at))));
    }

    /// Judges a query, and remembers it; `hash` is [`hash`](Self::hash)'s.
    pub fn judge(&mut self, seen: &Seen<'_>, hash: u64) -> Option<Repeated> {
        let [.., a, b, c, d] = hash.to_be_bytes();
        let print = u32::from_be_bytes([a, b, c, d]);
        let set = self.places.get_mut(set_of(hash))?;
        let record = &seen.record;
        let now = millis(record.arrived);
        let is_it = |place: &&mut Place| place.is(print, record, now);
        if let Some(place) = set.iter_mut().find(is_it) {
            return place.again(record, now);
        }
        let oldest = set.iter_mut().min_by_key(|place| place.at)?;
        *oldest = Place {
            print,
            at: now,
            port: record.port,
            failed: record.origin.is_failure(),
            early: record.traits.has(Traits::REPEATED),
        };
        let waiting = Repeated { again: Again::Waiting, after: Duration::ZERO };
        record.traits.has(Traits::REPEATED).then_some(waiting)
    }

    /// Hashes what a repetition has in common with its first.
    pub fn hash(&self, seen: &Seen<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(&octets_of(seen.record.client));
        hasher.write_u32((u32::from(seen.record.id) << 16) | u32::from(seen.record.qtype.0));
        hasher.write(seen.qname);
        hasher.finish()
    }
}

impl Place {
    /// Says whether a query is this one. c-ares keeps the id and takes another
    /// port; two queries at once with one id are two.
    fn is(&self, print: u32, record: &Record, now: u32) -> bool {
        let gap = u64::from(now.abs_diff(self.at));
        let is_known = self.at > 0 && self.print == print && gap <= FORGOTTEN;
        let is_timer = C_ARES.iter().any(|gaps| gaps.contains(&gap));
        is_known && (self.port == record.port || (is_timer && !self.early))
    }

    fn again(&mut self, record: &Record, now: u32) -> Option<Repeated> {
        let after = Duration::from_millis(u64::from(now.saturating_sub(self.at)));
        let repeated = record.traits.has(Traits::REPEATED);
        if self.early && !repeated {
            // The first of them, answered at last.
            self.early = false;
            self.failed = record.origin.is_failure();
            return None;
        }
        let again = match (repeated, self.failed) {
            (true, _) => Again::Waiting,
            (false, true) => Again::Failed,
            (false, false) => Again::Answered,
        };
        self.at = self.at.max(now);
        if !repeated {
            self.failed = record.origin.is_failure();
        }
        Some(Repeated { again, after })
    }
}

fn set_of(hash: u64) -> usize {
    usize::try_from(hash >> 32).unwrap_or_default() % SETS
}

fn millis(moment: Moment) -> u32 {
    u32::try_from(moment.as_micros() / 1000 % u64::from(u32::MAX)).unwrap_or(0) + 1
}

/// Lookups of an id: its set is in one or two cache lines.
const WAYS: usize = 8;

/// 3 MiB, which is 5 s of 50,000 queries a second.
const SETS: usize = 1 << 15;

/// After twice glibc's timeout and a little more nobody asks again.
const FORGOTTEN: u64 = 12_000;

/// c-ares waits 3 s twice and then 8 s. Other gaps are not looked at: an id of
/// 16 bits comes back by chance where a name is asked thousands of times.
const C_ARES: [RangeInclusive<u64>; 2] = [2900..=3200, 7900..=8200];

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use dns::{Rcode, Rtype};

    use super::*;
    use crate::observe::Origin;

    fn record(at_ms: u64, port: u16, id: u16) -> Record {
        Record {
            arrived: Moment::from_micros(at_ms * 1000),
            took: Duration::ZERO,
            client: Ipv4Addr::LOCALHOST.into(),
            port,
            id,
            qtype: Rtype::A,
            rcode: Rcode::NOERROR,
            origin: Origin::Cache,
            upstream: None,
            traits: Traits::ANSWERED,
        }
    }

    fn judge(all: &mut Retransmits, record: Record) -> Option<(Again, u128)> {
        let seen = Seen { record, qname: b"\x01a\0" };
        let hash = all.hash(&seen);
        let judged = all.judge(&seen, hash);
        judged.map(|judged| (judged.again, judged.after.as_millis()))
    }

    #[test]
    fn the_same_query_again_is_told_from_another() {
        let mut all = Retransmits::default();
        assert_eq!(judge(&mut all, record(0, 1, 7)), None);
        assert_eq!(judge(&mut all, record(1, 1, 8)), None, "another id");
        assert_eq!(judge(&mut all, record(2, 2, 7)), None, "another port, at once");
        let aaaa = Record { qtype: Rtype::AAAA, ..record(2, 1, 7) };
        assert_eq!(judge(&mut all, aaaa), None, "another type");
        assert_eq!(judge(&mut all, record(2500, 1, 7)), Some((Again::Answered, 2500)));
        assert_eq!(judge(&mut all, record(7500, 1, 7)), Some((Again::Answered, 5000)));
        assert_eq!(judge(&mut all, record(30_000, 1, 7)), None, "forgotten");
    }

    #[test]
    fn a_new_port_with_the_old_id_is_c_ares() {
        let mut all = Retransmits::default();
        assert_eq!(judge(&mut all, record(0, 1, 7)), None);
        assert_eq!(judge(&mut all, record(3000, 2, 7)), Some((Again::Answered, 3000)));
        assert_eq!(judge(&mut all, record(6000, 3, 7)), Some((Again::Answered, 3000)));
    }

    #[test]
    fn after_a_failure_it_is_no_loss() {
        let mut all = Retransmits::default();
        let failed = |at| Record { origin: Origin::Timeout, ..record(at, 1, 7) };
        assert_eq!(judge(&mut all, failed(0)), None);
        assert_eq!(judge(&mut all, record(10, 1, 7)), Some((Again::Failed, 10)));
        assert_eq!(judge(&mut all, record(20, 1, 7)), Some((Again::Answered, 10)));
    }

    /// It is noted when it comes, the one it repeats when that is answered.
    #[test]
    fn what_repeats_a_waiting_one_comes_before_it() {
        let mut all = Retransmits::default();
        let repeated = Record { traits: Traits::REPEATED, ..record(2500, 1, 7) };
        assert_eq!(judge(&mut all, repeated), Some((Again::Waiting, 0)));
        let first = Record { took: Duration::from_secs(3), ..record(0, 1, 7) };
        assert_eq!(judge(&mut all, first), None);
        assert_eq!(judge(&mut all, record(5000, 1, 7)), Some((Again::Answered, 2500)));
    }
}
