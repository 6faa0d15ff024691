//! The upstreams: whether they answer, and how soon.

use maud::{Markup, html};

use super::frame::{self, Seen, head, number, scrolled};
use super::number::{count, millis};
use crate::api::{UpstreamHealth, UpstreamView};

/// The section.
pub(super) fn section(seen: &Seen<'_>) -> Markup {
    let columns = [
        ("upstream", ""),
        ("last minute", ""),
        ("answered", "n"),
        ("failed", "n"),
        ("half within", "n"),
        ("99 of 100 within", "n"),
    ];
    let table = html! {
        table #upstream-table {
            (head(&columns))
            tbody { @for upstream in &seen.all.upstreams.upstreams { (row(seen, upstream)) } }
        }
    };
    frame::section("upstreams", "Upstreams", &scrolled("Upstreams", &table))
}

fn row(seen: &Seen<'_>, upstream: &UpstreamView) -> Markup {
    let window = seen.of_window(&upstream.windows);
    html! {
        tr {
            th scope="row" { (upstream.upstream) }
            td { (health(upstream.health)) }
            (number(window.answered, &count(window.answered)))
            (number(window.failed, &count(window.failed)))
            td.n data-v=(window.p50_ms.unwrap_or_default()) { (millis(window.p50_ms)) }
            td.n data-v=(window.p99_ms.unwrap_or_default()) { (millis(window.p99_ms)) }
        }
    }
}

fn health(health: UpstreamHealth) -> Markup {
    let (class, sign, text) = match health {
        UpstreamHealth::Well => ("state good", "\u{2713}", "answers"),
        UpstreamHealth::Partly => ("state bad", "\u{25d0}", "some fail"),
        UpstreamHealth::Failing => ("state bad", "\u{2715}", "fails"),
        UpstreamHealth::Idle => ("state", "\u{2013}", "not asked"),
    };
    html! { span class=(class) { (sign) " " (text) } }
}
