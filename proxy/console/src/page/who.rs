//! Clients by name: a workload, or an address with no known pod.
//!
//! The one place where the pages name clients and link to them.

use std::net::IpAddr;

use maud::{Markup, html};

use super::frame::View;
use super::links::Links;
use crate::api::{WorkloadDetail, WorkloadView};
use observe::{Figures, NO_NAMESPACE};

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
    let WorkloadView { kind: of_kind, name, .. } = view;
    if is_address(view) {
        return html! { a href=(links.to(format_args!("clients/{name}"))) { (name) } };
    }
    let namespace = if view.namespace.is_empty() { NO_NAMESPACE } else { &view.namespace };
    html! {
        a href=(links.to(format_args!("workloads/{namespace}/{of_kind}/{name}"))) { (name) }
        " " span.kind { (kind(view)) }
    }
}

/// What is shown beside the name.
fn kind(view: &WorkloadView) -> String {
    if view.namespace.is_empty() {
        return view.kind.clone();
    }
    format!("{} in {}", view.kind, view.namespace)
}

/// A client, with a link to its own page.
pub(super) fn client(addr: IpAddr, links: Links) -> Markup {
    html! { a href=(links.to(format_args!("clients/{addr}"))) { (addr) } }
}

/// An id of the workload that is unique on a page.
pub(super) fn id(view: &WorkloadView) -> String {
    format!("{}-{}-{}", view.namespace, view.kind, view.name)
}

fn is_address(view: &WorkloadView) -> bool {
    view.kind == "address"
}
