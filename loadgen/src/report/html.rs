//! The report as one HTML page that needs nothing else: no script, no font, no
//! picture from anywhere.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::over_time::Step;
use super::{ExpectationResult, Percentiles, PhaseReport, Report, hdr};
use crate::evidence::Seen;
use crate::recorder::Counts;

mod chart;

/// Renders a report.
pub fn render(report: &Report) -> String {
    let load = &report.load;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (load.name) ": " (report.verdict) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (load.name) " " span class={ "verdict v" (report.exit) } { (report.verdict) } }
                    @if !load.about.is_empty() { p { (load.about) } }
                    p class="dim" {
                        (load.target) " over " (load.transport) ", " (load.ports) ", "
                        (load.threads) " thread(s), pacing " (load.pacing) ", seed " (load.seed)
                    }
                }
                main {
                    (reasons(report))
                    (conditions("Reproduced", &report.reproduced))
                    (conditions("Expectations", &report.expectations))
                    (timeline(report))
                    section {
                        h2 { "Queries over time" }
                        (chart::counts(report))
                    }
                    section {
                        h2 { "Latency over time" }
                        p class="dim" { "From the due time. The stronger the color, the more answers." }
                        (heat(report))
                    }
                    (latencies(report))
                    (counts("What became of the queries", rows(report)))
                    (errors(&report.run))
                    (answers(report))
                    @if !report.others.is_empty() { (counts("What became of the others' queries", report.others.iter())) }
                    (seen(report))
                    (machine(report))
                }
            }
        }
    };
    page.into_string()
}

/// What makes the run invalid or failed.
fn reasons(report: &Report) -> Markup {
    html! {
        @if !(report.invalid.is_empty() && report.failed.is_empty()) {
            section {
                h2 { "Why" }
                ul {
                    @for reason in &report.invalid { li { b { "invalid: " } (reason) } }
                    @for reason in &report.failed { li { b { "failed: " } (reason) } }
                }
            }
        }
    }
}

fn conditions(title: &str, judged: &[ExpectationResult]) -> Markup {
    html! {
        @if !judged.is_empty() {
            section {
                h2 { (title) }
                div class="wide" tabindex="0" { table class="wrap" {
                    tr { th { "verdict" } th { "condition" } th { "found" } }
                    @for one in judged {
                        tr {
                            td class={ "verdict " (class_of(one)) } { (word_for(one)) }
                            td { code { (one.key) " " (one.condition) } }
                            td {
                                (one.found)
                                @if let Some(found) = &one.found_from_send { "; " (found) " from the send" }
                            }
                        }
                    }
                } }
            }
        }
    }
}

const fn word_for(judged: &ExpectationResult) -> &'static str {
    match (judged.undecided, judged.met) {
        (true, _) => "undecided",
        (false, true) => "met",
        (false, false) => "not met",
    }
}

const fn class_of(judged: &ExpectationResult) -> &'static str {
    match (judged.undecided, judged.met) {
        (true, _) => "v3",
        (false, true) => "v0",
        (false, false) => "v2",
    }
}

fn heat(report: &Report) -> Markup {
    if report.phases.iter().any(|phase| phase.is_closed_loop) {
        return html! { p { "A closed loop has no latency: a server that stalls is asked less." } };
    }
    chart::heat(report)
}

/// The phases, and the causes that are bands in the charts.
fn timeline(report: &Report) -> Markup {
    let starts = chart::starts(&report.phases);
    let spans = starts.iter().zip(starts.iter().skip(1));
    html! {
        section {
            h2 { "Phases" }
            div class="wide" tabindex="0" { table {
                @for (phase, (from, to)) in report.phases.iter().zip(spans) {
                    tr { td { (phase.name) } td { (seconds(*from, *to)) } td { (phase.schedule) } }
                }
            } }
            @for cause in &report.load.causes {
                p { span class="swatch" {} " " (cause.what) ", " (seconds(cause.from_s, cause.to_s)) }
            }
        }
    }
}

fn seconds(from: f64, to: f64) -> String {
    let short = |seconds: f64| format!("{:.1}", seconds).trim_end_matches(".0").to_owned();
    format!("{} to {} s", short(from), short(to))
}

/// The rows: the phases, and the run if there is more than one.
fn rows(report: &Report) -> impl Iterator<Item = &PhaseReport> {
    let sum = (report.phases.len() > 1).then_some(&report.run);
    report.phases.iter().chain(sum)
}

/// One of the distributions of a phase.
type Of = fn(&PhaseReport) -> Option<Percentiles>;

fn latencies(report: &Report) -> Markup {
    let kinds: [(&str, Of); 4] = [
        ("from the due time", |phase| phase.latency_ms),
        ("from the send", |phase| phase.from_send_ms),
        ("our own lateness", |phase| phase.lateness_ms),
        ("whole lookups", |phase| phase.lookup_ms),
    ];
    html! {
        section {
            h2 { "Latency, in milliseconds" }
            div class="wide" tabindex="0" { table {
                tr {
                    th { "phase" } th { "time" }
                    @for name in ["p50", "p90", "p95", "p99", "p99.9", "p99.99", "max"] { th class="n" { (name) } }
                }
                @for phase in rows(report) {
                    @for (what, percentiles) in kinds {
                        @if let Some(p) = percentiles(phase) {
                            tr {
                                td { (phase.name) } td { (what) }
                                @for value in [p.p50, p.p90, p.p95, p.p99, p.p99_9, p.p99_99, p.max] {
                                    td class="n" { (millis(value)) }
                                }
                            }
                        }
                    }
                }
            } }
        }
    }
}

/// Three digits at least, as many as the histograms have.
pub(super) fn millis(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

fn counts<'a>(title: &str, phases: impl Iterator<Item = &'a PhaseReport>) -> Markup {
    let names = columns(&Counts::default()).map(|(name, _)| name);
    html! {
        section {
            h2 { (title) }
            div class="wide" tabindex="0" { table {
                tr { th { "phase" } th class="n" { "sent/s" } @for name in names { th class="n" { (name) } } }
                @for phase in phases {
                    tr {
                        td { (phase.name) } td class="n" { (format!("{:.1}", phase.rate)) }
                        @for (_, count) in columns(&phase.counts) { td class="n" { (count) } }
                    }
                }
            } }
        }
    }
}

/// What the system said, of the whole run.
fn errors(run: &PhaseReport) -> Markup {
    html! {
        @for (what, counts) in [
            ("Not taken by the system", &run.send_errors),
            ("ICMP", &run.icmp),
            ("Errors of sockets", &run.socket_errors),
        ] {
            @if !counts.is_empty() {
                p { (what) ": " @for (name, count) in counts { (name) " (" (count) ") " } }
            }
        }
    }
}

/// Answers by RCODE, of each phase.
fn answers(report: &Report) -> Markup {
    let rcodes = &report.run.rcodes;
    html! {
        @if !rcodes.is_empty() {
            section {
                h2 { "Answers" }
                div class="wide" tabindex="0" { table {
                    tr { th { "phase" } @for rcode in rcodes.keys() { th class="n" { (rcode) } } }
                    @for phase in rows(report) {
                        tr {
                            td { (phase.name) }
                            @for rcode in rcodes.keys() {
                                td class="n" { (phase.rcodes.get(rcode).copied().unwrap_or(0)) }
                            }
                        }
                    }
                } }
            }
        }
    }
}

/// What was counted elsewhere: at the upstream, the ring, the server, and in the kernel.
fn seen(report: &Report) -> Markup {
    let names = &report.run.evidence;
    html! {
        @if !names.is_empty() {
            section {
                h2 { "Seen elsewhere" }
                div class="wide" tabindex="0" { table {
                    tr { th { "figure" } @for phase in rows(report) { th class="n" { (phase.name) } } }
                    @for name in names.keys() {
                        tr {
                            td { code { (name) } }
                            @for phase in rows(report) {
                                td class="n" { (phase.evidence.get(name).map_or_else(String::new, |value| figure(name, *value))) }
                            }
                        }
                    }
                } }
            }
        }
    }
}

/// A share in percent, a count as it is.
pub(super) fn figure(name: &str, value: f64) -> String {
    let is_share = Seen::from_name(name).is_some_and(Seen::is_share);
    match value {
        value if is_share => format!("{:.1} %", value * 100.0),
        value if value.fract() == 0.0 => format!("{value}"),
        value => format!("{value:.3}"),
    }
}

const fn columns(counts: &Counts) -> [(&'static str, u64); 12] {
    [
        ("due", counts.due),
        ("sent", counts.sent),
        ("answered", counts.answered),
        ("late", counts.late),
        ("lost", counts.lost),
        ("refused", counts.refused),
        ("wrong", counts.wrong),
        ("duplicate", counts.duplicate),
        ("shed", counts.shed),
        ("unsendable", counts.unsendable),
        ("unconnected", counts.unconnected),
        ("missed", counts.missed),
    ]
}

fn machine(report: &Report) -> Markup {
    let env = &report.environment;
    html! {
        section {
            h2 { "The generator" }
            p {
                (format!("{:.1}", report.own_cpu_us_per_query)) " µs of CPU per query; "
                (env.cpus) " CPU(s)"
                @if let Some(quota) = env.cpu_quota { ", quota " (quota) }
                @if let Some(kernel) = &env.kernel { ", kernel " (kernel) }
                @if let Some(load) = env.load_average { ", load " (load) }
                "; version " (env.version) "."
            }
            p class="dim" {
                "Scenario " (load_fingerprint(report)) ", schema " (report.schema) ". Latency runs from the moment a \
                 query was due to the arrival of its answer. Lost, late and refused queries have none."
            }
        }
    }
}

fn load_fingerprint(report: &Report) -> &str {
    &report.load.fingerprint
}

const STYLE: &str = include_str!("html/style.css");

#[cfg(test)]
mod tests;
