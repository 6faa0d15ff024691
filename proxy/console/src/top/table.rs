//! The rows of the list, in as many columns as there is room for.

use ratatui::text::{Line, Span};

use super::row::Row;
use super::state::State;
use super::style::HIGH_WASTE;
use super::style::Styles;
use crate::api::Order;
use crate::words::{if_known, label, short_action, short_count, short_percent};

/// Whether the row under the cursor is marked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cursor {
    /// With a sign and reversed.
    Shown,
    /// The text has no cursor.
    Hidden,
}

/// A heading, and the row that makes the cursor visible, in at most `room`
/// lines below it.
pub(super) fn lines(
    state: &State,
    styles: Styles,
    width: usize,
    room: usize,
    cursor: Cursor,
) -> Vec<Line<'static>> {
    let rows = state.rows();
    if rows.is_empty() {
        let text = match state.filter.is_empty() {
            true => "no queries yet",
            false => "no row matches the filter",
        };
        return vec![Line::default(), Line::from(format!("  {text}"))];
    }
    let longest = rows.iter().map(|row| row.name.chars().count()).max();
    let columns = columns(width, longest.unwrap_or_default());
    let place = state.place(&rows);
    let first = (place + 1).saturating_sub(room);
    let mut lines = vec![heading(&columns, state.order, styles)];
    for (n, row) in rows.iter().enumerate().skip(first).take(room) {
        let is_picked = n == place && cursor == Cursor::Shown;
        lines.push(line(&columns, state, row, styles, is_picked));
    }
    lines
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Field {
    Name,
    Rate,
    Lookups,
    Names,
    Wasted,
    Share,
    P99,
    Upstream,
    Again,
    Failed,
    Why,
    Advice,
}

struct Column {
    field: Field,
    width: usize,
}

/// The columns of a screen, with a space between two. The narrow set is what it
/// takes to see what wastes, what fails and why, and what to change. Free width
/// goes to the names, the `longest` of which may need it.
fn columns(width: usize, longest: usize) -> Vec<Column> {
    let mut columns: Vec<_> = if width >= WIDE { WIDE_COLUMNS } else { NARROW_COLUMNS }
        .iter()
        .map(|(field, width)| Column { field: *field, width: *width })
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

fn heading(columns: &[Column], order: Order, styles: Styles) -> Line<'static> {
    let sorted = match order {
        Order::Queries => Field::Rate,
        Order::Failed => Field::Failed,
        Order::Wasted => Field::Wasted,
    };
    let mut spans = vec![Span::raw(" ")];
    for column in columns {
        let style = if column.field == sorted { styles.sorted() } else { styles.heading() };
        let text = set(column.field.head(), column);
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
    styles: Styles,
    is_picked: bool,
) -> Line<'static> {
    let mut spans = vec![Span::raw(if is_picked { ">" } else { " " })];
    let figures = row.figures.get(state.shown_window());
    for column in columns {
        let text = set(&cell(column.field, state, row), column);
        let style = match column.field {
            Field::Failed | Field::Why if figures.failed > 0 => styles.alarm(),
            Field::Wasted | Field::Share if figures.wasted_ratio >= HIGH_WASTE => styles.waste(),
            Field::Advice => styles.help(),
            _ => Default::default(),
        };
        spans.push(Span::styled(text, style));
        spans.push(Span::raw(" "));
    }
    spans.pop();
    let line = Line::from(spans);
    if is_picked { line.patch_style(styles.picked()) } else { line }
}

fn cell(field: Field, state: &State, row: &Row) -> String {
    let figures = row.figures.get(state.shown_window());
    match field {
        Field::Name => row.name.clone(),
        Field::Rate => state.rate(figures.queries),
        Field::Lookups => state.rate(figures.lookups),
        Field::Names => if_known(figures, format!("{:.1}", figures.amplification)),
        Field::Wasted => short_count(figures.wasted_queries),
        Field::Share => if_known(figures, short_percent(figures.wasted_ratio)),
        Field::P99 => figures
            .p99_ms
            .map_or_else(|| "-".to_owned(), |ms| ms.to_string()),
        Field::Upstream => short_percent(figures.upstream_ratio),
        Field::Again => short_count(figures.retransmits),
        Field::Failed => short_count(figures.failed),
        Field::Why => row
            .why()
            .map_or_else(|| "-".to_owned(), |(origin, _)| label(origin)),
        Field::Advice => {
            let details = state.fetched.as_ref().map(|fetched| &fetched.details);
            let detail = details.and_then(|details| details.get(&row.id));
            let wastes = row.figures.total.wasted_queries > 0;
            match detail {
                None => String::new(),
                // Without waste, an unknown search list needs no advice.
                Some(detail) if detail.advice.is_none() && !wastes => "-".to_owned(),
                Some(detail) => short_action(detail.advice.as_ref(), detail.library()),
            }
        }
    }
}

/// Cuts or fills a cell to its column. A cut text ends in `~`.
fn set(text: &str, column: &Column) -> String {
    let width = column.width;
    if column.field == Field::Name {
        return format!("{:width$}", shortened(text, width));
    }
    if text.chars().count() > width {
        let kept: String = text.chars().take(width.saturating_sub(1)).collect();
        return kept + "~";
    }
    match column.field {
        Field::Name | Field::Why | Field::Advice => format!("{text:width$}"),
        _ => format!("{text:>width$}"),
    }
}

/// Cuts a name: of `namespace/name` the namespace first, of an address its
/// beginning, which it shares with others.
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

impl Field {
    const fn head(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Rate => "Q/S",
            Self::Lookups => "LOOKUP/S",
            Self::Names => "NAMES",
            Self::Wasted => "WASTED",
            Self::Share => "%",
            Self::P99 => "P99 MS",
            Self::Upstream => "UPSTREAM",
            Self::Again => "RESENT",
            Self::Failed => "FAILED",
            Self::Why => "WHY",
            Self::Advice => "CHANGE: SAVES",
        }
    }
}

/// Columns from which all fields fit.
const WIDE: usize = 120;

/// Characters of a namespace that are kept.
const NAMESPACE: usize = 3;

/// Their widths, the first and the last one at least; together 80.
const NARROW_COLUMNS: &[(Field, usize)] = &[
    (Field::Name, 21),
    (Field::Rate, 6),
    (Field::Wasted, 6),
    (Field::Share, 4),
    (Field::Failed, 6),
    (Field::Why, 16),
    (Field::Advice, 14),
];

/// Together 120.
const WIDE_COLUMNS: &[(Field, usize)] = &[
    (Field::Name, 22),
    (Field::Rate, 6),
    (Field::Lookups, 8),
    (Field::Names, 5),
    (Field::Wasted, 6),
    (Field::Share, 4),
    (Field::P99, 7),
    (Field::Upstream, 8),
    (Field::Again, 6),
    (Field::Failed, 6),
    (Field::Why, 16),
    (Field::Advice, 14),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_distinct_when_cut() {
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
