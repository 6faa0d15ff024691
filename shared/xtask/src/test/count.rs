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
    /// Programs and their tests that failed.
    failures: Vec<String>,
    current: Current,
}

/// The program that runs.
#[derive(Debug, Default)]
struct Current {
    title: String,
    /// Whether it gave a result, as the test harness does at its end.
    has_result: bool,
    has_failed: bool,
}

impl Count {
    /// From here on lines are of the test program `title`.
    pub(crate) fn begin(&mut self, title: &str) {
        self.current = Current { title: title.to_owned(), ..Current::default() };
    }

    /// Ends the program. One that gives no result is a test itself; one that
    /// failed and does not say in which test has failed as a whole.
    pub(crate) fn end(&mut self, success: bool) {
        let Current { title, has_result, has_failed } = std::mem::take(&mut self.current);
        if success {
            self.passed += usize::from(!has_result);
        } else if !has_failed {
            self.failed += 1;
            self.failures
                .push(format!("{title}: ended before its result"));
        }
    }

    /// Adds a line of a test program's output, if it is a result.
    pub(crate) fn add_line(&mut self, line: &str) {
        if let Some(test) = failed_test(line) {
            self.failures.push(format!("{} {test}", self.current.title));
        }
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
        let failed = number("failed").unwrap_or(0);
        self.passed += number("passed").unwrap_or(0);
        self.failed += failed;
        self.current.has_result = true;
        self.current.has_failed |= failed > 0;
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

    /// The failed tests, as `program test`.
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// How many failed.
    pub(crate) fn failed(&self) -> usize {
        self.failed
    }
}

/// The test in `test a::b ... FAILED <0.010s>`.
fn failed_test(line: &str) -> Option<&str> {
    let (test, result) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let word = result
        .rsplit_once(" <")
        .map_or(result, |(before, _)| before);
    word.ends_with("FAILED").then_some(test)
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

    #[test]
    fn a_program_without_a_result_is_one_test() {
        let mut count = Count::default();
        for (title, line, success) in [
            ("own good", "all is well", true),
            ("own bad", "", false),
            ("it killed", "test a ... ok <0.010s>", false),
        ] {
            count.begin(title);
            count.add_line(line);
            count.end(success);
        }
        assert_eq!(count.to_string(), "1 passed, 2 failed, 0 skipped");
        let ended = ["own bad: ended before its result", "it killed: ended before its result"];
        assert_eq!(count.failures(), ended);
    }

    #[test]
    fn failed_tests_are_named() {
        let mut count = Count::default();
        count.begin("dns it");
        count.add_line("test a::b ... FAILED <0.010s>");
        count.add_line("test a::c ... ok <0.010s>");
        count.add_line("test result: FAILED. 1 passed; 1 failed; 0 ignored");
        count.end(false);
        assert_eq!(count.failures(), ["dns it a::b"]);
        assert_eq!(count.to_string(), "1 passed, 1 failed, 0 skipped");
    }
}
