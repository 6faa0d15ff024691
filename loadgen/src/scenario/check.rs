//! From what was written to what is used: the one place with defaults, and
//! where what does not fit together is found.

use std::path::Path;
use std::time::Duration;

use toml::Spanned;

use super::asked::workload;
use super::causes;
use super::clients;
use super::error::{Result, Source};
use super::file::{
    ExpectFile, LimitsFile, PacingFile, PhaseFile, ScenarioFile, SenderFile, TargetFile,
    TransportFile,
};
use super::fit;
use super::guarded;
use super::shape::{rate, shape};
use super::target::parse_server;
use super::{Limits, Phase, Scenario, SenderConfig, Target, Transport, fingerprint};
use crate::expect::{Expectation, parse_duration};
use crate::plan::{PlannedPhase, Share};
use crate::sender::{Pacing, Ports};

/// Checks everything; the first error is returned.
pub(super) fn check(file: &ScenarioFile, source: &Source<'_>, folder: &Path) -> Result<Scenario> {
    let Some(others) = causes::of_others(file, source)? else {
        return check_one(file, source, folder);
    };
    // Limits are of all together.
    let times = file
        .others
        .as_ref()
        .map_or(1, |others| *others.times.as_ref());
    let (mut own, mut others) = (file.clone(), others);
    let all = f64::from(times) + 1.0;
    let most = *file.limits.max_qps.as_ref();
    *own.limits.max_qps.as_mut() = most / all;
    *others.limits.max_qps.as_mut() = most * f64::from(times) / all;
    let others = check_one(&others, source, folder)?;
    let scenario = check_one(&own, source, folder)?;
    let others = Some(Box::new(others));
    with_conditions(file, Scenario { others, ..scenario }, source)
}

/// Reads the conditions once it is known what there is to be seen.
fn with_conditions(
    file: &ScenarioFile,
    mut scenario: Scenario,
    source: &Source<'_>,
) -> Result<Scenario> {
    scenario.expectations = expectations(&file.expect, "expect", &scenario, source)?;
    scenario.reproduced = expectations(&file.reproduced, "reproduced", &scenario, source)?;
    Ok(scenario)
}

fn check_one(file: &ScenarioFile, source: &Source<'_>, folder: &Path) -> Result<Scenario> {
    if *file.schema.as_ref() != SCHEMA {
        let reason = format!("schema: this version reads schema {SCHEMA} only");
        return Err(source.error(file.schema.span(), reason));
    }
    let limits = limits(&file.limits, source)?;
    let sender = sender(&file.sender, source)?;
    let phases = phases(&file.phase, limits, source)?;
    let target = target(&file.target, source)?;
    let kinds = clients::kinds(file, target.server, source)?;
    let guard = file.guard.as_ref();
    let guard = guard.map(|guard| guarded::guard(guard, target.server, source));
    let (workload, clients) = workload(&file.workload, kinds, file.seed, folder, source)?;
    let mut scenario = Scenario {
        name: file.name.clone(),
        about: file.about.clone(),
        fingerprint: fingerprint(source.text),
        seed: file.seed,
        target,
        limits,
        sender,
        workload: workload.into(),
        clients: clients.map(Into::into),
        recording: None,
        causes: causes::causes(file, &phases, source)?,
        others: None,
        guard: guard.transpose()?,
        stops: guarded::stops(&file.stop, &phases, source)?,
        phases,
        expectations: Vec::new(),
        reproduced: Vec::new(),
        shard: Share::ALL,
        start_at: None,
    };
    if scenario.duration() > limits.max_duration {
        let reason =
            format!("the phases take {:?}, more than limits.max_duration", scenario.duration());
        return Err(source.error(file.limits.max_duration.span(), reason));
    }
    if scenario.workload.is_lookup() && scenario.target.transport == Transport::Tcp {
        let reason = "lookup: search paths are walked over UDP only";
        return Err(source.error(file.workload.span(), reason));
    }
    fit::clients(file, &scenario, source)?;
    fit::ports(&file.sender, &mut scenario, source)?;
    fit::threads(&file.sender, &scenario, source)?;
    fit::gso(&file.sender, &scenario, source)?;
    fit::first_source(&file.sender, &scenario, source)?;
    if file.others.is_some() {
        return Ok(scenario);
    }
    with_conditions(file, scenario, source)
}

fn target(file: &TargetFile, source: &Source<'_>) -> Result<Target> {
    let server = parse_server(file.server.as_ref())
        .map_err(|reason| source.error(file.server.span(), format!("target.server: {reason}")))?;
    let allow = file
        .allow
        .iter()
        .map(|range| {
            let parsed = range.as_ref().parse();
            parsed.map_err(|reason: String| {
                source.error(range.span(), format!("target.allow: {reason}"))
            })
        })
        .collect::<Result<_>>()?;
    let transport = match file.transport {
        None | Some(TransportFile::Udp) => Transport::Udp,
        Some(TransportFile::Tcp) => Transport::Tcp,
    };
    Ok(Target { server, transport, allow })
}

fn limits(file: &LimitsFile, source: &Source<'_>) -> Result<Limits> {
    let max_qps = *file.max_qps.as_ref();
    rate(max_qps, "limits.max_qps").map_err(|reason| source.error(file.max_qps.span(), reason))?;
    let max_lateness = match &file.max_lateness {
        Some(text) => duration(text, "limits.max_lateness", source)?,
        None => DEFAULT_MAX_LATENESS,
    };
    let max_outstanding = match &file.max_outstanding {
        None => DEFAULT_MAX_OUTSTANDING,
        Some(count) if (1..=MAX_OUTSTANDING).contains(count.as_ref()) => *count.as_ref(),
        Some(count) => {
            let reason = format!("limits.max_outstanding: must be 1 to {MAX_OUTSTANDING}");
            return Err(source.error(count.span(), reason));
        }
    };
    Ok(Limits {
        max_qps,
        max_outstanding: max_outstanding as usize,
        max_duration: duration(&file.max_duration, "limits.max_duration", source)?,
        max_lateness,
    })
}

fn sender(file: &SenderFile, source: &Source<'_>) -> Result<SenderConfig> {
    let ports = match &file.ports {
        None => Ports::Pool(1),
        Some(text) => parse_ports(text.as_ref())
            .map_err(|reason| source.error(text.span(), format!("sender.ports: {reason}")))?,
    };
    let timeout = match &file.timeout {
        None => DEFAULT_TIMEOUT,
        Some(text) => {
            let timeout = duration(text, "sender.timeout", source)?;
            if timeout > MAX_TIMEOUT {
                return Err(source.error(text.span(), "sender.timeout: at most 60s"));
            }
            timeout
        }
    };
    let linger = match &file.linger {
        None => DEFAULT_KEEP.saturating_sub(timeout),
        Some(text) => match parse_duration(text.as_ref()) {
            Some(linger) if linger <= MAX_TIMEOUT => linger,
            _ => {
                let reason = format!("sender.linger: {:?} is not 0s to 60s", text.as_ref());
                return Err(source.error(text.span(), reason));
            }
        },
    };
    let threads = match &file.threads {
        None => 1,
        Some(count) if (1..=MAX_THREADS).contains(count.as_ref()) => *count.as_ref(),
        Some(count) => {
            let reason = format!("sender.threads: must be 1 to {MAX_THREADS}");
            return Err(source.error(count.span(), reason));
        }
    };
    let connections = match &file.connections {
        None => u16::try_from(threads).unwrap_or(1),
        Some(count) if *count.as_ref() > 0 => *count.as_ref(),
        Some(count) => return Err(source.error(count.span(), "sender.connections: at least 1")),
    };
    let gso = file.gso.as_ref().is_some_and(|gso| *gso.as_ref());
    let first_source = file.first_source.as_ref().map(|first| *first.as_ref());
    let pacing = match file.pacing.as_ref().map(Spanned::as_ref) {
        None | Some(PacingFile::Ticks) => Pacing::Ticks,
        Some(PacingFile::Exact) => Pacing::Exact,
    };
    Ok(SenderConfig { ports, connections, timeout, linger, threads, first_source, gso, pacing })
}

/// Reads `one`, `pool:N` or `per-query`.
fn parse_ports(text: &str) -> std::result::Result<Ports, String> {
    let most = Ports::MAX_POOL;
    let wrong = || format!("{text:?} is none of one, pool:N (1 to {most}), per-query");
    match text {
        "one" => Ok(Ports::Pool(1)),
        "per-query" => Ok(Ports::PerQuery),
        _ => {
            let count = text
                .strip_prefix("pool:")
                .and_then(|count| count.parse().ok());
            let count = count.filter(|count| (1..=most).contains(count));
            count.map(Ports::Pool).ok_or_else(wrong)
        }
    }
}

fn phases(
    file: &Spanned<Vec<PhaseFile>>,
    limits: Limits,
    source: &Source<'_>,
) -> Result<Vec<Phase>> {
    let phases = file.as_ref();
    if phases.is_empty() || phases.len() > MAX_PHASES {
        let reason = format!("phase: there must be 1 to {MAX_PHASES} of them");
        return Err(source.error(file.span(), reason));
    }
    let mut checked: Vec<Phase> = Vec::with_capacity(phases.len());
    for phase in phases {
        let name = phase.name.as_ref();
        let error = |reason: String| Err(source.error(phase.name.span(), reason));
        let is_plain = name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_');
        if name.is_empty() || !is_plain || name == "run" {
            return error(format!(
                "phase.name: {name:?} must be of letters, digits, - and _, and not \"run\""
            ));
        }
        if checked.iter().any(|before| before.name == *name) {
            return error(format!("phase.name: there is another phase {name:?}"));
        }
        let length = duration(&phase.length, "phase.for", source)?;
        let schedule = &phase.schedule;
        let shape = shape(schedule.as_ref(), limits)
            .map_err(|reason| source.error(schedule.span(), format!("phase.schedule: {reason}")))?;
        let plan = PlannedPhase { shape, length };
        checked.push(Phase { name: name.clone(), plan });
    }
    Ok(checked)
}

/// Reads the conditions of `table` in the order of the file.
fn expectations(
    file: &ExpectFile,
    table: &str,
    scenario: &Scenario,
    source: &Source<'_>,
) -> Result<Vec<Expectation>> {
    let names = scenario.phase_names();
    let mut expectations = Vec::with_capacity(file.len());
    let mut lines: Vec<_> = file.iter().collect();
    lines.sort_by_key(|(key, _)| key.span().start);
    for (key, condition) in lines {
        let expectation = Expectation::parse(key.as_ref(), condition.as_ref(), &names)
            .map_err(|reason| source.error(key.span(), format!("{table}: {reason}")))?;
        causes::is_seen(scenario, &expectation).map_err(|reason| {
            source.error(key.span(), format!("{table}: {:?}: {reason}", key.as_ref()))
        })?;
        let mut judged = scenario.phases.iter().enumerate();
        let is_closed = judged.any(|(index, phase)| {
            phase.plan.shape.is_closed() && expectation.phase.is_none_or(|phase| phase == index)
        });
        if is_closed && expectation.metric.is_latency() {
            let reason = format!(
                "{table}: {:?}: a closed loop (shape = \"max\") has no latency to expect",
                key.as_ref()
            );
            return Err(source.error(key.span(), reason));
        }
        expectations.push(expectation);
    }
    Ok(expectations)
}

fn duration(text: &Spanned<String>, field: &str, source: &Source<'_>) -> Result<Duration> {
    let parsed = parse_duration(text.as_ref()).filter(|duration| !duration.is_zero());
    let parsed = parsed.filter(|duration| *duration <= MAX_DURATION);
    parsed.ok_or_else(|| {
        let value = text.as_ref();
        let reason = format!("{field}: {value:?} is not a duration such as \"250ms\" or \"10s\"");
        source.error(text.span(), reason)
    })
}

/// The version of the format that this program reads.
const SCHEMA: u32 = 1;
/// A sender that is later than this at p99 measures itself. An idle machine
/// stays below 1 ms, one that shares its CPUs below 20 ms.
pub(crate) const DEFAULT_MAX_LATENESS: Duration = Duration::from_millis(50);
/// 20,000 queries a second that all wait for 5 s.
const DEFAULT_MAX_OUTSTANDING: u32 = 100_000;
/// 512 MiB of slots.
const MAX_OUTSTANDING: u32 = 16_000_000;
/// glibc's; CoreDNS and every stub that gives up earlier is then seen.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// Late answers are known up to here after the send: CoreDNS itself gives up on an
/// upstream after 6 s, and a client's second try is over after 10 s.
const DEFAULT_KEEP: Duration = Duration::from_secs(12);
/// No resolver waits longer, and the tail of a run is one timeout.
const MAX_TIMEOUT: Duration = Duration::from_secs(60);
/// More than the CPUs of a large node do not help.
const MAX_THREADS: u32 = 64;
/// Phases of a scenario: a record is 1 MB per thread and phase.
const MAX_PHASES: usize = 64;
/// A day: what is longer is a slip of the finger.
const MAX_DURATION: Duration = Duration::from_secs(86_400);
