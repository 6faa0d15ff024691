//! What every page has around its figures, and what it says without any.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Deserialize;

use super::Snapshot;
use super::number::{count, percent, rate, span};
use crate::api::Windowed;
use crate::observe::Window;

/// What a page is asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
pub struct Asked {
    /// Over which time.
    pub window: Extent,
    /// Present when the script wants the sections alone.
    pub part: Option<u8>,
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
        Self { all, window, seconds }
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

/// A whole page around `body`; `up` leads from it to where the page lies, so
/// that it also works below a prefix, as through the API server.
pub(super) fn document(title: &str, up: &str, asked: Asked, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href={ (up) "icon.svg" } type="image/svg+xml";
                link rel="stylesheet" href={ (up) "page.css" };
                script src={ (up) "page.js" } defer {}
            }
            body {
                a.skip href="#main" { "To the figures" }
                header {
                    h1 { a href={ (up) "." } { "Fivedots" } }
                    @if up.is_empty() { (choices(asked)) }
                    p #state role="status" {
                        noscript { "Without its script this page stays as it is: load it again." }
                    }
                }
                main #main { (body) }
                footer {
                    p {
                        "Read-only. The same figures as JSON: "
                        a href={ (up) "api/v1/summary" } { "api/v1" }
                        "."
                    }
                }
            }
        }
    };
    if asked.part.is_some() { body.clone().into_string() } else { page.into_string() }
}

fn choices(asked: Asked) -> Markup {
    html! {
        nav aria-label="Time" {
            @for extent in Extent::ALL { (choice(extent, asked.window == extent)) }
        }
    }
}

fn choice(extent: Extent, is_shown: bool) -> Markup {
    let value = extent.window().label();
    html! {
        @if is_shown {
            a href={ "?window=" (value) } aria-current="true" { (extent.words()) }
        } @else {
            a href={ "?window=" (value) } { (extent.words()) }
        }
    }
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
pub(super) fn nobody() -> Markup {
    let command = "dig @ADDRESS -p PORT kubernetes.default.svc.cluster.local";
    section(
        "empty",
        "No client has asked yet",
        &html! {
            (PreEscaped(EMPTY))
            p {
                "Fivedots answers and waits. Queries show up here a moment after they were \
                answered. To see one, ask its listen address, which " a href="config" { "config" }
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
pub(super) fn too_soon() -> Markup {
    section(
        "empty",
        "Counting",
        &html! {
            (PreEscaped(LOADING))
            p {
                "Clients are asking. Figures are of full ten seconds, and the first are not over; \
                they come by themselves. "
                a href="?window=total" { "All since the start" } " is there already."
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
}

pub(super) fn not_found(missing: &NotFound<'_>) -> Markup {
    section(
        "empty",
        "No account",
        &html! {
            (PreEscaped(EMPTY))
            p {
                (missing.who) " has not asked, or not of late: who was silent longest makes \
                room for others."
            }
            p { a href={ (missing.up) "." } { "All clients" } }
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
