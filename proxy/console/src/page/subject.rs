//! The page of one client, and of one workload.

use std::collections::BTreeMap;
use std::fmt::Display;

use maud::{Markup, html};

use super::frame::{self, copyable, head, number, scrolled};
use super::number::{count, percent, span, words};
use super::waste::{Proposal, alternatives};
use super::way::Way;
use super::who;
use crate::api::{
    ClientDetail, ClientView, NameView, ResolverView, SearchView, Windowed, WorkloadDetail,
};
use crate::redact::Redact;
use observe::Figures;

/// One client or one workload.
pub(super) struct Subject<'a> {
    title: Markup,
    way: Way,
    proposal: Proposal<'a>,
    figures: &'a Windowed<Figures>,
    failures: &'a BTreeMap<String, u64>,
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
    pub(super) fn client(detail: &'a ClientDetail, way: Way) -> Self {
        Self {
            title: html! { (detail.view.client) },
            way,
            proposal: Proposal::of_client(detail),
            figures: &detail.view.figures,
            failures: &detail.view.failures,
            names: &detail.names,
            search: &detail.search,
            resolver: detail.resolver.as_ref(),
            open_lookups: detail.open_lookups,
            seen: [detail.view.first_seen_s, detail.view.last_seen_s],
            members: None,
        }
    }

    pub(super) fn workload(detail: &'a WorkloadDetail, way: Way) -> Self {
        Self {
            title: who::link(&detail.view, way),
            way,
            proposal: Proposal::of(detail),
            figures: &detail.view.figures,
            failures: &detail.view.failures,
            names: &detail.names,
            search: &detail.search,
            resolver: detail.resolver.as_ref(),
            open_lookups: detail.open_lookups,
            seen: [detail.view.first_seen_s, detail.view.last_seen_s],
            members: Some(&detail.members),
        }
    }
}

/// All its sections.
pub(super) fn sections(subject: &Subject<'_>) -> Markup {
    html! {
        (advice(subject))
        (figures(subject))
        (names(subject.names))
        @if let Some(members) = subject.members { (pods(members, subject.way)) }
        (failures(subject.failures))
        (resolver(subject))
    }
}

fn advice(subject: &Subject<'_>) -> Markup {
    let proposal = &subject.proposal;
    let body = html! {
        p { a href=(subject.way.to(".")) { "All clients" } }
        h2 { (subject.title) }
        div.cards {
            article {
                h3 { "What it should change" }
                p.big { (proposal.text()) }
                @if let Some(saving) = proposal.saving() { p { "Saves " (saving) "." } }
                @if let Some(doubts) = proposal.doubts() { p.note { (doubts) } }
            }
            @if let Some(patch) = proposal.patch() {
                article {
                    h3 { "How" }
                    (copyable("patch", &patch))
                    @if subject.members.is_none() { (form(proposal, subject.way.redact())) }
                }
            }
        }
        @if let Some(advice) = proposal.advice {
            h3 { "What if" }
            (alternatives(advice, proposal.family))
        }
    };
    frame::section("advice", "Advice", &body)
}

/// For the commands of its workload, where nobody said which one it is.
fn form(proposal: &Proposal<'_>, redact: Redact) -> Markup {
    if redact.clients {
        // Commands name the workload, and are left out.
        return Markup::default();
    }
    if proposal.is_ready() {
        return html! { p.note { "As the commands for its workload; read them first." } };
    }
    let kinds = ["Deployment", "StatefulSet", "DaemonSet", "CronJob"];
    html! {
        form method="get" {
            p.note { "As commands for kubectl, once you say whose Pod it is:" }
            label { "kind " select name="kind" { @for kind in kinds { option { (kind) } } } }
            label { "namespace " input name="namespace" required; }
            label { "name " input name="name" required; }
            @if redact.names { input type="hidden" name="redact" value=(redact); }
            button { "Show" }
        }
    }
}

fn pods(members: &[ClientView], way: Way) -> Markup {
    let columns = [
        ("client", ""),
        ("queries", "n"),
        ("wasted", "n"),
        ("failed", "n"),
        ("names per lookup", "n far"),
    ];
    let row = |member: &ClientView| {
        let total = &member.figures.total;
        html! {
            tr {
                th scope="row" { (who::client(member.client, way)) }
                (number(total.queries, &count(total.queries)))
                (number(total.wasted_queries, &count(total.wasted_queries)))
                (number(total.failed, &count(total.failed)))
                td.n.far data-v=(total.amplification) { (format!("{:.1}", total.amplification)) }
            }
        }
    };
    let table = html! {
        table #pod-table { (head(&columns)) tbody { @for member in members { (row(member)) } } }
    };
    frame::section("pods", "Its Pods, since the start", &scrolled("Pods", &table))
}

type Read = fn(&Figures) -> String;

const ROWS: [(&str, Read); 16] = [
    ("queries", |f| count(f.queries)),
    ("failed", |f| count(f.failed)),
    ("asked upstream", |f| count(f.upstream_questions)),
    ("lookups", |f| count(f.lookups)),
    ("names for each lookup", |f| format!("{:.2}", f.amplification)),
    ("queries wasted", |f| count(f.wasted_queries)),
    ("share wasted", |f| percent(f.wasted_ratio)),
    ("wait wasted for each", |f| format!("{:.1} ms", f.wasted_ms_per_lookup)),
    ("of names outside", |f| count(f.external)),
    ("of names of the cluster", |f| count(f.cluster)),
    ("of those without the last dot", |f| count(f.fqdn_no_dot)),
    ("of no name at all", |f| count(f.nonexistent)),
    ("answered by a wildcard", |f| count(f.captured)),
    ("lookups that failed", |f| count(f.lookups_failed)),
    ("sent again", |f| count(f.retransmits)),
    ("sent again though answered", |f| count(f.retransmits_answered)),
];

fn figures(subject: &Subject<'_>) -> Markup {
    let Windowed { ten_seconds, minute, total, .. } = subject.figures;
    let [first, last] = subject.seen;
    let columns = [("", ""), ("10 s", "n"), ("1 min", "n"), ("since start", "n")];
    let table = html! {
        table.fixed #figures-table {
            (head(&columns))
            tbody {
                @for (label, read) in ROWS {
                    tr {
                        th scope="row" { (label) }
                        @for figures in [ten_seconds, minute, total] { td.n { (read(figures)) } }
                    }
                }
            }
        }
    };
    let body = html! {
        (scrolled("Figures", &table))
        p.note {
            "First seen " (span(first)) " ago, last " (span(last)) " ago."
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
            p.none { "No lookup of it is over yet." }
        } @else { (scrolled("Names", &table)) }
    };
    frame::section("names", "What it looks up", &body)
}

fn failures(failures: &BTreeMap<String, u64>) -> Markup {
    let body = html! {
        @if failures.is_empty() { p.none { "None of its queries failed." } }
        dl.pairs {
            @for (origin, failed) in failures { dt { (words(origin)) } dd { (count(*failed)) } }
        }
    };
    frame::section("failures", "What failed for it", &body)
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
            (pair("known from", &search.source))
            (pair("ndots", &ndots))
            @match subject.resolver {
                Some(guess) => (pair("library", &format!("{}, {} % sure", guess.library, guess.confidence))),
                None => (pair("library", &"not known"))
            }
            (pair("lookups under way", &subject.open_lookups))
        }
    };
    frame::section("resolver", "Its resolver", &body)
}
