//! The rows of the list, in as many columns as there is room for.

use ratatui::text::{Line, Span};

use super::look::Look;
use super::row::Row;
use super::screen::{MUCH, per_second};
use super::state::State;
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
    let longest = rows.iter().map(|row| row.id.chars().count()).max();
    let columns = columns(width, longest.unwrap_or_default());
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
/// needed to say who wastes, who fails and why, and what to do. What is free
/// goes to the names, the `longest` of which may need it.
fn columns(width: usize, longest: usize) -> Vec<Column> {
    let mut columns: Vec<_> = if width >= WIDE { WIDE_COLUMNS } else { NARROW_COLUMNS }
        .iter()
        .map(|(what, width)| Column { what: *what, width: *width })
        .collect();
    // One for the sign of the cursor.
    let used = 1 + columns.iter().map(|column| column.width + 1).sum::<usize>() - 1;
    let mut free = width.saturating_sub(used);
    if let Some(first) = columns.first_mut() {
        let more = free.min(longest.saturating_sub(first.width));
        first.width += more;
        free -= more;
    }
    if let Some(last) = columns.last_mut() {
        last.width += free;
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
            let wastes = row.figures.total.wasted_queries > 0;
            match detail {
                None => String::new(),
                // Whose search list is not known may have none to go through.
                Some(detail) if detail.advice.is_none() && !wastes => "-".to_owned(),
                Some(detail) => words::in_short(detail),
            }
        }
    }
}

/// Cuts or fills a cell to its column. What is cut ends in a sign.
fn set(text: &str, column: &Column) -> String {
    let width = column.width;
    if column.what == What::Client {
        return format!("{:width$}", shortened(text, width));
    }
    if text.chars().count() > width {
        let kept: String = text.chars().take(width.saturating_sub(1)).collect();
        return kept + "~";
    }
    match column.what {
        What::Client | What::Why | What::Advice => format!("{text:width$}"),
        _ => format!("{text:>width$}"),
    }
}

/// Cuts who it is: of `namespace/name` the namespace first, of an address what
/// it has in common with others.
fn shortened(who: &str, width: usize) -> String {
    let len = |text: &str| text.chars().count();
    if len(who) <= width {
        return who.to_owned();
    }
    let first = |text: &str, count: usize| text.chars().take(count).collect::<String>();
    if let Some((namespace, name)) = who.split_once('/') {
        let room = width.saturating_sub(len(name) + 2);
        let namespace = first(namespace, room.max(NAMESPACE).min(len(namespace)));
        let short = format!("{namespace}~/{name}");
        return if len(&short) <= width { short } else { first(&short, width - 1) + "~" };
    }
    if who.contains(':') {
        let rest = len(who) + 1 - width;
        return format!("~{}", who.chars().skip(rest).collect::<String>());
    }
    first(who, width.saturating_sub(1)) + "~"
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
            Self::Wait => "WAIT MS",
            Self::Upstream => "UPSTREAM",
            Self::Again => "RESENT",
            Self::Failed => "FAILED",
            Self::Why => "WHY",
            Self::Advice => "CHANGE: SAVES",
        }
    }
}

/// Columns from which there is room for all.
const WIDE: usize = 120;

/// Of a namespace, so many characters are left at least.
const NAMESPACE: usize = 3;

/// Their widths, the first and the last one at least; together 80.
const NARROW_COLUMNS: &[(What, usize)] = &[
    (What::Client, 21),
    (What::Rate, 6),
    (What::Wasted, 6),
    (What::Share, 4),
    (What::Failed, 6),
    (What::Why, 16),
    (What::Advice, 14),
];

/// Together 120.
const WIDE_COLUMNS: &[(What, usize)] = &[
    (What::Client, 22),
    (What::Rate, 6),
    (What::Lookups, 8),
    (What::Names, 5),
    (What::Wasted, 6),
    (What::Share, 4),
    (What::Wait, 7),
    (What::Upstream, 8),
    (What::Again, 6),
    (What::Failed, 6),
    (What::Why, 16),
    (What::Advice, 14),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_it_is_can_be_told_when_it_is_cut() {
        for (who, width, shown) in [
            ("shop/checkout", 13, "shop/checkout"),
            ("kube-system/coredns", 15, "kube-s~/coredns"),
            ("monitoring/node-exporter", 18, "mon~/node-exporter"),
            ("monitoring/node-exporter", 14, "mon~/node-exp~"),
            ("fd00:10:244::1:25", 12, "~0:244::1:25"),
            ("Node node-a.example", 10, "Node node~"),
        ] {
            assert_eq!(shortened(who, width), shown);
            assert!(shown.chars().count() <= width, "{shown}");
        }
    }
}
