//! Forwarding loops, hop by hop.

use maud::{Markup, html};

use super::frame::{self, View};
use crate::api::LoopView;
use crate::words::{count, label, many, span};

/// The section.
pub(super) fn section(seen: &View<'_>) -> Markup {
    let loops = &seen.all.loops.loops;
    let askers = &seen.all.loops.asking_upstreams;
    let body = html! {
        @if loops.is_empty() { p.none { "No forwarding loops." } }
        @for seen in loops { (entry(seen)) }
        @if !askers.is_empty() {
            p.note {
                "Upstreams that send queries to this proxy (not a loop in itself): "
                @for (n, asker) in askers.iter().enumerate() {
                    @if n > 0 { ", " }
                    (asker.upstream) " (" (count(asker.queries)) " queries)"
                }
                "."
            }
        }
    };
    frame::section("loops", "Forwarding loops", &body)
}

fn entry(seen: &LoopView) -> Markup {
    html! {
        div.loop {
            p {
                b { (seen.below) } " "
                @if seen.active { span.state.bad { "\u{2715} active" } } @else { span.state { "\u{2013} ended" } }
            }
            (hops(seen))
            p.note {
                "evidence: " (evidences(seen)) "; seen " (many(seen.count, "time", "times")) ", last "
                (span(seen.last_seen_s)) " ago"
            }
        }
    }
}

fn evidences(seen: &LoopView) -> String {
    let all: Vec<_> = seen.evidences.iter().map(|one| label(one)).collect();
    all.join(", ")
}

/// The hops, from this proxy back to it.
pub(super) fn hops(seen: &LoopView) -> Markup {
    html! { ol.hops aria-label="Hops" { @for hop in &seen.hops { li { (hop) } } } }
}
