//! Several reports in one: the shards of a run, added up without loss and judged
//! anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dns::Rcode;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::judge::Judgment;
use super::over_time::{self, Step};
use super::{ExpectationResult, Figures, Load, PhaseReport, PlanPart, Report, hdr, record_of};
use crate::environment::Environment;
use crate::evidence::Seen;
use crate::exit::Exit;
use crate::expect::Expectation;
use crate::recorder::{PhaseRecord, Recorder};

/// Why reports cannot be added up.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum MergeError {
    #[error("{file}: no report: {reason}")]
    NotAReport { file: String, reason: String },
    #[error("{file}: {field} is {found}, and {expected} in {first}: not the same run")]
    Different { file: String, first: String, field: &'static str, found: String, expected: String },
}

/// A report that was read.
#[derive(Clone, Debug)]
pub struct Part {
    file: String,
    json: Value,
    plan: PlanPart,
    load: Load,
}

impl Part {
    /// Reads a report as JSON, or the last line of a log that is one.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn read(file: &str, text: &str) -> Result<Self, MergeError> {
        let json = serde_json::from_str(text)
            .ok()
            .or_else(|| text.lines().rev().find_map(report_line));
        let json: Value = json
            .ok_or_else(|| no_report(file, "neither the file nor a line of it is a JSON object"))?;
        if json.get("schema").and_then(Value::as_u64) != Some(1) {
            return Err(no_report(file, "schema is not 1"));
        }
        let (plan, load) = (field(file, &json, "plan")?, field(file, &json, "load")?);
        Ok(Self { file: file.to_owned(), json, plan, load })
    }
}

impl Part {
    /// Reads a report that was made here.
    ///
    /// # Errors
    ///
    /// Never for what a run can bring: all numbers are finite.
    pub fn of(report: &Report) -> Result<Self, MergeError> {
        let text = report
            .to_json_line()
            .map_err(|error| no_report("this run", &error.to_string()))?;
        Self::read("this run", &text)
    }
}

/// A line of a log may have a prefix, such as a time.
fn report_line(line: &str) -> Option<Value> {
    let json: Value = serde_json::from_str(line.get(line.find('{')?..)?).ok()?;
    json.get("schema").is_some().then_some(json)
}

fn no_report(file: &str, reason: &str) -> MergeError {
    MergeError::NotAReport { file: file.to_owned(), reason: reason.to_owned() }
}

fn field<T: DeserializeOwned>(file: &str, json: &Value, name: &str) -> Result<T, MergeError> {
    let value = json.get(name).cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|error| no_report(file, &format!("{name}: {error}")))
}

/// Figures that runs are compared by: name, and the place in a report.
pub const COMPARED: [(&str, &str); 8] = [
    ("latency p50, ms", "/run/latency_ms/p50"),
    ("latency p90, ms", "/run/latency_ms/p90"),
    ("latency p99, ms", "/run/latency_ms/p99"),
    ("lookup p50, ms", "/run/lookup_ms/p50"),
    ("lookup p99, ms", "/run/lookup_ms/p99"),
    ("answers per second", "/run/answer_rate"),
    ("without an answer, %", MISSING),
    ("server CPU, us an answer", SERVER_CPU),
];

/// Not in a report: calculated from its counts.
const MISSING: &str = "missing";
/// As well, where the server shows its CPU.
const SERVER_CPU: &str = "server CPU";

impl Part {
    /// Returns a figure of [`COMPARED`]; `None` where the run has it not.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    pub fn figure(&self, place: &str) -> Option<f64> {
        let count = |name: &str| {
            let place = format!("/run/counts/{name}");
            self.json.pointer(&place).and_then(Value::as_u64)
        };
        match place {
            MISSING => {
                let missing = count("lost")? + count("late")? + count("refused")?;
                let sent = count("sent").filter(|sent| *sent > 0)?;
                Some(missing as f64 * 100.0 / sent as f64)
            }
            SERVER_CPU => {
                let evidence = self.json.pointer("/run/evidence")?;
                let seconds = evidence.get(Seen::ServerCpuSeconds.name())?.as_f64()?;
                let answered = count("answered").filter(|answered| *answered > 0)?;
                Some(seconds * 1e6 / answered as f64)
            }
            _ => self.json.pointer(place)?.as_f64(),
        }
    }

    /// Returns whether the run is a measurement.
    pub fn is_valid(&self) -> bool {
        matches!(self.json.get("exit").and_then(Value::as_u64), Some(0 | 2 | 4))
    }

    /// Returns the file it was read from.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the fingerprint of its scenario.
    pub fn fingerprint(&self) -> &str {
        &self.plan.fingerprint
    }
}

/// Adds up the shards of a run.
///
/// # Errors
///
/// When they are not of the same run.
pub fn merge(parts: &[Part]) -> Result<Report, MergeError> {
    let Some(first) = parts.first() else { return Err(no_report("merge", "no file")) };
    for part in parts {
        is_same_run(first, part)?;
    }
    let (mut recorder, phases) = summed_phases(parts, "phases")?;
    let (others_recorder, others) = summed_phases(parts, "others")?;
    for part in parts {
        let steps: Vec<Step> = field(&part.file, &part.json, "series")?;
        over_time::add(&steps, &mut recorder.series)
            .map_err(|reason| no_report(&part.file, &reason))?;
    }
    let total = recorder.total();
    let length: f64 = phases.iter().map(|phase| phase.seconds).sum();
    let whole = PhaseReport::new("run", "all phases", Duration::from_secs_f64(length), &total);
    let run = with_errors(whole, &phases);
    let of_others = (&others_recorder, &others_recorder.total());
    let judged = |table: &str| judged_anew(first, table, (&recorder, &total), of_others);
    let (expectations, reproduced) = (judged("expectations")?, judged("reproduced")?);
    let judgment =
        Judgment::of_parts(&expectations, &reproduced, &total, shard_faults(parts), worst(parts));
    Ok(Report::assemble(
        judgment,
        Load { threads: parts.iter().map(|part| part.load.threads).sum(), ..first.load.clone() },
        PlanPart { shard: 0, of: 1, ..first.plan.clone() },
        field::<Environment>(&first.file, &first.json, "environment")?,
        Sums::of(parts, total.counts.sent),
        Figures { phases, others, run, series: over_time::steps(&recorder.series) },
        (expectations, reproduced),
    ))
}

/// Adds up the phases of all parts, those of the load or of the others.
fn summed_phases(parts: &[Part], table: &str) -> Result<(Recorder, Vec<PhaseReport>), MergeError> {
    let of = |part: &Part| -> Result<Vec<PhaseReport>, MergeError> {
        match part.json.get(table) {
            // An older report has no others.
            None if table == "others" => Ok(Vec::new()),
            _ => field(&part.file, &part.json, table),
        }
    };
    let names = parts.first().map_or(Ok(Vec::new()), of)?;
    let mut recorder = Recorder::new(names.len());
    let mut phases = Vec::with_capacity(names.len());
    for (n, phase) in (0..=u8::MAX).zip(&names) {
        let merged = recorder.phase(n);
        let mut reports = Vec::new();
        for part in parts {
            let Some(report) = of(part)?.into_iter().nth(usize::from(n)) else { continue };
            add(&report, merged).map_err(|reason| no_report(&part.file, &reason))?;
            reports.push(report);
        }
        phases.push(summed(phase, &reports, merged));
    }
    Ok((recorder, phases))
}

/// What is added up, or the largest, of all parts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) took_s: f64,
    pub(super) own_cpu_us_per_query: f64,
    pub(super) receive_overruns: u64,
    pub(super) clock_jumps: u64,
}

impl Sums {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn of(parts: &[Part], sent: u64) -> Self {
        let float = |part: &Part, name: &str| part.json.get(name).and_then(Value::as_f64);
        let count = |part: &Part, name: &str| part.json.get(name).and_then(Value::as_u64);
        let cpu = parts.iter().filter_map(|part| {
            let sent = part.json.pointer("/run/counts/sent")?.as_u64()?;
            Some(float(part, "own_cpu_us_per_query")? * sent as f64)
        });
        Self {
            took_s: parts
                .iter()
                .filter_map(|part| float(part, "took_s"))
                .fold(0.0, f64::max),
            own_cpu_us_per_query: if sent == 0 { 0.0 } else { cpu.sum::<f64>() / sent as f64 },
            receive_overruns: parts
                .iter()
                .filter_map(|part| count(part, "receive_overruns"))
                .sum(),
            clock_jumps: parts
                .iter()
                .filter_map(|part| count(part, "clock_jumps"))
                .max()
                .unwrap_or(0),
        }
    }
}

fn is_same_run(first: &Part, part: &Part) -> Result<(), MergeError> {
    for (field, expected, found) in [
        ("plan.fingerprint", &first.plan.fingerprint, &part.plan.fingerprint),
        ("plan.seed", &first.plan.seed.to_string(), &part.plan.seed.to_string()),
        ("plan.of", &first.plan.of.to_string(), &part.plan.of.to_string()),
        ("load.target", &first.load.target, &part.load.target),
    ] {
        if expected != found {
            return Err(MergeError::Different {
                file: part.file.clone(),
                first: first.file.clone(),
                field,
                found: found.clone(),
                expected: expected.clone(),
            });
        }
    }
    Ok(())
}

/// Why the parts together are no measurement of the whole.
fn shard_faults(parts: &[Part]) -> Vec<String> {
    let mut faults = Vec::new();
    let of = parts.first().map_or(0, |part| part.plan.of);
    let mut seen = BTreeSet::new();
    for part in parts {
        if !seen.insert(part.plan.shard) {
            faults.push(format!("shard {} is there twice", part.plan.shard));
        }
    }
    for shard in (0..of).filter(|shard| !seen.contains(shard)) {
        faults.push(format!("shard {shard} of {of} is missing"));
    }
    let starts = parts.iter().map(|part| part.plan.start_unix_ns);
    let (earliest, latest) = (starts.clone().min().unwrap_or(0), starts.max().unwrap_or(0));
    let skew = Duration::from_nanos(latest - earliest);
    if skew > MAX_SKEW {
        faults.push(format!("the shards did not start together: {skew:?} apart; use --start-at"));
    }
    for part in parts {
        let reasons: Vec<String> = field(&part.file, &part.json, "invalid").unwrap_or_default();
        // What is undecided of a part is judged anew of the whole.
        let reasons = reasons
            .iter()
            .filter(|reason| !reason.contains(" is undecided: "));
        faults.extend(reasons.map(|reason| format!("shard {}: {reason}", part.plan.shard)));
    }
    faults
}

/// The worst exit code of a part that is about the part alone: an error, or a signal.
fn worst(parts: &[Part]) -> Option<u8> {
    let codes = parts
        .iter()
        .filter_map(|part| part.json.get("exit")?.as_u64());
    let codes = codes.filter_map(|code| u8::try_from(code).ok());
    codes
        .filter(|code| *code == 1 || *code == Exit::Halted.code() || *code > 128)
        .max()
}

/// Adds a phase as it was reported to a record.
fn add(report: &PhaseReport, record: &mut PhaseRecord) -> Result<(), String> {
    record.counts.merge(&report.counts);
    for (name, count) in &report.rcodes {
        let rcode = Rcode::from_mnemonic(name).map_or(usize::MAX, |rcode| usize::from(rcode.0));
        if let Some(sum) = record.rcodes.get_mut(rcode) {
            *sum += count;
        }
    }
    record.cpu_share = record.cpu_share.max(report.cpu_share);
    for (name, value) in &report.evidence {
        record.evidence.merge_shard(name, *value);
    }
    let histograms = &report.histograms;
    hdr::add(&histograms.latency, &mut record.latency)?;
    hdr::add(&histograms.from_send, &mut record.from_send)?;
    hdr::add(&histograms.lateness, &mut record.lateness)?;
    hdr::add(&histograms.lookup, &mut record.lookup)?;
    hdr::add(&histograms.lookup_from_send, &mut record.lookup_from_send)?;
    hdr::add(&histograms.bursts, &mut record.bursts)
}

/// The phase of all parts together.
fn summed(first: &PhaseReport, reports: &[PhaseReport], record: &PhaseRecord) -> PhaseReport {
    let seconds = reports
        .iter()
        .map(|report| report.seconds)
        .fold(0.0, f64::max);
    let elapsed = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let phase = PhaseReport::new(&first.name, &first.schedule, elapsed, record);
    let phase = with_errors(phase, reports);
    if first.is_closed_loop { phase.closed() } else { phase }
}

fn with_errors(mut phase: PhaseReport, parts: &[PhaseReport]) -> PhaseReport {
    let sum = |counts: fn(&PhaseReport) -> &BTreeMap<String, u64>| {
        let mut sums = BTreeMap::new();
        for (name, count) in parts.iter().flat_map(counts) {
            *sums.entry(name.clone()).or_default() += count;
        }
        sums
    };
    phase.send_errors = sum(|part| &part.send_errors);
    phase.socket_errors = sum(|part| &part.socket_errors);
    phase.icmp = sum(|part| &part.icmp);
    phase
}

/// Judges the conditions of the first report by the figures of all.
fn judged_anew(
    first: &Part,
    table: &str,
    own: (&Recorder, &PhaseRecord),
    of_others: (&Recorder, &PhaseRecord),
) -> Result<Vec<ExpectationResult>, MergeError> {
    let phases: Vec<PhaseReport> = field(&first.file, &first.json, "phases")?;
    let names: Vec<String> = phases.iter().map(|phase| phase.name.clone()).collect();
    let conditions: Vec<ExpectationResult> = field(&first.file, &first.json, table)?;
    let judge = |condition: &ExpectationResult| {
        let expectation = Expectation::parse(&condition.key, &condition.condition, &names)
            .map_err(|reason| no_report(&first.file, &format!("{table}: {reason}")))?;
        let of = if expectation.of_others { of_others } else { own };
        Ok(ExpectationResult::new(&expectation, record_of(expectation.phase, of)))
    };
    conditions.iter().map(judge).collect()
}

/// Starts further apart make another load than the one that was planned.
const MAX_SKEW: Duration = Duration::from_millis(100);
