//! Where the time of a chore goes, part by part.

use std::fmt;
use std::time::{Duration, Instant};

/// The parts of a chore that are over, in their order, with the time of each.
#[derive(Debug, Default)]
pub(crate) struct Stages {
    rows: Vec<(&'static str, Duration)>,
}

impl Stages {
    /// Does `work` and keeps how long it took as `stage`, whatever comes of it.
    pub(crate) fn time<T>(&mut self, stage: &'static str, work: impl FnOnce() -> T) -> T {
        let (outcome, took) = timed(work);
        self.rows.push((stage, took));
        outcome
    }
}

impl fmt::Display for Stages {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: Duration = self.rows.iter().map(|(_, took)| took).sum();
        writeln!(out, "  seconds  stage")?;
        for (stage, took) in self.rows.iter().chain([&("all", total)]) {
            writeln!(out, "{:>9.1}  {stage}", took.as_secs_f64())?;
        }
        Ok(())
    }
}

/// Does `work`; returns what came of it and how long it took.
#[expect(clippy::disallowed_methods, reason = "the time of a chore is what is measured")]
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let outcome = work();
    (outcome, started.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_stage_and_one_for_all() {
        let seconds = Duration::from_secs;
        let stages = Stages { rows: vec![("clippy", seconds(61)), ("unit tests", seconds(9))] };
        let table = "  seconds  stage\n     61.0  clippy\n      9.0  unit tests\n     70.0  all\n";
        assert_eq!(stages.to_string(), table);
    }

    #[test]
    fn a_stage_that_fails_has_its_time_too() {
        let mut stages = Stages::default();
        assert_eq!(stages.time("build", || Err::<(), _>("no")), Err("no"));
        assert_eq!(stages.rows.len(), 1);
    }
}
