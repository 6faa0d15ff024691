//! Forwarding loops, hop by hop.

use maud::{Markup, html};

use super::frame::{self, Seen};
use super::number::{count, span, words};
use crate::api::LoopView;

/// The section.
pub(super) fn section(seen: &Seen<'_>) -> Markup {
    let loops = &seen.all.loops.loops;
    let askers = &seen.all.loops.asking_upstreams;
    let body = html! {
        @if loops.is_empty() { p.none { "No forwarding loop was seen." } }
        @for seen in loops { (ring(seen)) }
        @if !askers.is_empty() {
            p.note {
                "These upstreams ask us, which is no loop by itself: "
                @for (n, asker) in askers.iter().enumerate() {
                    @if n > 0 { ", " }
                    (asker.upstream) " (" (count(asker.queries)) " queries)"
                }
                "."
            }
        }
    };
    frame::section("loops", "Loops", &body)
}

fn ring(seen: &LoopView) -> Markup {
    html! {
        div.ring {
            p {
                b { (seen.zone) } " "
                @if seen.active { span.state.bad { "\u{2715} active" } } @else { span.state { "\u{2013} over" } }
            }
            (hops(seen))
            p.note {
                "shown by " (words(&seen.evidence)) ", " (count(seen.count)) " times, last "
                (span(seen.last_seen_s)) " ago"
            }
        }
    }
}

/// The hops from us to us.
pub(super) fn hops(seen: &LoopView) -> Markup {
    html! { ol.hops aria-label="Hops" { @for hop in &seen.hops { li { (hop) } } } }
}
