//! Queries that were sent before.

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;

use super::timers::seconds_of;
use crate::intake::{QueryEvent, QueryFlags, Record};
use crate::tables::{Count, MIX, hash_with};
use resolver::Moment;

mod asked;
use asked::Asked;

/// Remembers the queries of the last seconds by client, id, name and type.
///
/// A table of fixed size: with more than 50,000 queries a second the oldest
/// are forgotten before their client may ask again, and a retransmit is taken
/// for a query of its own.
#[derive(Debug)]
pub(crate) struct Retransmits {
    /// Sets of [`WAYS`] places, the latest first, after as many words as bring them to the
    /// beginnings of cache lines. Zeros of numbers are memory that is not there
    /// before it is written.
    words: Box<[u64]>,
    skip: usize,
    names: Asked,
}

/// What a query has in common with others, hashed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Alike {
    /// With those of one client for one name and type.
    question: u64,
    /// With its repetitions.
    query: u64,
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

    /// The count of retransmits of this kind.
    pub const fn count(self) -> Count {
        match self {
            Self::Waiting => Count::AgainWaiting,
            Self::Answered => Count::AgainAnswered,
            Self::Failed => Count::AgainFailed,
        }
    }

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
    /// Says whether it came with the one before, as no timer sends it: musl asks all
    /// its servers at once, and two of them may be ours.
    pub is_copy: bool,
}

/// A query that was seen, in the bits of one word: from the lowest, its port
/// (16), the milliseconds of its last arrival (20), whether its first answer
/// was a failure, whether only repetitions were seen of it (they are noted at
/// once, the first one when it is answered), whether there is one at all, and
/// what is left of its hash (25).
#[derive(Clone, Copy, Debug)]
struct Place(u64);

impl Default for Retransmits {
    fn default() -> Self {
        let words = vec![0; (SETS + 1) * WAYS].into_boxed_slice();
        let skip = words.as_ptr().align_offset(64).min(WAYS);
        Self { words, skip, names: Asked::default() }
    }
}

impl Retransmits {
    /// Has the memory of a query fetched that is judged soon. Several at once
    /// take as long as one.
    pub(crate) fn touch(&self, alike: Alike) {
        black_box(self.words.get(self.set_of(alike.query)).copied());
    }

    /// Judges a query, and remembers it.
    pub(crate) fn judge(&mut self, event: &QueryEvent<'_>, alike: Alike) -> Option<Repeated> {
        let record = &event.record;
        let now = millis(record.arrived);
        let new = Place::of(alike.query, record, now);
        let start = self.set_of(alike.query);
        let by_timer = self.names.note(alike.question, record.arrived);
        let words: &mut [u64; WAYS] = self.words.get_mut(start..)?.first_chunk_mut()?;
        if let Some(at) = words
            .iter()
            .position(|word| Place(*word).is(new, now, by_timer))
        {
            let later = words.get_mut(..=at)?;
            later.rotate_right(1);
            let latest = later.first_mut()?;
            let (place, repeated) = Place(*latest).again(record, now);
            *latest = place.0;
            return repeated;
        }
        let [a, b, c, d, e, f, g, _] = *words;
        *words = [new.0, a, b, c, d, e, f, g];
        let waiting = Repeated { again: Again::Waiting, after: Duration::ZERO, is_copy: false };
        record.flags.has(QueryFlags::REPEATED).then_some(waiting)
    }

    /// Where the set of a hash begins.
    fn set_of(&self, hash: u64) -> usize {
        let set = usize::try_from(hash >> 32).unwrap_or_default() % SETS;
        self.skip + set * WAYS
    }
}

impl Alike {
    /// Hashes a query; `name` is the hash of its name.
    pub(crate) fn of(record: &Record, name: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the halves of 128 bits")]
        let (prefix, host) = match record.client {
            IpAddr::V4(addr) => (0, addr.to_bits().into()),
            IpAddr::V6(addr) => ((addr.to_bits() >> 64) as u64, addr.to_bits() as u64),
        };
        // Beside the 32 bits that tell the IPv4 clients of a node apart.
        let kind = u64::from(record.qtype.0) << 48;
        let question = hash_with(name ^ prefix, host ^ kind);
        // Each id has a number of its own.
        Self { question, query: (question ^ u64::from(record.id)).wrapping_mul(MIX) }
    }
}

impl Place {
    fn of(hash: u64, record: &Record, now: u64) -> Self {
        let bit = |flag: u64, is_set: bool| if is_set { flag } else { 0 };
        Self(
            (hash << PRINT)
                | USED
                | bit(EARLY, record.flags.has(QueryFlags::REPEATED))
                | bit(FAILED, record.origin.is_failure())
                | (now << AT)
                | u64::from(record.port),
        )
    }

    const fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    const fn set(&mut self, flag: u64, is_set: bool) {
        self.0 = if is_set { self.0 | flag } else { self.0 & !flag };
    }

    /// Milliseconds since its last arrival; below zero if that was later.
    fn gap(self, now: u64) -> i64 {
        let gap = now.wrapping_sub(self.0 >> AT) % TIMES;
        let gap = i64::try_from(gap).unwrap_or_default();
        if gap >= HALF { gap - 2 * HALF } else { gap }
    }

    /// Says whether a query is this one. c-ares keeps the id and takes another port, as
    /// glibc does for its second attempt; two queries at once with one id are two.
    fn is(self, query: Self, now: u64, by_timer: bool) -> bool {
        let differs = self.0 ^ query.0;
        if differs >> PRINT != 0 || !self.has(USED) {
            return false;
        }
        let gap = self.gap(now).unsigned_abs();
        let waited = Duration::from_millis(gap);
        let is_timer = || by_timer && seconds_of(waited).is_some() && !self.has(EARLY);
        gap <= FORGOTTEN && (differs & PORT == 0 || is_timer())
    }

    /// Says what a repetition is, and what is remembered then.
    fn again(mut self, record: &Record, now: u64) -> (Self, Option<Repeated>) {
        let after = u64::try_from(self.gap(now)).unwrap_or_default();
        let repeated = record.flags.has(QueryFlags::REPEATED);
        let failed = record.origin.is_failure();
        if self.has(EARLY) && !repeated {
            // The first of them, answered at last.
            self.set(EARLY, false);
            self.set(FAILED, failed);
            return (self, None);
        }
        let again = match (repeated, self.has(FAILED)) {
            (true, _) => Again::Waiting,
            (false, true) => Again::Failed,
            (false, false) => Again::Answered,
        };
        if after > 0 {
            self.0 = (self.0 & !((TIMES - 1) << AT)) | (now << AT);
        }
        if !repeated {
            self.set(FAILED, failed);
        }
        let is_copy = again == Again::Answered && after <= AT_ONCE;
        (self, Some(Repeated { again, after: Duration::from_millis(after), is_copy }))
    }
}

fn millis(moment: Moment) -> u64 {
    moment.as_micros() / 1000 % TIMES
}

/// Queries of a set: one cache line.
const WAYS: usize = 8;

/// 2 MiB, which is 5 s of 50,000 queries a second.
const SETS: usize = 1 << 15;

/// Bits of a [`Place`], from the lowest.
const PORT: u64 = (1 << AT) - 1;
const AT: u32 = 16;
const FAILED: u64 = 1 << 36;
const EARLY: u64 = 1 << 37;
const USED: u64 = 1 << 38;
const PRINT: u32 = 39;

/// Milliseconds that are told apart: after 17 minutes they come again, by which
/// time an id of 16 bits, a name and a port say nothing.
const TIMES: u64 = 1 << 20;

/// What is earlier by more is taken to be later.
const HALF: i64 = 1 << 19;

/// Milliseconds between copies of a query to several servers.
const AT_ONCE: u64 = 1;

/// After three times glibc's timeout nobody asks again.
const FORGOTTEN: u64 = 15_200;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use dns::Rtype;
    use resolver::Origin;

    use super::*;
    use crate::tables::hash_of_name;

    fn record(at_ms: u64, port: u16, id: u16) -> Record {
        let peer = (Ipv4Addr::LOCALHOST, port).into();
        let unparsed = Record::unparsed(id, peer, Moment::from_micros(at_ms * 1000));
        let flags = QueryFlags::ANSWERED;
        Record { qtype: Rtype::A, origin: Origin::Cache, flags, ..unparsed }
    }

    fn judge(all: &mut Retransmits, record: Record) -> Option<(Again, u128)> {
        let event = QueryEvent { record, qname: b"\x01a\0" };
        let judged = all.judge(&event, Alike::of(&event.record, hash_of_name(event.qname)));
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

    /// glibc after a half-answered lookup, and c-ares with a timer of its own.
    #[test]
    fn a_new_port_after_whole_seconds_is_a_timer() {
        for seconds in [1, 2, 5, 10, 15] {
            let mut all = Retransmits::default();
            assert_eq!(judge(&mut all, record(0, 1, 7)), None);
            let after = seconds * 1000 + 3;
            let again = Some((Again::Answered, u128::from(after)));
            assert_eq!(judge(&mut all, record(after, 2, 7)), again);
        }
        let mut all = Retransmits::default();
        assert_eq!(judge(&mut all, record(0, 1, 7)), None);
        assert_eq!(judge(&mut all, record(1500, 2, 7)), None, "no timer");
    }

    /// Two ids are the same by chance where a name is asked so often.
    #[test]
    fn a_name_that_is_asked_all_the_time_is_not_asked_again() {
        let mut all = Retransmits::default();
        for n in 0..2000_u16 {
            judge(&mut all, record(u64::from(n), n, 30_000 + n));
        }
        assert_eq!(judge(&mut all, record(2500, 1, 7)), None);
        assert_eq!(judge(&mut all, record(3500, 2, 7)), None);
    }

    #[test]
    fn a_new_port_with_the_old_id_is_c_ares() {
        let mut all = Retransmits::default();
        assert_eq!(judge(&mut all, record(0, 1, 7)), None);
        assert_eq!(judge(&mut all, record(3000, 2, 7)), Some((Again::Answered, 3000)));
        assert_eq!(judge(&mut all, record(6000, 3, 7)), Some((Again::Answered, 3000)));
    }

    #[test]
    fn a_copy_for_another_of_our_addresses_is_no_lost_answer() {
        let mut all = Retransmits::default();
        let mut is_copy = |at| {
            let event = QueryEvent { record: record(at, 1, 7), qname: b"\x01a\0" };
            let judged = all.judge(&event, Alike::of(&event.record, hash_of_name(event.qname)));
            judged.map(|judged| judged.is_copy)
        };
        assert_eq!([0, 0, 2500].map(&mut is_copy), [None, Some(true), Some(false)]);
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
        let repeated = Record { flags: QueryFlags::REPEATED, ..record(2500, 1, 7) };
        assert_eq!(judge(&mut all, repeated), Some((Again::Waiting, 0)));
        let first = Record { took: Duration::from_secs(3), ..record(0, 1, 7) };
        assert_eq!(judge(&mut all, first), None);
        assert_eq!(judge(&mut all, record(5000, 1, 7)), Some((Again::Answered, 2500)));
    }
}
