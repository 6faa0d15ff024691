//! Which resolver library a client seems to have.

use std::time::Duration;

use dns::Rtype;
use serde::{Deserialize, Serialize};
use stub::{Library, timing};

use super::retransmit::{Again, Repeated};
use super::timers::Timers;
use crate::intake::{QueryEvent, QueryFlags};

/// What a client does that only some libraries do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Habits {
    queries: u32,
    edns: u32,
    pairs_shared: u32,
    /// Of those, with ids that are close to each other.
    pairs_close: u32,
    pairs_apart: u32,
    /// Of two types from two ports, the second asked after the answer to the first.
    pairs_in_turn: u32,
    /// Queries of type HTTPS, which only browsers ask for.
    https: u32,
    again_after_2_5: u32,
    again_after_5: u32,
    searched_after_absolute: u32,
    passed_nodata: u32,
    /// After which times it asks again.
    pub(crate) timers: Timers,
}

/// Two types asked for one name, the second by this query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypePair {
    pub(crate) shared_port: bool,
    pub(crate) ids: [u16; 2],
    /// From the answer to the first to the second query.
    pub(crate) after: Duration,
}

/// Which of the three libraries a client may have, as far as the traffic rules none
/// out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
pub struct Libraries {
    /// GNU libc.
    pub glibc: bool,
    /// musl: Alpine images.
    pub musl: bool,
    /// Go's own resolver.
    pub go: bool,
}

impl Libraries {
    /// Any of them.
    pub const ALL: Self = Self { glibc: true, musl: true, go: true };

    /// Returns whether it may be this one.
    pub const fn has(self, library: Library) -> bool {
        match library {
            Library::Glibc => self.glibc,
            Library::Musl => self.musl,
            Library::Go => self.go,
        }
    }

    /// Returns those of several clients together.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            glibc: self.glibc || other.glibc,
            musl: self.musl || other.musl,
            go: self.go || other.go,
        }
    }
}

impl From<Library> for Libraries {
    fn from(library: Library) -> Self {
        Self {
            glibc: library == Library::Glibc,
            musl: library == Library::Musl,
            go: library == Library::Go,
        }
    }
}

/// A guess.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Guess {
    /// The likeliest library.
    pub library: Library,
    /// How likely it is among those that are known, in percent.
    pub confidence: u8,
}

impl Habits {
    /// Notes a query.
    pub(crate) fn query(&mut self, event: &QueryEvent<'_>, repeated: Option<Repeated>) {
        add(&mut self.queries);
        if event.record.flags.has(QueryFlags::EDNS) {
            add(&mut self.edns);
        }
        if event.record.qtype == HTTPS {
            add(&mut self.https);
        }
        // After a failure or a lost answer alike: it is their timer.
        let lost = repeated.filter(|repeated| repeated.again != Again::Failed);
        if lost.is_some_and(|repeated| is_about(repeated.after, timing::MUSL)) {
            add(&mut self.again_after_2_5);
        }
        if lost.is_some_and(|repeated| is_about(repeated.after, timing::GLIBC)) {
            add(&mut self.again_after_5);
        }
    }

    /// Notes two types asked for one name.
    pub(crate) fn pair(&mut self, pair: TypePair) {
        if !pair.shared_port {
            let in_turn = pair.after > SIDE_BY_SIDE;
            return add(if in_turn { &mut self.pairs_in_turn } else { &mut self.pairs_apart });
        }
        add(&mut self.pairs_shared);
        let [first, second] = pair.ids;
        let distance = first.wrapping_sub(second).min(second.wrapping_sub(first));
        if distance <= CLOSE {
            add(&mut self.pairs_close);
        }
    }

    /// Notes that a denied name was followed by another.
    pub(crate) const fn passed(&mut self, was_absolute: bool, was_nodata: bool) {
        if was_absolute {
            add(&mut self.searched_after_absolute);
        } else if was_nodata {
            add(&mut self.passed_nodata);
        }
    }

    /// Guesses, once anything but chance speaks for it.
    ///
    /// Each habit multiplies the odds of a library as often as such a one shows
    /// it, by rule of thumb: what its source rules out costs it the most.
    pub fn guess(&self) -> Option<Guess> {
        if self.is_of_another() {
            return None;
        }
        let mut scores = [(Library::Glibc, 0), (Library::Musl, 0), (Library::Go, 0)];
        for (has, points) in self.evidence() {
            if has {
                scores
                    .iter_mut()
                    .zip(points)
                    .for_each(|(score, more)| score.1 += more);
            }
        }
        let weight = |score: i32| f64::from(score.clamp(-20, 20)).exp2();
        let total: f64 = scores.iter().map(|(_, score)| weight(*score)).sum();
        let (library, score) = scores.into_iter().max_by_key(|(_, score)| *score)?;
        let percent = weight(score) / total * 100.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
        let confidence = percent as u8;
        (confidence >= LEAST_CONFIDENCE).then_some(Guess { library, confidence })
    }

    /// Habits, and what each is worth for glibc, musl and Go, in powers of two.
    const fn evidence(&self) -> [(bool, [i32; 3]); 9] {
        let shared = self.pairs_shared > self.pairs_apart;
        let apart = self.pairs_apart > self.pairs_shared;
        let (edns, close) = (self.has_edns(), self.has_close_ids());
        [
            // musl makes an id of the time (`res_mkquery`), the others at random.
            (shared && close, [-10, 0, 0]),
            (shared && !close, [0, -8, 0]),
            // glibc but for single-request-reopen, musl always; Go never.
            (shared, [0, 0, -10]),
            (apart, [-3, -8, 0]),
            // musl never, glibc with `edns0`, Go always.
            (edns, [-3, -8, 0]),
            (!edns && self.queries > 0, [0, 0, -6]),
            (self.again_after_2_5 > self.again_after_5, [-4, 0, -4]),
            (self.again_after_5 > self.again_after_2_5, [0, -4, 0]),
            // musl's name_from_dns_search asks nothing after either.
            (self.goes_on(), [0, -8, 0]),
        ]
    }

    /// Returns the libraries that are not ruled out: what breaks under one of them may
    /// break. All, if it is none of the three.
    pub fn possible(&self) -> Libraries {
        let pairs = self.pairs_apart + self.pairs_in_turn;
        let is_sure = self.pairs_shared >= SURE;
        let asks_apart = pairs >= SURE && pairs > self.pairs_shared;
        let edns = self.has_edns();
        let is_known = self.queries >= SURE;
        let possible = Libraries {
            glibc: !(is_sure && self.has_close_ids()),
            musl: !(asks_apart
                || self.goes_on()
                || (is_known && edns)
                || (is_sure && !self.has_close_ids())),
            go: !((is_sure && self.pairs_shared > pairs) || (is_known && !edns)),
        };
        if possible == Libraries::default() { Libraries::ALL } else { possible }
    }

    /// Says whether it is a resolver of its own: dig, browsers, dnspython.
    const fn is_of_another(&self) -> bool {
        let pairs = self.pairs_shared + self.pairs_apart;
        let apart = self.pairs_apart > self.pairs_shared;
        self.pairs_in_turn > pairs || pairs == 0 || self.https > 0 || (apart && !self.has_edns())
    }

    /// Says whether it asks several types for a name, or may.
    pub(crate) const fn may_pair(&self) -> bool {
        let pairs = self.pairs_shared + self.pairs_apart + self.pairs_in_turn;
        pairs > 0 || self.queries < FEW
    }

    const fn has_edns(&self) -> bool {
        self.edns.saturating_mul(2) > self.queries
    }

    const fn has_close_ids(&self) -> bool {
        self.pairs_close.saturating_mul(2) > self.pairs_shared
    }

    /// musl does not: `name_from_dns_search`.
    const fn goes_on(&self) -> bool {
        self.searched_after_absolute > 0 || self.passed_nodata > 0
    }
}

const fn add(count: &mut u32) {
    *count = count.saturating_add(1);
}

fn is_about(time: Duration, timeout: Duration) -> bool {
    time.abs_diff(timeout) <= TIMER_SLACK
}

/// RFC 9460, section 14.1.
const HTTPS: Rtype = Rtype(65);

/// Between the ids of a pair of musl: 96 of 96 that were captured. Ids at random are
/// as close once in 80 times.
const CLOSE: u16 = 400;

/// From an answer to a query that did not wait for it: the other goroutine is late.
const SIDE_BY_SIDE: Duration = Duration::from_micros(300);

/// Pairs, or queries, that make a rule of a habit.
const SURE: u32 = 3;

/// Queries after which a client that asks several types has done so.
const FEW: u32 = 64;

/// How late a busy client may be.
const TIMER_SLACK: Duration = Duration::from_millis(100);

/// Below this two libraries are as good as equal.
const LEAST_CONFIDENCE: u8 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(habits: Habits) -> Option<Library> {
        habits.guess().map(|guess| guess.library)
    }

    #[test]
    fn nothing_known_is_no_guess() {
        assert_eq!(guess(Habits::default()), None);
        let single = Habits { queries: 8, ..Habits::default() };
        assert_eq!(
            (guess(single), single.possible()),
            (None, Libraries { go: false, ..Libraries::ALL })
        );
    }

    #[test]
    fn each_library_has_habits_of_its_own() {
        let shared = Habits { queries: 8, pairs_shared: 4, ..Habits::default() };
        let close = Habits { pairs_close: 4, ..shared };
        assert_eq!((guess(shared), guess(close)), (Some(Library::Glibc), Some(Library::Musl)));
        let only = |possible: Libraries| [possible.glibc, possible.musl, possible.go];
        assert_eq!(only(shared.possible()), [true, false, false]);
        assert_eq!(only(close.possible()), [false, true, false]);
        assert_eq!(guess(Habits { again_after_2_5: 1, ..close }), Some(Library::Musl));
        assert_eq!(guess(Habits { again_after_5: 1, ..shared }), Some(Library::Glibc));
        assert_eq!(guess(Habits { searched_after_absolute: 1, ..shared }), Some(Library::Glibc));
        assert_eq!(guess(Habits { passed_nodata: 1, ..shared }), Some(Library::Glibc));
        let go = Habits { queries: 8, edns: 8, pairs_apart: 4, ..Habits::default() };
        assert_eq!(guess(go), Some(Library::Go));
        assert!(go.guess().unwrap().confidence >= 95);
        assert_eq!(only(go.possible()), [true, false, true]);
    }

    /// dig asks one type with EDNS, dnspython one after another, and browsers for
    /// HTTPS too.
    #[test]
    fn resolvers_of_their_own_are_none_of_the_three() {
        let dig = Habits { queries: 8, edns: 8, ..Habits::default() };
        let dnspython = Habits { queries: 8, pairs_in_turn: 4, ..Habits::default() };
        let nobody = Habits { queries: 8, pairs_apart: 4, ..Habits::default() };
        let browser = Habits { queries: 12, pairs_shared: 4, https: 4, ..Habits::default() };
        for habits in [dig, dnspython, nobody, browser] {
            assert_eq!(guess(habits), None, "{habits:?}");
        }
        assert_eq!(Habits::default().possible(), Libraries::ALL);
    }

    #[test]
    fn musl_is_known_by_the_ids_of_its_first_pairs() {
        let mut habits = Habits { queries: 6, ..Habits::default() };
        for first in [7, 65_500, 30_000] {
            let ids = [first, u16::wrapping_add(first, 312)];
            habits.pair(TypePair { shared_port: true, ids, after: Duration::ZERO });
        }
        assert_eq!(guess(habits), Some(Library::Musl));
    }
}
