//! Which resolver library a client seems to have.

use std::time::Duration;

use stub::{Library, timing};

use super::retransmit::{Again, Repeated};
use crate::intake::{QueryEvent, QueryFlags};

/// What a client does that only some libraries do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Habits {
    queries: u32,
    edns: u32,
    pairs_shared: u32,
    pairs_apart: u32,
    again_after_2_5: u32,
    again_after_5: u32,
    searched_after_absolute: u32,
    passed_nodata: u32,
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
        // After a failure or a lost answer alike: it is their timer.
        let lost = repeated.filter(|repeated| repeated.again != Again::Failed);
        if lost.is_some_and(|repeated| is_about(repeated.after, timing::MUSL)) {
            add(&mut self.again_after_2_5);
        }
        if lost.is_some_and(|repeated| is_about(repeated.after, timing::GLIBC)) {
            add(&mut self.again_after_5);
        }
    }

    /// Notes two types asked for one name, from one port or from two.
    pub(crate) const fn pair(&mut self, shared_port: bool) {
        let count = if shared_port { &mut self.pairs_shared } else { &mut self.pairs_apart };
        add(count);
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
    const fn evidence(&self) -> [(bool, [i32; 3]); 7] {
        let shared = self.pairs_shared > self.pairs_apart;
        let apart = self.pairs_apart > self.pairs_shared;
        let edns = self.edns * 2 > self.queries;
        [
            // glibc but for single-request-reopen, musl always; Go never.
            (shared, [0, 0, -10]),
            (apart, [-3, -8, 0]),
            // musl never, glibc with `edns0`, Go always.
            (edns, [-3, -8, 0]),
            (!edns && self.queries > 0, [0, 0, -6]),
            (self.again_after_2_5 > self.again_after_5, [-4, 0, -4]),
            (self.again_after_5 > self.again_after_2_5, [0, -4, 0]),
            // musl's name_from_dns_search asks nothing after either.
            (self.searched_after_absolute + self.passed_nodata > 0, [0, -8, 0]),
        ]
    }
}

const fn add(count: &mut u32) {
    *count = count.saturating_add(1);
}

fn is_about(time: Duration, timeout: Duration) -> bool {
    time.abs_diff(timeout) <= TIMER_SLACK
}

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
        let shared = Habits { queries: 8, pairs_shared: 4, ..Habits::default() };
        assert_eq!(guess(shared), None, "glibc or musl");
    }

    #[test]
    fn each_library_has_habits_of_its_own() {
        let shared = Habits { queries: 8, pairs_shared: 4, ..Habits::default() };
        assert_eq!(guess(Habits { again_after_2_5: 1, ..shared }), Some(Library::Musl));
        assert_eq!(guess(Habits { again_after_5: 1, ..shared }), Some(Library::Glibc));
        assert_eq!(guess(Habits { searched_after_absolute: 1, ..shared }), Some(Library::Glibc));
        assert_eq!(guess(Habits { passed_nodata: 1, ..shared }), Some(Library::Glibc));
        let go = Habits { queries: 8, edns: 8, pairs_apart: 4, ..Habits::default() };
        assert_eq!(guess(go), Some(Library::Go));
        assert!(go.guess().unwrap().confidence >= 95);
    }
}
