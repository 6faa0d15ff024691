//! What the test programs say, added up.

use std::collections::BTreeMap;
use std::fmt;

/// Passed, failed and skipped tests of one run.
#[derive(Debug, Default)]
pub(crate) struct Count {
    passed: usize,
    failed: usize,
    /// The reason by test: one test may miss two components, and is one test.
    skips: BTreeMap<String, String>,
}

impl Count {
    /// Adds a line of a test program's output, if it is a result.
    pub(crate) fn add_line(&mut self, line: &str) {
        let Some((_, result)) = line.split_once("test result: ") else { return };
        let number = |what| {
            let mut words = result
                .split([' ', ';', '.'])
                .filter(|word| !word.is_empty());
            let mut before = None;
            words.find_map(|word| {
                if word == what {
                    before
                } else {
                    before = word.parse::<usize>().ok();
                    None
                }
            })
        };
        self.passed += number("passed").unwrap_or(0);
        self.failed += number("failed").unwrap_or(0);
    }

    /// Adds the lines `program test: reason` of the skipped tests.
    pub(crate) fn add_skips(&mut self, lines: &str) {
        for line in lines.lines() {
            let (test, reason) = line.split_once(": ").unwrap_or((line, "no reason given"));
            self.skips
                .entry(test.to_owned())
                .or_insert_with(|| reason.to_owned());
        }
    }

    /// The skipped tests, as `test: reason`, without the program's path.
    pub(crate) fn skips(&self) -> impl Iterator<Item = String> {
        self.skips.iter().map(|(test, reason)| {
            let name = test
                .rsplit_once(' ')
                .map_or(test.as_str(), |(_, name)| name);
            format!("{name}: {reason}")
        })
    }

    /// How many failed.
    pub(crate) fn failed(&self) -> usize {
        self.failed
    }
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // To its program a skipped test has passed; to a person it has not.
        let skipped = self.skips.len();
        let passed = self.passed.saturating_sub(skipped);
        write!(out, "{passed} passed, {} failed, {skipped} skipped", self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_added_and_a_skip_is_not_a_pass() {
        let mut count = Count::default();
        count.add_line("test client::a_name ... ok");
        count.add_line("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1.08s");
        // A test's own output may stand before it on the line.
        count.add_line("noise test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        assert_eq!(count.to_string(), "17 passed, 2 failed, 0 skipped");
        count.add_skips("/t/it-1 a::b: netns: no root\n/t/it-1 a::b: coredns: no go\n");
        count.add_skips("/t/it-2 a::b: netns: no root\n");
        assert_eq!(count.to_string(), "15 passed, 2 failed, 2 skipped");
        assert_eq!(count.skips().next().unwrap(), "a::b: netns: no root");
    }
}
