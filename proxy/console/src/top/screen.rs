//! The screen as lines of text: a function of the state, the size and the time.

use std::cmp::Reverse;
use std::time::Duration;

use ratatui::layout::Size;
use ratatui::text::{Line, Span};

use super::state::{Fetched, Page, RowKind, State};
use super::style::{HIGH_WASTE, Styles};
use super::{detail, table};
use crate::api::{LoopView, Order};
use crate::words::{self, count, if_known, meaning, percent, ratio, short_count, span};
use diagnose::Cause;
use observe::{Figures, Window};
use resolver::Moment;

/// Makes at most as many lines as the screen is high.
pub(super) fn lines(state: &State, styles: Styles, size: Size, now: Moment) -> Vec<Line<'static>> {
    let (width, height) = (usize::from(size.width), usize::from(size.height));
    if width < MIN_WIDTH || height < MIN_HEIGHT {
        return vec![Line::from("the terminal is too small")];
    }
    let mut lines = match (&state.fetched, state.page) {
        (_, Page::Help) => scrolled(help(styles), state.scroll, height - 1),
        (None, _) => nothing_yet(state, styles),
        (Some(fetched), Page::List) => list(state, fetched, styles, width, height, now),
        (Some(fetched), Page::One) => one(state, fetched, styles, width, height, now),
    };
    lines.resize(height - 1, Line::default());
    lines.push(keys(state, styles, width));
    lines
}

/// The list as plain text with at most `rows` rows, for pipes and logs.
pub(super) fn plain(state: &State, width: usize, rows: usize, now: Moment) -> String {
    let Some(fetched) = &state.fetched else { return String::new() };
    let styles = Styles::new(Some("text"));
    let mut lines = head(state, fetched, styles, width, now);
    lines.push(title(state, fetched, styles, width));
    lines.extend(table::lines(state, styles, width, rows, table::Cursor::Hidden));
    let text = |line: &Line<'_>| line.to_string().trim_end().to_owned() + "\n";
    lines.iter().map(text).collect()
}

fn list(
    state: &State,
    fetched: &Fetched,
    styles: Styles,
    width: usize,
    height: usize,
    now: Moment,
) -> Vec<Line<'static>> {
    let mut lines = head(state, fetched, styles, width, now);
    lines.push(title(state, fetched, styles, width));
    // One for the rule above the panel, one for the keys.
    let room = height.saturating_sub(lines.len() + 2);
    // Free lines show more of the row under the cursor.
    let free = room.saturating_sub(fetched.rows.len() + 1);
    let panel: Vec<_> = if free > ROOMY {
        detail::full(state, styles, width)
            .into_iter()
            .take(free)
            .collect()
    } else {
        detail::brief(state, styles, width)
    };
    // Rows go before what is said about one of them.
    let wanted = (fetched.rows.len() + 1).min(FEW_ROWS);
    let panel = panel.into_iter().take(room.saturating_sub(wanted));
    let panel: Vec<_> = panel.collect();
    let room = room.saturating_sub(panel.len());
    let mut rows = table::lines(state, styles, width, room.saturating_sub(1), table::Cursor::Shown);
    rows.resize(room, Line::default());
    lines.extend(rows);
    lines.push(rule(&picked(state), styles, width));
    lines.extend(panel);
    lines
}

fn one(
    state: &State,
    fetched: &Fetched,
    styles: Styles,
    width: usize,
    height: usize,
    now: Moment,
) -> Vec<Line<'static>> {
    let mut lines = head(state, fetched, styles, width, now);
    lines.push(rule(&picked(state), styles, width));
    let room = height.saturating_sub(lines.len() + 1);
    lines.extend(scrolled(detail::full(state, styles, width), state.scroll, room));
    lines
}

/// How far the page can be scrolled.
pub(super) fn last_scroll(state: &State, styles: Styles, size: Size, now: Moment) -> usize {
    let height = usize::from(size.height);
    let (long, above) = match (&state.fetched, state.page) {
        (_, Page::Help) => (help(styles).len(), 0),
        (Some(fetched), Page::One) => {
            let width = size.width.into();
            let head = head(state, fetched, styles, width, now);
            (detail::full(state, styles, width).len(), head.len() + 1)
        }
        _ => return 0,
    };
    long.saturating_sub(height.saturating_sub(above + 1))
}

/// The row under the cursor, and how long it has been idle.
fn picked(state: &State) -> String {
    match state.picked() {
        None => String::new(),
        Some(row) if row.last_seen_s < IDLE_S => row.title.clone(),
        Some(row) => format!("{}, idle for {}", row.title, span(row.last_seen_s)),
    }
}

/// The lines about the node, above every page.
fn head(
    state: &State,
    fetched: &Fetched,
    styles: Styles,
    width: usize,
    now: Moment,
) -> Vec<Line<'static>> {
    let summary = &fetched.summary;
    let up = span(summary.uptime_s);
    let clients = summary.clients;
    let mut first = vec![
        Span::styled("fivedots", styles.heading()),
        Span::raw(format!("  {}  up {up}  {clients} clients", state.addr)),
    ];
    if state.paused {
        first.push(Span::styled("  PAUSED", styles.alarm()));
    }
    let figures = summary.figures.get(state.shown_window());
    let mut lines = vec![Line::from(first), node(state, figures, styles)];
    lines.extend(notices(fetched, styles, width));
    lines.extend(age(state, fetched, styles, now));
    lines
}

fn node(state: &State, figures: &Figures, styles: Styles) -> Line<'static> {
    let failed = ratio(figures.failed, figures.queries);
    let failing = if figures.failed > 0 { styles.alarm() } else { styles.heading() };
    let known = |ratio| if_known(figures, ratio);
    let wasting =
        if figures.wasted_ratio >= HIGH_WASTE { styles.waste() } else { styles.heading() };
    Line::from(vec![
        Span::raw(format!("{} queries/s  ", state.rate(figures.queries))),
        Span::styled(format!("failed {}", percent(failed)), failing),
        Span::raw(format!("  {} names/lookup  ", known(format!("{:.1}", figures.amplification)))),
        Span::styled(format!("wasted {}", known(percent(figures.wasted_ratio))), wasting),
        Span::raw(format!("  upstream {}", percent(figures.upstream_ratio))),
    ])
}

/// Loops, failures, and queries that were not counted, each in words, also if
/// there are none.
fn notices(fetched: &Fetched, styles: Styles, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut alarm = |text: &str| {
        let parts = detail::wrapped(text, width.saturating_sub(1)).into_iter();
        lines.extend(
            parts
                .take(LONG)
                .map(|part| Line::styled(part, styles.alarm())),
        );
    };
    // A loop and one failing workload have lines of their own, with more in them.
    let has_line = |cause: Cause| matches!(cause, Cause::Loop | Cause::OneWorkload);
    let mut causes = fetched.verdict.findings.iter();
    if let Some(found) = causes.find(|found| !has_line(found.finding.cause)) {
        let (title, scope) = (found.title.to_uppercase(), &found.scope_title);
        let because = found.finding.evidence.join("; ");
        alarm(&format!("{title} ({scope}) for {}: {because}", span(found.since_s)));
    }
    let mut active = fetched.loops.loops.iter().filter(|seen| seen.active);
    let first = active.next();
    if let Some(LoopView { below, hops, .. }) = first {
        let more = active.count();
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        alarm(&format!("FORWARDING LOOP for names in {below}: {}{more}", hops.join(" -> ")));
    }
    if let Some(row) = &fetched.failing
        && let Some((origin, _)) = row.why()
    {
        let Figures { failed, queries, .. } = row.figures.minute;
        let (share, id) = (percent(ratio(failed, queries)), &row.name);
        let names = row.failing_names(&fetched.failures.names);
        let what = match names.first() {
            Some(name) => {
                let ((failing, verb), what) =
                    (crate::failing::failing_names(&names), crate::failing::what_fails(name));
                format!("{failing} {verb}: {what} for {}", span(name.since_s))
            }
            None => format!("{}: {}", words::label(origin), meaning(origin)),
        };
        alarm(&format!("MOST FAILURES: {id}, {share} of its queries, {what}"));
    }
    let no_loop = if first.is_none() { "no loops  " } else { "" };
    match failing(fetched) {
        Some(failing) => alarm(&format!("{no_loop}{failing}")),
        None => lines.push(Line::from(format!("{no_loop}no failures in 60 s"))),
    }
    if fetched.summary.missed_records > 0 {
        let missed = count(fetched.summary.missed_records);
        let text = format!("{missed} queries not counted: they arrived too fast");
        lines.push(Line::styled(text, styles.waste()));
    }
    lines
}

/// The failures of the last minute by origin, if there are any.
fn failing(fetched: &Fetched) -> Option<String> {
    let mut failing: Vec<_> = fetched
        .failures
        .origins
        .iter()
        .filter(|origin| origin.responses.minute > 0)
        .collect();
    if failing.is_empty() {
        return None;
    }
    failing.sort_by_key(|one| Reverse(one.responses.minute));
    let each = failing.iter().map(|origin| {
        format!("{} {}", short_count(origin.responses.minute), words::label(&origin.origin))
    });
    let each = each.collect::<Vec<_>>().join(", ");
    let remembered = match fetched.summary.figures.minute.remembered {
        0 => String::new(),
        some => format!(" ({} of them remembered)", short_count(some)),
    };
    Some(format!("failures in 60 s: {each}{remembered}"))
}

/// The age of the figures, when the screen does not show the latest.
fn age(state: &State, fetched: &Fetched, styles: Styles, now: Moment) -> Option<Line<'static>> {
    let age = now.saturating_since(fetched.at);
    let old = format!("figures are {} old", span(age.as_secs()));
    let text = match &state.trouble {
        Some(trouble) => format!("UNREACHABLE, {old}: {trouble}"),
        None if state.paused && age >= LATE => format!("paused, {old}"),
        None if age >= LATE => format!("STALE, {old}: no answer from {}", state.addr),
        None => return None,
    };
    Some(Line::styled(text, styles.alarm()))
}

fn nothing_yet(state: &State, styles: Styles) -> Vec<Line<'static>> {
    let addr = &state.addr;
    match &state.trouble {
        None => vec![Line::default(), Line::from(format!("connecting to {addr} ..."))],
        Some(trouble) => vec![
            Line::default(),
            Line::styled("UNREACHABLE", styles.alarm()),
            Line::from(trouble.clone()),
            Line::from("retrying every second"),
        ],
    }
}

fn title(state: &State, fetched: &Fetched, styles: Styles, width: usize) -> Line<'static> {
    let by = match state.order {
        Order::Wasted => "wasted queries",
        Order::Failed => "failures",
        Order::Queries => "queries",
    };
    let over = match state.shown_window() {
        Window::Second => "last second",
        Window::TenSeconds => "last 10 s",
        Window::Minute => "last 60 s",
        Window::Start => "since the start",
    };
    let shown = state.rows().len();
    let what = match state.kind {
        RowKind::Workloads => "workloads",
        RowKind::Clients => "clients",
    };
    let mut text = format!("{what} by {by}, {over}");
    if shown < fetched.known {
        text += &format!(", {shown} of {}", fetched.known);
    }
    if !state.filter.is_empty() || state.typing {
        let cursor = if state.typing { "_" } else { "" };
        text += &format!(", filter: {}{cursor}", state.filter);
    }
    rule(&text, styles, width)
}

fn rule(text: &str, styles: Styles, width: usize) -> Line<'static> {
    let rest = width.saturating_sub(text.chars().count() + 4);
    Line::from(vec![
        Span::raw("── "),
        Span::styled(text.to_owned(), styles.heading()),
        Span::raw(format!(" {}", "─".repeat(rest))),
    ])
}

fn keys(state: &State, styles: Styles, width: usize) -> Line<'static> {
    let text = match state.page {
        _ if state.typing => " type to filter  Enter keep  Esc clear",
        Page::List => " s sort  c clients  / filter  w window  Enter open  p pause  ? help  q quit",
        Page::One => " Esc back  Up Down scroll  w window  p pause  ? help",
        Page::Help => " Esc back  Up Down scroll",
    };
    Line::styled(format!("{text:width$}"), styles.picked())
}

fn scrolled(lines: Vec<Line<'static>>, scroll: usize, room: usize) -> Vec<Line<'static>> {
    let most = lines.len().saturating_sub(room);
    lines
        .into_iter()
        .skip(scroll.min(most))
        .take(room)
        .collect()
}

fn help(styles: Styles) -> Vec<Line<'static>> {
    let line = |text: &&str| match text.strip_prefix('#') {
        Some(heading) => Line::styled(heading.to_owned(), styles.heading()),
        None => Line::from((*text).to_owned()),
    };
    HELP.iter().map(line).collect()
}

/// Lines that the heading and its rows have on the smallest screen, if there are as many.
const FEW_ROWS: usize = 6;

/// Lines from which a panel has room for advice, warnings and failures.
const ROOMY: usize = 12;

/// Lines of a notice at most.
const LONG: usize = 2;

/// Three fetches without a result.
const LATE: Duration = Duration::from_secs(3);

/// Seconds without a query from which a row counts as idle.
const IDLE_S: u64 = 10;

const MIN_WIDTH: usize = 40;
const MIN_HEIGHT: usize = 14;

const HELP: &[&str] = &[
    "#Keys",
    "  Up Down k j PgUp PgDn Home End   move",
    "  Enter                            open the row under the cursor",
    "  Esc, Backspace                   back; in the list, clear the filter",
    "  s                                sort by wasted, failed, queries",
    "  c                                switch between workloads and clients",
    "  w                                window: 1 s, 10 s, 60 s, since start",
    "  /                                filter by name or by origin of failures",
    "  p, Space                         pause, resume",
    "  q, Ctrl-C                        quit",
    "",
    "#Columns",
    "  NAME     workload as namespace/name, or an address with no known pod",
    "  Q/S      queries per second",
    "  WASTED   queries for names that do not exist, after which the lookup",
    "           tried another; % is the share of the queries for lookups",
    "  FAILED   queries without a useful answer; WHY is their most common origin",
    "  CHANGE   recommended ndots, or a dot at the end of names, and the share of",
    "           queries it SAVES",
    "  LOOKUP/S lookups per second: names that programs resolve",
    "  NAMES    names tried per lookup; one is needed",
    "  P99 MS   time within which 99 of 100 responses came",
    "  UPSTREAM share of queries that needed an upstream",
    "  RESENT   retransmitted queries",
    "",
    "Figures cover complete windows: the last second, the last 10 s, and the last",
    "six of those. Figures of 10 s and 60 s change every 10 s.",
];
