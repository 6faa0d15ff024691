//! `fivedots stats`: the summary of a running proxy, once, on a screen of 24 lines.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::admin_client::{self, AdminClientError};
use crate::api::{
    FailingNameView, FailurePage, FoundCause, LoopPage, Summary, UpstreamPage, UpstreamView,
    VerdictPage, WorkloadPage, WorkloadView,
};
use crate::args::{ProxyArgs, StatsArgs};
use crate::failing::{failing_name, what_fails};
use crate::words::{self, FIGURES, count, label, meaning, millis, percent, ratio, span};
use observe::ADDRESS;

/// Reads a proxy and returns its summary as text, or with `--json` as JSON.
///
/// # Errors
///
/// When the proxy cannot be read.
pub async fn text(args: &StatsArgs) -> Result<String, AdminClientError> {
    if args.json {
        let page: Value = get(&args.proxy, "summary").await?;
        return Ok(format!("{page:#}"));
    }
    let text = StatsText {
        summary: get(&args.proxy, "summary").await?,
        verdict: get(&args.proxy, "verdict").await?,
        failures: get(&args.proxy, "failures").await?,
        loops: get(&args.proxy, "loops").await?,
        upstreams: get(&args.proxy, "upstreams").await?,
        wasteful: get(&args.proxy, &format!("workloads?order=wasted&limit={FEW}")).await?,
        failing: get(&args.proxy, &format!("workloads?order=failed&limit={FEW}&advice=false"))
            .await?,
    };
    Ok(text.to_string())
}

async fn get<T: DeserializeOwned>(proxy: &ProxyArgs, page: &str) -> Result<T, AdminClientError> {
    let sign = if page.contains('?') { '&' } else { '?' };
    let redact = proxy.redact.as_ref().map(|what| crate::http::encoded(what));
    let redact = redact.map(|what| format!("{sign}redact={what}"));
    let path = format!("/api/v1/{page}{}", redact.unwrap_or_default());
    admin_client::get(&proxy.admin, &path).await
}

/// The summary as text.
struct StatsText {
    summary: Summary,
    verdict: VerdictPage,
    failures: FailurePage,
    loops: LoopPage,
    upstreams: UpstreamPage,
    wasteful: WorkloadPage,
    failing: WorkloadPage,
}

impl fmt::Display for StatsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { uptime_s, records, missed_records, clients, .. } = self.summary;
        let (up, workloads) = (span(uptime_s), self.wasteful.known);
        let missed = match missed_records {
            0 => String::new(),
            some => format!(" ({} more came too fast)", count(some)),
        };
        let records = words::many(records, "query", "queries");
        let clients = words::many(wide(clients), "client", "clients");
        let workloads = words::many(wide(workloads), "workload", "workloads");
        let head = format!("up {up}, {clients} of {workloads}, {records}");
        writeln!(f, "{}", cut(&(head + &missed)))?;
        self.figures(f)?;
        let lists = [
            ("verdict", self.verdict()),
            ("failing", self.failing()),
            ("loops", self.loops()),
            ("wasting", self.wasteful()),
            ("upstreams", self.upstreams()),
            ("names", self.names()),
        ];
        for (title, lines) in lists {
            for (n, line) in lines.iter().enumerate() {
                let title = if n == 0 { title } else { "" };
                writeln!(f, "{}", cut(&format!("{title:10}{line}")))?;
            }
        }
        Ok(())
    }
}

impl StatsText {
    fn figures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:28}{:>12}{:>12}{:>12}", "", "10 s", "60 s", "total")?;
        let figures = &self.summary.figures;
        for row in FIGURES.iter().filter(|row| row.is_key) {
            let windows = [&figures.ten_seconds, &figures.minute, &figures.total];
            let [ten, minute, total] = windows.map(row.read);
            writeln!(f, "{:28}{ten:>12}{minute:>12}{total:>12}", row.label)?;
        }
        Ok(())
    }

    /// The first cause of trouble; nothing without one.
    fn verdict(&self) -> Vec<String> {
        let line = |found: &FoundCause| {
            let (title, scope, since) = (&found.title, &found.scope_title, span(found.since_s));
            format!("{title} ({scope}) for {since}: {}", found.finding.evidence.join("; "))
        };
        self.verdict.findings.iter().map(line).take(1).collect()
    }

    /// Who fails, by how much, and why; since the start where the last minute has none.
    fn failing(&self) -> Vec<String> {
        let views = self.failing.workloads.iter();
        let failing = views.filter(|view| view.figures.total.failed > 0);
        let lines: Vec<_> = failing.map(|view| self.fails(view)).collect();
        if lines.is_empty() { vec!["nothing: every query got an answer".to_owned()] } else { lines }
    }

    fn fails(&self, view: &WorkloadView) -> String {
        let (recent, total) = (&view.figures.minute, &view.figures.total);
        let (figures, over) = if recent.failed > 0 { (recent, "60 s") } else { (total, "total") };
        let share = percent(ratio(figures.failed, figures.queries));
        let is_its = |name: &&FailingNameView| {
            name.workload.kind == view.kind
                && name.workload.name == view.name
                && name.workload.namespace == view.namespace
        };
        let why = match self.failures.names.iter().find(is_its) {
            Some(name) => {
                let since = span(name.since_s);
                format!("{}: {} for {since}", failing_name(name), what_fails(name))
            }
            None => {
                let most = view.failures.iter().max_by_key(|(_, count)| **count);
                most.map_or_else(String::new, |(origin, _)| {
                    format!("{}: {}", label(origin), meaning(origin))
                })
            }
        };
        format!("{} {share} ({over}), {why}", title_of(view))
    }

    fn loops(&self) -> Vec<String> {
        let active = self.loops.loops.iter().filter(|seen| seen.active);
        let line = |seen: &crate::api::LoopView| {
            format!("names in {}: {}", seen.below, seen.hops.join(" -> "))
        };
        active.map(line).take(LOOPS).collect()
    }

    fn wasteful(&self) -> Vec<String> {
        let views = self.wasteful.workloads.iter();
        let wasteful = views.filter(|view| view.figures.total.wasted_queries > 0);
        let line = |view: &WorkloadView| {
            let total = &view.figures.total;
            let share = words::if_known(total, percent(total.wasted_ratio));
            let action = words::action(view.advice.as_ref());
            let saving = view.advice.as_ref();
            let saving =
                saving.and_then(|advice| words::saving(advice, None, &view.figures.minute));
            let saving = saving.map_or_else(String::new, |saving| format!(", saves {saving}"));
            format!("{} {share}: {action}{saving}", title_of(view))
        };
        let lines: Vec<_> = wasteful.map(line).collect();
        if lines.is_empty() { vec!["nothing".to_owned()] } else { lines }
    }

    fn upstreams(&self) -> Vec<String> {
        let line = |view: &UpstreamView| {
            let total = &view.windows.total;
            let (p50, p99) = (millis(total.p50_ms), millis(total.p99_ms));
            let (addr, health) = (view.upstream, view.health.label());
            let (answered, failed) = (count(total.answered), count(total.failed));
            format!("{addr} {health}: {answered} answered, {failed} failed, p50 {p50}, p99 {p99}")
        };
        self.upstreams
            .upstreams
            .iter()
            .map(line)
            .take(FEW)
            .collect()
    }

    fn names(&self) -> Vec<String> {
        let names = self.summary.top_names.iter().take(FEW);
        let names: Vec<_> = names.map(|name| name.key.as_str()).collect();
        if names.is_empty() { Vec::new() } else { vec![format!("most: {}", names.join(", "))] }
    }
}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn title_of(view: &WorkloadView) -> String {
    match view.namespace.as_str() {
        _ if view.kind == ADDRESS => view.name.clone(),
        "" => format!("{} {}", view.kind, view.name),
        namespace => format!("{namespace}/{}", view.name),
    }
}

/// Cuts a line to the width of a terminal; a cut one ends in `~`.
fn cut(line: &str) -> String {
    match line.char_indices().nth(WIDTH) {
        None => line.to_owned(),
        Some(_) => line.chars().take(WIDTH - 1).chain(['~']).collect(),
    }
}

/// Rows of each list.
const FEW: usize = 3;

/// Loops that are shown; there are seldom two.
const LOOPS: usize = 2;

/// Columns of the smallest terminal that is usual.
const WIDTH: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_to_a_screen() {
        let long = "x".repeat(90);
        assert_eq!((cut(&long).len(), cut("short")), (WIDTH, "short".to_owned()));
        assert!(cut(&long).ends_with('~'));
    }

    /// Two lines of head, the figures, a verdict, three of each list and two loops.
    #[test]
    fn it_fits_on_a_screen() {
        let figures = FIGURES.iter().filter(|row| row.is_key).count();
        assert!(figures + 3 * FEW + LOOPS + 4 < 25);
    }
}
