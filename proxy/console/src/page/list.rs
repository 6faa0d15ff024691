//! All workloads, or all clients, a page at a time, and those that a search finds.

use maud::{Markup, html};

use super::PageParams;
use super::frame::{self, head, number, scrolled};
use super::links::Links;
use super::who;
use crate::api::{ClientPage, ClientView, List, Order, Windowed, WorkloadPage, WorkloadView};
use crate::words::{count, if_known, label, millis, percent, ratio, span};
use observe::Figures;

/// Which list it is, and what is shown of it.
pub(crate) struct Listed<'a> {
    /// `workloads` or `clients`.
    pub(crate) what: &'static str,
    /// What was searched for, as it was typed.
    pub(crate) search: &'a str,
    /// Which rows.
    pub(crate) list: &'a List,
    /// The window and what is redacted.
    pub(crate) params: PageParams,
}

/// One row.
struct Row<'a> {
    name: Markup,
    figures: &'a Windowed<Figures>,
    failing: Option<&'a str>,
    last_seen_s: u64,
}

impl<'a> Row<'a> {
    fn workload(view: &'a WorkloadView, links: Links) -> Self {
        Self {
            name: who::link(view, links),
            figures: &view.figures,
            failing: view.failing_now.as_ref().map(|now| now.origin.as_str()),
            last_seen_s: view.last_seen_s,
        }
    }

    fn client(view: &'a ClientView, links: Links) -> Self {
        Self {
            name: html! {
                (who::client(view.client, links))
                @if let Some(pod) = &view.pod { " " span.kind { (pod) } }
                @if let Some(workload) = &view.workload { " " (who::owner(workload, links)) }
            },
            figures: &view.figures,
            failing: view.failing_now.as_ref().map(|now| now.origin.as_str()),
            last_seen_s: view.last_seen_s,
        }
    }
}

/// Renders workloads.
pub(crate) fn workloads(page: &WorkloadPage, listed: &Listed<'_>) -> String {
    let links = Links::of_node(listed.params.redact);
    let rows = page.workloads.iter();
    let rows = rows.map(|view| Row::workload(view, links));
    render(&rows.collect::<Vec<_>>(), page.found, listed)
}

/// Renders clients.
pub(crate) fn clients(page: &ClientPage, listed: &Listed<'_>) -> String {
    let links = Links::of_node(listed.params.redact);
    let rows = page.clients.iter().map(|view| Row::client(view, links));
    render(&rows.collect::<Vec<_>>(), page.found, listed)
}

fn render(rows: &[Row<'_>], found: usize, listed: &Listed<'_>) -> String {
    let links = Links::of_node(listed.params.redact);
    let title = if listed.what == "clients" { "All clients" } else { "All workloads" };
    let body = html! {
        p { a href=(links.to(".")) { "Back to the node" } }
        (search(listed, links))
        @if rows.is_empty() {
            p.none { "Nothing was found." }
        } @else { (scrolled(title, &table(rows, listed))) }
        (pages(rows.len(), found, listed))
    };
    let body = frame::section("list", title, &body);
    frame::document(&format!("{title} - Fivedots"), links, listed.params, &body)
}

/// The form for a search, with what the page is about.
fn search(listed: &Listed<'_>, links: Links) -> Markup {
    let redact = links.redact();
    html! {
        form method="get" role="search" aria-label="Search this list" {
            label { "pod, workload, address or name " input type="search" name="search" value=(listed.search); }
            label {
                "by " select name="order" {
                    @for order in ORDERS {
                        option value=(order.label()) selected[order == listed.list.order] { (order.label()) }
                    }
                }
            }
            @if redact != crate::redact::Redact::default() {
                input type="hidden" name="redact" value=(redact);
            }
            input type="hidden" name="window" value=(listed.params.window.window().label());
            button { "Search" }
        }
    }
}

fn table(rows: &[Row<'_>], listed: &Listed<'_>) -> Markup {
    let columns = [
        ("name", ""),
        ("queries", "n"),
        ("failed", "n"),
        ("fails now", "far"),
        ("p99", "n far"),
        ("wasted", "n"),
        ("last query", "n far"),
    ];
    let row = |row: &Row<'_>| {
        let figures = row.figures.get(listed.params.window.window());
        let failed = ratio(figures.failed, figures.queries);
        html! {
            tr {
                th scope="row" { (row.name) }
                (number(figures.queries, &count(figures.queries)))
                td.n.failed[figures.failed > 0] data-v=(failed) { (percent(failed)) }
                td.far { (row.failing.map(label).unwrap_or_default()) }
                td.n.far data-v=(figures.p99_ms.unwrap_or_default()) { (millis(figures.p99_ms)) }
                td.n data-v=(figures.wasted_ratio) { (if_known(figures, percent(figures.wasted_ratio))) }
                td.n.far data-v=(row.last_seen_s) { (span(row.last_seen_s)) " ago" }
            }
        }
    };
    html! {
        table #list-table { (head(&columns)) tbody { @for one in rows { (row(one)) } } }
    }
}

/// Which rows these are, and links to those before and after them.
fn pages(rows: usize, found: usize, listed: &Listed<'_>) -> Markup {
    let List { offset, limit, .. } = listed.list;
    let end = offset + rows;
    let link = |offset: usize| {
        let window = listed.params.window.window().label();
        let redact = listed.params.redact.to_string();
        let redact = if redact.is_empty() { redact } else { format!("&redact={redact}") };
        let search = crate::http::encoded(listed.search);
        let order = listed.list.order.label();
        format!("?offset={offset}&order={order}&search={search}&window={window}{redact}")
    };
    html! {
        p.note {
            @if rows > 0 { (count_of(offset + 1)) " to " (count_of(end)) " of " }
            (count_of(found)) ". "
            @if *offset > 0 { a href=(link(offset.saturating_sub(*limit))) { "Before" } " " }
            @if end < found { a href=(link(end)) { "After" } }
        }
    }
}

fn count_of(n: usize) -> String {
    count(u64::try_from(n).unwrap_or(u64::MAX))
}

const ORDERS: [Order; 3] = [Order::Queries, Order::Failed, Order::Wasted];
