//! `find`: the highest rate at which a server keeps its objectives.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use crate::cli::{FindArgs, QuickArgs};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::report::Report;
use crate::scenario::Scenario;
use crate::search::{Found, Search, StepResult};
use crate::sender::Stop;
use crate::{quick, run};

/// Why there is no finding.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum FindError {
    #[error("{0}")]
    Usage(String),
    #[error("cannot run: {0}")]
    Run(io::Error),
    #[error("cannot write the finding: {0}")]
    Output(io::Error),
}

/// Makes the scenario of one step at `rate`.
///
/// # Errors
///
/// What is wrong with the arguments.
pub fn scenario(args: &FindArgs, rate: f64) -> Result<Scenario, FindError> {
    if args.slo.is_empty() {
        let reason = "find needs an objective, such as --slo \"latency.p99 < 20ms\"";
        return Err(FindError::Usage(reason.to_owned()));
    }
    if !(args.from > 0.0 && args.from <= args.to) {
        let reason = format!("--from {} must be above 0 and not above --to {}", args.from, args.to);
        return Err(FindError::Usage(reason));
    }
    let step = QuickArgs {
        server: args.server.clone(),
        names: args.names.clone(),
        rate,
        length: args.step.clone(),
        qtype: args.qtype.clone(),
        timeout: args.timeout.clone(),
        // A late answer is a failure here, whenever it comes.
        linger: Some("0s".to_owned()),
        threads: args.threads,
        tcp: args.tcp,
        expect: args.slo.clone(),
        allow: args.allow.clone(),
        max_outstanding: Some(MAX_OUTSTANDING),
        ..QuickArgs::default()
    };
    let text = quick::scenario_text(&step).map_err(FindError::Usage)?;
    Scenario::parse(&text, Path::new("find")).map_err(|error| FindError::Usage(error.reason()))
}

/// Searches, and shows each step and the finding.
///
/// # Errors
///
/// See [`FindError`].
pub fn run(args: &FindArgs, stop: &Stop, out: &mut impl Write) -> Result<Exit, FindError> {
    let mut search = Search::new(args.from, args.to);
    loop {
        let rate = search.rate();
        let scenario = scenario(args, rate)?;
        let measured = run::execute(&scenario, stop).map_err(FindError::Run)?;
        let report = Report::new(&scenario, Environment::read(), &measured);
        if let Some(signal) = stop.signal() {
            return Ok(Stop::exit_of(signal));
        }
        let result = judge(&report);
        print(out, &step_line(rate, result, &report))?;
        if let Some(found) = search.step(result) {
            print(out, &finding(found, &report))?;
            return Ok(exit(found));
        }
        drain(stop);
    }
}

/// Lets what a step left in queues go, so that it does not count for the next.
#[expect(clippy::disallowed_methods, reason = "a pause between two loads")]
fn drain(stop: &Stop) {
    for _ in 0..DRAIN_STEPS {
        if stop.signal().is_none() {
            std::thread::sleep(DRAIN_STEP);
        }
    }
}

fn judge(report: &Report) -> StepResult {
    match report.outcome() {
        Exit::Passed => StepResult::Met,
        Exit::Failed => StepResult::Unmet,
        _ => StepResult::OurLimit,
    }
}

fn step_line(rate: f64, result: StepResult, report: &Report) -> String {
    let found: Vec<String> = report
        .expectations
        .iter()
        .map(|judged| format!("{} {}", judged.key.trim_start_matches("load."), judged.found))
        .collect();
    let word = match result {
        StepResult::Met => "met",
        StepResult::Unmet => "not met",
        StepResult::OurLimit => "our limit",
    };
    let mut line = format!("{rate:>10.0}/s  {word:9}  {}\n", found.join(", "));
    let reasons = if result == StepResult::OurLimit { &report.invalid } else { &report.failed };
    for reason in reasons {
        line.push_str(&format!("               {reason}\n"));
    }
    line
}

fn finding(found: Found, last: &Report) -> String {
    let limited = last.invalid.join("; ");
    match found {
        Found::Rate { met, unmet: Some(unmet) } => format!(
            "found: {met:.0}/s meets the objectives, three times in a row; {unmet:.0}/s does not\n"
        ),
        Found::Rate { met, unmet: None } => {
            format!("found: {met:.0}/s, the highest rate asked for (--to), meets the objectives\n")
        }
        Found::Nothing => {
            "found: not even the lowest rate (--from) meets the objectives\n".to_owned()
        }
        Found::LimitedByUs { met: Some(met) } => format!(
            "limited by us: {met:.0}/s meets the objectives, and above that the generator is the \
             limit: {limited}\n"
        ),
        Found::LimitedByUs { met: None } => {
            format!("limited by us: the generator is the limit at the lowest rate: {limited}\n")
        }
    }
}

const fn exit(found: Found) -> Exit {
    match found {
        Found::Rate { .. } => Exit::Passed,
        Found::Nothing => Exit::Failed,
        Found::LimitedByUs { .. } => Exit::Invalid,
    }
}

fn print(out: &mut impl Write, text: &str) -> Result<(), FindError> {
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(FindError::Output)
}

/// As many as wait for a second at a million a second.
const MAX_OUTSTANDING: u32 = 1_000_000;
/// Between two steps, looked at for a signal each time: half a second.
const DRAIN_STEP: Duration = Duration::from_millis(50);
const DRAIN_STEPS: u32 = 10;
