//! Clients by name: a workload, or an address with no known pod.
//!
//! The one place where the pages name clients and link to them.

use std::net::IpAddr;

use maud::{Markup, html};

use super::frame::View;
use super::links::Links;
use crate::api::{WorkloadDetail, WorkloadView};
use observe::{ADDRESS, Figures, NO_NAMESPACE, Workload};

/// The workloads of the snapshot whose `weight` in the window is above zero, the
/// heaviest first.
pub(super) fn heaviest<'a>(
    seen: &View<'a>,
    weight: fn(&Figures) -> u64,
) -> Vec<&'a WorkloadDetail> {
    let of = |detail: &WorkloadDetail| weight(seen.of_window(&detail.view.figures));
    let all = seen.all.workloads.iter();
    let mut heavy: Vec<_> = all.filter(|detail| of(detail) > 0).collect();
    heavy.sort_by_key(|detail| std::cmp::Reverse(of(detail)));
    heavy
}

/// The name, with a link to its own page.
pub(super) fn link(view: &WorkloadView, links: Links) -> Markup {
    named([&view.namespace, &view.kind, &view.name], links)
}

fn named([namespace, of_kind, name]: [&String; 3], links: Links) -> Markup {
    if of_kind == ADDRESS {
        return html! { a href=(links.to(format_args!("clients/{name}"))) { (name) } };
    }
    let within = if namespace.is_empty() { NO_NAMESPACE } else { namespace };
    html! {
        a href=(links.to(format_args!("workloads/{within}/{of_kind}/{name}"))) { (name) }
        " " span.kind { (kind(namespace, of_kind)) }
    }
}

/// A workload without figures, with a link to its own page.
pub(super) fn owner(workload: &Workload, links: Links) -> Markup {
    named([&workload.namespace, &workload.kind, &workload.name], links)
}

/// The name with its namespace, where there is little room.
pub(super) fn short(view: &WorkloadView, links: Links) -> Markup {
    html! {
        @if !view.namespace.is_empty() { span.namespace { (view.namespace) "/" } }
        (link(view, links))
    }
}

/// What is shown beside the name.
fn kind(namespace: &str, kind: &str) -> String {
    if namespace.is_empty() { kind.to_owned() } else { format!("{kind} in {namespace}") }
}

/// A client, with a link to its own page.
pub(super) fn client(addr: IpAddr, links: Links) -> Markup {
    html! { a href=(links.to(format_args!("clients/{addr}"))) { (addr) } }
}

/// An id of the workload that is unique on a page.
pub(super) fn id(view: &WorkloadView) -> String {
    format!("{}-{}-{}", view.namespace, view.kind, view.name)
}
