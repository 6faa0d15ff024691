//! The acts of the tour: outages that are made on purpose, what the clients felt with the
//! proxy and without it, and what the proxy found.
//!
//! Each is a scenario as those of scenarios/, on loopback and without privileges: the server
//! behind the proxy is the scenario's own, and its faults end with the act.

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::Path;

use super::error::DemoError;
use super::page::row;
use super::subject::{Subject, free_port};
use crate::environment::Environment;
use crate::evidence::Seen;
use crate::exit::Exit;
use crate::recorder::PhaseRecord;
use crate::report::{Percentiles, Report, html};
use crate::run::{self, RunResult};
use crate::scenario::Scenario;
use crate::sender::Stop;

/// Plays all acts, one after the other.
///
/// # Errors
///
/// See [`DemoError`].
pub(super) fn play(program: &Path, stop: &Stop, out: &mut impl Write) -> Result<Exit, DemoError> {
    let folder = std::env::temp_dir().join("fivedots-demo");
    let unwritten = |error| DemoError::Report(folder.display().to_string(), error);
    fs::create_dir_all(&folder).map_err(unwritten)?;
    let mut exit = Exit::Passed;
    for (n, act) in (1..).zip(&ACTS) {
        if let Some(signal) = stop.signal() {
            return Ok(exit.worse(Stop::exit_of(signal)));
        }
        writeln!(out, "\n{n}. {}\n", act.title).map_err(DemoError::Output)?;
        let path = folder.join(format!("{n}-{}.html", act.name));
        exit = exit.worse(act.play(program, &path, stop, out)?);
    }
    Ok(exit)
}

/// An outage.
struct Act {
    name: &'static str,
    title: &'static str,
    /// With `TARGET`, `UPSTREAM` and `RING` for the addresses of the proxy and of those
    /// behind it.
    scenario: &'static str,
}

impl Act {
    fn play(
        &self,
        program: &Path,
        path: &Path,
        stop: &Stop,
        out: &mut impl Write,
    ) -> Result<Exit, DemoError> {
        let [upstream, ring] = [free_port(), free_port()];
        let (upstream, ring) = (upstream.map_err(DemoError::Run)?, ring.map_err(DemoError::Run)?);
        let zones = [("cluster.local", upstream), ("ring.example", ring)];
        let subject = Subject::start(program, upstream, &zones, stop)?;
        let text = self.scenario.replace("TARGET", &subject.listen.to_string());
        let text = text.replace("UPSTREAM", &upstream.to_string());
        let text = text.replace("RING", &ring.to_string());
        let scenario = Scenario::parse(&text, Path::new(self.name))
            .map_err(|error| DemoError::Act(error.to_string()))?;
        let measured = run::execute(&scenario, stop).map_err(DemoError::Run)?;
        let verdict = subject.verdict(stop);
        let report = Report::new(&scenario, Environment::read(), &measured);
        let shown = path.display().to_string();
        fs::write(path, html::render(&report))
            .map_err(|error| DemoError::Report(shown.clone(), error))?;
        let verdict = verdict.unwrap_or_else(|| no_cause(&measured));
        write!(out, "{}\nthe proxy found: {verdict}\nthe report:      {shown}\n", Felt(&measured),)
            .and_then(|()| out.flush())
            .map_err(DemoError::Output)?;
        for reason in &report.invalid {
            writeln!(out, "INVALID {reason}").map_err(DemoError::Output)?;
        }
        Ok(report.outcome())
    }
}

/// What the clients felt while the trouble was there, which is the last phase.
struct Felt<'a>(&'a RunResult);

impl fmt::Display for Felt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(with) = self.0.recorder.phases().last() else { return Ok(()) };
        let others = self.0.others.as_ref();
        let without = others.and_then(|others| others.phases().last());
        row(f, "", "with the proxy", "without it")?;
        for (name, figure) in FIGURES {
            let beside = without.map_or_else(|| "-".to_owned(), figure);
            row(f, name, &figure(with), &beside)?;
        }
        match with.evidence.get(Seen::RingPassed) {
            Some(laps) => {
                let laps = laps / as_figure(with.counts.sent.max(1));
                row(f, "times that a query went round", &format!("{laps:.1}"), LAPS)
            }
            None => Ok(()),
        }
    }
}

/// Stale answers keep most clients from a failure, and a failure of few is no cause.
fn no_cause(measured: &RunResult) -> String {
    let well = measured.recorder.phases().last();
    let well = well.map_or_else(String::new, |record| share(without_error(record), record));
    format!("no cause, as {well} of the queries were answered without an error")
}

fn without_error(record: &PhaseRecord) -> u64 {
    record.rcodes.first().copied().unwrap_or(0)
}

const fn unanswered(record: &PhaseRecord) -> u64 {
    record.counts.lost + record.counts.refused + record.counts.late
}

fn share(count: u64, record: &PhaseRecord) -> String {
    let sent = record.counts.sent.max(1);
    format!("{:.1} %", 100.0 * as_figure(count) / as_figure(sent))
}

fn took(record: &PhaseRecord, of: fn(&Percentiles) -> f64) -> String {
    let percentiles = Percentiles::new(&record.latency);
    percentiles
        .as_ref()
        .map_or_else(|| "no data".to_owned(), |p| format!("{:.2} ms", of(p)))
}

#[expect(clippy::cast_precision_loss, reason = "a count for people")]
const fn as_figure(count: u64) -> f64 {
    count as f64
}

/// A row's name, and what it shows of a phase.
type Figure = (&'static str, fn(&PhaseRecord) -> String);
const FIGURES: [Figure; 4] = [
    ("queries answered without an error", |record| share(without_error(record), record)),
    ("  not answered", |record| share(unanswered(record), record)),
    ("  half of the answers took at most", |record| took(record, |p| p.p50)),
    ("  99 % of them took at most", |record| took(record, |p| p.p99)),
];
/// `ring.laps` of the act: a query that nobody stops goes round as often.
const LAPS: &str = "64";

/// The outages that need nothing of the machine.
const ACTS: [Act; 3] = [
    Act {
        name: "upstream-failure",
        title: "The server behind answers SERVFAIL for 18 seconds.",
        scenario: include_str!("acts/upstream-failure.toml"),
    },
    Act {
        name: "upstream-silent",
        title: "The server behind is silent for 18 seconds.",
        scenario: include_str!("acts/upstream-silent.toml"),
    },
    Act {
        name: "forwarding-loop",
        title: "The server behind forwards a domain back to where the query came from.",
        scenario: include_str!("acts/forwarding-loop.toml"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_is_a_scenario() {
        for act in &ACTS {
            let mut text = act.scenario.to_owned();
            for (n, word) in ["TARGET", "UPSTREAM", "RING"].iter().enumerate() {
                text = text.replace(word, &format!("127.0.0.1:{}", 5400 + n));
            }
            let scenario = Scenario::parse(&text, Path::new(act.name)).unwrap();
            assert_eq!(scenario.name, act.name);
            assert!(!scenario.reproduced.is_empty() && !scenario.expectations.is_empty());
            assert!(!scenario.causes.faults().is_empty(), "{}", act.name);
        }
    }
}
