//! Where the time of the tests goes: the slowest, and each program.

use std::fmt;
use std::time::Duration;

use crate::stages::Spent;

/// The times of one run.
#[derive(Debug, Default)]
pub(crate) struct Times {
    tests: Vec<(Duration, String)>,
    programs: Vec<(Spent, String)>,
}

impl Times {
    /// Keeps the time that a line of the test program `title` tells, if it does.
    pub(crate) fn add_line(&mut self, title: &str, line: &str) {
        if let Some((test, took)) = told(line) {
            self.tests.push((took, format!("{title} {test}")));
        }
    }

    /// Keeps how long the whole program took.
    pub(crate) fn add_program(&mut self, title: &str, spent: Spent) {
        self.programs.push((spent, title.to_owned()));
    }
}

impl fmt::Display for Times {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slowest = longest_first(&self.tests);
        if !slowest.is_empty() {
            writeln!(out, "  seconds  the {SHOWN} slowest tests")?;
        }
        for (took, test) in slowest.into_iter().take(SHOWN) {
            writeln!(out, "{:>9.2}  {test}", took.as_secs_f64())?;
        }
        writeln!(out, "\n  seconds  of CPU  test program")?;
        let programs = longest_first(&self.programs);
        programs
            .into_iter()
            .try_for_each(|(spent, program)| writeln!(out, "{spent}  {program}"))
    }
}

fn longest_first<T: Ord>(times: &[T]) -> Vec<&T> {
    let mut sorted: Vec<_> = times.iter().collect();
    sorted.sort_by(|a, b| b.cmp(a));
    sorted
}

/// The test and its time in `test a::b ... ok <1.234s>`.
fn told(line: &str) -> Option<(&str, Duration)> {
    let (test, rest) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let (_, time) = rest.rsplit_once('<')?;
    let seconds = time.strip_suffix("s>")?.parse().ok()?;
    Some((test, Duration::try_from_secs_f64(seconds).ok()?))
}

/// What one looks at before one stops reading.
const SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_from_the_lines_of_the_harness() {
        let millis = Duration::from_millis;
        assert_eq!(told("test a::b ... ok <1.250s>"), Some(("a::b", millis(1250))));
        let panics = "test a - should panic ... FAILED <0.001s>";
        assert_eq!(told(panics), Some(("a - should panic", millis(1))));
        for other in ["test a::b ... ok", "running 3 tests", "test result: ok. 1 passed; <1s>", ""]
        {
            assert_eq!(told(other), None, "{other}");
        }
    }

    #[test]
    fn the_slowest_come_first() {
        let mut times = Times::default();
        for line in ["test quick ... ok <0.010s>", "test slow ... ok <2.000s>"] {
            times.add_line("dns (lib)", line);
        }
        let [wall, cpu] = [2100, 1500].map(Duration::from_millis);
        times.add_program("dns (lib)", Spent { wall, cpu });
        let shown = "  seconds  the 20 slowest tests\n     2.00  dns (lib) slow\n     \
                     0.01  dns (lib) quick\n\n  seconds  of CPU  test program\n      \
                     2.1     1.5  dns (lib)\n";
        assert_eq!(times.to_string(), shown);
    }
}
