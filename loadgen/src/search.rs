//! The search for the highest rate that a server can take: doubling, then
//! bisection, then confirmation. Pure: what a step showed comes in, the next rate
//! goes out.

/// What a step at some rate showed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StepResult {
    /// The objectives were met.
    Met,
    /// They were not.
    Unmet,
    /// The generator was the limit, so nothing is known of the server.
    OurLimit,
}

/// How a search ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found {
    /// This rate was met and confirmed; the other, if any, was not met.
    Rate {
        /// Queries per second.
        met: f64,
        /// The lowest rate that was not met.
        unmet: Option<f64>,
    },
    /// Not even the lowest rate was met.
    Nothing,
    /// The generator was the limit above this rate, if any was met.
    LimitedByUs {
        /// The highest rate that was met.
        met: Option<f64>,
    },
}

/// A search under way.
#[derive(Clone, Debug)]
pub struct Search {
    lowest: f64,
    highest: f64,
    met: Option<f64>,
    unmet: Option<f64>,
    /// Confirmations of `met` so far.
    confirmed: u32,
    /// Steps in a row in which the generator was the limit.
    our_limits: u32,
    rate: f64,
    /// Steps so far.
    steps: u32,
}

impl Search {
    /// Searches from `lowest` to `highest`.
    pub const fn new(lowest: f64, highest: f64) -> Self {
        Self {
            lowest,
            highest,
            met: None,
            unmet: None,
            confirmed: 0,
            our_limits: 0,
            rate: lowest,
            steps: 0,
        }
    }

    /// Returns the rate of the next step.
    pub const fn rate(&self) -> f64 {
        self.rate
    }

    /// Takes what the step at [`rate`](Self::rate) showed; returns the end, if it
    /// is that.
    pub fn step(&mut self, result: StepResult) -> Option<Found> {
        self.steps += 1;
        match result {
            StepResult::OurLimit => {
                self.our_limits += 1;
                // Once may be a neighbor's moment.
                if self.our_limits > RETRIES {
                    return Some(Found::LimitedByUs { met: self.met });
                }
                return None;
            }
            StepResult::Met if self.met == Some(self.rate) => self.confirmed += 1,
            StepResult::Met => (self.met, self.confirmed) = (Some(self.rate), 0),
            StepResult::Unmet => self.take_unmet(),
        }
        self.our_limits = 0;
        if self.unmet.is_some_and(|unmet| unmet <= self.lowest) {
            return Some(Found::Nothing);
        }
        let is_settled = match (self.met, self.unmet) {
            (Some(met), Some(unmet)) => unmet <= met * (1.0 + PRECISION),
            (Some(met), None) => met >= self.highest,
            _ => false,
        };
        if is_settled && self.confirmed >= CONFIRMATIONS {
            let (met, unmet) = (self.met.unwrap_or(self.lowest), self.unmet);
            return Some(Found::Rate { met, unmet });
        }
        if self.steps >= MAX_STEPS {
            // A server whose answers differ from step to step has no one limit.
            return Some(Found::LimitedByUs { met: self.met });
        }
        self.rate = self.next_rate(is_settled);
        None
    }

    /// A rate that was met before and is not now was luck: the limit is below.
    fn take_unmet(&mut self) {
        self.unmet = Some(self.unmet.map_or(self.rate, |unmet| unmet.min(self.rate)));
        if self.met.is_some_and(|met| met >= self.rate) {
            self.met = None;
            self.confirmed = 0;
        }
    }

    fn next_rate(&self, is_settled: bool) -> f64 {
        match (self.met, self.unmet) {
            (Some(met), _) if is_settled => met,
            (Some(met), Some(unmet)) => met.midpoint(unmet),
            (Some(met), None) => (met * 2.0).min(self.highest),
            (None, Some(unmet)) => (unmet * BELOW).max(self.lowest),
            (None, None) => self.lowest,
        }
    }
}

/// Between what is met and what is not, as a share.
const PRECISION: f64 = 0.03;
/// Further steps at the rate that is reported.
const CONFIRMATIONS: u32 = 2;
/// Repetitions of a step in which the generator was the limit.
const RETRIES: u32 = 2;
/// From a rate that turned out not to be met, how far down to look.
const BELOW: f64 = 0.9;
/// Doubling to 10 million takes 24, bisection to 3 % six, confirmation two.
const MAX_STEPS: u32 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches a server with a limit, beside a generator with another.
    fn search(server: f64, ours: f64) -> (Found, u32) {
        let mut search = Search::new(100.0, 1e6);
        loop {
            let result = match search.rate() {
                rate if rate > ours => StepResult::OurLimit,
                rate if rate > server => StepResult::Unmet,
                _ => StepResult::Met,
            };
            if let Some(found) = search.step(result) {
                return (found, search.steps);
            }
        }
    }

    #[test]
    fn a_cliff_is_found_to_three_percent() {
        for cliff in [101.0, 150.0, 8_000.0, 47_123.0, 999_999.0] {
            let (found, steps) = search(cliff, 1e9);
            let Found::Rate { met, .. } = found else { panic!("{found:?}") };
            assert!(met <= cliff && met >= cliff / 1.03, "{met} for {cliff}");
            assert!(steps <= 24, "{steps} steps for {cliff}");
        }
    }

    #[test]
    fn a_server_faster_than_us_is_no_finding() {
        let (found, _) = search(1e9, 8_000.0);
        assert_eq!(found, Found::LimitedByUs { met: Some(6_400.0) });
        let (found, _) = search(1e9, 50.0);
        assert_eq!(found, Found::LimitedByUs { met: None });
    }

    #[test]
    fn the_ends_of_the_range_are_findings() {
        assert_eq!(search(50.0, 1e9).0, Found::Nothing);
        assert_eq!(search(1e9, 1e9).0, Found::Rate { met: 1e6, unmet: None });
    }

    /// The rate that is reported was met three times in a row.
    #[test]
    fn luck_is_not_confirmed() {
        let mut search = Search::new(100.0, 1_000.0);
        let mut lucky = true;
        let found = loop {
            let rate = search.rate();
            // At 800 it is met once only.
            let met = rate < 700.0 || (rate < 801.0 && std::mem::take(&mut lucky));
            let result = if met { StepResult::Met } else { StepResult::Unmet };
            if let Some(found) = search.step(result) {
                break found;
            }
        };
        let Found::Rate { met, .. } = found else { panic!("{found:?}") };
        assert!((680.0..700.0).contains(&met), "{met}");
    }

    /// One slow step of ours is tried again.
    #[test]
    fn a_moment_of_ours_does_not_end_it() {
        let mut search = Search::new(100.0, 400.0);
        assert_eq!(search.step(StepResult::OurLimit), None);
        assert_eq!((search.rate() - 100.0).abs(), 0.0);
        assert_eq!(search.step(StepResult::Met), None);
        assert_eq!(search.step(StepResult::OurLimit), None);
        assert!((search.rate() - 200.0).abs() < 0.1);
    }
}
