//! The report of a run: about the server, and about the generator.
//!
//! One value with a stable form (JSON, `schema = 1`), from which the text for
//! people is written too. Nothing that was late, lost, shed or wrong is left
//! out of it.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::exit::Exit;
use crate::expect::Expectation;
use crate::recorder::{PhaseRecord, Recorder};
use crate::run::RunResult;
use crate::scenario::Scenario;
use crate::sender::Ports;

mod errors;
mod figures;
mod hdr;
pub mod html;
mod judge;
pub mod merge;
pub mod over_time;
mod spans;
pub mod tables;
pub mod text;

pub use figures::{Bursts, Histograms, Percentiles, PhaseReport};
use judge::Judgment;
pub use judge::{ExpectationResult, invalid_reasons};
use merge::Sums;
use over_time::Step;
pub use spans::CauseSpan;

/// The report of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of this form: 1.
    pub schema: u32,
    /// `passed`, `failed`, `invalid`, `not reproduced` or `interrupted`.
    pub verdict: &'static str,
    /// The exit code of the run.
    pub exit: u8,
    #[serde(skip)]
    outcome: Exit,
    /// Why the run is no measurement of the server; empty for a valid one.
    pub invalid: Vec<String>,
    /// Why it failed, expectations aside.
    pub failed: Vec<String>,
    /// The load: what was sent, and where to.
    pub load: Load,
    /// Which part of the plan it is.
    pub plan: PlanPart,
    /// The machine it ran on.
    pub environment: Environment,
    /// Milliseconds since 1970, UTC.
    pub started_unix_ms: u64,
    /// Nanoseconds since 1970: the zero of all due times.
    pub started_unix_ns: u64,
    /// Seconds, the wait for the last answers included.
    pub took_s: f64,
    /// Our own CPU time per query sent, in microseconds.
    pub own_cpu_us_per_query: f64,
    /// Answers that this host dropped because we did not read them in time.
    pub receive_overruns: u64,
    /// How often the wall clock was set during the run; the time of answers that
    /// were on their way is then the time of reading.
    pub clock_jumps: u64,
    /// The run over time; at most 600 steps of a second or more.
    pub series: Vec<Step>,
    /// One per phase.
    pub phases: Vec<PhaseReport>,
    /// The same of the others, who ask another server; empty without any.
    pub others: Vec<PhaseReport>,
    /// All phases in one.
    pub run: PhaseReport,
    /// All expectations, met or not.
    pub expectations: Vec<ExpectationResult>,
    /// What shows that the situation occurred, met or not.
    pub reproduced: Vec<ExpectationResult>,
}

/// The load: what was sent, and where to.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Load {
    /// Of the scenario.
    pub name: String,
    /// Of the scenario.
    pub about: String,
    /// Fingerprint of the scenario's text, in hexadecimal.
    pub fingerprint: String,
    /// Decided every random choice.
    pub seed: u64,
    /// Address and port.
    pub target: String,
    /// `udp` or `tcp`.
    pub transport: String,
    /// Source ports or connections.
    pub ports: String,
    /// Sender threads.
    pub threads: u32,
    /// Whether queries of one length left as one (UDP GSO).
    pub gso: bool,
    /// `ticks` or `exact`.
    pub pacing: String,
    /// Milliseconds that a query waited for its answer.
    pub timeout_ms: f64,
    /// Milliseconds after that in which a late answer was known.
    pub linger_ms: f64,
    /// Names to choose from.
    pub names: usize,
    /// Whether each is a lookup along a search path.
    pub is_lookup: bool,
    /// Milliseconds our own lateness may have at p99.
    pub max_lateness_ms: f64,
    /// What went wrong on purpose, and when.
    #[serde(default)]
    pub causes: Vec<CauseSpan>,
}

/// Which part of which plan a report is about.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PlanPart {
    /// Fingerprint of the scenario's text, in hexadecimal.
    pub fingerprint: String,
    /// Decided every random choice.
    pub seed: u64,
    /// The shard, from 0.
    pub shard: u32,
    /// Of how many.
    pub of: u32,
    /// Nanoseconds since 1970: the zero of all due times.
    pub start_unix_ns: u64,
}

fn plan(scenario: &Scenario, measured: &RunResult) -> PlanPart {
    PlanPart {
        fingerprint: format!("{:016x}", scenario.fingerprint),
        seed: scenario.seed,
        shard: scenario.shard.thread,
        of: scenario.shard.of,
        start_unix_ns: unix_ns(measured),
    }
}

impl Report {
    /// Judges what was measured.
    pub fn new(scenario: &Scenario, environment: Environment, measured: &RunResult) -> Self {
        let total = measured.recorder.total();
        let others_total = measured.others.as_ref().map(Recorder::total);
        let phases_of = |recorder: &Recorder| phases(scenario, measured, recorder);
        let judge = |conditions: &[Expectation]| -> Vec<ExpectationResult> {
            let judged = conditions.iter().map(|condition| {
                let of = match (condition.of_others, &measured.others, &others_total) {
                    (true, Some(others), Some(total)) => (others, total),
                    _ => (&measured.recorder, &total),
                };
                ExpectationResult::new(condition, record_of(condition.phase, of))
            });
            judged.collect()
        };
        let expectations = judge(&scenario.expectations);
        let reproduced = judge(&scenario.reproduced);
        let judgment = Judgment::new(&expectations, &reproduced, scenario, measured);
        let elapsed = lasted(scenario.duration(), measured.took, measured);
        let run = PhaseReport::new("run", "all phases", elapsed, &total);
        let sums = Sums {
            took_s: measured.took.as_secs_f64(),
            own_cpu_us_per_query: per_query(
                measured.cpu,
                total.counts.sent + others_total.as_ref().map_or(0, |total| total.counts.sent),
            ),
            receive_overruns: measured.overruns,
            clock_jumps: measured.clock_jumps,
        };
        Self::assemble(
            judgment,
            load(scenario),
            plan(scenario, measured),
            environment,
            sums,
            Figures {
                phases: phases_of(&measured.recorder),
                others: measured.others.as_ref().map_or_else(Vec::new, phases_of),
                run,
                series: over_time::steps(&measured.recorder.series),
            },
            (expectations, reproduced),
        )
    }

    fn assemble(
        judgment: Judgment,
        load: Load,
        plan: PlanPart,
        environment: Environment,
        sums: Sums,
        Figures { phases, others, run, series }: Figures,
        (expectations, reproduced): (Vec<ExpectationResult>, Vec<ExpectationResult>),
    ) -> Self {
        let Judgment { exit, invalid, failed } = judgment;
        Self {
            schema: SCHEMA,
            verdict: verdict(exit),
            exit: exit.code(),
            outcome: exit,
            invalid,
            failed,
            load,
            environment,
            started_unix_ms: plan.start_unix_ns / 1_000_000,
            started_unix_ns: plan.start_unix_ns,
            plan,
            took_s: sums.took_s,
            own_cpu_us_per_query: sums.own_cpu_us_per_query,
            receive_overruns: sums.receive_overruns,
            clock_jumps: sums.clock_jumps,
            run: if phases.iter().any(|phase| phase.is_closed_loop) { run.closed() } else { run },
            series,
            phases,
            others,
            expectations,
            reproduced,
        }
    }

    /// Returns how the program ends.
    pub const fn outcome(&self) -> Exit {
        self.outcome
    }

    /// Returns the report as JSON text.
    ///
    /// # Errors
    ///
    /// Never for what a run can bring: all numbers are finite.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// The same in one line, for logs.
    ///
    /// # Errors
    ///
    /// As [`to_json`](Self::to_json).
    pub fn to_json_line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// The numbers of a run.
struct Figures {
    phases: Vec<PhaseReport>,
    others: Vec<PhaseReport>,
    run: PhaseReport,
    series: Vec<Step>,
}

fn record_of<'a>(
    phase: Option<usize>,
    (recorder, run): (&'a Recorder, &'a PhaseRecord),
) -> &'a PhaseRecord {
    phase
        .and_then(|phase| recorder.phases().get(phase))
        .unwrap_or(run)
}

/// A phase that was cut short by a signal has the time that it got.
fn phases(scenario: &Scenario, measured: &RunResult, recorder: &Recorder) -> Vec<PhaseReport> {
    let mut before = Duration::ZERO;
    let records = recorder.phases();
    scenario
        .phases
        .iter()
        .zip(records)
        .map(|(phase, record)| {
            let left = measured.took.saturating_sub(before);
            before += phase.plan.length;
            let schedule = phase.plan.shape.to_string();
            let elapsed = lasted(phase.plan.length, left, measured);
            let report = PhaseReport::new(&phase.name, &schedule, elapsed, record);
            if phase.plan.shape.is_closed() { report.closed() } else { report }
        })
        .collect()
}

/// A run ends with its last answer, often a little before its last phase.
fn lasted(planned: Duration, left: Duration, measured: &RunResult) -> Duration {
    if measured.interrupted.is_some() { planned.min(left) } else { planned }
}

fn load(scenario: &Scenario) -> Load {
    let config = scenario.sender;
    let ports = match (scenario.target.transport.as_str(), config.ports) {
        _ if scenario.clients.is_some() => clients(scenario),
        ("tcp", _) => format!("{} connection(s)", config.connections),
        (_, Ports::Pool(1)) => "1 source port".to_owned(),
        (_, Ports::Pool(count)) => format!("{count} source ports"),
        (_, Ports::PerQuery) => "a source port per query".to_owned(),
    };
    Load {
        name: scenario.name.clone(),
        about: scenario.about.clone(),
        fingerprint: format!("{:016x}", scenario.fingerprint),
        seed: scenario.seed,
        target: scenario.target.server.to_string(),
        transport: scenario.target.transport.as_str().to_owned(),
        ports,
        threads: config.threads,
        gso: config.gso,
        pacing: config.pacing.as_str().to_owned(),
        timeout_ms: config.timeout.as_secs_f64() * 1e3,
        linger_ms: config.linger.as_secs_f64() * 1e3,
        names: scenario.workload.names(),
        is_lookup: scenario.workload.is_lookup(),
        max_lateness_ms: scenario.limits.max_lateness.as_secs_f64() * 1e3,
        causes: spans::causes(scenario),
    }
}

/// The clients, as `200 glibc and 50 musl clients`.
fn clients(scenario: &Scenario) -> String {
    let kinds = scenario.clients.iter().flat_map(|clients| clients.kinds());
    let kinds = kinds.map(|kind| format!("{} {}", kind.count, kind.resolver.model));
    format!("{} client(s)", kinds.collect::<Vec<_>>().join(" and "))
}

const fn verdict(exit: Exit) -> &'static str {
    match exit {
        Exit::Passed => "passed",
        Exit::Invalid => "invalid",
        Exit::NotReproduced => "not reproduced",
        Exit::Signal(_) | Exit::Halted => "interrupted",
        _ => "failed",
    }
}

fn unix_ns(measured: &RunResult) -> u64 {
    let since = measured
        .started
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn per_query(cpu: Duration, sent: u64) -> f64 {
    if sent == 0 { 0.0 } else { cpu.as_secs_f64() * 1e6 / sent as f64 }
}

/// The version of the JSON form; a key is never renamed within one.
const SCHEMA: u32 = 1;
