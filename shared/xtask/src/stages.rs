//! Where the time of a chore goes, part by part.

use std::fmt;
use std::time::{Duration, Instant};

/// The parts of a chore that are over, in their order, with the time of each.
#[derive(Debug, Default)]
pub(crate) struct Stages {
    rows: Vec<(&'static str, Spent)>,
}

/// Time that something took.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    /// Of all programs that were started for it and have ended. By two cores
    /// it is what a machine needs that has nothing else to do.
    pub(crate) cpu: Duration,
}

impl Spent {
    /// Does `work`; returns what came of it and the time that it took.
    #[expect(clippy::disallowed_methods, reason = "the time of a chore is what is measured")]
    pub(crate) fn on<T>(work: impl FnOnce() -> T) -> (T, Self) {
        let (started, before) = (Instant::now(), cpu_of_children());
        let outcome = work();
        let cpu = cpu_of_children().saturating_sub(before);
        (outcome, Self { wall: started.elapsed(), cpu })
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [wall, cpu] = [self.wall, self.cpu].map(|time| time.as_secs_f64());
        write!(out, "{wall:>9.1} {cpu:>7.1}")
    }
}

impl Stages {
    /// Does `work` and keeps how long it took as `stage`, whatever comes of it. What is
    /// done in two parts is one stage.
    pub(crate) fn time<T>(&mut self, stage: &'static str, work: impl FnOnce() -> T) -> T {
        let (outcome, spent) = Spent::on(work);
        match self.rows.iter_mut().find(|(name, _)| *name == stage) {
            Some((_, before)) => {
                before.wall += spent.wall;
                before.cpu += spent.cpu;
            }
            None => self.rows.push((stage, spent)),
        }
        outcome
    }
}

impl fmt::Display for Stages {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wall = self.rows.iter().map(|(_, spent)| spent.wall).sum();
        let cpu = self.rows.iter().map(|(_, spent)| spent.cpu).sum();
        writeln!(out, "  seconds  of CPU  stage")?;
        for (stage, spent) in self.rows.iter().chain([&("all", Spent { wall, cpu })]) {
            writeln!(out, "{spent}  {stage}")?;
        }
        Ok(())
    }
}

/// CPU time of the programs that were started and waited for; none where there
/// is no /proc.
fn cpu_of_children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    Duration::from_millis(10 * ticks(&stat))
}

/// `cutime` and `cstime` of proc(5), in hundredths of a second.
fn ticks(stat: &str) -> u64 {
    // The second field is the program's name in parentheses, and may have blanks.
    let (_, fields) = stat.rsplit_once(") ").unwrap_or_default();
    let children = fields.split(' ').skip(13).take(2);
    children.filter_map(|field| field.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_stage_and_one_for_all() {
        let spent = |wall, cpu| {
            let [wall, cpu] = [wall, cpu].map(Duration::from_secs);
            Spent { wall, cpu }
        };
        let stages = Stages { rows: vec![("clippy", spent(61, 100)), ("tidy", spent(9, 8))] };
        let table = "  seconds  of CPU  stage\n     61.0   100.0  clippy\n      \
                     9.0     8.0  tidy\n     70.0   108.0  all\n";
        assert_eq!(stages.to_string(), table);
    }

    #[test]
    fn a_stage_that_fails_has_its_time_too() {
        let mut stages = Stages::default();
        assert_eq!(stages.time("build", || Err::<(), _>("no")), Err("no"));
        assert_eq!(stages.rows.len(), 1);
    }

    #[test]
    fn the_cpu_of_ended_children_is_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 9 8 0 0 11 12 1300 14 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), 1314);
        assert_eq!(ticks(""), 0);
    }
}
