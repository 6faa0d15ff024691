//! What clients felt: a line of each lookup, and sums of the phases of a test.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testbed::pace;

use crate::bed::Bed;

/// One lookup.
#[derive(Clone, Debug, PartialEq)]
struct Lookup {
    began: f64,
    took: f64,
    /// The name, or the kind of socket; `new` if no cache can have the name.
    what: String,
    /// What came of it, unless that is an address.
    failure: Option<String>,
}

/// Which lookups may not fail in a phase.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asked {
    /// All.
    All,
    /// Those of names that were asked for before: there is no CoreDNS to ask.
    Seen,
}

/// What was done to the cluster, from one moment to the next.
struct Phase {
    name: String,
    began: f64,
    asked: Asked,
    /// The longest that 99 of 100 of its lookups may take, in seconds.
    p99: Option<f64>,
}

/// The phases of a test.
#[derive(Default)]
pub(crate) struct Phases(Vec<Phase>);

/// The lookups of clients of one place.
#[derive(Clone, Debug)]
struct Place {
    name: String,
    /// By client.
    logs: Vec<(&'static str, Vec<Lookup>)>,
}

impl Phases {
    /// Does `work` as a phase of its own, and lets clients look names up for a while
    /// after.
    pub(crate) fn run(&mut self, name: impl Into<String>, asked: Asked, work: impl FnOnce()) {
        self.begin(name.into(), asked, None);
        work();
        pace(AFTER);
    }

    /// As [`Self::run`], for a return to what was before: there is nothing to wait for.
    pub(crate) fn restore(&mut self, name: impl Into<String>, asked: Asked, work: impl FnOnce()) {
        self.begin(name.into(), asked, None);
        work();
        pace(SETTLE);
    }

    /// Lets clients look names up in what goes on: for a while first, then as a phase of
    /// its own in which they may not wait.
    pub(crate) fn settle(&mut self, name: impl Into<String>, asked: Asked) {
        pace(SETTLE);
        self.begin(name.into(), asked, Some(LONGEST_P99));
        pace(AFTER);
    }

    fn begin(&mut self, name: String, asked: Asked, p99: Option<f64>) {
        self.0.push(Phase { name, began: now(), asked, p99 });
    }

    /// Reads what all clients have printed; returns a table, and what may not be.
    pub(crate) fn account(&self, bed: &Bed) -> (String, Vec<String>) {
        let (mut table, mut failures) = (HEAD.to_owned(), Vec::new());
        let places = places(bed);
        for (n, phase) in self.0.iter().enumerate() {
            let end = self.0.get(n + 1).map_or(f64::MAX, |next| next.began);
            let of_phase = |lookup: &&Lookup| (phase.began..end).contains(&lookup.began);
            for place in &places {
                let of_place = place.logs.iter().flat_map(|(_, lookups)| lookups);
                let sum = Sum::of(of_place.filter(of_phase));
                let (name, at) = (&phase.name, &place.name);
                writeln!(table, "| {name} | {at} | {sum} |").unwrap();
                if phase.p99.is_some_and(|most| sum.p99() > most) {
                    failures.push(format!("{name}, {at}: {sum}"));
                }
                for (client, lookups) in &place.logs {
                    let counts = |lookup: &&Lookup| phase.asked == Asked::All || !lookup.is_new();
                    let mut lookups = lookups.iter().filter(of_phase).peekable();
                    if lookups.peek().is_none() {
                        failures.push(format!("{name}, {at}, {client}: no lookup"));
                    }
                    let failed = lookups
                        .filter(counts)
                        .filter(|lookup| lookup.failure.is_some());
                    failures.extend(failed.map(|lookup| format!("{name}, {at}, {lookup:?}")));
                }
            }
        }
        (table, failures)
    }
}

/// Reads the logs: of the pods by their nodes, and of the programs of the nodes.
fn places(bed: &Bed) -> Vec<Place> {
    let of_family = |app: &str, family: &str| -> Vec<Place> {
        let pods = bed.kubectl(&format!("get pods -l app={app} -o name"));
        pods.lines().map(|pod| of_pod(bed, pod, family)).collect()
    };
    let of_host = |node: usize| {
        let logs = bed.host_logs(node).map(|(client, log)| {
            let lookups = log.lines().filter_map(parse).collect();
            (client, lookups)
        });
        Place { name: format!("node{} itself", node + 1), logs: logs.into() }
    };
    let pods = [of_family("asker", ""), of_family("asker6", ", IPv6")].concat();
    pods.into_iter().chain((0..2).map(of_host)).collect()
}

fn of_pod(bed: &Bed, pod: &str, family: &str) -> Place {
    let node = bed.kubectl(&format!("get {pod} -o jsonpath={{.spec.nodeName}}"));
    let logs = ["glibc", "musl", "go", "sockets"].map(|client| {
        let log = bed.kubectl(&format!("logs {pod} -c {client}"));
        (client, log.lines().filter_map(parse).collect())
    });
    Place { name: format!("pods of {node}{family}"), logs: logs.into() }
}

/// What was felt in one phase.
struct Sum {
    failed: usize,
    over_a_second: usize,
    /// In order.
    took: Vec<f64>,
}

impl Sum {
    fn of<'a>(lookups: impl Iterator<Item = &'a Lookup>) -> Self {
        let mut sum = Self { failed: 0, over_a_second: 0, took: Vec::new() };
        for lookup in lookups {
            sum.failed += usize::from(lookup.failure.is_some());
            sum.over_a_second += usize::from(lookup.took > 1.0);
            sum.took.push(lookup.took);
        }
        sum.took.sort_by(f64::total_cmp);
        sum
    }

    fn p99(&self) -> f64 {
        let at = self.took.len() * 99 / 100;
        self.took.get(at).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { failed, over_a_second, took } = self;
        let (lookups, longest) = (took.len(), took.last().copied().unwrap_or_default());
        let p99 = self.p99();
        write!(out, "{lookups} | {failed} | {over_a_second} | {p99:.3} | {longest:.3}")
    }
}

/// `time took name address…`, or `none` or `error: …` for the addresses. The line that
/// is being written is no lookup.
fn parse(line: &str) -> Option<Lookup> {
    let mut words = line.split(' ');
    let mut number = || words.next()?.parse().ok();
    let (began, took) = (number()?, number()?);
    let what = words.next()?.to_owned();
    let rest = words.collect::<Vec<_>>().join(" ");
    let first = rest.split(' ').next().filter(|first| !first.is_empty())?;
    let is_answered = first.parse::<std::net::IpAddr>().is_ok();
    Some(Lookup { began, took, what, failure: (!is_answered).then_some(rest) })
}

impl Lookup {
    fn is_new(&self) -> bool {
        self.what == "new"
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock of the pods' logs")]
fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64()
}

const HEAD: &str = "| phase | from | lookups | failed | over 1 s | p99, s | longest, s |\n\
                    |---|---|---|---|---|---|---|\n";
/// Longer than glibc waits before it asks again.
const AFTER: Duration = Duration::from_secs(6);
/// Until what is ill is asked last.
const SETTLE: Duration = Duration::from_secs(2);
/// A tenth of a second on a machine that does nothing else. With less than half of what
/// a client waits before it asks again it is at least not that.
const LONGEST_P99: f64 = 2.0;

#[test]
fn a_line_is_a_lookup() {
    let answered = parse("12.500000000 0.012 kubernetes.default 10.96.0.1").unwrap();
    let what = "kubernetes.default".to_owned();
    assert_eq!(answered, Lookup { began: 12.5, took: 0.012, what, failure: None });
    for failed in ["1.0 5.0 a.example none", "1.0 5.0 a.example error: try again"] {
        let failure = failed.split_once("example ").unwrap().1.to_owned();
        assert_eq!(parse(failed).unwrap().failure, Some(failure));
    }
    assert!(parse("12.5 0.012 new 10.96.0.1").unwrap().is_new());
    assert_eq!(parse("12.5 0.012 kuber"), None);
}
