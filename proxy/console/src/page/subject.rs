//! The page of one client, and of one workload.

use std::collections::BTreeMap;
use std::fmt::Display;

use maud::{Markup, html};

use super::failing::{failing_in, name_table, since};
use super::frame::{self, copyable, head, number, scrolled};
use super::links::Links;
use super::waste::Proposal;
use super::who;
use crate::api::{
    ClientDetail, ClientView, FailingNameView, NameView, ResolverView, SearchView, Windowed,
    WorkloadDetail,
};
use crate::failing::{failing_name, what_fails};
use crate::redact::Redact;
use crate::words::{FIGURES, action, count, if_known, label, meaning, millis, span};
use observe::{Figures, Window};

/// One client or one workload.
pub(super) struct Subject<'a> {
    title: Markup,
    links: Links,
    proposal: Proposal<'a>,
    figures: &'a Windowed<Figures>,
    failures: &'a BTreeMap<String, u64>,
    failures_60s: &'a BTreeMap<String, u64>,
    failing: &'a [FailingNameView],
    names: &'a [NameView],
    search: &'a SearchView,
    resolver: Option<&'a ResolverView>,
    open_lookups: usize,
    /// Seconds since its first and its last query.
    seen: [u64; 2],
    /// The pods of a workload.
    members: Option<&'a [ClientView]>,
}

impl<'a> Subject<'a> {
    pub(super) fn client(detail: &'a ClientDetail, links: Links) -> Self {
        Self {
            title: html! { (detail.view.client) },
            links,
            proposal: Proposal::of_client(detail),
            figures: &detail.view.figures,
            failures: &detail.view.failures,
            failures_60s: &detail.view.failures_60s,
            failing: &detail.failing,
            names: &detail.names,
            search: &detail.search,
            resolver: detail.resolver.as_ref(),
            open_lookups: detail.open_lookups,
            seen: [detail.view.first_seen_s, detail.view.last_seen_s],
            members: None,
        }
    }

    pub(super) fn workload(detail: &'a WorkloadDetail, links: Links) -> Self {
        Self {
            title: who::link(&detail.view, links),
            links,
            proposal: Proposal::of(detail),
            figures: &detail.view.figures,
            failures: &detail.view.failures,
            failures_60s: &detail.view.failures_60s,
            failing: &detail.failing,
            names: &detail.names,
            search: &detail.search,
            resolver: detail.resolver.as_ref(),
            open_lookups: detail.open_lookups,
            seen: [detail.view.first_seen_s, detail.view.last_seen_s],
            members: Some(&detail.members),
        }
    }
}

/// All its sections. What fails comes before what could be better.
pub(super) fn sections(subject: &Subject<'_>) -> Markup {
    html! {
        (title(subject))
        @if !subject.failures_60s.is_empty() { (failures(subject)) }
        (advice(subject))
        (figures(subject))
        (names(subject.names))
        @if let Some(members) = subject.members { (pods(members, subject.links)) }
        @if subject.failures_60s.is_empty() { (failures(subject)) }
        (resolver(subject))
    }
}

fn title(subject: &Subject<'_>) -> Markup {
    html! {
        section id="who" {
            p { a href=(subject.links.to(".")) { "Back to the node" } }
            h2 { (subject.title) }
        }
    }
}

fn advice(subject: &Subject<'_>) -> Markup {
    let proposal = &subject.proposal;
    let body = html! {
        div.cards {
            article {
                h3 { "Recommended change" }
                p.big { (action(proposal.advice)) }
                @if let Some(saving) = proposal.saving() { p { "Saves " (saving) "." } }
                (proposal.remarks())
                @if let Some(warnings) = proposal.warnings() { p.note { (warnings) } }
            }
            @if let Some(patch) = proposal.patch() {
                article {
                    h3 { "How to apply it" }
                    (copyable("patch", &patch))
                    @if subject.members.is_none() { (form(proposal, subject.links.redact())) }
                }
            }
        }
        @if let Some(alternatives) = proposal.alternatives() {
            h3 { "Alternatives" }
            (alternatives)
        }
    };
    frame::section("advice", "Advice", &body)
}

/// Asks for the workload where it is unknown, to show commands for it.
fn form(proposal: &Proposal<'_>, redact: Redact) -> Markup {
    if redact.clients {
        // Commands contain the workload's name and are left out.
        return Markup::default();
    }
    if proposal.is_ready() {
        return html! { p.note { "Commands for its workload. Read them before you run them." } };
    }
    let kinds = ["Deployment", "StatefulSet", "DaemonSet", "CronJob"];
    html! {
        form method="get" {
            p.note { "For kubectl commands, enter the workload of this pod:" }
            label { "kind " select name="kind" { @for kind in kinds { option { (kind) } } } }
            label { "namespace " input name="namespace" required; }
            label { "name " input name="name" required; }
            @if redact.names { input type="hidden" name="redact" value=(redact); }
            button { "Show commands" }
        }
    }
}

fn pods(members: &[ClientView], links: Links) -> Markup {
    let columns = [
        ("client", ""),
        ("queries", "n"),
        ("wasted", "n"),
        ("failed", "n"),
        ("p99", "n far"),
        ("names per lookup", "n far"),
    ];
    let row = |member: &ClientView| {
        let total = &member.figures.total;
        html! {
            tr {
                th scope="row" { (who::client(member.client, links)) @if let Some(pod) = &member.pod { " " span.kind { (pod) } } }
                (number(total.queries, &count(total.queries)))
                (number(total.wasted_queries, &count(total.wasted_queries)))
                (number(total.failed, &count(total.failed)))
                td.n.far data-v=(total.p99_ms.unwrap_or_default()) { (millis(total.p99_ms)) }
                td.n.far data-v=(total.amplification) {
                    (if_known(total, format!("{:.1}", total.amplification)))
                }
            }
        }
    };
    let table = html! {
        table #pod-table { (head(&columns)) tbody { @for member in members { (row(member)) } } }
    };
    frame::section("pods", "Pods, since the start", &scrolled("Pods", &table))
}

fn figures(subject: &Subject<'_>) -> Markup {
    let Windowed { ten_seconds, minute, total, .. } = subject.figures;
    let [first, last] = subject.seen;
    let columns = [("figure", ""), ("10 s", "n"), ("1 min", "n"), ("since start", "n")];
    let table = html! {
        table.fixed #figures-table {
            (head(&columns))
            tbody {
                @for row in &FIGURES {
                    tr {
                        th scope="row" { (row.label) }
                        @for figures in [ten_seconds, minute, total] { td.n { ((row.read)(figures)) } }
                    }
                }
            }
        }
    };
    let body = html! {
        (scrolled("Figures", &table))
        p.note {
            "First query " (span(first)) " ago, last query " (span(last)) " ago."
        }
    };
    frame::section("figures", "Figures", &body)
}

fn names(names: &[NameView]) -> Markup {
    let columns = [("name", ""), ("lookups", "n"), ("queries", "n"), ("wasted", "n")];
    let row = |name: &NameView| {
        html! {
            tr {
                th scope="row" { (name.name) }
                (number(name.lookups, &count(name.lookups)))
                (number(name.lookup_queries, &count(name.lookup_queries)))
                (number(name.wasted_queries, &count(name.wasted_queries)))
            }
        }
    };
    let table = html! {
        table #name-table { (head(&columns)) tbody { @for name in names { (row(name)) } } }
    };
    let body = html! {
        @if names.is_empty() {
            p.none { "No finished lookups yet." }
        } @else { (scrolled("Names", &table)) }
    };
    frame::section("names", "Names it looks up", &body)
}

fn failures(subject: &Subject<'_>) -> Markup {
    let names: Vec<_> = subject.failing.iter().collect();
    let recent = failing_in(subject.failing, Window::Minute).next();
    let body = html! {
        @if let Some(name) = recent {
            article.bad {
                p.big { (failing_name(name)) }
                p { b { (what_fails(name)) } ", " (since(name.since_s)) ": " (name.meaning) "." }
                p { "Next: " (name.next.check) }
                (copyable("next", &name.next.command))
            }
        }
        @if subject.failures.is_empty() {
            p.none { "No failed queries." }
        } @else { (origins(subject)) }
        @if !names.is_empty() { (name_table(&names, Window::Start, None)) }
    };
    frame::section("failures", "Failures", &body)
}

/// Failures by origin, and what each means.
fn origins(subject: &Subject<'_>) -> Markup {
    let columns = [("origin", ""), ("1 min", "n"), ("since start", "n"), ("meaning", "")];
    let table = html! {
        table #origin-table {
            (head(&columns))
            tbody {
                @for (origin, failed) in subject.failures {
                    @let recent = subject.failures_60s.get(origin).copied().unwrap_or_default();
                    tr {
                        th scope="row" { (label(origin)) }
                        (number(recent, &count(recent)))
                        (number(*failed, &count(*failed)))
                        td { (meaning(origin)) }
                    }
                }
            }
        }
    };
    scrolled("Failures by origin", &table)
}

fn resolver(subject: &Subject<'_>) -> Markup {
    let search = subject.search;
    let [least, most] = search.ndots;
    let ndots = if least == most { most.to_string() } else { format!("{least} to {most}") };
    let pair = |what: &str, value: &dyn Display| {
        html! { dt { (what) } dd { (value.to_string()) } }
    };
    let body = html! {
        dl.pairs {
            (pair("search list", &search.domains.join(" ")))
            (pair("source of search list", &search.source))
            (pair("ndots", &ndots))
            @match subject.resolver {
                Some(guess) => (pair("library", &format!("{}, {} % sure", guess.library, guess.confidence))),
                None => (pair("library", &"unknown"))
            }
            (pair("open lookups", &subject.open_lookups))
        }
    };
    frame::section("resolver", "Resolver", &body)
}
