//! The upstreams: whether they answer, and how fast.

use maud::{Markup, html};

use super::frame::{self, View, head, number, scrolled};
use crate::api::{UpstreamHealth, UpstreamView, UpstreamWindow};
use crate::words::{count, millis, percent, ratio};

/// The section.
pub(super) fn section(seen: &View<'_>) -> Markup {
    let columns = [
        ("upstream", ""),
        ("zones", "far"),
        ("last minute", ""),
        ("answered", "n"),
        ("share", "n far"),
        ("failed", "n"),
        ("p50", "n"),
        ("p99", "n"),
    ];
    let table = html! {
        table #upstream-table {
            (head(&columns))
            tbody { @for upstream in &seen.all.upstreams.upstreams { (row(seen, upstream)) } }
        }
    };
    frame::section("upstreams", "Upstreams", &scrolled("Upstreams", &table))
}

fn row(seen: &View<'_>, upstream: &UpstreamView) -> Markup {
    let window = seen.of_window(&upstream.windows);
    let asked = |window: &UpstreamWindow| window.answered + window.failed;
    let all = seen.all.upstreams.upstreams.iter();
    let all = all.map(|other| asked(seen.of_window(&other.windows))).sum();
    let share = ratio(asked(window), all);
    html! {
        tr {
            th scope="row" { (upstream.upstream) }
            td.far { (upstream.zones.join(" ")) }
            td { (health(upstream.health)) }
            (number(window.answered, &count(window.answered)))
            td.n.far data-v=(share) { (percent(share)) }
            (number(window.failed, &count(window.failed)))
            td.n data-v=(window.p50_ms.unwrap_or_default()) { (millis(window.p50_ms)) }
            td.n data-v=(window.p99_ms.unwrap_or_default()) { (millis(window.p99_ms)) }
        }
    }
}

fn health(health: UpstreamHealth) -> Markup {
    let (class, sign, text) = match health {
        UpstreamHealth::Well => ("state good", "\u{2713}", "healthy"),
        UpstreamHealth::Partly => ("state bad", "\u{25d0}", "partly failing"),
        UpstreamHealth::Failing => ("state bad", "\u{2715}", "failing"),
        UpstreamHealth::Idle => ("state", "\u{2013}", "no queries"),
    };
    html! { span class=(class) { (sign) " " (text) } }
}
