//! The lines of the screen, for its size.

use std::time::Duration;

use dns::Rcode;
use ratatui::layout::Size;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span as Text};

use super::figures::{Figures, Moment, Span, not_sent};
use crate::snapshot::Snapshot;

/// Lays out as many lines as there is room for. What is least needed goes first.
pub(super) fn lines(figures: &Figures, size: Size, has_color: bool) -> Vec<Line<'static>> {
    let alarm = Style::new().add_modifier(Modifier::BOLD);
    let alarm = if has_color { alarm.fg(Color::Red) } else { alarm };
    let mut lines = vec![(0, title(figures)), (0, time(figures)), (SPACE, Line::default())];
    lines.push((0, head("per second", ["last second", "10 seconds", "the run"])));
    for (name, count, is_alarm) in ROWS {
        let rates = [Span::Second, Span::Ten, Span::Run].map(|span| figures.rate(span, count));
        let style = match rates {
            [last, ..] if is_alarm && last > 0.0 => alarm,
            _ => Style::new(),
        };
        lines.push((0, row(name, rates.map(number), style)));
    }
    lines.push((SPACE, Line::default()));
    lines.push((0, head("latency, ms", ["p50", "p90", "p99", "p99.9", "max"])));
    for (name, span, need) in [
        ("10 seconds", Span::Ten, 0),
        ("the run", Span::Run, EXTRA),
        ("last second", Span::Second, MORE),
    ] {
        let latencies = PERCENTILES.map(|percent| {
            figures
                .latency(span, percent)
                .map_or_else(|| "-".to_owned(), |nanos| millis(in_millis(nanos)))
        });
        lines.push((need, row(name, latencies, Style::new())));
    }
    lines.push((SPACE, Line::default()));
    lines.push((0, rcodes(figures)));
    lines.push((SPACE, Line::default()));
    lines.extend(history(figures, size.width).map(|line| (0, line)));
    fit(lines, size.height)
}

/// Leaves out what is least needed until the rest, and the line of keys, have room.
fn fit(mut lines: Vec<(u8, Line<'static>)>, height: u16) -> Vec<Line<'static>> {
    let room = usize::from(height).saturating_sub(1);
    while lines.len() > room {
        let least = lines.iter().map(|(need, _)| *need).max().unwrap_or(0);
        let place = lines.iter().rposition(|(need, _)| *need == least);
        let Some(place) = place else { break };
        lines.remove(place);
    }
    let mut lines: Vec<_> = lines.into_iter().map(|(_, line)| line).collect();
    lines.resize(room, Line::default());
    lines.push(Line::styled(KEYS, Style::new().add_modifier(Modifier::REVERSED)));
    lines
}

fn title(figures: &Figures) -> Line<'static> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let name = Text::styled(figures.plan.name.clone(), bold);
    Line::from(vec![name, Text::raw(format!(": {}", figures.plan.server))])
}

fn time(figures: &Figures) -> Line<'static> {
    let (at, length) = (figures.at(), figures.plan.length.as_secs_f64());
    let now = match figures.phase() {
        _ if at == Duration::ZERO => "starts".to_owned(),
        Some(phase) => format!("phase {phase}"),
        None => "waits for the last answers".to_owned(),
    };
    Line::raw(format!("{:.0} s of {length:.0} s, {now}", at.as_secs_f64()))
}

fn head<const N: usize>(name: &str, columns: [&str; N]) -> Line<'static> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    row(name, columns.map(str::to_owned), bold)
}

/// A name, and columns that share what a screen of 60 columns has left.
fn row<const N: usize>(name: &str, columns: [String; N], style: Style) -> Line<'static> {
    let width = COLUMNS / N;
    let mut text = format!("{name:NAME$}");
    for column in columns {
        text.push_str(&format!("{column:>width$}"));
    }
    Line::styled(text, style)
}

fn rcodes(figures: &Figures) -> Line<'static> {
    let shares = figures.rcodes(Span::Ten);
    let mut text = format!("{:NAME$}", "answers, 10 s");
    if shares.is_empty() {
        text.push_str("  none");
    }
    for (rcode, share) in shares {
        text.push_str(&format!("  {} {:.1}%", Rcode(rcode), share * 100.0));
    }
    Line::raw(text)
}

/// A bar for each second, as many as there is room for.
fn history(figures: &Figures, width: u16) -> impl Iterator<Item = Line<'static>> {
    let room = usize::from(width).saturating_sub(NAME + MOST).max(1);
    let seconds = figures.history.len().min(room);
    let shown: Vec<Moment> = figures
        .history
        .iter()
        .skip(figures.history.len() - seconds)
        .copied()
        .collect();
    let rows: [(&str, Value, Unit); 3] = [
        ("answered/s", |moment| moment.answered, number),
        ("no answer/s", |moment| moment.unanswered, number),
        ("p99, ms", |moment| moment.p99.map_or(0.0, in_millis), millis),
    ];
    rows.into_iter().map(move |(name, value, unit)| {
        let values: Vec<f64> = shown.iter().map(value).collect();
        let most = values.iter().copied().fold(0.0, f64::max);
        let bars: String = values.iter().map(|value| bar(*value, most)).collect();
        Line::raw(format!("{name:NAME$}{bars}  to {}", unit(most)))
    })
}

/// A share of the highest in eighths; what is not zero is seen.
fn bar(value: f64, most: f64) -> char {
    if value <= 0.0 || most <= 0.0 {
        return ' ';
    }
    let lower = BARS
        .iter()
        .zip(1..)
        .find(|(_, eighths)| value <= most * f64::from(*eighths) / 8.0);
    lower.map_or('█', |(bar, _)| *bar)
}

fn number(value: f64) -> String {
    if value > 0.0 && value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of at most some minutes")]
fn in_millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

fn millis(millis: f64) -> String {
    match millis {
        ..10.0 => format!("{millis:.2}"),
        10.0..100.0 => format!("{millis:.1}"),
        _ => format!("{millis:.0}"),
    }
}

/// What of a moment is drawn.
type Value = fn(&Moment) -> f64;
/// How a figure is written.
type Unit = fn(f64) -> String;
/// A row of rates: its name, what is counted, and whether one that is not zero is an alarm.
type Row = (&'static str, fn(&Snapshot) -> u64, bool);

const ROWS: [Row; 5] = [
    ("offered", |snapshot| snapshot.counts.due, false),
    ("sent", |snapshot| snapshot.counts.sent, false),
    ("answered", |snapshot| snapshot.counts.answered, false),
    ("no answer", Snapshot::unanswered, true),
    ("not sent", not_sent, true),
];
/// What is left out first, second, and third.
const SPACE: u8 = 3;
const MORE: u8 = 2;
const EXTRA: u8 = 1;
const PERCENTILES: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 100.0];
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Columns of the names.
const NAME: usize = 14;
/// Columns of all figures of a row.
const COLUMNS: usize = 45;
/// Columns behind the bars.
const MOST: usize = 12;
const KEYS: &str = " q ends the run, with its report ";

#[cfg(test)]
mod tests;
