//! Which workloads waste queries, and what would change that.

use maud::{Markup, html};

use super::chart::bar;
use super::frame::{self, View, copyable, head, number, scrolled};
use super::snapshot::ROWS;
use super::who;
use crate::api::{ClientDetail, ReadyPatch, ResolverView, WorkloadDetail};
use crate::words::{self, count, percent};
use observe::{Advice, Change, Figures, Forecast};

/// The workloads that waste queries in the window, the worst first.
pub(super) fn wasteful<'a>(seen: &View<'a>) -> Vec<&'a WorkloadDetail> {
    who::heaviest(seen, |figures| figures.wasted_queries)
}

/// The section.
pub(super) fn section(seen: &View<'_>) -> Markup {
    let wasteful: Vec<_> = wasteful(seen).into_iter().take(ROWS).collect();
    let body = html! {
        @if wasteful.is_empty() {
            p.none { "No wasted queries: every lookup succeeded on its first name." }
        } @else {
            (scrolled("Workloads that waste queries", &table(seen, &wasteful)))
            p.note {
                "Wasted: queries answered NXDOMAIN or without records, after which the lookup tried \
                another name. Savings are computed from the lookups that were seen."
            }
            @for detail in wasteful.iter().take(WHAT_IFS) { (what_if(detail)) }
        }
    };
    frame::section("waste", "Wasted queries, and what would avoid them", &body)
}

fn table(seen: &View<'_>, wasteful: &[&WorkloadDetail]) -> Markup {
    let columns = [
        ("workload", ""),
        ("wasted/s", "n"),
        ("share wasted", "n"),
        ("names per lookup", "n far"),
        ("wasted time per lookup", "n far"),
        ("recommended", ""),
        ("saves", "n"),
    ];
    html! {
        table #waste-table {
            (head(&columns))
            tbody { @for detail in wasteful { (row(seen, detail)) } }
        }
    }
}

fn row(seen: &View<'_>, detail: &WorkloadDetail) -> Markup {
    let figures = seen.of_window(&detail.view.figures);
    let proposal = Proposal::of(detail);
    let forecast = proposal.forecast();
    html! {
        tr {
            th scope="row" { (who::link(&detail.view, seen.links)) }
            (number(figures.wasted_queries, &seen.rate(figures.wasted_queries)))
            td.n data-v=(figures.wasted_ratio) {
                (percent(figures.wasted_ratio)) (bar(figures.wasted_ratio, "waste"))
            }
            td.n.far data-v=(figures.amplification) { (format!("{:.1}", figures.amplification)) }
            td.n.far data-v=(figures.wasted_ms_per_lookup) {
                (format!("{:.1} ms", figures.wasted_ms_per_lookup))
            }
            td { (words::action(proposal.advice)) }
            td.n data-v=(forecast.map_or(0, |one| one.saved_permille)) {
                (forecast.map_or_else(String::new, words::saved_share))
            }
        }
    }
}

fn what_if(detail: &WorkloadDetail) -> Markup {
    let proposal = Proposal::of(detail);
    let id = who::id(&detail.view);
    html! {
        @if let Some(alternatives) = proposal.alternatives() {
            details id={ "what-if-" (id) } {
                summary { "Alternatives for " (detail.view.name) }
                (alternatives)
                @if let Some(patch) = proposal.patch() {
                    (copyable(&format!("patch-{id}"), &patch))
                }
                @if let Some(warnings) = proposal.warnings() { p.note { (warnings) } }
            }
        }
    }
}

/// The change that is recommended, and how to make it.
pub(super) struct Proposal<'a> {
    pub(super) advice: Option<&'a Advice>,
    ready: Option<&'a ReadyPatch>,
    library: Option<&'a str>,
    minute: &'a Figures,
}

impl<'a> Proposal<'a> {
    pub(super) fn of(detail: &'a WorkloadDetail) -> Self {
        let view = &detail.view;
        let minute = &view.figures.minute;
        Self::new(view.advice.as_ref(), view.patch.as_ref(), detail.resolver.as_ref(), minute)
    }

    pub(super) fn of_client(detail: &'a ClientDetail) -> Self {
        let minute = &detail.view.figures.minute;
        Self::new(detail.advice.as_ref(), detail.patch.as_ref(), detail.resolver.as_ref(), minute)
    }

    fn new(
        advice: Option<&'a Advice>,
        ready: Option<&'a ReadyPatch>,
        resolver: Option<&'a ResolverView>,
        minute: &'a Figures,
    ) -> Self {
        let library = resolver.map(|resolver| resolver.library.as_str());
        Self { advice, ready, library, minute }
    }

    /// Whether there are commands for its workload.
    pub(super) const fn is_ready(&self) -> bool {
        self.ready.is_some()
    }

    /// What the recommended change does.
    pub(super) fn forecast(&self) -> Option<&'a Forecast> {
        let advice = self.advice?;
        words::forecast(advice, words::recommended(advice)?, self.library)
    }

    /// How much that saves, in words.
    pub(super) fn saving(&self) -> Option<String> {
        words::saving(self.advice?, self.library, self.minute)
    }

    /// What to paste: the commands for its workload, or where that is unknown
    /// the part of the pod's specification.
    pub(super) fn patch(&self) -> Option<String> {
        match self.ready {
            Some(ready) => Some(ready.text.clone()),
            None => words::pod_spec(self.advice?),
        }
    }

    /// What else is wrong with the names: those that do not exist, where that is not all
    /// there is to do, and those that a wildcard answers.
    pub(super) fn remarks(&self) -> Markup {
        let Some(advice) = self.advice else { return Markup::default() };
        let is_more = words::recommended(advice).is_some();
        html! {
            @if let Some(missing) = words::missing(advice).filter(|_| is_more) {
                p { "It also " (missing) "." }
            }
            @if let Some(captured) = words::captured(advice) {
                p.failed { (captured) ": a wildcard under its search list." }
            }
        }
    }

    /// What to check first.
    pub(super) fn warnings(&self) -> Option<String> {
        let warnings = self.advice?.warnings.iter();
        let all: Vec<_> = warnings.map(|warning| words::warning(*warning)).collect();
        (!all.is_empty()).then(|| all.join(" "))
    }

    /// What each change would do, as a table.
    pub(super) fn alternatives(&self) -> Option<Markup> {
        let advice = self.advice?;
        let columns = [
            ("change", ""),
            ("saves", "n"),
            ("queries left", "n"),
            ("breaks", "n"),
            ("slows down", "n far"),
        ];
        let table = html! {
            table {
                (head(&columns))
                tbody { @for one in &advice.alternatives { (self.alternative(advice, one.change)) } }
            }
        };
        Some(scrolled("Alternatives", &table))
    }

    fn alternative(&self, advice: &Advice, change: Change) -> Markup {
        let is_advised = words::recommended(advice) == Some(change);
        let Some(forecast) = words::forecast(advice, change, self.library) else {
            return Markup::default();
        };
        let Forecast { slower, .. } = forecast;
        let Some(breaks) = words::breaks(advice, change) else { return Markup::default() };
        html! {
            tr.advised[is_advised] {
                th scope="row" { (words::change(change)) @if is_advised { " (recommended)" } }
                td.n data-v=(forecast.saved_permille) { (words::saved_share(forecast)) }
                (number(forecast.queries, &count(forecast.queries)))
                td.n data-v=(breaks.names.len() + breaks.more) { (words::at_risk(breaks)) }
                td.n.far data-v=(words::affected_count(slower)) { (words::affected(slower)) }
            }
        }
    }
}

/// Workloads whose alternatives are on the page of the node; the others' are on
/// their own pages.
const WHAT_IFS: usize = 5;
