//! One client: what it should do, what fails and why, what it looks up.

use std::cmp::Reverse;
use std::net::IpAddr;

use ratatui::text::{Line, Span};

use super::look::Look;
use super::row::Row;
use super::state::{Detail, State};
use super::words;
use observe::{Figures, Recommendation, Window};
use resolver::Origin;

/// The four most important things about the one under the cursor.
pub(super) fn brief(state: &State, look: Look, width: usize) -> Vec<Line<'static>> {
    let Some(row) = state.picked() else { return Vec::new() };
    let detail = state.detail();
    let mut page = Page { lines: Vec::new(), look, width };
    page.add("advice", detail.map_or_else(waiting, words::in_full));
    let failed = row.why().map_or_else(
        || "nothing".to_owned(),
        |(origin, count)| {
            let all: u64 = row.failures.values().sum();
            let of = if all > count { format!(" of {all}") } else { String::new() };
            let meaning = words::meaning(origin);
            format!("{}{of} {origin}: {meaning}", words::count(count))
        },
    );
    page.add("failed", failed);
    page.add("search", detail.map_or_else(waiting, search));
    page.add("lookups", ends(row.figures.get(state.shown_window())));
    page.lines
}

/// All of it, longer than a screen perhaps; what is wider goes on below.
pub(super) fn full(state: &State, look: Look, width: usize) -> Vec<Line<'static>> {
    let Some(row) = state.picked() else {
        return vec![Line::from("it is not among those shown any more")];
    };
    let mut page = Page { lines: Vec::new(), look, width };
    match state.detail() {
        Some(detail) => advice(&mut page, detail),
        None => page.add("advice", waiting()),
    }
    failures(&mut page, row);
    if let Some(detail) = state.detail() {
        page.add("search", search(detail));
        let resolver = detail.resolver.as_ref().map_or_else(
            || "nothing speaks for one".to_owned(),
            |guess| format!("{}, {} % sure", guess.library, guess.confidence),
        );
        page.add("resolver", resolver);
    }
    page.add("lookups", ends(row.figures.get(state.shown_window())));
    page.lines.push(Line::default());
    figures(&mut page.lines, row, look);
    names(&mut page.lines, state, row, look);
    page.lines
}

/// Lines with a label before the text.
struct Page {
    lines: Vec<Line<'static>>,
    look: Look,
    width: usize,
}

impl Page {
    fn add(&mut self, label: &str, text: impl Into<String>) {
        let mut label = label;
        for part in wrapped(&text.into(), self.width.saturating_sub(LABEL + 1)) {
            self.lines.push(line(label, part, self.look));
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

/// Cuts a text at spaces so that no part is wider than `room`, if it has any.
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

fn advice(page: &mut Page, detail: &Detail) {
    page.add("advice", words::in_full(detail));
    let Some(advice) = &detail.advice else { return };
    let lookups = words::count(advice.lookups);
    page.add("", format!("from lookups: {lookups} in {} s", advice.observed_seconds));
    page.list(
        "mind",
        advice
            .warnings
            .iter()
            .map(|one| words::warning(*one).to_owned()),
    );
    page.list("each way", words::alternatives(detail));
    let saving = advice.trailing_dots.names.iter().take(NAMES);
    let dots =
        saving.map(|name| format!("{:>9} queries less for {}", name.queries_saved, name.name));
    page.list("end dots", dots);
    if let Some(patch) = &detail.patch {
        // Not wrapped: a command in two lines is another command.
        for (n, text) in patch.text.lines().enumerate() {
            let label = if n == 0 { "patch" } else { "" };
            page.lines.push(line(label, text.to_owned(), page.look));
        }
    } else if let Recommendation::Ndots(ndots) = advice.recommendation {
        // Without its workload there is nobody to name in a command.
        let options = format!("  options: [{{name: ndots, value: \"{ndots}\"}}]");
        let lines = ["in the template of its pods:", "dnsConfig:", &options];
        page.list("patch", lines.map(str::to_owned));
    }
}

fn failures(page: &mut Page, row: &Row) {
    let mut failures: Vec<_> = row.failures.iter().collect();
    let is_repeat = |origin: &str| origin == Origin::CachedFailure.label();
    failures.sort_by_key(|(origin, count)| (is_repeat(origin), Reverse(**count)));
    if failures.is_empty() {
        page.add("failed", "nothing");
    }
    page.list(
        "failed",
        failures.into_iter().map(|(origin, count)| {
            format!("{} {origin}: {}", words::count(*count), words::meaning(origin))
        }),
    );
}

fn search(detail: &Detail) -> String {
    let search = &detail.search;
    if search.domains.is_empty() {
        return "not known: too few lookups that went through it".to_owned();
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

/// How lookups ended.
fn ends(figures: &Figures) -> String {
    let all = figures.lookups;
    if all == 0 {
        return "none in this time".to_owned();
    }
    #[expect(clippy::cast_precision_loss, reason = "two figures are shown")]
    let share = |part: u64| words::percent(part as f64 / all as f64);
    let (lookups, names) = (words::count(all), figures.amplification);
    let mut text = format!("{lookups}, {names:.1} names each;");
    for (count, end) in [
        (figures.external, "outside"),
        (figures.cluster, "cluster"),
        (figures.fqdn_no_dot, "whole, no end dot"),
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

fn figures(lines: &mut Vec<Line<'static>>, row: &Row, look: Look) {
    let heads = ["1 s", "10 s", "60 s", "total"].map(|head| format!("{head:>10}"));
    lines.push(Line::styled(format!("{:18}{}", "", heads.concat()), look.heading()));
    type Read = fn(&Figures) -> String;
    let rows: [(&str, Read); 8] = [
        ("queries", |f| words::count(f.queries)),
        ("failed", |f| words::count(f.failed)),
        ("lookups", |f| words::count(f.lookups)),
        ("names a lookup", |f| format!("{:.1}", f.amplification)),
        ("wasted queries", |f| words::count(f.wasted_queries)),
        ("  their share", |f| words::percent(f.wasted_ratio)),
        ("asked upstream", |f| words::percent(f.upstream_ratio)),
        ("sent again", |f| words::count(f.retransmits)),
    ];
    for (label, read) in rows {
        let cells = Window::ALL
            .iter()
            .map(|window| read(row.figures.get(*window)));
        let cells: String = cells.map(|cell| format!("{cell:>10}")).collect();
        lines.push(Line::from(format!("{label:18}{cells}")));
    }
}

fn names(lines: &mut Vec<Line<'static>>, state: &State, row: &Row, look: Look) {
    let pairs = state.glance.iter().flat_map(|glance| &glance.pairs);
    let members = state
        .detail()
        .map(|detail| detail.members.as_slice())
        .unwrap_or_default();
    let is_its = |client: IpAddr| {
        client.to_string() == row.id || members.iter().any(|member| member.client == client)
    };
    let mine = pairs.filter(|pair| is_its(pair.client));
    let mut mine = mine.take(NAMES).peekable();
    if mine.peek().is_some() {
        lines.push(Line::default());
        lines.push(Line::styled("queries wasted of late, by name", look.heading()));
    }
    for pair in mine {
        lines.push(Line::from(format!("{:>9}  {}", words::count(pair.weight), pair.name)));
    }
}

fn line(label: &str, text: impl Into<String>, look: Look) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!("{label:LABEL$} "), look.heading()),
        Span::raw(text.into()),
    ])
}

fn waiting() -> String {
    "...".to_owned()
}

/// Columns of a label.
const LABEL: usize = 9;

/// The greatest that a resolver takes (resolv.conf(5)).
const MAX_NDOTS: u8 = 15;

/// Names of each list.
const NAMES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_wide_goes_on_below() {
        assert_eq!(wrapped("no upstream answered", 11), ["no upstream", "answered"]);
        assert_eq!(wrapped("no upstream answered", 20), ["no upstream answered"]);
        assert_eq!(wrapped("       12 names", 9), ["       12", "names"]);
        assert_eq!(wrapped("unbreakable", 4), ["unbreakable"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
