//! What pods felt: a line of each lookup, and sums of the phases of a test.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testbed::pace;

use crate::bed::Bed;

/// One lookup of a pod.
#[derive(Clone, Debug, PartialEq)]
struct Lookup {
    began: f64,
    took: f64,
    is_answered: bool,
}

/// What was done to the cluster, from one moment to the next.
struct Phase {
    name: &'static str,
    began: f64,
}

/// The phases of a test.
#[derive(Default)]
pub(crate) struct Phases(Vec<Phase>);

impl Phases {
    /// Does `work` as a phase of its own, and lets pods look names up for a while after.
    pub(crate) fn run(&mut self, name: &'static str, work: impl FnOnce()) {
        self.0.push(Phase { name, began: now() });
        work();
        pace(AFTER);
    }

    /// Reads what every pod has printed; returns a table, and the lines of lookups
    /// that failed.
    pub(crate) fn account(&self, bed: &Bed) -> (String, Vec<String>) {
        let (mut table, mut failures) = (HEAD.to_owned(), Vec::new());
        for pod in bed.kubectl("get pods -l app=asker -o name").lines() {
            for client in ["glibc", "musl", "go"] {
                let log = bed.kubectl(&format!("logs {pod} -c {client}"));
                let node = bed.kubectl(&format!("get {pod} -o jsonpath={{.spec.nodeName}}"));
                let lines: Vec<_> = log.lines().filter_map(parse).collect();
                for (n, phase) in self.0.iter().enumerate() {
                    let end = self.0.get(n + 1).map_or(f64::MAX, |next| next.began);
                    let of_phase = |lookup: &&Lookup| (phase.began..end).contains(&lookup.began);
                    let sum = Sum::of(lines.iter().filter(of_phase));
                    writeln!(table, "| {} | {node} | {client} | {sum} |", phase.name).unwrap();
                    if sum.failed > 0 || sum.lookups == 0 {
                        failures.push(format!("{}, {node}, {client}: {sum}", phase.name));
                    }
                }
            }
        }
        (table, failures)
    }
}

/// What one client felt in one phase.
struct Sum {
    lookups: usize,
    failed: usize,
    over_a_second: usize,
    longest: f64,
}

impl Sum {
    fn of<'a>(lookups: impl Iterator<Item = &'a Lookup>) -> Self {
        let mut sum = Self { lookups: 0, failed: 0, over_a_second: 0, longest: 0.0 };
        for lookup in lookups {
            sum.lookups += 1;
            sum.failed += usize::from(!lookup.is_answered);
            sum.over_a_second += usize::from(lookup.took > 1.0);
            sum.longest = sum.longest.max(lookup.took);
        }
        sum
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { lookups, failed, over_a_second, longest } = self;
        write!(out, "{lookups} | {failed} | {over_a_second} | {longest:.3}")
    }
}

/// `time took name address…`, or `none` or `error: …` for the addresses. The line that
/// is being written is no lookup.
fn parse(line: &str) -> Option<Lookup> {
    let mut words = line.split(' ');
    let mut number = || words.next()?.parse().ok();
    let (began, took) = (number()?, number()?);
    let first = words.nth(1)?;
    let is_answered = first.parse::<std::net::IpAddr>().is_ok();
    Some(Lookup { began, took, is_answered })
}

#[expect(clippy::disallowed_methods, reason = "the clock of the pods' logs")]
fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64()
}

const HEAD: &str = "| phase | node | client | lookups | failed | over 1 s | longest, s |\n\
                    |---|---|---|---|---|---|---|\n";
/// Longer than glibc waits before it asks again.
const AFTER: Duration = Duration::from_secs(6);

#[test]
fn a_line_is_a_lookup() {
    let answered = parse("12.500000000 0.012 kubernetes.default 10.96.0.1").unwrap();
    assert_eq!(answered, Lookup { began: 12.5, took: 0.012, is_answered: true });
    for failed in ["1.0 5.0 a.example none", "1.0 5.0 a.example error: try again"] {
        assert!(!parse(failed).unwrap().is_answered);
    }
    assert_eq!(parse("12.5 0.012 kuber"), None);
}
