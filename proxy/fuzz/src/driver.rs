//! The loop: take an input that was kept, change it, feed it, keep it if what came of
//! it is new.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::mutate::mutate;
use crate::{Target, seeds};

/// A target with the inputs that were worth keeping.
#[derive(Debug)]
pub struct Driver {
    target: &'static Target,
    random: StdRng,
    kept: Vec<Vec<u8>>,
    outcomes: HashSet<u64>,
    /// Seeds that were not fed yet.
    fresh: usize,
    fed: u64,
}

/// An input for which a rule does not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The octets.
    pub input: Vec<u8>,
    /// What the target did.
    pub what: String,
}

impl Driver {
    /// Starts with the seeds of `target`. The same `seed` gives the same inputs.
    pub fn new(target: &'static Target, seed: u64) -> Self {
        Self::with_seeds(target, seeds(target), seed)
    }

    /// The same with these seeds; without one, with no octets.
    pub fn with_seeds(target: &'static Target, mut kept: Vec<Vec<u8>>, seed: u64) -> Self {
        if kept.is_empty() {
            kept.push(Vec::new());
        }
        let random = StdRng::seed_from_u64(seed);
        Self { target, random, fresh: kept.len(), kept, outcomes: HashSet::new(), fed: 0 }
    }

    /// Feeds the next input, which `show` sees before, and returns it if a rule did
    /// not hold. The seeds come first, as they are.
    pub fn step(&mut self, show: impl Fn(&[u8])) -> Option<Finding> {
        let input = match self.fresh.checked_sub(1) {
            Some(left) => {
                self.fresh = left;
                self.kept[left].clone()
            }
            None => self.next_input(),
        };
        show(&input);
        self.fed += 1;
        let feed = self.target.feed;
        let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| feed(&input))) else {
            let what = "a rule does not hold (see the panic above)".to_owned();
            return Some(Finding { input, what });
        };
        if self.outcomes.insert(outcome) && self.kept.len() < MAX_KEPT {
            self.kept.push(input);
        }
        None
    }

    /// Feeds an input once more, which was fed without a finding, and returns how long
    /// that took.
    #[expect(clippy::disallowed_methods, reason = "what is measured")]
    pub fn time(&self, input: &[u8]) -> Duration {
        let started = Instant::now();
        (self.target.feed)(input);
        started.elapsed()
    }

    /// How many inputs were fed.
    pub const fn fed(&self) -> u64 {
        self.fed
    }

    /// How many inputs are kept, seeds included.
    pub const fn kept(&self) -> usize {
        self.kept.len()
    }

    fn next_input(&mut self) -> Vec<u8> {
        let random = &mut self.random;
        let mut input = self.kept[random.random_range(0..self.kept.len())].clone();
        let other = &self.kept[random.random_range(0..self.kept.len())];
        // Mostly one change, now and then a dozen.
        let changes = 1 << random.random_range(0..4);
        for _ in 0..random.random_range(1..=changes) {
            mutate(&mut input, other, self.target.words, random);
        }
        input.truncate(self.target.longest);
        input
    }
}

/// Inputs that are kept: some megabytes, and more kinds of outcome than there are.
const MAX_KEPT: usize = 10_000;
