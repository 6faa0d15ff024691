//! Recorded traffic as a scenario: `run --replay`.
//!
//! What the command line says is written as a scenario and read like any other; then
//! the recording takes the place of its names and its schedule.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use toml::{Table, Value};

use crate::cli::RunArgs;
use crate::replay::{Recording, ReplayError};
use crate::scenario::{Scenario, ScenarioError, fingerprint};
use crate::schedule::{Rate, Shape};
use crate::workload::Workload;

/// Why there is nothing to replay.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ReplayedError {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Recording(#[from] ReplayError),
}

impl From<ScenarioError> for ReplayedError {
    /// The scenario has no file, so its lines mean nothing.
    fn from(error: ScenarioError) -> Self {
        Self::Usage(error.reason())
    }
}

/// Reads the recordings that `args` name, and makes a scenario of them.
///
/// # Errors
///
/// See [`ReplayedError`].
pub fn scenario(args: &RunArgs) -> Result<Scenario, ReplayedError> {
    let usage = |reason: &str| ReplayedError::Usage(reason.to_owned());
    let server = args
        .server
        .as_deref()
        .ok_or_else(|| usage("--replay needs --server"))?;
    if !(MIN_SPEED..=MAX_SPEED).contains(&args.speed) {
        return Err(usage("--speed: from 0.01 to 1000"));
    }
    if args.clients == 0 {
        return Err(usage("--clients: at least 1"));
    }
    let recording = Recording::read(&args.replay)?;
    let recording = recording.at_speed(args.speed).with_clients(args.clients)?;
    let text = text(args, server, &recording)?;
    let mut scenario = Scenario::parse(&text, Path::new("replay"))?;
    play(&mut scenario, recording);
    Ok(scenario)
}

/// Puts a recording in the place of the workload and the schedule.
fn play(scenario: &mut Scenario, recording: Recording) {
    let rate = Rate::new(recording.peak()).or_else(|| Rate::new(LOWEST_RATE));
    if let (Some(phase), Some(peak)) = (scenario.phases.first_mut(), rate) {
        let count = recording.entries().len() as u64;
        phase.plan.shape = Shape::Recorded { peak, count };
    }
    let seen = format!("{:016x} {:?}", scenario.fingerprint, recording.entries());
    scenario.fingerprint = fingerprint(&seen);
    scenario.workload = Workload::recorded(&recording).into();
    scenario.recording = Some(Arc::new(recording));
}

fn text(args: &RunArgs, server: &str, recording: &Recording) -> Result<String, ReplayedError> {
    // Up to and with the last query.
    let length = Duration::from_nanos(recording.length()) + Duration::from_millis(1);
    let length = format!("{}us", length.as_micros());
    let peak = recording.peak().max(LOWEST_RATE);
    let target = Table::from_iter([entry("server", server), entry("allow", args.allow.clone())]);
    let mut limits = Table::from_iter([
        // Room to make up for a moment's lateness.
        entry("max_qps", peak * 2.0),
        entry("max_outstanding", 1_000_000),
        entry("max_duration", length.as_str()),
    ]);
    limits.extend(
        args.max_lateness
            .as_deref()
            .map(|most| entry("max_lateness", most)),
    );
    let mut sender = Table::from_iter([entry("ports", format!("pool:{}", recording.clients()))]);
    sender.extend(
        args.first_source
            .map(|first| entry("first_source", first.to_string())),
    );
    sender.extend(
        args.timeout
            .as_deref()
            .map(|timeout| entry("timeout", timeout)),
    );
    let schedule = Table::from_iter([entry("shape", "constant"), entry("rate", LOWEST_RATE)]);
    let phase = Table::from_iter([
        entry("name", PHASE),
        entry("for", length.as_str()),
        entry("schedule", schedule),
    ]);
    let expect = crate::quick::expect(&args.expect, PHASE).map_err(ReplayedError::Usage)?;
    let table = Table::from_iter([
        entry("schema", 1),
        entry("name", "replay"),
        entry("about", about(args, recording)),
        entry("target", target),
        entry("limits", limits),
        entry("sender", sender),
        entry("workload", Table::from_iter([entry("names", vec!["."])])),
        entry("phase", Value::Array(vec![phase.into()])),
        entry("expect", expect),
        entry("stop", args.stop.clone()),
    ]);
    Ok(table.to_string())
}

/// What is played, what is left out, and what became of it then.
fn about(args: &RunArgs, recording: &Recording) -> String {
    let remarks = recording.remarks;
    let seen = (recording.entries().len() / usize::from(args.clients.max(1))).max(1);
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let share = |count: u64, of: u64| if of == 0 { 0.0 } else { 100.0 * count as f64 / of as f64 };
    let mut text =
        format!("{} queries of {} clients", recording.entries().len(), recording.clients());
    if remarks.has_outcomes {
        text.push_str(&format!(
            "; recorded: {:.2}% answered, {:.2}% of these with NXDOMAIN",
            share(remarks.answered, seen as u64),
            share(remarks.nxdomain, remarks.answered),
        ));
    }
    if remarks.skipped > 0 {
        text.push_str(&format!("; {} are not in the recording", remarks.skipped));
    }
    if remarks.over_tcp > 0 {
        text.push_str(&format!("; {} over TCP are left out", remarks.over_tcp));
    }
    if remarks.other_lines > 0 {
        text.push_str(&format!("; {} other lines, packets or messages", remarks.other_lines));
    }
    text
}

fn entry(key: &str, value: impl Into<Value>) -> (String, Value) {
    (key.to_owned(), value.into())
}

/// The name of its phase.
const PHASE: &str = "replay";
/// A recording of one query has a rate of ten per second, by the 100 ms it takes.
const LOWEST_RATE: f64 = 10.0;
const MIN_SPEED: f64 = 0.01;
const MAX_SPEED: f64 = 1000.0;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::plan::{Plan, Share};

    fn args(log: &Path, rest: &[&str]) -> Box<RunArgs> {
        let log = log.to_str().unwrap();
        let start = ["fivedots-loadgen", "run", "--replay", log];
        match Cli::try_parse_from(start.iter().chain(rest))
            .unwrap()
            .command
        {
            Command::Run(args) => args,
            _ => unreachable!(),
        }
    }

    fn log() -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for n in 0..6 {
            let client = n % 3;
            writeln!(
                file,
                "2026-11-28T10:00:0{n}Z [INFO] 10.0.0.{client}:4000 - {n} \
                 \"A IN n{n}.example. udp 40 false 512\" NOERROR qr 95 0.000s"
            )
            .unwrap();
        }
        file
    }

    #[test]
    fn each_query_is_due_when_it_was_and_threads_have_whole_clients() {
        let log = log();
        let scenario =
            scenario(&args(log.path(), &["--server", "127.0.0.1", "--speed", "2"])).unwrap();
        let recording = scenario.recording.clone().unwrap();
        let phases: Vec<_> = scenario.phases.iter().map(|phase| phase.plan).collect();
        let mut seen = Vec::new();
        for thread in 0..2 {
            let share = Share { thread, of: 2 };
            let mut plan =
                Plan::new(phases.clone(), share, 1).playing(Some(Arc::clone(&recording)));
            while let Some(due) = plan.peek() {
                let client = recording.entries()[usize::try_from(due.index).unwrap()].client;
                assert_eq!(u32::from(client) % 2, thread);
                seen.push((due.at / 1_000_000, due.index));
                plan.take();
            }
        }
        seen.sort_unstable();
        let expected: Vec<_> = (0..6).map(|n| (n * 500, n)).collect();
        assert_eq!(seen, expected);
        assert!(scenario.about.contains("6 queries of 3 clients"), "{}", scenario.about);
        assert!(scenario.about.contains("100.00% answered"), "{}", scenario.about);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let log = log();
        for (rest, message) in [
            (&[][..], "--replay needs --server"),
            (&["--server", "127.0.0.1", "--speed", "0"], "--speed: from 0.01"),
            (&["--server", "127.0.0.1", "--clients", "0"], "--clients: at least 1"),
            (&["--server", "127.0.0.1", "--clients", "20000"], "more than 28,000 clients"),
            (&["--server", "nowhere"], "target.server: "),
            (&["--server", "127.0.0.1", "--expect", "lost"], "--expect \"lost\""),
        ] {
            let error = scenario(&args(log.path(), rest)).unwrap_err().to_string();
            assert!(error.contains(message), "{rest:?}: {error}");
        }
    }
}
