//! Which tests to run.

use crate::workspace::FEATURES;

/// What `cargo xtask test` was asked for.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Runs the long forms of tests that have two: minutes for seconds
    #[arg(long)]
    slow: bool,
    /// Only tests of this crate
    #[arg(short, long, value_name = "CRATE")]
    package: Vec<String>,
    /// Only the unit tests of libraries
    #[arg(long)]
    lib: bool,
    /// Only the unit tests of programs
    #[arg(long)]
    bins: bool,
    /// Only this integration test program, as `it` or `page`
    #[arg(long, value_name = "NAME")]
    test: Vec<String>,
    /// Only tests with this in their names
    filter: Option<String>,
    /// Passed on to each test program, as `--nocapture`
    #[arg(last = true)]
    rest: Vec<String>,
}

impl Options {
    /// Arguments of cargo: the crates, with everything that the image has.
    pub(crate) fn crates(&self) -> Vec<&str> {
        let mut arguments = Vec::new();
        for package in &self.package {
            arguments.extend(["--package", package]);
        }
        if self.package.is_empty() {
            arguments.push("--workspace");
        }
        if self.package.is_empty() || self.package.iter().any(|package| package == "proxy") {
            arguments.extend(FEATURES);
        }
        arguments
    }

    /// Arguments of cargo: which programs of those crates.
    pub(crate) fn targets(&self) -> Vec<&str> {
        let mut arguments = Vec::new();
        arguments.extend(self.lib.then_some("--lib"));
        arguments.extend(self.bins.then_some("--bins"));
        for test in &self.test {
            arguments.extend(["--test", test]);
        }
        arguments
    }

    /// Arguments of each test program.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &String> {
        self.filter.iter().chain(&self.rest)
    }

    /// Whether the examples in documentation are among the tests.
    pub(crate) fn has_documentation(&self) -> bool {
        self.targets().is_empty()
    }

    /// The value of `TEST_LENGTH`, if it is not to stay as it is.
    pub(crate) fn length(&self) -> Option<&'static str> {
        self.slow.then_some("long")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn parsed(line: &str) -> Options {
        Line::parse_from(line.split(' ')).options
    }

    #[test]
    fn without_arguments_everything_is_tested() {
        let all = parsed("test");
        assert_eq!(all.crates(), ["--workspace", "--features", "proxy/kubernetes"]);
        assert!(all.targets().is_empty() && all.has_documentation());
        assert_eq!(all.length(), None);
    }

    #[test]
    fn crates_programs_and_names_narrow_it() {
        let some = parsed("test --slow -p dns --test it loss -- --nocapture");
        assert_eq!(some.crates(), ["--package", "dns"]);
        assert_eq!(some.targets(), ["--test", "it"]);
        assert_eq!(some.filters().collect::<Vec<_>>(), ["loss", "--nocapture"]);
        assert!(!some.has_documentation());
        assert_eq!(some.length(), Some("long"));
        assert!(
            parsed("test -p proxy")
                .crates()
                .contains(&"proxy/kubernetes")
        );
    }
}
