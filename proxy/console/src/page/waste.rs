//! Whose lookups cost more queries than they need, and what would change that.

use maud::{Markup, html};
use stub::Family;

use super::chart::bar;
use super::frame::{self, Seen, copyable, head, number, scrolled};
use super::number::{count, percent};
use super::snapshot::ROWS;
use super::who;
use crate::api::{ClientDetail, Ready, ResolverView, WorkloadDetail};
use observe::{Advice, AffectedNames, Alternative, Change, Forecast, Recommendation, Warning};

/// Those that waste anything in the window, the worst first.
pub(super) fn wasteful<'a>(seen: &Seen<'a>) -> Vec<&'a WorkloadDetail> {
    who::heaviest(seen, |figures| figures.wasted_queries)
}

/// The section.
pub(super) fn section(seen: &Seen<'_>) -> Markup {
    let wasteful: Vec<_> = wasteful(seen).into_iter().take(ROWS).collect();
    let body = html! {
        @if wasteful.is_empty() {
            p.none { "No lookup asked for a denied name before the right one." }
        } @else {
            (scrolled("Who wastes", &table(seen, &wasteful)))
            p.note {
                "Wasted: queries of a lookup whose name was denied and followed by another. What a \
                change saves is reckoned from the lookups seen."
            }
            @for detail in wasteful.iter().take(WHAT_IFS) { (what_if(detail)) }
        }
    };
    frame::section("waste", "Who wastes, and what would change it", &body)
}

fn table(seen: &Seen<'_>, wasteful: &[&WorkloadDetail]) -> Markup {
    let columns = [
        ("who", ""),
        ("wasted/s", "n"),
        ("share wasted", "n"),
        ("names per lookup", "n far"),
        ("wait per lookup", "n far"),
        ("change", ""),
        ("saves", "n"),
    ];
    html! {
        table #waste-table {
            (head(&columns))
            tbody { @for detail in wasteful { (row(seen, detail)) } }
        }
    }
}

fn row(seen: &Seen<'_>, detail: &WorkloadDetail) -> Markup {
    let figures = seen.of_window(&detail.view.figures);
    let proposal = Proposal::of(detail);
    let saved = proposal
        .forecast()
        .map_or(0, |forecast| forecast.saved_permille);
    html! {
        tr {
            th scope="row" { (who::link(&detail.view, seen.way)) }
            (number(figures.wasted_queries, &seen.rate(figures.wasted_queries)))
            td.n data-v=(figures.wasted_ratio) {
                (percent(figures.wasted_ratio)) (bar(figures.wasted_ratio, "waste"))
            }
            td.n.far data-v=(figures.amplification) { (format!("{:.1}", figures.amplification)) }
            td.n.far data-v=(figures.wasted_ms_per_lookup) {
                (format!("{:.1} ms", figures.wasted_ms_per_lookup))
            }
            td { (proposal.text()) }
            td.n data-v=(saved) { (permille(saved)) }
        }
    }
}

fn what_if(detail: &WorkloadDetail) -> Markup {
    let proposal = Proposal::of(detail);
    let id = who::id(&detail.view);
    html! {
        @if let Some(advice) = &detail.view.advice {
            details id={ "what-if-" (id) } {
                summary { "What if: " (detail.view.name) }
                (alternatives(advice, proposal.family))
                @if let Some(patch) = proposal.patch() {
                    (copyable(&format!("patch-{id}"), &patch))
                }
                @if let Some(doubts) = proposal.doubts() { p.note { (doubts) } }
            }
        }
    }
}

/// What each change would save, as a table.
pub(super) fn alternatives(advice: &Advice, family: Family) -> Markup {
    let columns =
        [("change", ""), ("saves", "n"), ("queries", "n"), ("breaks", "n"), ("slower", "n far")];
    let table = html! {
        table {
            (head(&columns))
            tbody {
                @for alternative in &advice.alternatives { (alternative_row(advice, alternative, family)) }
            }
        }
    };
    scrolled("What if", &table)
}

fn alternative_row(advice: &Advice, alternative: &Alternative, family: Family) -> Markup {
    let forecast = alternative.of_family(family);
    let is_advised = matches!(
        (alternative.change, advice.recommendation),
        (Change::Ndots(a), Recommendation::Ndots(b)) if a == b
    ) || matches!(
        (alternative.change, advice.recommendation),
        (Change::TrailingDots, Recommendation::TrailingDots)
    );
    html! {
        tr.advised[is_advised] {
            th scope="row" { (change_text(alternative.change)) @if is_advised { " (advised)" } }
            td.n data-v=(forecast.saved_permille) { (permille(forecast.saved_permille)) }
            (number(forecast.queries, &count(forecast.queries)))
            td.n data-v=(affected(&forecast.breaks)) { (names(&forecast.breaks)) }
            td.n.far data-v=(affected(&forecast.slower)) { (names(&forecast.slower)) }
        }
    }
}

/// What somebody could change.
pub(super) struct Proposal<'a> {
    pub(super) advice: Option<&'a Advice>,
    ready: Option<&'a Ready>,
    pub(super) family: Family,
}

impl<'a> Proposal<'a> {
    pub(super) fn of(detail: &'a WorkloadDetail) -> Self {
        Self::new(detail.view.advice.as_ref(), detail.view.patch.as_ref(), detail.resolver.as_ref())
    }

    pub(super) fn of_client(detail: &'a ClientDetail) -> Self {
        Self::new(detail.advice.as_ref(), detail.patch.as_ref(), detail.resolver.as_ref())
    }

    fn new(
        advice: Option<&'a Advice>,
        ready: Option<&'a Ready>,
        resolver: Option<&ResolverView>,
    ) -> Self {
        let family = match resolver.map(|resolver| resolver.library.as_str()) {
            Some("musl") => Family::Musl,
            Some("go") => Family::Go,
            // As the advice has it where nothing is known.
            _ => Family::Glibc,
        };
        Self { advice, ready, family }
    }

    /// Whether there are commands for its workload.
    pub(super) const fn is_ready(&self) -> bool {
        self.ready.is_some()
    }

    /// The change in a few words.
    pub(super) fn text(&self) -> String {
        let Some(advice) = self.advice else {
            return "not known yet: its search list is not".to_owned();
        };
        match advice.recommendation {
            Recommendation::Ndots(ndots) => format!("ndots {} to {ndots}", advice.current_ndots),
            Recommendation::TrailingDots => "a dot at the end of names".to_owned(),
            Recommendation::NothingToSave => "nothing".to_owned(),
        }
    }

    /// What the change would do.
    pub(super) fn forecast(&self) -> Option<&'a Forecast> {
        let advice = self.advice?;
        let change = match advice.recommendation {
            Recommendation::Ndots(ndots) => Change::Ndots(ndots),
            Recommendation::TrailingDots => Change::TrailingDots,
            Recommendation::NothingToSave => return None,
        };
        let all = advice.alternatives.iter();
        let advised = all.filter(|alternative| alternative.change == change);
        advised
            .map(|alternative| alternative.of_family(self.family))
            .next()
    }

    /// How much that is, in words.
    pub(super) fn saving(&self) -> Option<String> {
        let advice = self.advice?;
        let forecast = self.forecast()?;
        let queries = u64::try_from(forecast.queries_saved).ok()?;
        let per_second = super::number::rate(queries, advice.observed_seconds.max(1));
        let share = permille(forecast.saved_permille);
        let wait = u64::try_from(forecast.wait_saved_micros).ok();
        let per_lookup = wait.and_then(|micros| micros.checked_div(advice.lookups));
        let wait = match per_lookup {
            Some(micros @ 100..) => {
                format!(", and {}.{} ms of each lookup", micros / 1000, micros % 1000 / 100)
            }
            _ => String::new(),
        };
        Some(format!("{share} of its queries, {per_second} a second{wait}"))
    }

    /// What to paste: the commands for its workload, or what belongs into the
    /// Pod's specification where that is not known.
    pub(super) fn patch(&self) -> Option<String> {
        if let Some(ready) = self.ready {
            return Some(ready.text.clone());
        }
        match self.advice?.recommendation {
            Recommendation::Ndots(ndots) => Some(format!(
                "# beside containers:\ndnsConfig:\n  options:\n  - name: ndots\n    value: \"{ndots}\""
            )),
            Recommendation::TrailingDots => {
                let names = &self.advice?.trailing_dots.names;
                let lines = names.iter().map(|affected| format!("{}.", affected.name));
                Some(lines.collect::<Vec<_>>().join("\n"))
            }
            Recommendation::NothingToSave => None,
        }
    }

    /// What to know before.
    pub(super) fn doubts(&self) -> Option<String> {
        let warnings = &self.advice?.warnings;
        let all: Vec<_> = warnings.iter().map(|warning| warn(*warning)).collect();
        (!all.is_empty()).then(|| all.join(" "))
    }
}

const fn warn(warning: Warning) -> &'static str {
    match warning {
        Warning::NameCollision => {
            "With ndots 1 a name of one dot is asked on the Internet first, where it may exist."
        }
        Warning::HostHeader => {
            "Some programs send the dot in Host and SNI, or compare it with a certificate."
        }
        Warning::AssumedNdots => "Its ndots now is a guess from the traffic.",
        Warning::FewLookups => "Fewer than 100 lookups were seen: names may be missing.",
        Warning::NamesDropped => {
            "It looks up more names than are held; the rest count as unchanged."
        }
    }
}

fn change_text(change: Change) -> String {
    match change {
        Change::Ndots(ndots) => format!("ndots {ndots}"),
        Change::TrailingDots => "a dot at the end".to_owned(),
    }
}

fn permille(saved: i64) -> String {
    format!("{}.{} %", saved / 10, (saved % 10).abs())
}

fn affected(names: &AffectedNames) -> usize {
    names.names.len() + names.more
}

fn names(names: &AffectedNames) -> String {
    match (names.names.first(), affected(names)) {
        (None, _) => "none".to_owned(),
        (Some(first), 1) => first.name.clone(),
        (Some(first), all) => format!("{} and {} more", first.name, all - 1),
    }
}

/// Clients whose alternatives are on the page of the node; the others' are on
/// their own pages.
const WHAT_IFS: usize = 5;
