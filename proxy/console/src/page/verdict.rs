//! The answers before the figures: who wastes most and what to change, who
//! fails and why, what goes round.

use maud::{Markup, html};

use super::frame::{self, Seen, copyable, figures};
use super::number::{count, percent, ratio};
use super::waste::{Proposal, wasteful};
use super::who;
use crate::api::{LoopView, WorkloadView};
use resolver::Origin;

/// The section.
pub(super) fn section(seen: &Seen<'_>) -> Markup {
    frame::section("verdict", "In short", &cards(seen))
}

fn cards(seen: &Seen<'_>) -> Markup {
    let worst = wasteful(seen).into_iter().next();
    let round = seen.all.loops.loops.iter().find(|seen| seen.active);
    // Who brings questions back fails too, and is told of as the loop that it
    // is part of.
    let mut unlucky = super::failing::unlucky(seen).into_iter();
    let failing = unlucky.find(|detail| round.is_none() || !is_of_loop(&detail.view));
    html! {
        (figures(seen))
        div.cards {
            @match worst {
                Some(detail) => { (wastes(seen, &detail.view)) (change(&Proposal::of(detail))) }
                None => (nothing("Wastes most", "Nobody: no query was for a denied name before the right one."))
            }
            @match failing {
                Some(detail) => (fails(seen, &detail.view)),
                None => (nothing("Fails most", "Nobody: every query was answered, yes or no."))
            }
            @if let Some(round) = round { (goes_round(round)) }
        }
    }
}

fn is_of_loop(view: &WorkloadView) -> bool {
    let looped = view.failures.get(Origin::Loop.label());
    looped.is_some_and(|looped| *looped * 2 > view.failures.values().sum())
}

fn wastes(seen: &Seen<'_>, view: &WorkloadView) -> Markup {
    let figures = seen.of_window(&view.figures);
    html! {
        article {
            h3 { "Wastes most" }
            p.big { (who::link(view, seen.way)) }
            p {
                b { (percent(figures.wasted_ratio)) } " of its lookups' queries are for names that \
                are denied: " b { (seen.rate(figures.wasted_queries)) } " a second. It asks "
                b { (format!("{:.1}", figures.amplification)) } " names for each lookup, of which \
                it needs one."
            }
        }
    }
}

fn change(proposal: &Proposal<'_>) -> Markup {
    html! {
        article {
            h3 { "What it should change" }
            p.big { (proposal.text()) }
            @if let Some(saving) = proposal.saving() { p { "Saves " (saving) "." } }
            @if let Some(patch) = proposal.patch() { (copyable("patch-first", &patch)) }
            @if let Some(known) = proposal.doubts() { p.note { (known) } }
        }
    }
}

fn fails(seen: &Seen<'_>, view: &WorkloadView) -> Markup {
    let figures = seen.of_window(&view.figures);
    html! {
        article.bad {
            h3 { "Fails most" }
            p.big { (who::link(view, seen.way)) }
            p {
                b { (percent(ratio(figures.failed, figures.queries))) } " of its "
                (seen.rate(figures.queries)) " queries a second fail, "
                (count(figures.failed)) " in all."
            }
            @if let Some((origin, meaning)) = super::failing::mostly(seen, view) {
                p { "Mostly " b { (origin) } ": " (meaning) "." }
            }
        }
    }
}

fn goes_round(seen: &LoopView) -> Markup {
    html! {
        article.bad {
            h3 { "Goes round" }
            p.big { "names in " (seen.zone) }
            (super::rings::hops(seen))
            p { "Seen " (count(seen.count)) " times. Broken here; mend the forwarder that sends them back." }
        }
    }
}

fn nothing(title: &str, text: &str) -> Markup {
    html! { article.good { h3 { (title) } p { (text) } } }
}
