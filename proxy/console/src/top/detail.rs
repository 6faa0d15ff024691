//! One row in detail: what to change, what fails and why, what it looks up.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use ratatui::text::{Line, Span};

use super::row::Row;
use super::state::{RowDetail, State};
use super::style::Styles;
use crate::api::FailingNameView;
use crate::words::{
    self, FIGURES, action, change, count, effect, forecast, meaning, percent, ratio, recommended,
};
use observe::{AtRisk, Change};
use observe::{Figures, Window};

/// The four most important lines about the row under the cursor.
pub(super) fn brief(state: &State, styles: Styles, width: usize) -> Vec<Line<'static>> {
    let Some(row) = state.picked() else { return Vec::new() };
    let detail = state.detail();
    let mut page = LabeledLines { lines: Vec::new(), styles, width };
    page.add("advice", detail.map_or_else(waiting, in_full));
    let names = detail.map(|detail| row.failing_names(&detail.failing));
    let names = names.unwrap_or_default();
    let failed = match (names.first(), row.why()) {
        (Some(name), _) => {
            let ((failing, _), since) =
                (crate::failing::failing_names(&names), words::span(name.since_s));
            format!("{failing}: {} for {since}", crate::failing::what_fails(name))
        }
        (None, None) => "no failures".to_owned(),
        (None, Some((origin, count))) => {
            let all: u64 = row.failures.values().sum();
            let of = if all > count { format!(" of {all}") } else { String::new() };
            let (count, meaning) = (words::count(count), meaning(origin));
            format!("{count}{of} {}: {meaning}", words::label(origin))
        }
    };
    page.add("failed", failed);
    page.add("search", detail.map_or_else(waiting, search));
    page.add("lookups", ends(row.figures.get(state.shown_window())));
    page.lines
}

/// All of it, which may be longer than a screen; wide text is wrapped.
pub(super) fn full(state: &State, styles: Styles, width: usize) -> Vec<Line<'static>> {
    let Some(row) = state.picked() else {
        return vec![Line::from("this row is no longer listed")];
    };
    let mut page = LabeledLines { lines: Vec::new(), styles, width };
    match state.detail() {
        Some(detail) => advice(&mut page, detail),
        None => page.add("advice", waiting()),
    }
    failures(&mut page, row);
    if let Some(detail) = state.detail() {
        failing_names(&mut page, detail);
    }
    if let Some(detail) = state.detail() {
        page.add("search", search(detail));
        let resolver = detail.resolver.as_ref().map_or_else(
            || "unknown".to_owned(),
            |guess| format!("{}, {} % sure", guess.library, guess.confidence),
        );
        page.add("library", resolver);
    }
    page.add("lookups", ends(row.figures.get(state.shown_window())));
    page.lines.push(Line::default());
    figures(&mut page.lines, row, styles);
    names(&mut page.lines, state, row, styles);
    page.lines
}

/// Lines with a label before the text.
struct LabeledLines {
    lines: Vec<Line<'static>>,
    styles: Styles,
    width: usize,
}

impl LabeledLines {
    fn add(&mut self, label: &str, text: impl Into<String>) {
        let mut label = label;
        for part in wrapped(&text.into(), self.width.saturating_sub(LABEL + 1)) {
            self.lines.push(line(label, part, self.styles));
            label = "";
        }
    }

    /// Adds lines under one label.
    fn list(&mut self, label: &str, texts: impl IntoIterator<Item = String>) {
        let mut label = label;
        for text in texts {
            self.add(label, text);
            label = "";
        }
    }
}

/// Cuts a text at spaces so that no part is wider than `room`, where it has any.
pub(super) fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((end, next)) = rest.char_indices().nth(room.max(1)) {
        // One more than fits: the space may be the first that does not.
        let (head, _) = rest.split_at(end + next.len_utf8());
        let place = head
            .rfind(' ')
            .filter(|at| !head.split_at(*at).0.trim().is_empty());
        let Some(place) = place else { break };
        let (part, after) = rest.split_at(place);
        parts.push(part.to_owned());
        rest = after.trim_start();
    }
    parts.push(rest.to_owned());
    parts
}

fn advice(page: &mut LabeledLines, detail: &RowDetail) {
    page.add("advice", in_full(detail));
    let Some(advice) = &detail.advice else { return };
    page.list("wildcard", words::captured(advice));
    if recommended(advice).is_some() {
        page.list("missing", words::missing(advice));
    }
    let lookups = count(advice.lookups);
    page.add("", format!("based on {lookups} lookups in {}", words::span(advice.observed_seconds)));
    page.list(
        "check",
        advice
            .warnings
            .iter()
            .map(|one| words::warning(*one).to_owned()),
    );
    page.list("options", alternatives(detail));
    let saving = advice.trailing_dots.names.iter().take(NAMES);
    let dots = saving.map(|name| {
        let saved = u64::try_from(name.queries_saved).unwrap_or_default();
        format!("{:>9} fewer queries for {}.", count(saved), name.name)
    });
    page.list("end dots", dots);
    if let Some(patch) = &detail.patch {
        // Not wrapped: a command in two lines is another command.
        for (n, text) in patch.text.lines().enumerate() {
            let label = if n == 0 { "patch" } else { "" };
            page.lines.push(line(label, text.to_owned(), page.styles));
        }
    } else if let Some(Change::Ndots(_)) = recommended(advice)
        && let Some(spec) = words::pod_spec(advice)
    {
        page.list("patch", spec.lines().map(str::to_owned));
    }
}

/// The advice with its effect, in a sentence.
fn in_full(detail: &RowDetail) -> String {
    let advice = detail.advice.as_ref();
    let effect = advice.and_then(|advice| {
        let change = recommended(advice)?;
        let forecast = forecast(advice, change, detail.library())?;
        Some(effect(forecast, words::breaks(advice, change)?, advice.queries))
    });
    match effect {
        Some(effect) => format!("{}: {effect}", action(advice)),
        None => action(advice),
    }
}

/// What each change would do, if anything.
fn alternatives(detail: &RowDetail) -> Vec<String> {
    let Some(advice) = &detail.advice else { return Vec::new() };
    let one = |what: Change| {
        let forecast = forecast(advice, what, detail.library())?;
        let breaks = words::breaks(advice, what)?;
        let is_none = forecast.queries_saved == 0 && *breaks == AtRisk::default();
        let effect = || effect(forecast, breaks, advice.queries);
        (!is_none).then(|| format!("{:14} {}", change(what), effect()))
    };
    let all = advice.alternatives.iter();
    all.filter_map(|alternative| one(alternative.change))
        .collect()
}

fn failures(page: &mut LabeledLines, row: &Row) {
    let mut failures: Vec<_> = row.failures.iter().collect();
    failures.sort_by_key(|(_, count)| Reverse(**count));
    if failures.is_empty() {
        page.add("failed", "no failures");
    }
    page.list(
        "failed",
        failures.into_iter().map(|(origin, count)| {
            format!("{} {}: {}", words::count(*count), words::label(origin), meaning(origin))
        }),
    );
}

/// The names that fail, and what to do about the first.
fn failing_names(page: &mut LabeledLines, detail: &RowDetail) {
    let recent = detail.failing.iter().filter(|name| name.failed.minute > 0);
    let line = |name: &FailingNameView| {
        let (failed, since) = (count(name.failed.minute), words::span(name.since_s));
        let (failing, what) =
            (crate::failing::failing_name(name), crate::failing::what_fails(name));
        format!("{failed:>9} in 60 s {failing}: {what} for {since}")
    };
    page.list("names", recent.clone().map(line));
    if let Some(first) = recent.clone().next() {
        page.add("next", first.next.check.clone());
        page.lines
            .push(self::line("", first.next.command.clone(), page.styles));
    }
}

fn search(detail: &RowDetail) -> String {
    let search = &detail.search;
    if search.domains.is_empty() {
        return "unknown: too few lookups that used it".to_owned();
    }
    let domains: Vec<_> = search
        .domains
        .iter()
        .map(|domain| domain.trim_end_matches('.'))
        .collect();
    let ndots = match search.ndots {
        [least, most] if least == most => format!("ndots {least}"),
        [least, MAX_NDOTS] => format!("ndots {least} or more"),
        [least, most] => format!("ndots {least} to {most}"),
    };
    format!("{ndots}, {}: {}", search.source, domains.join(" "))
}

/// How lookups ended, in percent.
fn ends(figures: &Figures) -> String {
    let all = figures.lookups;
    if all == 0 {
        return "none in this window".to_owned();
    }
    let share = |part: u64| percent(ratio(part, all));
    let (lookups, names) = (count(all), figures.amplification);
    let mut text = format!("{lookups}, {names:.1} names each;");
    for (count, end) in [
        (figures.external, "external"),
        (figures.cluster, "cluster"),
        (figures.fqdn_no_dot, "no trailing dot"),
        (figures.nonexistent, "no such name"),
        (figures.lookups_failed, "failed"),
    ] {
        if count > 0 {
            text += &format!(" {} {end},", share(count));
        }
    }
    text.pop();
    let wait = figures.wasted_ms_per_lookup;
    format!("{text}; {wait:.1} ms wasted each")
}

fn figures(lines: &mut Vec<Line<'static>>, row: &Row, styles: Styles) {
    let heads = ["1 s", "10 s", "60 s", "total"].map(|head| format!("{head:>12}"));
    lines.push(Line::styled(format!("{:22}{}", "", heads.concat()), styles.heading()));
    for figure in FIGURES.iter().filter(|figure| figure.is_key) {
        let windows = Window::ALL.iter();
        let cells = windows.map(|window| (figure.read)(row.figures.get(*window)));
        let cells: String = cells.map(|cell| format!("{cell:>12}")).collect();
        lines.push(Line::from(format!("{:22}{cells}", figure.label)));
    }
}

fn names(lines: &mut Vec<Line<'static>>, state: &State, row: &Row, styles: Styles) {
    let pairs = state.fetched.iter().flat_map(|fetched| &fetched.pairs);
    let members = state
        .detail()
        .map(|detail| detail.members.as_slice())
        .unwrap_or_default();
    let is_its = |client: IpAddr| {
        row.client == Some(client) || members.iter().any(|member| member.client == client)
    };
    // Several pods of a workload query the same name.
    let mut weights: BTreeMap<&str, u64> = BTreeMap::new();
    for pair in pairs.filter(|pair| is_its(pair.client)) {
        *weights.entry(&pair.name).or_default() += pair.weight;
    }
    if weights.is_empty() {
        return;
    }
    let mut heaviest: Vec<_> = weights.into_iter().collect();
    heaviest.sort_by_key(|(name, weight)| (Reverse(*weight), *name));
    lines.push(Line::default());
    lines.push(Line::styled("recently wasted queries, by name", styles.heading()));
    for (name, weight) in heaviest.into_iter().take(NAMES) {
        lines.push(Line::from(format!("{:>9}  {name}", count(weight))));
    }
}

fn line(label: &str, text: impl Into<String>, styles: Styles) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!("{label:LABEL$} "), styles.heading()),
        Span::raw(text.into()),
    ])
}

fn waiting() -> String {
    "...".to_owned()
}

/// Columns of a label.
const LABEL: usize = 9;

/// The maximum of ndots (resolv.conf(5)).
const MAX_NDOTS: u8 = 15;

/// Names of each list.
const NAMES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_text_is_wrapped() {
        assert_eq!(wrapped("no upstream answered", 11), ["no upstream", "answered"]);
        assert_eq!(wrapped("no upstream answered", 20), ["no upstream answered"]);
        assert_eq!(wrapped("       12 names", 9), ["       12", "names"]);
        assert_eq!(wrapped("unbreakable", 4), ["unbreakable"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
