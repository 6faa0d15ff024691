//! Queries from clients through this proxy to what answers them.

use maud::{Markup, html};

use super::chart::{Band, patterns};
use super::frame::{self, View, head, number, scrolled};
use super::who;
use crate::words::{count, percent, ratio};

/// The section.
pub(super) fn section(seen: &View<'_>) -> Markup {
    let (from, to) = (sources(seen), targets(seen));
    let body = html! {
        div.flow {
            ol { @for end in &from { (label(seen, end)) } }
            (drawing(&from, &to))
            ol { @for end in &to { (label(seen, end)) } }
        }
        p.note { "Width: queries per second. Hatched: failed." }
        (table(seen, &from, &to))
    };
    frame::section("flow", "Where queries come from, and what answers them", &body)
}

/// One end of the flow.
struct FlowEnd {
    name: Markup,
    queries: u64,
    failed: u64,
}

impl FlowEnd {
    fn failed_share(&self) -> f64 {
        ratio(self.failed, self.queries)
    }
}

/// The busiest clients, and all others as one.
fn sources(seen: &View<'_>) -> Vec<FlowEnd> {
    let all = seen.of_window(&seen.all.summary.figures);
    let busiest = who::heaviest(seen, |figures| figures.queries).into_iter();
    let mut ends: Vec<FlowEnd> = busiest
        .map(|detail| {
            let figures = seen.of_window(&detail.view.figures);
            let name = who::short(&detail.view, seen.links);
            FlowEnd { name, queries: figures.queries, failed: figures.failed }
        })
        .collect();
    ends.truncate(SOURCES);
    let sum = |of: fn(&FlowEnd) -> u64| ends.iter().map(of).sum::<u64>();
    let queries = all.queries.saturating_sub(sum(|end| end.queries));
    let failed = all.failed.saturating_sub(sum(|end| end.failed));
    if queries > 0 {
        ends.push(FlowEnd { name: html! { "all other clients" }, queries, failed });
    }
    ends
}

/// The cache, the upstreams, and queries that needed neither.
fn targets(seen: &View<'_>) -> Vec<FlowEnd> {
    let all = seen.of_window(&seen.all.summary.figures);
    let hits = seen.of_window(&seen.all.cache.windows).cache_hits;
    let mut ends = vec![FlowEnd { name: html! { "cache" }, queries: hits, failed: 0 }];
    for upstream in &seen.all.upstreams.upstreams {
        let window = seen.of_window(&upstream.windows);
        ends.push(FlowEnd {
            name: html! {
                (upstream.upstream)
                @if !upstream.zones.is_empty() {
                    " " span.namespace { "for " (upstream.zones.join(" ")) }
                }
            },
            queries: window.answered + window.failed,
            failed: window.failed,
        });
    }
    let sum = |of: fn(&FlowEnd) -> u64| ends.iter().map(of).sum::<u64>();
    let queries = all.queries.saturating_sub(sum(|end| end.queries));
    let failed = all
        .failed
        .saturating_sub(sum(|end| end.failed))
        .min(queries);
    if queries > 0 {
        ends.push(FlowEnd { name: html! { "neither" }, queries, failed });
    }
    ends
}

fn label(seen: &View<'_>, end: &FlowEnd) -> Markup {
    html! {
        li {
            span.who { (end.name) }
            span.much {
                (seen.rate(end.queries)) "/s"
                @if end.failed > 0 { " " b.failed { "\u{2715} " (percent(end.failed_share())) } }
            }
        }
    }
}

fn drawing(from: &[FlowEnd], to: &[FlowEnd]) -> Markup {
    let rows = from.len().max(to.len()).max(2);
    let height = f64::from(u32::try_from(rows).unwrap_or(u32::MAX)) * ROW;
    let most = from.iter().chain(to).map(|end| end.queries).max();
    let most = most.unwrap_or_default().max(1);
    let total: u64 = from.iter().map(|end| end.queries).sum();
    // No band wider than its row, nor all of them than the drawing.
    let unit = (ROW * 0.8 / ratio(most, 1)).min(height * 0.9 / ratio(total.max(1), 1));
    let node = ratio(total, 1) * unit;
    let scale = Scale { height, unit, top: (height - node) / 2.0 };
    let view = format!("0 0 100 {height:.0}");
    html! {
        svg viewBox=(view) height=(format!("{height:.0}")) preserveAspectRatio="none" role="img"
            aria-label="Queries by client and by what answers them; the table below has the numbers" {
            (patterns("f"))
            g.in { (scale.bands(from, [0.0, 46.0])) }
            g.out { (scale.bands(to, [100.0, 54.0])) }
            rect.node x="46" width="8" y=(format!("{:.1}", scale.top))
                height=(format!("{:.1}", node.max(1.0))) {}
        }
    }
}

struct Scale {
    height: f64,
    /// Thickness of one query.
    unit: f64,
    /// Upper edge of the node.
    top: f64,
}

impl Scale {
    /// Bands of `ends` from `edge` to the node.
    fn bands(&self, ends: &[FlowEnd], [edge, node]: [f64; 2]) -> Markup {
        let row = self.height / ratio(u64::try_from(ends.len()).unwrap_or(u64::MAX), 1).max(1.0);
        let (mut middle, mut top) = (row / 2.0, self.top);
        let mut bands = Vec::new();
        for end in ends {
            let width = ratio(end.queries, 1) * self.unit;
            let at_edge = middle - width / 2.0;
            let failed = width * end.failed_share();
            let all = Band { top: [at_edge, top], width: width.max(LEAST) };
            let fails = Band {
                top: [at_edge + width - failed, top + width - failed],
                width: failed.max(LEAST),
            };
            bands.push((all.path(edge, node), (end.failed > 0).then(|| fails.path(edge, node))));
            middle += row;
            top += width;
        }
        html! {
            @for (all, fails) in &bands {
                path.band d=(all) {}
                @if let Some(fails) = fails { path.fails d=(fails) fill="url(#f1)" {} }
            }
        }
    }
}

fn table(seen: &View<'_>, from: &[FlowEnd], to: &[FlowEnd]) -> Markup {
    let columns = [("", ""), ("queries", "n"), ("per second", "n"), ("failed", "n")];
    let rows = |ends: &[FlowEnd], title: &str| {
        html! {
            tbody {
                tr.group { th scope="rowgroup" colspan="4" { (title) } }
                @for end in ends {
                    tr {
                        th scope="row" { (end.name) }
                        (number(end.queries, &count(end.queries)))
                        td.n { (seen.rate(end.queries)) }
                        (number(end.failed, &count(end.failed)))
                    }
                }
            }
        }
    };
    let table = html! {
        table.fixed { (head(&columns)) (rows(from, "from")) (rows(to, "answered by")) }
    };
    html! {
        details #flow-data {
            summary { "Show as a table" }
            (scrolled("Queries by client and by what answers them", &table))
            p.note {
                "Neither: queries that shared another client's upstream query, repeated a recent \
                failure, were retransmits, or were answered by the proxy itself."
            }
        }
    }
}

/// Clients that have a band of their own.
const SOURCES: usize = 6;

/// Height of a row, in CSS pixels.
const ROW: f64 = 38.0;

/// A band that is thinner is not seen.
const LEAST: f64 = 0.6;
