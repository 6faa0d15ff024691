//! The findings before the figures: which workload wastes most and what to
//! change, which fails most and why, and forwarding loops.

use maud::{Markup, html};

use super::frame::{self, View, copyable, figures};
use super::waste::{Proposal, wasteful};
use super::who;
use crate::api::{LoopView, VerdictPage, WorkloadDetail, WorkloadView};
use crate::failing::{failing_names, what_fails};
use crate::words::{action, captured, count, label, many, percent, ratio, span};
use diagnose::{Cause, Silent, silence_hint};
use resolver::Origin;

/// The section.
pub(super) fn section(seen: &View<'_>) -> Markup {
    frame::section("verdict", "Summary", &cards(seen))
}

fn cards(seen: &View<'_>) -> Markup {
    let worst = wasteful(seen).into_iter().next();
    let active = seen.all.loops.loops.iter().find(|seen| seen.active);
    // A client that is part of a loop fails too, and is shown as the loop.
    let mut unlucky = super::failing::unlucky(seen).into_iter();
    let failing = unlucky.find(|detail| active.is_none() || !is_of_loop(&detail.view));
    html! {
        (found(&seen.all.verdict))
        (fell_silent(&seen.all.verdict.silent))
        (figures(seen))
        div.cards {
            @match worst {
                Some(detail) => { (wastes(seen, &detail.view)) (change(&Proposal::of(detail))) }
                None => (nothing("Wastes most", "No wasted queries: every lookup succeeded on its first name."))
            }
            @match failing {
                Some(detail) => (fails(seen, detail)),
                None => (nothing("Fails most", "No failures: every query got an answer."))
            }
            @if let Some(active) = active { (forwarding_loop(active)) }
            @if let Some(detail) = greedy(seen) { (over_its_share(seen, detail)) }
            @if let Some(card) = wildcard(seen) { (card) }
        }
    }
}

/// The causes that the proxy finds, and the latest that is over.
fn found(page: &VerdictPage) -> Markup {
    html! {
        @for (n, cause) in page.findings.iter().enumerate() {
            div.cause {
                p {
                    b { (cause.title) } ", " (cause.scope_title) ", "
                    (super::failing::since(cause.since_s))
                    @if let Some(culprit) = &cause.finding.culprit { ": " b { (culprit) } }
                    "."
                }
                @if !cause.finding.evidence.is_empty() {
                    p { "Because " (cause.finding.evidence.join("; ")) "." }
                }
                p { "Fix: " (cause.finding.fix.action) }
                @let commands = cause.finding.fix.commands.join("\n");
                @if !commands.is_empty() { (copyable(&format!("fix-{n}"), &commands)) }
                p.note { "Risk: " (cause.finding.fix.risk) }
            }
        }
        @if page.findings.is_empty() && let Some(last) = page.events.first() {
            p.note {
                "No cause of trouble now. The last, " (title(&last.cause)) ", was found "
                (span(last.ended_s.unwrap_or_default())) " ago."
            }
        }
    }
}

/// Who sends no query any more, which is a hint and no cause.
fn fell_silent(silent: &[Silent]) -> Markup {
    let lines: Vec<_> = silent.iter().map(ToString::to_string).collect();
    html! {
        @if let Some(hint) = silence_hint(silent) {
            p.note { "Silent: " (lines.join("; ")) ". Each is " (hint) }
        }
    }
}

/// A cause in a few words, or its label where it is one of another version.
fn title(cause: &str) -> String {
    let known = Cause::ALL.iter().find(|one| one.label() == cause);
    known.map_or_else(|| label(cause), |one| one.title().to_owned())
}

fn is_of_loop(view: &WorkloadView) -> bool {
    let looped = view.failures.get(Origin::Loop.label());
    looped.is_some_and(|looped| *looped * 2 > view.failures.values().sum())
}

fn wastes(seen: &View<'_>, view: &WorkloadView) -> Markup {
    let figures = seen.of_window(&view.figures);
    html! {
        article {
            h3 { "Wastes most" }
            p.big { (who::link(view, seen.links)) }
            p {
                b { (percent(figures.wasted_ratio)) } " of its lookup queries are wasted on names \
                that do not exist: " b { (seen.rate(figures.wasted_queries)) } " per second. Each \
                lookup tries " b { (format!("{:.1}", figures.amplification)) } " names and needs one."
            }
        }
    }
}

fn change(proposal: &Proposal<'_>) -> Markup {
    html! {
        article {
            h3 { "Recommended change" }
            p.big { (action(proposal.advice)) }
            @if let Some(saving) = proposal.saving() { p { "Saves " (saving) "." } }
            (proposal.remarks())
            @if let Some(patch) = proposal.patch() { (copyable("patch-first", &patch)) }
            @if let Some(warnings) = proposal.warnings() { p.note { (warnings) } }
        }
    }
}

fn fails(seen: &View<'_>, detail: &WorkloadDetail) -> Markup {
    let view = &detail.view;
    let figures = seen.of_window(&view.figures);
    let names: Vec<_> = super::failing::failing_in(&detail.failing, seen.window).collect();
    let (failing, verb) = failing_names(&names);
    html! {
        article.bad {
            h3 { "Fails most" }
            @match names.first() {
                Some(name) => {
                    p.big { (failing) }
                    p {
                        (verb) " for " (who::link(view, seen.links)) ": " b { (what_fails(name)) } ", "
                        (super::failing::since(name.since_s)) "."
                    }
                }
                None => p.big { (who::link(view, seen.links)) }
            }
            p {
                b { (percent(ratio(figures.failed, figures.queries))) } " of its "
                (seen.rate(figures.queries)) " queries per second fail, "
                (count(figures.failed)) " in total."
            }
            @if let Some((origin, meaning)) = super::failing::mostly(view) {
                p { "Cause: " b { (origin) } ", " (meaning) "." }
            }
            @if let Some(name) = names.first() {
                p { "Next: " (name.next.check) }
                (copyable("next-first", &name.next.command))
            }
        }
    }
}

fn forwarding_loop(seen: &LoopView) -> Markup {
    html! {
        article.bad {
            h3 { "Forwarding loop" }
            p.big { "names in " (seen.below) }
            (super::loops::hops(seen))
            p {
                "Seen " (many(seen.count, "time", "times")) ". This proxy breaks the loop; fix the server \
                that sends the queries back."
            }
        }
    }
}

/// The workload with the most queries of the last minute that were turned away for
/// other clients' sake.
fn greedy<'a>(seen: &View<'a>) -> Option<&'a WorkloadDetail> {
    let all = seen.all.workloads.iter();
    all.filter(|detail| turned_away(&detail.view) > 0)
        .max_by_key(|detail| turned_away(&detail.view))
}

/// Its queries of the last minute that were above its share or its rate.
fn turned_away(view: &WorkloadView) -> u64 {
    let of = |origin: Origin| view.failures_60s.get(origin.label()).copied();
    let counts = [Origin::Limit, Origin::Rate].map(of);
    counts.into_iter().flatten().sum()
}

fn over_its_share(seen: &View<'_>, detail: &WorkloadDetail) -> Markup {
    let queries = detail.view.figures.minute.queries;
    html! {
        article.bad {
            h3 { "Over its share" }
            p.big { (who::link(&detail.view, seen.links)) }
            p {
                b { (count(turned_away(&detail.view))) } " of its " (count(queries)) " queries of the \
                last minute were answered SERVFAIL, to keep room for other clients. Look for a loop \
                or a retry without a pause in it."
            }
        }
    }
}

/// The first workload with a name that a wildcard answers.
fn wildcard(seen: &View<'_>) -> Option<Markup> {
    let mut all = seen.all.workloads.iter();
    let (view, captured) = all.find_map(|detail| {
        let advice = detail.view.advice.as_ref()?;
        Some((&detail.view, captured(advice)?))
    })?;
    Some(html! {
        article.bad {
            h3 { "Answered by a wildcard" }
            p.big { (captured) }
            p {
                "For " (who::link(view, seen.links)) ": the search list is tried first, and a \
                wildcard record in it answers. A dot at the end of the name avoids it."
            }
        }
    })
}

fn nothing(title: &str, text: &str) -> Markup {
    html! { article.good { h3 { (title) } p { (text) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fell_silent_is_in_a_note_with_what_to_look_at() {
        let web = Silent { name: "shop/web".to_owned(), per_minute: 240, ..Silent::default() };
        let text = fell_silent(&[web]).into_string();
        assert!(text.contains("Silent: shop/web: 240 queries a minute until"), "{text}");
        assert!(text.contains("fivedots audit --namespace shop"), "{text}");
        assert_eq!(fell_silent(&[]).into_string(), "");
    }
}
