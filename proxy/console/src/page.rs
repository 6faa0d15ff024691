//! The page for a browser: the figures of the API, drawn.
//!
//! Everything is rendered here, as text from the API's own structures, so that
//! the numbers are the same and the page works without its script. The script
//! replaces sections by newer ones. Nothing is fetched from anywhere else, and
//! no markup has style or handlers of its own, so the strictest policy holds.

mod snapshot;
pub(crate) use snapshot::{NodeCopy, Snapshot};

mod params;
pub(crate) use params::{PageParams, PageWindow};

mod links;
use links::Links;

mod frame;
pub(crate) use frame::{NotFound, POLICY};

mod who;

mod answers;

mod chart;

mod columns;

mod verdict;

mod flow;

mod waste;

mod failing;

mod upstreams;

mod loops;

mod cache;

mod coverage;

mod subject;

mod list;
pub(crate) use list::{Listed, clients, workloads};

use maud::{Markup, html};

use crate::api::{ClientDetail, WorkloadDetail};

/// The page's style sheet.
pub(crate) const STYLE: &str = include_str!("page/page.css");

/// The page's script.
pub(crate) const SCRIPT: &str = include_str!("page/page.js");

/// The page's icon.
pub(crate) const ICON: &str = include_str!("page/icon.svg");

/// Renders the node.
pub(crate) fn node(snapshot: &Snapshot, params: PageParams) -> String {
    let seen = frame::View::of(snapshot, params);
    let body = match seen.content() {
        frame::Content::NoClients => frame::no_clients(&seen),
        frame::Content::FirstWindow => frame::first_window(seen.links),
        frame::Content::Figures => sections(&seen),
    };
    frame::document("Fivedots", seen.links, params, &body)
}

/// Renders one client.
pub(crate) fn client(detail: &ClientDetail, params: PageParams) -> String {
    let title = format!("{} - Fivedots", detail.view.client);
    let links = Links::of_client(params.redact);
    let body = subject::sections(&subject::Subject::client(detail, links));
    frame::document(&title, links, params, &body)
}

/// Renders one workload.
pub(crate) fn workload(detail: &WorkloadDetail, params: PageParams) -> String {
    let title = format!("{} - Fivedots", detail.view.name);
    let links = Links::of_workload(params.redact);
    let body = subject::sections(&subject::Subject::workload(detail, links));
    frame::document(&title, links, params, &body)
}

/// Renders that there is no such client or workload.
pub(crate) fn not_found(missing: &NotFound<'_>) -> String {
    let links = Links::new(missing.up, missing.redact);
    let params = PageParams { redact: missing.redact, ..PageParams::default() };
    frame::document("Not found - Fivedots", links, params, &frame::not_found(missing.who, links))
}

fn sections(seen: &frame::View<'_>) -> Markup {
    html! {
        (verdict::section(seen))
        (flow::section(seen))
        (answers::section(seen))
        (failing::names(seen))
        (failing::over_time(seen))
        (waste::section(seen))
        (failing::section(seen))
        (loops::section(seen))
        (upstreams::section(seen))
        (cache::section(seen))
        (coverage::section(seen))
    }
}

#[cfg(test)]
mod tests;
