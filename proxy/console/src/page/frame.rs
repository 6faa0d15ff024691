//! The frame of every page, and what it shows without figures.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::links::Links;
use super::{PageParams, PageWindow, Snapshot};
use crate::api::Windowed;
use crate::redact::Redact;
use crate::words::{count, percent, rate, ratio, span};
use observe::Window;

/// A snapshot, seen over one window.
pub(super) struct View<'a> {
    pub(super) all: &'a Snapshot,
    pub(super) links: Links,
    pub(super) window: Window,
    /// Seconds of the window that have passed.
    pub(super) seconds: u64,
}

/// What there is to show.
pub(super) enum Content {
    /// No client has sent a query.
    NoClients,
    /// Clients have sent queries, and no window is complete.
    FirstWindow,
    /// Figures.
    Figures,
}

impl<'a> View<'a> {
    pub(super) fn of(all: &'a Snapshot, params: PageParams) -> Self {
        let (window, uptime) = (params.window.window(), all.summary.uptime_s);
        let tens = uptime / 10 * 10;
        let seconds = match window {
            Window::Second => 1.min(uptime),
            Window::TenSeconds => tens.min(10),
            Window::Minute => tens.min(60),
            Window::Start => uptime,
        };
        Self { all, links: Links::of_node(params.redact), window, seconds }
    }

    /// The figures of the window.
    pub(super) const fn of_window<'w, T>(&self, windowed: &'w Windowed<T>) -> &'w T {
        windowed.get(self.window)
    }

    /// A count of the window for each second.
    pub(super) fn rate(&self, count: u64) -> String {
        rate(count, self.seconds)
    }

    pub(super) fn content(&self) -> Content {
        let queries = self.all.summary.figures.total.queries;
        if queries == 0 {
            Content::NoClients
        } else if self.seconds == 0 {
            Content::FirstWindow
        } else {
            Content::Figures
        }
    }
}

/// A whole page around `body`.
pub(super) fn document(title: &str, links: Links, params: PageParams, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href=(links.to_file("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(links.to_file("page.css"));
                script src=(links.to_file("page.js")) defer {}
            }
            body {
                a.skip href="#main" { "Skip to the figures" }
                header {
                    h1 { a href=(links.to(".")) { "Fivedots" } }
                    @if links.is_node() { (choices(params, links)) (lists(links)) }
                    p #state role="status" {
                        noscript { "Scripts are off: reload this page for newer figures." }
                    }
                }
                main #main { (body) }
                footer {
                    p {
                        "Read-only. The same figures as JSON: "
                        a href=(links.to("api/v1/summary")) { "api/v1" }
                        "."
                        @if let Some(hidden) = hidden(links.redact()) { " " (hidden) }
                    }
                }
            }
        }
    };
    if params.part.is_some() { body.clone().into_string() } else { page.into_string() }
}

/// A note on what is replaced, for readers of a page that was passed on.
const fn hidden(redact: Redact) -> Option<&'static str> {
    match (redact.names, redact.clients) {
        (false, false) => None,
        (true, false) => Some("Names are pseudonyms."),
        (false, true) => Some("Clients are pseudonyms."),
        (true, true) => Some("Names and clients are pseudonyms."),
    }
}

fn choices(params: PageParams, links: Links) -> Markup {
    html! {
        nav aria-label="Window" {
            @for window in PageWindow::ALL { (choice(window, params.window == window, links)) }
        }
    }
}

/// Links to the lists, and a search.
fn lists(links: Links) -> Markup {
    let redact = links.redact();
    html! {
        form method="get" action="workloads" role="search" aria-label="Search the node" {
            input type="search" name="search" aria-label="Search pods, workloads, addresses and names"
                placeholder="pod, workload, name";
            @if redact != Redact::default() { input type="hidden" name="redact" value=(redact); }
            button { "Search" }
            a href=(links.to("workloads")) { "workloads" }
            a href=(links.to("clients")) { "clients" }
        }
    }
}

fn choice(window: PageWindow, is_shown: bool, links: Links) -> Markup {
    let current = is_shown.then_some("true");
    html! { a href=(links.to_window(window)) aria-current=[current] { (window.title()) } }
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
    html! { div.scroll role="region" aria-label={ "Table: " (label) } tabindex="0" { (table) } }
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

/// Text to copy, with a button that the script makes work.
pub(super) fn copyable(id: &str, text: &str) -> Markup {
    html! {
        div.copy {
            pre id=(id) tabindex="0" { (text) }
            button type="button" data-copy=(id) { "Copy" }
        }
    }
}

/// The key figures of the node, in one line.
pub(super) fn figures(seen: &View<'_>) -> Markup {
    let summary = &seen.all.summary;
    let figures = seen.of_window(&summary.figures);
    let hits = seen.of_window(&seen.all.cache.windows);
    let failed = ratio(figures.failed, figures.queries);
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

/// No client has sent a query.
pub(super) fn no_clients(seen: &View<'_>) -> Markup {
    let (addr, port) = seen.all.listen.map_or_else(
        || ("ADDRESS".to_owned(), "PORT".to_owned()),
        |listen| (reachable(listen.ip()).to_string(), listen.port().to_string()),
    );
    let command = format!("dig @{addr} -p {port} kubernetes.default.svc.cluster.local");
    section(
        "empty",
        "No queries yet",
        &html! {
            (PreEscaped(EMPTY))
            p {
                "Fivedots is running, and no client has sent it a query. A query appears here \
                within a second of its answer. To send one:"
            }
            (copyable("try", &command))
            p {
                "If pods should be using this node by now, check that " code { "nameserver" }
                " in their " code { "/etc/resolv.conf" } " is that address."
            }
        },
    )
}

/// The address of this host, for one that stands for all of them.
fn reachable(addr: IpAddr) -> IpAddr {
    match addr {
        IpAddr::V4(addr) if addr.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(addr) if addr.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        addr => addr,
    }
}

/// The first window is not complete.
pub(super) fn first_window(links: Links) -> Markup {
    section(
        "empty",
        "First window",
        &html! {
            (PreEscaped(LOADING))
            p {
                "Figures cover complete 10-second windows. The first is still running; this page \
                updates itself. Totals "
                a href=(links.to_window(PageWindow::Start)) { "since the start" } " are available now."
            }
        },
    )
}

/// A client or workload without figures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotFound<'a> {
    /// The address or name that was requested.
    pub(crate) who: &'a str,
    /// The path up to the first page.
    pub(crate) up: &'static str,
    /// What is replaced on the pages it links to.
    pub(crate) redact: Redact,
}

pub(super) fn not_found(who: &str, links: Links) -> Markup {
    section(
        "empty",
        "No figures",
        &html! {
            (PreEscaped(EMPTY))
            p {
                (who) " has sent no query, or none recently: clients that were idle for longest \
                make room for others."
            }
            p { a href=(links.to(".")) { "Back to the node" } }
        },
    )
}

/// What a browser may load for these pages: only what this listener serves, and
/// no style, script or handler in the markup.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// Five dots, none of them filled.
const EMPTY: &str = r#"<svg class="dots" viewBox="0 0 110 22" role="img" aria-label="no queries yet"><circle cx="11" cy="11" r="8"/><circle cx="33" cy="11" r="8"/><circle cx="55" cy="11" r="8"/><circle cx="77" cy="11" r="8"/><circle cx="99" cy="11" r="8"/></svg>"#;

/// Five dots, two of them filled.
const LOADING: &str = r#"<svg class="dots" viewBox="0 0 110 22" role="img" aria-label="first window running"><circle class="on" cx="11" cy="11" r="8"/><circle class="on" cx="33" cy="11" r="8"/><circle cx="55" cy="11" r="8"/><circle cx="77" cy="11" r="8"/><circle cx="99" cy="11" r="8"/></svg>"#;
