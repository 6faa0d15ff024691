//! What every page has around its figures, and what it says without any.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Deserialize;

use super::Snapshot;
use super::number::{count, percent, rate, span};
use super::way::Way;
use crate::api::Windowed;
use crate::redact::Redact;
use observe::Window;

/// What a page is asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    /// Over which time.
    pub window: Extent,
    /// Present when the script wants the sections alone.
    pub part: Option<u8>,
    /// What is not to be shown.
    pub redact: Redact,
}

/// The windows that the page shows: one second is too short to read.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub enum Extent {
    /// The last full ten seconds.
    #[serde(rename = "10s")]
    TenSeconds,
    /// The last six of those.
    #[default]
    #[serde(rename = "60s")]
    Minute,
    /// Since the start.
    #[serde(rename = "total")]
    Start,
}

impl Extent {
    const ALL: [Self; 3] = [Self::TenSeconds, Self::Minute, Self::Start];

    /// The window of the API.
    pub const fn window(self) -> Window {
        match self {
            Self::TenSeconds => Window::TenSeconds,
            Self::Minute => Window::Minute,
            Self::Start => Window::Start,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::TenSeconds => "10 s",
            Self::Minute => "1 min",
            Self::Start => "since start",
        }
    }
}

/// A snapshot and the window that is looked at.
pub(super) struct Seen<'a> {
    pub(super) all: &'a Snapshot,
    pub(super) way: Way,
    pub(super) window: Window,
    /// How long the window is, as far as it has passed.
    pub(super) seconds: u64,
}

/// What there is to show.
pub(super) enum State {
    /// No client has asked.
    Nobody,
    /// Clients have asked, and no window is over.
    TooSoon,
    /// Figures.
    Figures,
}

impl<'a> Seen<'a> {
    pub(super) fn of(all: &'a Snapshot, asked: Asked) -> Self {
        let (window, uptime) = (asked.window.window(), all.summary.uptime_s);
        let tens = uptime / 10 * 10;
        let seconds = match window {
            Window::Second => 1.min(uptime),
            Window::TenSeconds => tens.min(10),
            Window::Minute => tens.min(60),
            Window::Start => uptime,
        };
        Self { all, way: Way::of_node(asked.redact), window, seconds }
    }

    /// The figures of the window.
    pub(super) const fn of_window<'w, T>(&self, windowed: &'w Windowed<T>) -> &'w T {
        windowed.get(self.window)
    }

    /// A count of the window for each second.
    pub(super) fn rate(&self, count: u64) -> String {
        rate(count, self.seconds)
    }

    pub(super) fn state(&self) -> State {
        // The proxy asks each of its own addresses once, as a client, for what
        // is never looked up.
        let asked = self.all.summary.figures.total.queries;
        if asked == 0 || self.all.cache.windows.total.cache_lookups == 0 {
            State::Nobody
        } else if self.seconds == 0 {
            State::TooSoon
        } else {
            State::Figures
        }
    }
}

/// A whole page around `body`.
pub(super) fn document(title: &str, way: Way, asked: Asked, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href=(way.to_file("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(way.to_file("page.css"));
                script src=(way.to_file("page.js")) defer {}
            }
            body {
                a.skip href="#main" { "To the figures" }
                header {
                    h1 { a href=(way.to(".")) { "Fivedots" } }
                    @if way.is_node() { (choices(asked, way)) }
                    p #state role="status" {
                        noscript { "Without its script this page stays as it is: load it again." }
                    }
                }
                main #main { (body) }
                footer {
                    p {
                        "Read-only. The same figures as JSON: "
                        a href=(way.to("api/v1/summary")) { "api/v1" }
                        "."
                        @if let Some(hidden) = hidden(way.redact()) { " " (hidden) }
                    }
                }
            }
        }
    };
    if asked.part.is_some() { body.clone().into_string() } else { page.into_string() }
}

/// Says what is not shown, for whoever is sent the page.
const fn hidden(redact: Redact) -> Option<&'static str> {
    match (redact.names, redact.clients) {
        (false, false) => None,
        (true, false) => Some("Names are pseudonyms here."),
        (false, true) => Some("Clients are pseudonyms here."),
        (true, true) => Some("Names and clients are pseudonyms here."),
    }
}

fn choices(asked: Asked, way: Way) -> Markup {
    html! {
        nav aria-label="Time" {
            @for extent in Extent::ALL { (choice(extent, asked.window == extent, way)) }
        }
    }
}

fn choice(extent: Extent, is_shown: bool, way: Way) -> Markup {
    let current = is_shown.then_some("true");
    html! { a href=(way.to_window(extent)) aria-current=[current] { (extent.words()) } }
}

/// A section with a heading; the script replaces it as a whole, by its id.
pub(super) fn section(id: &str, title: &str, body: &Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-title" } {
            h2 id={ (id) "-title" } { (title) }
            (body)
        }
    }
}

/// A table that can be scrolled sideways, also with the keyboard.
pub(super) fn scrolled(label: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" aria-label=(label) tabindex="0" { (table) } }
}

/// The head of a table whose rows the script can sort.
pub(super) fn head(columns: &[(&str, &str)]) -> Markup {
    html! {
        thead { tr {
            @for (title, class) in columns {
                th scope="col" class=(class) { (title) }
            }
        } }
    }
}

/// A cell with a number: what is shown, and what it is sorted by.
pub(super) fn number(value: u64, shown: &str) -> Markup {
    html! { td.n data-v=(value) { (shown) } }
}

/// Text to take away, with a button that the script makes work.
pub(super) fn copyable(id: &str, text: &str) -> Markup {
    html! {
        div.copy {
            pre id=(id) tabindex="0" { (text) }
            button type="button" data-copy=(id) { "Copy" }
        }
    }
}

/// The key figures of the node, in one line.
pub(super) fn figures(seen: &Seen<'_>) -> Markup {
    let summary = &seen.all.summary;
    let figures = seen.of_window(&summary.figures);
    let hits = seen.of_window(&seen.all.cache.windows);
    let failed = super::number::ratio(figures.failed, figures.queries);
    html! {
        dl.figures {
            (figure("queries/s", &seen.rate(figures.queries)))
            (figure("failed", &percent(failed)))
            (figure("from the cache", &percent(hits.hit_ratio)))
            (figure("clients", &count(u64::try_from(summary.clients).unwrap_or(u64::MAX))))
            (figure("up", &span(summary.uptime_s)))
        }
    }
}

fn figure(what: &str, value: &str) -> Markup {
    html! { div { dt { (what) } dd { (value) } } }
}

/// Nobody has asked.
pub(super) fn nobody(way: Way) -> Markup {
    let command = "dig @ADDRESS -p PORT kubernetes.default.svc.cluster.local";
    section(
        "empty",
        "No client has asked yet",
        &html! {
            (PreEscaped(EMPTY))
            p {
                "Fivedots answers and waits. Queries show up here a moment after they were \
                answered. To see one, ask its listen address, which " a href=(way.to_file("config")) { "config" }
                " has:"
            }
            (copyable("try", command))
            p {
                "If Pods should be asking by now: does their " code { "resolv.conf" }
                " name this node's address?"
            }
        },
    )
}

/// The first window is not over.
pub(super) fn too_soon(way: Way) -> Markup {
    section(
        "empty",
        "Counting",
        &html! {
            (PreEscaped(LOADING))
            p {
                "Clients are asking. Figures are of full ten seconds, and the first are not over; \
                they come by themselves. "
                a href=(way.to_window(Extent::Start)) { "All since the start" } " is there already."
            }
        },
    )
}

/// A client or workload that has no account.
#[derive(Clone, Copy, Debug)]
pub struct NotFound<'a> {
    /// Who was asked for.
    pub who: &'a str,
    /// The way to the first page.
    pub up: &'static str,
    /// What is not to be shown where it leads to.
    pub redact: Redact,
}

pub(super) fn not_found(who: &str, way: Way) -> Markup {
    section(
        "empty",
        "No account",
        &html! {
            (PreEscaped(EMPTY))
            p {
                (who) " has not asked, or not of late: who was silent longest makes \
                room for others."
            }
            p { a href=(way.to(".")) { "All clients" } }
        },
    )
}

/// What a browser may load for these pages: what comes from here, and no
/// style, script or handler in the markup.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// Five dots, none of them filled.
const EMPTY: &str = r#"<svg class="dots" viewBox="0 0 110 22" role="img" aria-label="nothing yet"><circle cx="11" cy="11" r="8"/><circle cx="33" cy="11" r="8"/><circle cx="55" cy="11" r="8"/><circle cx="77" cy="11" r="8"/><circle cx="99" cy="11" r="8"/></svg>"#;

/// Five dots, two of them filled.
const LOADING: &str = r#"<svg class="dots" viewBox="0 0 110 22" role="img" aria-label="counting"><circle class="on" cx="11" cy="11" r="8"/><circle class="on" cx="33" cy="11" r="8"/><circle cx="55" cy="11" r="8"/><circle cx="77" cy="11" r="8"/><circle cx="99" cy="11" r="8"/></svg>"#;
