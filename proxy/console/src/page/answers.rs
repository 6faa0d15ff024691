//! The queries of the last ten minutes, by what answered them.

use maud::{Markup, html};

use super::chart::swatch;
use super::columns::{Series, StackedColumns};
use super::frame::{self, View};
use crate::api::AnswerView;
use crate::words::label;

/// The section.
pub(super) fn section(seen: &View<'_>) -> Markup {
    let all = seen.all.summary.answers.iter();
    let happened = |answer: &&AnswerView| answer.history.iter().any(|count| *count > 0);
    let series = all.filter(happened).map(|answer| Series {
        label: label(&answer.answer),
        pattern: pattern(&answer.answer),
        history: &answer.history,
    });
    let series: Vec<_> = series.collect();
    let legend = html! {
        p.note {
            @for one in &series { (swatch(ID, one.pattern)) " " (one.label) "\u{a0} " }
        }
    };
    let columns = StackedColumns::of(ID, "queries", series);
    let body = html! {
        @if columns.is_empty() {
            @if seen.all.summary.answers.iter().all(|answer| answer.history.is_empty()) {
                p.note { "The chart begins with the first full 10 seconds." }
            } @else { p.none { "No queries in the last 10 minutes." } }
        } @else {
            (columns.chart())
            (legend)
            (columns.table("Queries in each 10 seconds with any"))
        }
    };
    frame::section("answers", "Queries over time, by answer", &body)
}

/// Red is what fails, here as in the chart of failures.
fn pattern(answer: &str) -> usize {
    match answer {
        "failed" => 0,
        "upstream" => 1,
        "stale" => 2,
        "cache" => 3,
        _ => 5,
    }
}

const ID: &str = "answers";
