//! A run over time: what became of the queries that were due in each second.

use hdrhistogram::Histogram;

/// What is counted for each second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tally {
    /// Queries whose time came.
    Due,
    /// Queries given to the network.
    Sent,
    /// Answered in time.
    Answered,
    /// Answered, but too late.
    Late,
    /// Not answered.
    Lost,
    /// Reported by ICMP.
    Refused,
    /// Not sent, for whatever reason.
    NotSent,
}

/// Returns an empty histogram as those of a series.
pub fn latencies() -> Histogram<u32> {
    histogram()
}

/// One second, or a longer step in a long run.
#[derive(Clone, Debug, Default)]
pub struct Second {
    counts: [u64; TALLIES],
    /// Nanoseconds from due to answered; none before the first answer.
    pub latency: Option<Histogram<u32>>,
}

/// All seconds of a run.
#[derive(Clone, Debug)]
pub struct Series {
    /// Nanoseconds of a step.
    step: u64,
    seconds: Vec<Second>,
}

impl Second {
    /// Returns a count.
    pub fn count(&self, tally: Tally) -> u64 {
        self.counts.get(tally as usize).copied().unwrap_or(0)
    }

    /// Adds to a count.
    pub fn add(&mut self, tally: Tally, count: u64) {
        if let Some(sum) = self.counts.get_mut(tally as usize) {
            *sum += count;
        }
    }

    /// Returns the latencies, empty at first.
    pub fn latency_mut(&mut self) -> &mut Histogram<u32> {
        self.latency.get_or_insert_with(histogram)
    }

    fn take(&mut self, tally: Tally) {
        if let Some(count) = self.counts.get_mut(tally as usize) {
            *count = count.saturating_sub(1);
        }
    }

    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
        if let Some(theirs) = &other.latency {
            // All have the same bounds, so adding never fails.
            self.latency_mut().add(theirs).unwrap_or_default();
        }
    }
}

impl Series {
    /// Starts empty, for a run of so many nanoseconds.
    pub fn new(length: u64) -> Self {
        let seconds = length.div_ceil(SECOND);
        Self { step: seconds.div_ceil(MOST).max(1) * SECOND, seconds: Vec::new() }
    }

    /// Returns the nanoseconds of a step.
    pub const fn step(&self) -> u64 {
        self.step
    }

    /// Returns the steps from the start of the run on.
    pub fn seconds(&self) -> &[Second] {
        &self.seconds
    }

    /// Counts one query that was due at `due`.
    pub fn count(&mut self, due: u64, tally: Tally) {
        self.at(due).add(tally, 1);
    }

    /// Takes a count back: an answer came after all.
    pub fn uncount(&mut self, due: u64, tally: Tally) {
        self.at(due).take(tally);
    }

    /// Counts an answer in time, after so many nanoseconds.
    pub fn answered(&mut self, due: u64, latency: u64) {
        let second = self.at(due);
        second.add(Tally::Answered, 1);
        second.latency_mut().saturating_record(latency);
    }

    /// Adds what another thread counted.
    pub fn merge(&mut self, other: &Self) {
        for (n, second) in other.seconds.iter().enumerate() {
            self.step_at(n).merge(second);
        }
    }

    /// Returns the n-th step, made if need be.
    pub fn step_at(&mut self, n: usize) -> &mut Second {
        let n = n.min(LAST);
        if n >= self.seconds.len() {
            self.seconds.resize_with(n + 1, Second::default);
        }
        #[expect(clippy::indexing_slicing, reason = "there are more than n")]
        &mut self.seconds[n]
    }

    fn at(&mut self, due: u64) -> &mut Second {
        self.step_at(usize::try_from(due / self.step).unwrap_or(usize::MAX))
    }
}

/// Two digits from 1 µs to 10 minutes: 16 KiB.
#[expect(clippy::expect_used, reason = "constant bounds, made by a test on every build")]
fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1_000, 600_000_000_000, 2).expect("the bounds are valid")
}

const TALLIES: usize = Tally::NotSent as usize + 1;
const SECOND: u64 = 1_000_000_000;
/// Steps of a run: 10 MiB for each thread.
const MOST: u64 = 600;
/// What is due later counts for the last step there can be.
const LAST: usize = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_counts_for_the_second_in_which_it_was_due() {
        let mut series = Series::new(3 * SECOND);
        series.count(0, Tally::Due);
        series.count(SECOND - 1, Tally::Due);
        series.count(SECOND, Tally::Lost);
        series.uncount(SECOND, Tally::Lost);
        series.answered(2 * SECOND, 5_000_000);
        let due: Vec<_> = series
            .seconds()
            .iter()
            .map(|second| second.count(Tally::Due))
            .collect();
        assert_eq!(due, [2, 0, 0]);
        assert_eq!(series.seconds()[1].count(Tally::Lost), 0);
        let answered = series.seconds()[2].latency.as_ref().unwrap();
        assert_eq!((answered.len(), answered.max() / 100_000), (1, 50));
    }

    #[test]
    fn a_day_has_no_more_steps_than_an_hour() {
        let mut series = Series::new(86_400 * SECOND);
        assert_eq!(series.step(), 144 * SECOND);
        series.count(90_000 * SECOND, Tally::Due);
        assert_eq!(series.seconds().len(), 601);
    }

    #[test]
    fn series_of_threads_add_up() {
        let (mut one, mut other) = (Series::new(SECOND), Series::new(SECOND));
        one.answered(0, 1_000_000);
        other.answered(0, 2_000_000);
        other.count(SECOND, Tally::Sent);
        one.merge(&other);
        assert_eq!(one.seconds()[0].latency.as_ref().unwrap().len(), 2);
        assert_eq!(one.seconds()[1].count(Tally::Sent), 1);
    }
}
