//! The report as text, for a person at a terminal.

use std::collections::BTreeMap;
use std::fmt;

use super::{ExpectationResult, Percentiles, PhaseReport, Report};

/// Shows a report; use it in `write!`.
#[derive(Debug)]
pub struct Text<'a>(pub &'a Report);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        head(f, report)?;
        counts(f, report)?;
        latencies(f, report)?;
        rcodes(f, report)?;
        lookups(f, report)?;
        elsewhere(f, report)?;
        notes(f, report)?;
        expectations(f, report)?;
        verdict(f, report)
    }
}

fn head(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let load = &report.load;
    writeln!(
        f,
        "{}: {} over {}, {}, {} thread(s), {} name(s), seed {}",
        load.name, load.target, load.transport, load.ports, load.threads, load.names, load.seed
    )?;
    if load.gso {
        writeln!(
            f,
            "  UDP GSO: queries of one length leave together, in bursts that no client makes"
        )?;
    }
    if !load.about.is_empty() {
        writeln!(f, "  {}", load.about)?;
    }
    writeln!(f)
}

/// The rows: the phases, and the run if there is more than one.
fn rows(report: &Report) -> impl Iterator<Item = &PhaseReport> {
    let sum = (report.phases.len() > 1).then_some(&report.run);
    report.phases.iter().chain(sum)
}

fn counts(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let columns = ["sent", "answered", "lost", "refused", "late", "wrong", "dup", "shed"];
    write!(f, "{:14} {:24} {:>10}", "queries", "schedule", "sent/s")?;
    for column in columns {
        write!(f, " {column:>9}")?;
    }
    writeln!(f)?;
    for phase in rows(report) {
        let counts = &phase.counts;
        write!(f, "{:14} {:24} {:>10.1}", phase.name, phase.schedule, phase.rate)?;
        for count in [
            counts.sent,
            counts.answered,
            counts.lost,
            counts.refused,
            counts.late,
            counts.wrong,
            counts.duplicate,
            counts.shed,
        ] {
            write!(f, " {count:>9}")?;
        }
        writeln!(f)?;
    }
    let run = &report.run.counts;
    for (count, what) in [
        (run.missed, "were missed: limits.max_qps held them back for too long"),
        (run.unconnected, "were not sent: no connection took them"),
        (run.unfinished, "had no answer yet when the run was interrupted"),
        (run.truncated, "answers had TC set"),
        (run.reconnects, "connections broke and were made again"),
    ] {
        if count > 0 {
            writeln!(f, "  {count} {what}")?;
        }
    }
    if run.unsendable > 0 {
        let errors = listed(&report.run.send_errors);
        writeln!(f, "  {} could not be sent, the system refused: {errors}", run.unsendable)?;
    }
    for (what, counts) in
        [("ICMP", &report.run.icmp), ("errors of sockets", &report.run.socket_errors)]
    {
        if !counts.is_empty() {
            writeln!(f, "  {what}: {}", listed(counts))?;
        }
    }
    writeln!(f)
}

/// Counts by name in one line.
fn listed(counts: &BTreeMap<String, u64>) -> String {
    let each = counts
        .iter()
        .map(|(name, count)| format!("{name} ({count})"));
    each.collect::<Vec<_>>().join(", ")
}

fn latencies(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let columns = ["p50", "p90", "p95", "p99", "p99.9", "p99.99", "max"];
    write!(f, "{:39}", "milliseconds")?;
    for column in columns {
        write!(f, " {column:>9}")?;
    }
    writeln!(f)?;
    for phase in rows(report) {
        if phase.is_closed_loop {
            closed_loop(f, report, phase)?;
            continue;
        }
        for (what, percentiles) in [
            ("latency, from the due time", phase.latency_ms),
            ("  from the send (uncorrected)", phase.from_send_ms),
            ("  our own lateness", phase.lateness_ms),
            ("whole lookup, from its due time", phase.lookup_ms),
        ] {
            let is_lookup = what.starts_with("whole");
            if percentiles.is_some() || !is_lookup {
                let name = if what.starts_with("latency") { phase.name.as_str() } else { "" };
                latency(f, name, what, percentiles)?;
            }
        }
    }
    writeln!(f)
}

fn closed_loop(f: &mut fmt::Formatter<'_>, report: &Report, phase: &PhaseReport) -> fmt::Result {
    if std::ptr::eq(phase, &raw const report.run) {
        return writeln!(f, "run            has a closed loop, so no latency of the whole run");
    }
    writeln!(
        f,
        "{:14} closed loop: {:.0} answers/s is a capacity; it has no latency",
        phase.name, phase.answer_rate
    )
}

fn latency(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    what: &str,
    percentiles: Option<Percentiles>,
) -> fmt::Result {
    // The name of the phase stands before its first line only.
    let label = if name.is_empty() { what.to_owned() } else { format!("{name}: {what}") };
    write!(f, "{label:39}")?;
    let Some(p) = percentiles else { return writeln!(f, "      no data") };
    for value in [p.p50, p.p90, p.p95, p.p99, p.p99_9, p.p99_99, p.max] {
        write!(f, " {}", figure(value))?;
    }
    writeln!(f)
}

/// Nine places, three digits that mean something.
fn figure(millis: f64) -> String {
    let places = match millis {
        m if m < 1.0 => 3,
        m if m < 10.0 => 2,
        m if m < 100.0 => 1,
        _ => 0,
    };
    format!("{millis:>9.places$}")
}

fn rcodes(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    for phase in rows(report) {
        if phase.rcodes.is_empty() {
            continue;
        }
        write!(f, "{:14}", phase.name)?;
        for (rcode, count) in &phase.rcodes {
            write!(f, " {rcode} {} ({count})", share(*count, phase.counts.answered))?;
        }
        writeln!(f)?;
    }
    writeln!(f)
}

fn lookups(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    if !report.load.is_lookup {
        return Ok(());
    }
    for phase in rows(report) {
        let counts = &phase.counts;
        writeln!(
            f,
            "{:14} {} lookups: {} resolved, {} denied, {} failed; {:.2} queries per lookup",
            phase.name,
            counts.lookups.due,
            counts.lookups.resolved,
            counts.lookups.denied,
            counts.lookups.failed,
            ratio(counts.sent, counts.lookups.due)
        )?;
    }
    writeln!(f)
}

/// What was seen elsewhere than in our answers: the others, and the causes.
fn elsewhere(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    for phase in &report.others {
        let counts = &phase.counts;
        writeln!(
            f,
            "{:14} others: {} sent, {} answered, {} lost ({}), {} refused",
            phase.name,
            counts.sent,
            counts.answered,
            counts.lost,
            share(counts.lost, counts.sent),
            counts.refused
        )?;
    }
    let mut is_seen = !report.others.is_empty();
    for phase in &report.phases {
        // Zeros are in the JSON.
        let seen = phase.evidence.iter().filter(|(_, value)| **value > 0.0);
        let seen: Vec<_> = seen
            .map(|(name, value)| format!("{name} {}", short(*value)))
            .collect();
        if !seen.is_empty() {
            writeln!(f, "{:14} seen: {}", phase.name, seen.join(", "))?;
            is_seen = true;
        }
    }
    if is_seen { writeln!(f) } else { Ok(()) }
}

/// A count as it is, a share with four digits.
fn short(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.4}") }
}

fn notes(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let run = &report.run.counts;
    let timeout = report.load.timeout_ms / 1e3;
    if report.phases.iter().any(|phase| !phase.is_closed_loop) {
        writeln!(
            f,
            "Latency runs from the moment a query was due to the arrival of its answer, so a stall\n\
             counts for every query that came up in it. \"From the send\" leaves our lateness out."
        )?;
    }
    pacing(f, report)?;
    if run.lost + run.late + run.refused > 0 {
        writeln!(
            f,
            "The percentiles are of the {} answers within {timeout} s. The {} lost ({}), {} refused \
             and {} late\nhave no latency and are not in them.",
            run.answered,
            run.lost,
            share(run.lost, run.sent),
            run.refused,
            run.late
        )?;
    }
    let env = &report.environment;
    writeln!(
        f,
        "We used {:.1} us of CPU per query; {} CPU(s){}, kernel {}, load {}.",
        report.own_cpu_us_per_query,
        env.cpus,
        env.cpu_quota
            .map_or_else(String::new, |quota| format!(" (quota {quota})")),
        env.kernel.as_deref().unwrap_or("unknown"),
        env.load_average
            .map_or_else(|| "unknown".to_owned(), |load| format!("{load}"))
    )?;
    writeln!(f)
}

fn expectations(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    for judged in &report.reproduced {
        condition(f, judged, "not reproduced: ", "reproduced: ")?;
    }
    for judged in &report.expectations {
        condition(f, judged, "FAIL ", "ok   ")?;
    }
    for reason in &report.failed {
        writeln!(f, "FAIL {reason}")?;
    }
    for reason in &report.invalid {
        writeln!(f, "INVALID {reason}")?;
    }
    Ok(())
}

/// How evenly queries left, which decides what a server can show.
fn pacing(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    if let Some(burst) = report.run.burst {
        writeln!(
            f,
            "At one go left {} queries at p50, {} at p99, {} at most (pacing \"{}\").",
            burst.p50, burst.p99, burst.max, report.load.pacing
        )?;
    }
    if report.clock_jumps > 0 {
        writeln!(
            f,
            "The wall clock was set {} time(s); answers on their way then have the time at which \
             they were read.",
            report.clock_jumps
        )?;
    }
    Ok(())
}

fn condition(
    f: &mut fmt::Formatter<'_>,
    judged: &ExpectationResult,
    unmet: &str,
    met: &str,
) -> fmt::Result {
    let word = match (judged.undecided, judged.met) {
        (true, _) => "?    ",
        (false, true) => met,
        (false, false) => unmet,
    };
    write!(f, "{word}{} {}   (is {}", judged.key, judged.condition, judged.found)?;
    match &judged.found_from_send {
        Some(found) => writeln!(f, "; {found} from the send)"),
        None => writeln!(f, ")"),
    }
}

fn verdict(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let meaning = match report.verdict {
        "passed" if report.expectations.is_empty() => "answers came; there are no expectations",
        "passed" => "all expectations were met",
        "invalid" => "not a measurement of the server; the reasons are above",
        "not reproduced" => "the situation of the scenario did not occur",
        "interrupted" => "the figures cover the time until then",
        _ => "an expectation was not met",
    };
    writeln!(f, "{}: {meaning} (exit {})", report.verdict, report.exit)
}

fn share(count: u64, of: u64) -> String {
    format!("{:.2}%", ratio(count, of) * 100.0)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn ratio(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { count as f64 / of as f64 }
}
