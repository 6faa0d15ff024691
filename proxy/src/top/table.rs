//! The rows of the list, in as many columns as there is room for.

use ratatui::text::{Line, Span};

use super::look::Look;
use super::screen::{MUCH, per_second};
use super::state::{Row, State};
use super::words;
use crate::api::Order;

/// Whether the row under the cursor is marked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cursor {
    /// With a sign and reversed.
    Shown,
    /// Nobody is there to move it.
    Hidden,
}

/// A heading, and the row that makes the cursor visible, in at most `room`
/// lines below it.
pub(super) fn lines(
    state: &State,
    look: Look,
    width: usize,
    room: usize,
    cursor: Cursor,
) -> Vec<Line<'static>> {
    let rows = state.rows();
    if rows.is_empty() {
        let text = match state.filter.is_empty() {
            true => "no client has asked yet",
            false => "nobody fits the filter",
        };
        return vec![Line::default(), Line::from(format!("  {text}"))];
    }
    let columns = columns(width);
    let place = state.place(&rows);
    let first = (place + 1).saturating_sub(room);
    let mut lines = vec![heading(&columns, state.order, look)];
    for (n, row) in rows.iter().enumerate().skip(first).take(room) {
        let is_picked = n == place && cursor == Cursor::Shown;
        lines.push(line(&columns, state, row, look, is_picked));
    }
    lines
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum What {
    Client,
    Rate,
    Lookups,
    Names,
    Wasted,
    Share,
    Wait,
    Upstream,
    Again,
    Failed,
    Why,
    Advice,
}

struct Column {
    what: What,
    width: usize,
}

/// The columns of a screen, with a space between two: all of a narrow one are
/// needed to say who wastes, who fails and why, and what to do.
fn columns(width: usize) -> Vec<Column> {
    let mut columns: Vec<_> = if width >= WIDE { WIDE_COLUMNS } else { NARROW_COLUMNS }
        .iter()
        .map(|(what, width)| Column { what: *what, width: *width })
        .collect();
    // One for the sign of the cursor.
    let used = 1 + columns.iter().map(|column| column.width + 1).sum::<usize>() - 1;
    if let Some(last) = columns.last_mut() {
        last.width += width.saturating_sub(used);
    }
    columns
}

fn heading(columns: &[Column], order: Order, look: Look) -> Line<'static> {
    let sorted = match order {
        Order::Queries => What::Rate,
        Order::Failed => What::Failed,
        Order::Wasted => What::Wasted,
    };
    let mut spans = vec![Span::raw(" ")];
    for column in columns {
        let style = if column.what == sorted { look.sorted() } else { look.heading() };
        let text = set(column.what.head(), column);
        // Only the word is underlined.
        let (before, word) = text.split_at(text.len() - text.trim_start().len());
        let (word, after) = word.split_at(word.trim_end().len());
        spans.push(Span::raw(before.to_owned()));
        spans.push(Span::styled(word.to_owned(), style));
        spans.push(Span::raw(format!("{after} ")));
    }
    Line::from(spans)
}

fn line(
    columns: &[Column],
    state: &State,
    row: &Row,
    look: Look,
    is_picked: bool,
) -> Line<'static> {
    let mut spans = vec![Span::raw(if is_picked { ">" } else { " " })];
    let figures = row.figures.get(state.shown_window());
    for column in columns {
        let text = set(&cell(column.what, state, row), column);
        let style = match column.what {
            What::Failed | What::Why if figures.failed > 0 => look.alarm(),
            What::Wasted | What::Share if figures.wasted_ratio >= MUCH => look.waste(),
            What::Advice => look.help(),
            _ => Default::default(),
        };
        spans.push(Span::styled(text, style));
        spans.push(Span::raw(" "));
    }
    spans.pop();
    let line = Line::from(spans);
    if is_picked { line.patch_style(look.picked()) } else { line }
}

fn cell(what: What, state: &State, row: &Row) -> String {
    let figures = row.figures.get(state.shown_window());
    match what {
        What::Client => row.id.clone(),
        What::Rate => words::rate(per_second(state, figures.queries)),
        What::Lookups => words::rate(per_second(state, figures.lookups)),
        What::Names => format!("{:.1}", figures.amplification),
        What::Wasted => words::count(figures.wasted_queries),
        What::Share => words::percent(figures.wasted_ratio).replace(' ', ""),
        What::Wait => format!("{:.1}", figures.wasted_ms_per_lookup),
        What::Upstream => words::percent(figures.upstream_ratio).replace(' ', ""),
        What::Again => words::count(figures.retransmits),
        What::Failed => words::count(figures.failed),
        What::Why => row.why().map_or("-", |(origin, _)| origin).to_owned(),
        What::Advice => {
            let details = state.glance.as_ref().map(|glance| &glance.details);
            let detail = details.and_then(|details| details.get(&row.id));
            detail.map_or_else(String::new, |detail| words::in_short(detail))
        }
    }
}

/// Cuts or fills a cell to its column. What is cut ends in a sign.
fn set(text: &str, column: &Column) -> String {
    let width = column.width;
    if text.chars().count() > width {
        let kept: String = text.chars().take(width.saturating_sub(1)).collect();
        return kept + "~";
    }
    match column.what {
        What::Client | What::Why | What::Advice => format!("{text:width$}"),
        _ => format!("{text:>width$}"),
    }
}

impl What {
    const fn head(self) -> &'static str {
        match self {
            Self::Client => "WHO",
            Self::Rate => "Q/S",
            Self::Lookups => "LOOKUP/S",
            Self::Names => "NAMES",
            Self::Wasted => "WASTED",
            Self::Share => "%",
            Self::Wait => "MS",
            Self::Upstream => "UPSTR",
            Self::Again => "AGAIN",
            Self::Failed => "FAILED",
            Self::Why => "WHY",
            Self::Advice => "ADVICE",
        }
    }
}

/// Columns from which there is room for all.
const WIDE: usize = 120;

/// Their widths, the last one at least; together 80.
const NARROW_COLUMNS: &[(What, usize)] = &[
    (What::Client, 15),
    (What::Rate, 6),
    (What::Names, 5),
    (What::Wasted, 6),
    (What::Share, 4),
    (What::Failed, 6),
    (What::Why, 16),
    (What::Advice, 14),
];

/// Together 120.
const WIDE_COLUMNS: &[(What, usize)] = &[
    (What::Client, 25),
    (What::Rate, 6),
    (What::Lookups, 8),
    (What::Names, 5),
    (What::Wasted, 6),
    (What::Share, 4),
    (What::Wait, 6),
    (What::Upstream, 6),
    (What::Again, 6),
    (What::Failed, 6),
    (What::Why, 16),
    (What::Advice, 14),
];
