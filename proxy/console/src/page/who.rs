//! Who is spoken of: a workload, or an address that nobody named.
//!
//! The one place where the pages name clients and lead to them.

use std::net::IpAddr;

use maud::{Markup, html};

use super::frame::Seen;
use super::way::Way;
use crate::api::{WorkloadDetail, WorkloadView};
use observe::{Figures, NO_NAMESPACE};

/// Those of the snapshot for whom `weight` of the window is above zero, the
/// heaviest first.
pub(super) fn heaviest<'a>(
    seen: &Seen<'a>,
    weight: fn(&Figures) -> u64,
) -> Vec<&'a WorkloadDetail> {
    let of = |detail: &WorkloadDetail| weight(seen.of_window(&detail.view.figures));
    let all = seen.all.workloads.iter();
    let mut heavy: Vec<_> = all.filter(|detail| of(detail) > 0).collect();
    heavy.sort_by_key(|detail| std::cmp::Reverse(of(detail)));
    heavy
}

/// The name, as the way to its own page.
pub(super) fn link(view: &WorkloadView, way: Way) -> Markup {
    let WorkloadView { kind: of_kind, name, .. } = view;
    if is_address(view) {
        return html! { a href=(way.to(format_args!("clients/{name}"))) { (name) } };
    }
    let namespace = if view.namespace.is_empty() { NO_NAMESPACE } else { &view.namespace };
    html! {
        a href=(way.to(format_args!("workloads/{namespace}/{of_kind}/{name}"))) { (name) }
        " " span.kind { (kind(view)) }
    }
}

/// What stands beside the name.
fn kind(view: &WorkloadView) -> String {
    if view.namespace.is_empty() {
        return view.kind.clone();
    }
    format!("{} in {}", view.kind, view.namespace)
}

/// A client, as the way to its own page.
pub(super) fn client(addr: IpAddr, way: Way) -> Markup {
    html! { a href=(way.to(format_args!("clients/{addr}"))) { (addr) } }
}

/// Words that are its own on a page.
pub(super) fn id(view: &WorkloadView) -> String {
    format!("{}-{}-{}", view.namespace, view.kind, view.name)
}

fn is_address(view: &WorkloadView) -> bool {
    view.kind == "address"
}
