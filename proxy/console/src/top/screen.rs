//! The screen as lines of text: a function of the state, the size and the time.

use std::cmp::Reverse;
use std::time::Duration;

use ratatui::layout::Size;
use ratatui::text::{Line, Span};

use super::state::{Glance, Page, State, Who};
use super::{detail, look::Look, table, words};
use crate::api::{LoopView, span};
use observe::{Figures, Window};
use resolver::Moment;
use resolver::Origin;

/// Makes at most as many lines as the screen is high.
pub(super) fn lines(state: &State, look: Look, size: Size, now: Moment) -> Vec<Line<'static>> {
    let (width, height) = (usize::from(size.width), usize::from(size.height));
    if width < MIN_WIDTH || height < MIN_HEIGHT {
        return vec![Line::from("too small")];
    }
    let mut lines = match (&state.glance, state.page) {
        (_, Page::Help) => scrolled(help(look), state.scroll, height - 1),
        (None, _) => nothing_yet(state, look),
        (Some(glance), Page::List) => list(state, glance, look, width, height, now),
        (Some(glance), Page::One) => one(state, glance, look, width, height, now),
    };
    lines.resize(height - 1, Line::default());
    lines.push(keys(state, look, width));
    lines
}

/// The list as plain text with so many rows, for pipes and logs.
pub(super) fn plain(state: &State, width: usize, rows: usize, now: Moment) -> String {
    let Some(glance) = &state.glance else { return String::new() };
    let look = Look::new(Some("text"));
    let mut lines = head(state, glance, look, width, now);
    lines.push(title(state, glance, look, width));
    lines.extend(table::lines(state, look, width, rows, table::Cursor::Hidden));
    let text = |line: &Line<'_>| line.to_string().trim_end().to_owned() + "\n";
    lines.iter().map(text).collect()
}

fn list(
    state: &State,
    glance: &Glance,
    look: Look,
    width: usize,
    height: usize,
    now: Moment,
) -> Vec<Line<'static>> {
    let mut lines = head(state, glance, look, width, now);
    lines.push(title(state, glance, look, width));
    // One for the rule above the panel, one for the keys.
    let room = height.saturating_sub(lines.len() + 2);
    // What the rows leave free shows more of the one under the cursor.
    let free = room.saturating_sub(glance.rows.len() + 1);
    let panel: Vec<_> = if free > ROOMY {
        detail::full(state, look, width)
            .into_iter()
            .take(free)
            .collect()
    } else {
        detail::brief(state, look, width)
    };
    let room = room.saturating_sub(panel.len());
    let mut rows = table::lines(state, look, width, room.saturating_sub(1), table::Cursor::Shown);
    rows.resize(room, Line::default());
    lines.extend(rows);
    lines.push(rule(&picked(state), look, width));
    lines.extend(panel);
    lines
}

fn one(
    state: &State,
    glance: &Glance,
    look: Look,
    width: usize,
    height: usize,
    now: Moment,
) -> Vec<Line<'static>> {
    let mut lines = head(state, glance, look, width, now);
    lines.push(rule(&picked(state), look, width));
    let room = height.saturating_sub(lines.len() + 1);
    lines.extend(scrolled(detail::full(state, look, width), state.scroll, room));
    lines
}

/// How far the page can be scrolled.
pub(super) fn last_scroll(state: &State, look: Look, size: Size, now: Moment) -> usize {
    let height = usize::from(size.height);
    let (long, above) = match (&state.glance, state.page) {
        (_, Page::Help) => (help(look).len(), 0),
        (Some(glance), Page::One) => {
            let width = size.width.into();
            let head = head(state, glance, look, width, now);
            (detail::full(state, look, width).len(), head.len() + 1)
        }
        _ => return 0,
    };
    long.saturating_sub(height.saturating_sub(above + 1))
}

/// Who is under the cursor, and since when it is silent.
fn picked(state: &State) -> String {
    match state.picked() {
        None => String::new(),
        Some(row) if row.last_seen_s < SILENT_S => row.title.clone(),
        Some(row) => format!("{}, silent for {}", row.title, span(row.last_seen_s)),
    }
}

/// What is known of the node, in any case.
fn head(
    state: &State,
    glance: &Glance,
    look: Look,
    width: usize,
    now: Moment,
) -> Vec<Line<'static>> {
    let summary = &glance.summary;
    let up = span(summary.uptime_s);
    let clients = summary.clients;
    let mut first = vec![
        Span::styled("fivedots", look.heading()),
        Span::raw(format!("  {}  up {up}  {clients} clients", state.addr)),
    ];
    if state.paused {
        first.push(Span::styled("  PAUSED", look.alarm()));
    }
    let figures = summary.figures.get(state.shown_window());
    let mut lines = vec![Line::from(first), node(state, figures, look)];
    lines.extend(notices(glance, look, width));
    lines.extend(age(state, glance, look, now));
    lines
}

fn node(state: &State, figures: &Figures, look: Look) -> Line<'static> {
    let failed = share(figures.failed, figures.queries);
    let failing = if figures.failed > 0 { look.alarm() } else { look.heading() };
    let wasting = if figures.wasted_ratio >= MUCH { look.waste() } else { look.heading() };
    Line::from(vec![
        Span::raw(format!("{} q/s  ", words::rate(per_second(state, figures.queries)))),
        Span::styled(format!("failed {}", words::percent(failed)), failing),
        Span::raw(format!("  {:.1} names a lookup  ", figures.amplification)),
        Span::styled(format!("wasted {}", words::percent(figures.wasted_ratio)), wasting),
        Span::raw(format!("  upstream {}", words::percent(figures.upstream_ratio))),
    ])
}

/// What goes round, what fails and for whom, what was not seen: each in words,
/// also if all is well.
fn notices(glance: &Glance, look: Look, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut alarm = |text: &str| {
        let parts = detail::wrapped(text, width.saturating_sub(1)).into_iter();
        lines.extend(
            parts
                .take(LONG)
                .map(|part| Line::styled(part, look.alarm())),
        );
    };
    let mut active = glance.loops.loops.iter().filter(|seen| seen.active);
    let first = active.next();
    if let Some(LoopView { zone, hops, .. }) = first {
        let more = active.count();
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        alarm(&format!("LOOP of names in {zone}: {}{more}", hops.join(" -> ")));
    }
    if let Some(row) = &glance.unlucky
        && let Some((origin, _)) = row.why()
    {
        let Figures { failed, queries, .. } = row.figures.minute;
        let (share, id) = (words::percent(share(failed, queries)), &row.id);
        let meaning = words::meaning(origin);
        alarm(&format!("FAILING most: {id}, {share} of its queries, {origin}: {meaning}"));
    }
    let round = if first.is_none() { "no loop  " } else { "" };
    match failing(glance) {
        Some(failing) => alarm(&format!("{round}{failing}")),
        None => lines.push(Line::from(format!("{round}nothing failed in 60 s"))),
    }
    if glance.summary.missed_records > 0 {
        let missed = words::count(glance.summary.missed_records);
        let text = format!("{missed} queries came too fast to be accounted for");
        lines.push(Line::styled(text, look.waste()));
    }
    lines
}

/// How often each thing failed in the last minute, if anything did.
fn failing(glance: &Glance) -> Option<String> {
    let mut failing: Vec<_> = glance
        .failures
        .origins
        .iter()
        .filter(|origin| origin.responses.minute > 0)
        .collect();
    if failing.is_empty() {
        return None;
    }
    let is_repeat = |label: &str| label == Origin::CachedFailure.label();
    failing.sort_by_key(|one| (is_repeat(&one.origin), Reverse(one.responses.minute)));
    let each = failing
        .iter()
        .map(|origin| format!("{} {}", words::count(origin.responses.minute), origin.origin));
    Some(format!("failed in 60 s: {}", each.collect::<Vec<_>>().join(", ")))
}

/// Says how old the figures are when they are older than they look.
fn age(state: &State, glance: &Glance, look: Look, now: Moment) -> Option<Line<'static>> {
    let age = now.saturating_since(glance.at);
    let old = format!("figures are {} old", span(age.as_secs()));
    let text = match &state.trouble {
        Some(trouble) => format!("UNREACHABLE, {old}: {trouble}"),
        None if state.paused && age >= LATE => format!("paused, {old}"),
        None if age >= LATE => format!("STALE, {old}: no answer from {}", state.addr),
        None => return None,
    };
    Some(Line::styled(text, look.alarm()))
}

fn nothing_yet(state: &State, look: Look) -> Vec<Line<'static>> {
    let addr = &state.addr;
    match &state.trouble {
        None => vec![Line::default(), Line::from(format!("connecting to {addr} ..."))],
        Some(trouble) => vec![
            Line::default(),
            Line::styled("UNREACHABLE", look.alarm()),
            Line::from(trouble.clone()),
            Line::from("trying again every second"),
        ],
    }
}

fn title(state: &State, glance: &Glance, look: Look, width: usize) -> Line<'static> {
    let by = match state.order {
        crate::api::Order::Wasted => "wasted queries",
        crate::api::Order::Failed => "failures",
        crate::api::Order::Queries => "queries",
    };
    let over = match state.shown_window() {
        Window::Second => "last second",
        Window::TenSeconds => "last 10 s",
        Window::Minute => "last 60 s",
        Window::Start => "since the start",
    };
    let shown = state.rows().len();
    let who = match state.who {
        Who::Workloads => "workloads",
        Who::Clients => "clients",
    };
    let mut text = format!("{who} by {by}, {over}");
    if shown < glance.known {
        text += &format!(", {shown} of {}", glance.known);
    }
    if !state.filter.is_empty() || state.typing {
        let cursor = if state.typing { "_" } else { "" };
        text += &format!(", filter: {}{cursor}", state.filter);
    }
    rule(&text, look, width)
}

fn rule(text: &str, look: Look, width: usize) -> Line<'static> {
    let rest = width.saturating_sub(text.chars().count() + 4);
    Line::from(vec![
        Span::raw("── "),
        Span::styled(text.to_owned(), look.heading()),
        Span::raw(format!(" {}", "─".repeat(rest))),
    ])
}

fn keys(state: &State, look: Look, width: usize) -> Line<'static> {
    let text = match state.page {
        _ if state.typing => " type to filter, Enter keeps it, Esc drops it",
        Page::List => " s sort  c clients  / filter  w window  Enter open  p pause  ? help  q quit",
        Page::One => " Esc back  Up Down scroll  w window  p pause  ? help",
        Page::Help => " Esc back  Up Down scroll",
    };
    Line::styled(format!("{text:width$}"), look.picked())
}

fn scrolled(lines: Vec<Line<'static>>, scroll: usize, room: usize) -> Vec<Line<'static>> {
    let most = lines.len().saturating_sub(room);
    lines
        .into_iter()
        .skip(scroll.min(most))
        .take(room)
        .collect()
}

fn help(look: Look) -> Vec<Line<'static>> {
    let line = |text: &&str| match text.strip_prefix('#') {
        Some(heading) => Line::styled(heading.to_owned(), look.heading()),
        None => Line::from((*text).to_owned()),
    };
    HELP.iter().map(line).collect()
}

/// Queries a second of so many in the window that is shown.
#[expect(clippy::cast_precision_loss, reason = "three figures are shown")]
pub(super) fn per_second(state: &State, count: u64) -> f64 {
    count as f64 / state.shown_seconds() as f64
}

#[expect(clippy::cast_precision_loss, reason = "two figures are shown")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Half of the queries are for nothing.
pub(super) const MUCH: f64 = 0.5;

/// Lines from which a panel has room for advice, warnings and failures.
const ROOMY: usize = 12;

/// Lines of a notice at most.
const LONG: usize = 2;

/// Three looks that brought nothing.
const LATE: Duration = Duration::from_secs(3);

/// Ten seconds without a query are nothing to speak of.
const SILENT_S: u64 = 10;

const MIN_WIDTH: usize = 40;
const MIN_HEIGHT: usize = 14;

const HELP: &[&str] = &[
    "#Keys",
    "  Up Down k j PgUp PgDn Home End   move",
    "  Enter                            open the one under the cursor",
    "  Esc, Backspace                   back; on the list drops the filter",
    "  s                                sort by wasted, failed, queries",
    "  c                                workloads, or each client",
    "  w                                window: 1 s, 10 s, 60 s, all",
    "  /                                filter by address or by what failed",
    "  p, Space                         pause, go on",
    "  q, Ctrl-C                        quit",
    "",
    "#Columns",
    "  WHO      a workload as namespace/name, or an address that nobody named",
    "  Q/S      queries a second",
    "  WASTED   queries for names that were denied and followed by another,",
    "           and their share of all queries for lookups",
    "  FAILED   responses that did not help; WHY since the start, most of them",
    "  CHANGE   what would waste less, and how many of its queries that SAVES",
    "  LOOKUP/S lookups a second: a program's wish for one name",
    "  NAMES    names asked for each lookup, of which one is needed",
    "  WAIT MS  milliseconds that a lookup waited for denied names",
    "  UPSTREAM of the queries, the share that an upstream was asked for",
    "  RESENT   queries sent again",
    "",
    "Windows are the last full second, the last full ten, and the last six of",
    "those: between two tens the figures of 10 s and 60 s stand still.",
];
