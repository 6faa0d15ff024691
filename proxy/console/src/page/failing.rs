//! Failures: when, of which origin, and for which clients.

use maud::{Markup, html};

use super::chart::swatch;
use super::columns::{Series, StackedColumns};
use super::frame::{self, View, head, number, scrolled};
use super::links::Links;
use super::snapshot::ROWS;
use super::who;
use crate::api::{FailingNameView, OriginView, WorkloadDetail, WorkloadView};
use crate::failing::{failing_name, what_fails};
use crate::words::{count, label, meaning, percent, ratio, span};
use observe::Window;

/// The failures of the last ten minutes, by origin, and what each means.
pub(super) fn over_time(seen: &View<'_>) -> Markup {
    let origins = happened(seen);
    let series = origins.iter().enumerate().map(|(n, (_, origin))| Series {
        label: label(&origin.origin),
        pattern: n,
        history: &origin.history,
    });
    let columns = StackedColumns::of(ID, "failures", series.collect());
    let body = html! {
        @if columns.is_empty() {
            p.none { "No failures in the last 10 minutes." }
        } @else { (columns.chart()) }
        @if !origins.is_empty() { (scrolled("Failures by origin", &by_origin(seen, &origins))) }
        @if !columns.is_empty() { (columns.table("Failures in each 10 seconds with any")) }
    };
    frame::section(ID, "Failures over time, by origin", &body)
}

/// The clients with failures.
pub(super) fn section(seen: &View<'_>) -> Markup {
    let unlucky: Vec<_> = unlucky(seen).into_iter().take(ROWS).collect();
    let columns =
        [("workload", ""), ("failed", "n"), ("share of queries", "n"), ("most common origin", "")];
    let table = html! {
        table #failing-table {
            (head(&columns))
            tbody { @for detail in &unlucky { (row(seen, &detail.view)) } }
        }
    };
    let body = html! {
        @if unlucky.is_empty() {
            p.none { "No failed queries." }
        } @else { (scrolled("Workloads with failures", &table)) }
    };
    frame::section("failing", "Workloads with failures", &body)
}

/// Those with failures in the window, most first.
pub(super) fn unlucky<'a>(seen: &View<'a>) -> Vec<&'a WorkloadDetail> {
    who::heaviest(seen, |figures| figures.failed)
}

/// What fails for a workload now, or else the most common origin of its failures
/// since the start, and what it means.
pub(super) fn mostly(view: &WorkloadView) -> Option<(String, &'static str)> {
    let origin = match &view.failing_now {
        Some(now) => &now.origin,
        None => view.failures.iter().max_by_key(|(_, count)| **count)?.0,
    };
    Some((label(origin), meaning(origin)))
}

/// Those of the names that failed in a window.
pub(super) fn failing_in(
    names: &[FailingNameView],
    window: Window,
) -> impl Iterator<Item = &FailingNameView> {
    names
        .iter()
        .filter(move |name| *name.failed.get(window) > 0)
}

/// Since when something fails; the script writes the time of day.
pub(super) fn since(seconds: u64) -> Markup {
    html! { span data-ago=(seconds) { "for " (span(seconds)) } }
}

/// The names that fail, each for each workload.
pub(super) fn names(seen: &View<'_>) -> Markup {
    let names: Vec<_> = failing_in(&seen.all.failures.names, seen.window)
        .take(ROWS)
        .collect();
    let body = html! {
        @if names.is_empty() {
            p.none { "No name failed." }
        } @else {
            (name_table(&names, seen.window, Some(seen.links)))
        }
    };
    frame::section("failing-names", "Names that fail", &body)
}

/// A table of names that fail; with `links` also for whom.
pub(super) fn name_table(
    names: &[&FailingNameView],
    window: Window,
    links: Option<Links>,
) -> Markup {
    let columns =
        [("name", ""), ("for", ""), ("failed", "n"), ("what fails", ""), ("since", "n far")];
    let shown = |(title, _): &&(&str, &str)| links.is_some() || *title != "for";
    let columns: Vec<_> = columns.iter().filter(shown).copied().collect();
    let row = |name: &FailingNameView| {
        let failed = *name.failed.get(window);
        html! {
            tr {
                th scope="row" { (failing_name(name)) }
                @if let Some(links) = links { td { (who::owner(&name.workload, links)) } }
                (number(failed, &count(failed)))
                td { (what_fails(name)) }
                td.n.far data-v=(name.since_s) { (since(name.since_s)) }
            }
        }
    };
    let table = html! {
        table #failing-name-table {
            (head(&columns))
            tbody { @for name in names { (row(name)) } }
        }
    };
    scrolled("Names that fail", &table)
}

fn row(seen: &View<'_>, view: &WorkloadView) -> Markup {
    let figures = seen.of_window(&view.figures);
    let share = ratio(figures.failed, figures.queries);
    html! {
        tr {
            th scope="row" { (who::link(view, seen.links)) }
            (number(figures.failed, &count(figures.failed)))
            td.n data-v=(share) { (percent(share)) (super::chart::bar(share, "fail")) }
            td {
                @if let Some((origin, meaning)) = mostly(view) { b { (origin) } ": " (meaning) }
            }
        }
    }
}

/// The origins with failures, with their index: which is their pattern.
fn happened<'a>(seen: &View<'a>) -> Vec<(usize, &'a OriginView)> {
    let all = seen.all.failures.origins.iter().enumerate();
    all.filter(|(_, origin)| origin.responses.total > 0)
        .collect()
}

fn by_origin(seen: &View<'_>, origins: &[(usize, &OriginView)]) -> Markup {
    let columns = [("origin", ""), ("failed", "n"), ("since start", "n"), ("meaning", "")];
    html! {
        table #origin-table {
            (head(&columns))
            tbody {
                @for (n, (_, origin)) in origins.iter().enumerate() {
                    @let now = *seen.of_window(&origin.responses);
                    tr {
                        th scope="row" { (swatch(ID, n)) " " (label(&origin.origin)) }
                        (number(now, &count(now)))
                        (number(origin.responses.total, &count(origin.responses.total)))
                        td { (origin.meaning) }
                    }
                }
            }
        }
    }
}

const ID: &str = "over-time";
