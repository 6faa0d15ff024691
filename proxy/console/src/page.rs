//! The page for a browser: what the API says, drawn.
//!
//! Everything is rendered here, as text from the API's own structures, so that
//! the numbers are the same and the page works without its script. The script
//! replaces sections by newer ones. Nothing is fetched from anywhere else, and
//! no markup has style or handlers of its own, so the strictest policy holds.

mod snapshot;
pub use snapshot::{Reading, Snapshot};

mod frame;
pub use frame::{Asked, Extent, NotFound, POLICY};

mod number;

mod way;
use way::Way;

mod who;

mod chart;

mod verdict;

mod flow;

mod waste;

mod failing;

mod upstreams;

mod rings;

mod stored;

mod unseen;

mod subject;

use maud::{Markup, html};

use crate::api::{ClientDetail, WorkloadDetail};

/// The page's style sheet.
pub const STYLE: &str = include_str!("page/page.css");

/// The page's script.
pub const SCRIPT: &str = include_str!("page/page.js");

/// The page's icon.
pub const ICON: &str = include_str!("page/icon.svg");

/// Renders the node.
pub fn node(snapshot: &Snapshot, asked: Asked) -> String {
    let seen = frame::Seen::of(snapshot, asked);
    let body = match seen.state() {
        frame::State::Nobody => frame::nobody(seen.way),
        frame::State::TooSoon => frame::too_soon(seen.way),
        frame::State::Figures => sections(&seen),
    };
    frame::document("Fivedots", seen.way, asked, &body)
}

/// Renders one client.
pub fn client(detail: &ClientDetail, asked: Asked) -> String {
    let title = format!("{} - Fivedots", detail.view.client);
    let way = Way::of_client(asked.redact);
    let body = subject::sections(&subject::Subject::client(detail, way));
    frame::document(&title, way, asked, &body)
}

/// Renders one workload.
pub fn workload(detail: &WorkloadDetail, asked: Asked) -> String {
    let title = format!("{} - Fivedots", detail.view.name);
    let way = Way::of_workload(asked.redact);
    let body = subject::sections(&subject::Subject::workload(detail, way));
    frame::document(&title, way, asked, &body)
}

/// Renders the absence of a client or workload.
pub fn nobody(missing: &NotFound<'_>) -> String {
    let way = Way::new(missing.up, missing.redact);
    let asked = Asked { redact: missing.redact, ..Asked::default() };
    frame::document("Not found - Fivedots", way, asked, &frame::not_found(missing.who, way))
}

fn sections(seen: &frame::Seen<'_>) -> Markup {
    html! {
        (verdict::section(seen))
        (flow::section(seen))
        (failing::over_time(seen))
        (waste::section(seen))
        (failing::section(seen))
        (rings::section(seen))
        (upstreams::section(seen))
        (stored::section(seen))
        (unseen::section(seen))
    }
}

#[cfg(test)]
mod tests;
