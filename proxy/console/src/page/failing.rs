//! Failures: when, of which origin, and for which clients.

use maud::{Markup, html};

use super::chart::{fill, patterns, swatch};
use super::frame::{self, View, head, number, scrolled};
use super::links::Links;
use super::snapshot::ROWS;
use super::who;
use crate::api::{FailingNameView, OriginView, WorkloadDetail, WorkloadView};
use crate::failing::{failing_name, what_fails};
use crate::words::{count, label, meaning, percent, ratio, span};
use observe::{TENS, Window};

/// The failures of the last ten minutes, by origin, and what each means.
pub(super) fn over_time(seen: &View<'_>) -> Markup {
    let origins = happened(seen);
    let columns = StackedColumns::of(&origins);
    let body = html! {
        @if columns.most == 0 {
            p.none { "No failures in the last 10 minutes." }
        } @else { (columns.chart()) }
        @if !origins.is_empty() { (scrolled("Failures by origin", &by_origin(seen, &origins))) }
        @if columns.most > 0 { (columns.table()) }
    };
    frame::section("over-time", "Failures over time, by origin", &body)
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
                        th scope="row" { (swatch("o", n)) " " (label(&origin.origin)) }
                        (number(now, &count(now)))
                        (number(origin.responses.total, &count(origin.responses.total)))
                        td { (origin.meaning) }
                    }
                }
            }
        }
    }
}

/// Stacked columns, one for each ten seconds, the latest at the right.
struct StackedColumns<'a> {
    origins: Vec<&'a OriginView>,
    /// Columns that there are.
    len: usize,
    /// Failures in the highest column.
    most: u64,
}

impl<'a> StackedColumns<'a> {
    fn of(origins: &[(usize, &'a OriginView)]) -> Self {
        let origins: Vec<_> = origins.iter().map(|(_, origin)| *origin).collect();
        let len = origins.first().map_or(0, |origin| origin.history.len());
        let mut columns = Self { origins, len, most: 0 };
        columns.most = (0..len).map(|at| columns.total(at)).max().unwrap_or(0);
        columns
    }

    fn counts(&self, at: usize) -> impl Iterator<Item = u64> {
        let count = move |origin: &&OriginView| origin.history.get(at).copied().unwrap_or_default();
        self.origins.iter().map(count).map(u64::from)
    }

    fn total(&self, at: usize) -> u64 {
        self.counts(at).sum()
    }

    fn chart(&self) -> Markup {
        let all: u64 = (0..self.len).map(|at| self.total(at)).sum();
        let caption =
            format!("{all} failures in the last 10 minutes, at most {} in 10 seconds", self.most);
        html! {
            div.plot {
                p.most { (count(self.most)) " in 10 s" }
                svg viewBox="0 0 600 100" preserveAspectRatio="none" role="img" aria-label=(caption) {
                    (patterns("o"))
                    path.axis d="M0 99.5H600M0 .5H600" {}
                    @for at in 0..self.len { (self.column(at)) }
                }
                p.ends { span { "10 min ago" } span { "now" } }
            }
        }
    }

    fn column(&self, at: usize) -> Markup {
        let x = (at + TENS - self.len.min(TENS)) * 10;
        let mut top = 100.0;
        let parts = self.counts(at).enumerate().map(|(series, count)| {
            let height = ratio(count, self.most) * 98.0;
            top -= height;
            (series, top, height)
        });
        html! {
            @for (series, top, height) in parts.collect::<Vec<_>>() {
                @if height > 0.0 {
                    rect x=(x) y=(format!("{top:.1}")) width="9" height=(format!("{height:.1}"))
                        fill=(fill("o", series)) {}
                }
            }
        }
    }

    fn table(&self) -> Markup {
        let table = html! {
            table {
                thead { tr {
                    th scope="col" { "ago" }
                    @for origin in &self.origins { th.n scope="col" { (label(&origin.origin)) } }
                } }
                tbody {
                    @for at in (0..self.len).rev().filter(|at| self.total(*at) > 0) {
                        @let ago = u64::try_from((self.len - at) * 10).unwrap_or_default();
                        tr {
                            th scope="row" data-v=(ago) { (span(ago)) }
                            @for n in self.counts(at) { (number(n, &count(n))) }
                        }
                    }
                }
            }
        };
        html! {
            details #over-time-data {
                summary { "Show as a table" }
                (scrolled("Failures in each 10 seconds with any", &table))
            }
        }
    }
}
