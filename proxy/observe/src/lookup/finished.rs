//! Names whose lookups are over, for as long as they may be asked again.
//!
//! Go asks again from another port with another id, 5 s after a query whose
//! answer was lost. Where that was the last name of a lookup, only the time and
//! the types tell it from a lookup that a program makes every five seconds.

use std::net::IpAddr;
use std::time::Duration;

use super::timers::Timers;
use crate::intake::Record;
use resolver::Moment;

/// Remembers the last names of lookups whose types came from several ports: a
/// table of fixed size for all clients.
///
/// It has no places before there is something to remember: only clients that
/// ask as Go does need them.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    places: Box<[[Place; WAYS]]>,
    /// Queries that were taken for repetitions, but not for long enough.
    doubtful: Vec<Doubtful>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Of the client and the name.
    key: u64,
    /// When the first type was asked.
    asked: Moment,
    /// Says whether a lookup of this name begins with this name.
    is_start: bool,
}

#[derive(Clone, Copy, Debug)]
struct Doubtful {
    key: u64,
    bit: u8,
    arrived: Moment,
    client: IpAddr,
}

/// What a query for the name of a finished lookup is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// The same once more, because its answer was lost.
    Repeat,
    /// One of a new lookup, to which the query of these types belongs that
    /// arrived then and was taken for a repetition.
    Afresh(u8, Moment),
    /// A new lookup.
    New,
}

impl Finished {
    /// Remembers the last name of a lookup.
    pub(crate) fn remember(&mut self, key: u64, asked: Moment, is_start: bool) {
        if self.places.is_empty() {
            self.places = vec![[Place::default(); WAYS]; SETS].into_boxed_slice();
        }
        let set = self.places.get_mut(set_of(key));
        let oldest = set.and_then(|set| set.iter_mut().min_by_key(|place| place.asked));
        if let Some(place) = oldest {
            *place = Place { key, asked, is_start };
        }
    }

    /// Judges a query of a name for which no lookup is under way.
    pub(crate) fn judge(&mut self, key: u64, bit: u8, record: &Record, timers: Timers) -> Verdict {
        let Record { arrived, client, .. } = *record;
        let doubtful = self.doubtful.iter().position(|doubtful| {
            doubtful.key == key
                && doubtful.bit != NO_DOUBT
                && arrived.saturating_since(doubtful.arrived) < SIDE_BY_SIDE
        });
        if let Some(at) = doubtful {
            // The other type too: nobody loses two answers as often as
            // programs look names up by a timer.
            let is_other = self.doubtful.get(at).is_some_and(|first| first.bit != bit);
            if !is_other {
                return Verdict::New;
            }
            let first = self.doubtful.swap_remove(at);
            return Verdict::Afresh(first.bit, first.arrived);
        }
        let Some(place) = self.before(key, arrived, timers) else { return Verdict::New };
        let is_start = place.is_start;
        // A lookup that begins elsewhere would not begin here.
        let bit = if is_start { bit } else { NO_DOUBT };
        // This answer may be lost as well.
        self.remember(key, arrived, is_start);
        if self.doubtful.len() < DOUBTS {
            self.doubtful.push(Doubtful { key, bit, arrived, client });
        }
        Verdict::Repeat
    }

    /// The lookup that a timer's time before ended with this name, unless so many ended
    /// with it lately that one of them always did.
    fn before(&self, key: u64, arrived: Moment, timers: Timers) -> Option<Place> {
        let set = self.places.get(set_of(key))?;
        let waited = |place: &Place| arrived.saturating_since(place.asked);
        let ends = set
            .iter()
            .filter(|place| place.key == key && waited(place) <= LATELY);
        let is_timer = |place: &&Place| place.key == key && timers.has(waited(place));
        let place = set.iter().find(is_timer).copied()?;
        (ends.count() <= SELDOM).then_some(place)
    }

    /// Takes the clients of the repetitions that none can doubt any more, all
    /// queries that were answered before `settled` being judged.
    pub(crate) fn confirmed(&mut self, settled: Moment) -> impl Iterator<Item = IpAddr> {
        let is_over =
            |doubtful: &Doubtful| settled.saturating_since(doubtful.arrived) >= SIDE_BY_SIDE;
        let (over, rest): (Vec<_>, Vec<_>) = self.doubtful.drain(..).partition(is_over);
        self.doubtful = rest;
        over.into_iter().map(|doubtful| doubtful.client)
    }
}

fn set_of(key: u64) -> usize {
    usize::try_from(key >> 32).unwrap_or_default() % SETS
}

/// Between two types of one name.
const SIDE_BY_SIDE: Duration = Duration::from_millis(100);

/// Twice Go's timeout and what it may be late: some are remembered only when that is over.
const LATELY: Duration = Duration::from_millis(10_500);

/// Lookups that end with a name in that time. Each has 300 ms in which a query would be
/// taken for its repetition: with as many that is a third of all the time.
const SELDOM: usize = 12;

/// No type's bit.
const NO_DOUBT: u8 = 0;

/// A name that is looked up six times a second is remembered for each.
const WAYS: usize = 32;

/// With the ways 768 KiB: 6 s of 5,000 lookups a second by Go.
const SETS: usize = 1 << 10;

/// Repetitions within the time of a doubt.
const DOUBTS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::from_micros(ms * 1000)
    }

    fn judge(finished: &mut Finished, bit: u8, ms: u64) -> Verdict {
        let peer = std::net::SocketAddr::from(([10, 0, 0, 1], 53));
        finished.judge(7, bit, &Record::unparsed(1, peer, at(ms)), Timers::default())
    }

    #[test]
    fn one_type_after_five_seconds_is_a_lost_answer() {
        let mut finished = Finished::default();
        finished.remember(7, at(1000), true);
        assert_eq!(judge(&mut finished, 1, 3000), Verdict::New);
        assert_eq!(judge(&mut finished, 1, 6001), Verdict::Repeat);
        assert_eq!(finished.confirmed(at(6050)).count(), 0);
        assert_eq!(finished.confirmed(at(6101)).count(), 1);
        assert_eq!(finished.confirmed(at(9999)).count(), 0);
    }

    #[test]
    fn both_types_are_a_lookup_every_five_seconds() {
        let mut finished = Finished::default();
        finished.remember(7, at(1000), true);
        assert_eq!(judge(&mut finished, 1, 6001), Verdict::Repeat);
        assert_eq!(judge(&mut finished, 1, 6001), Verdict::New, "another one's");
        assert_eq!(judge(&mut finished, 2, 6002), Verdict::Afresh(1, at(6001)));
        assert_eq!(finished.confirmed(at(9999)).count(), 0);
    }

    #[test]
    fn the_last_name_of_a_walk_is_never_a_beginning() {
        let mut finished = Finished::default();
        finished.remember(7, at(1000), false);
        assert_eq!(judge(&mut finished, 1, 6001), Verdict::Repeat);
        assert_eq!(judge(&mut finished, 2, 6001), Verdict::Repeat);
        assert_eq!(finished.confirmed(at(9999)).count(), 2);
    }
}
