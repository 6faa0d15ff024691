//! `fivedots stats`: the summary of a running proxy, once.

use std::fmt;

use serde_json::Value;

use crate::admin_client::{self, AdminClientError};
use crate::api::{Busiest, FailurePage, LoopPage, Summary};
use crate::args::{ProxyArgs, StatsArgs};
use crate::words::{FIGURES, count, label, span};

/// Reads a proxy and returns its summary as text, or with `--json` as JSON.
///
/// # Errors
///
/// When the proxy cannot be read.
pub async fn text(args: &StatsArgs) -> Result<String, AdminClientError> {
    let ProxyArgs { admin, redact } = &args.proxy;
    let redact = redact
        .as_ref()
        .map(|what| format!("?redact={}", admin_client::encoded(what)));
    let redact = redact.unwrap_or_default();
    let path = |name| format!("/api/v1/{name}{redact}");
    if args.json {
        let page: Value = admin_client::get(admin, &path("summary")).await?;
        return Ok(format!("{page:#}"));
    }
    let summary: Summary = admin_client::get(admin, &path("summary")).await?;
    let failures: FailurePage = admin_client::get(admin, &path("failures")).await?;
    let loops: LoopPage = admin_client::get(admin, &path("loops")).await?;
    let text = StatsText { summary: &summary, failures: &failures, loops: &loops };
    Ok(text.to_string())
}

/// The summary as text.
struct StatsText<'a> {
    summary: &'a Summary,
    failures: &'a FailurePage,
    loops: &'a LoopPage,
}

impl fmt::Display for StatsText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { uptime_s, records, missed_records, clients, .. } = self.summary;
        let (up, records) = (span(*uptime_s), count(*records));
        writeln!(f, "up {up}, {clients} clients, {records} queries counted")?;
        if *missed_records > 0 {
            let missed = count(*missed_records);
            writeln!(
                f,
                "{missed} queries not counted: they arrived faster than the observer reads"
            )?;
        }
        self.figures(f)?;
        self.failed(f)?;
        self.loops(f)?;
        busiest(f, "most queried names, recently", &self.summary.top_names)?;
        busiest(f, "clients with the most queries, recently", &self.summary.top_clients)
    }
}

impl StatsText<'_> {
    fn figures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:28}{:>12}{:>12}{:>12}", "", "10 s", "60 s", "total")?;
        let figures = &self.summary.figures;
        for row in &FIGURES {
            let windows = [&figures.ten_seconds, &figures.minute, &figures.total];
            let [ten, minute, total] = windows.map(row.read);
            writeln!(f, "{:28}{ten:>12}{minute:>12}{total:>12}", row.label)?;
        }
        Ok(())
    }

    fn failed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nfailures by origin")?;
        let all = self.failures.origins.iter();
        let mut failed = all.filter(|origin| origin.responses.total > 0).peekable();
        if failed.peek().is_none() {
            return writeln!(f, "  none");
        }
        for origin in failed {
            let responses = &origin.responses;
            let windows = [responses.ten_seconds, responses.minute, responses.total];
            let [ten, minute, total] = windows.map(count);
            writeln!(f, "  {:26}{ten:>12}{minute:>12}{total:>12}", label(&origin.origin))?;
            writeln!(f, "    {}", origin.meaning)?;
        }
        Ok(())
    }

    fn loops(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.loops.loops.iter();
        let mut active = all.filter(|seen| seen.active).peekable();
        if active.peek().is_some() {
            writeln!(f, "\nforwarding loops")?;
        }
        for seen in active {
            let (times, ago) = (count(seen.count), span(seen.last_seen_s));
            let evidence = label(&seen.evidence);
            writeln!(f, "  names in {}: {}", seen.zone, seen.hops.join(" -> "))?;
            writeln!(f, "    evidence: {evidence}; seen {times} times, last {ago} ago")?;
        }
        Ok(())
    }
}

fn busiest(f: &mut fmt::Formatter<'_>, title: &str, busiest: &[Busiest]) -> fmt::Result {
    writeln!(f, "\n{title}")?;
    if busiest.is_empty() {
        return writeln!(f, "  none");
    }
    for Busiest { key, weight, error } in busiest.iter().take(ROWS_SHOWN) {
        let doubt = if *error > 0 { format!(" (up to {error} fewer)") } else { String::new() };
        writeln!(f, "  {weight:>10}{doubt}  {key}")?;
    }
    Ok(())
}

/// Rows of each list: the whole text fits on a screen of sixty lines.
const ROWS_SHOWN: usize = 8;
