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

mod who;
pub use who::NO_NAMESPACE;

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
        frame::State::Nobody => frame::nobody(),
        frame::State::TooSoon => frame::too_soon(),
        frame::State::Figures => sections(&seen),
    };
    frame::document("Fivedots", "", asked, &body)
}

/// Renders one client.
pub fn client(detail: &ClientDetail, asked: Asked) -> String {
    let title = format!("{} - Fivedots", detail.view.client);
    frame::document(&title, "../", asked, &subject::sections(&subject::Subject::client(detail)))
}

/// Renders one workload.
pub fn workload(detail: &WorkloadDetail, asked: Asked) -> String {
    let title = format!("{} - Fivedots", detail.view.name);
    let body = subject::sections(&subject::Subject::workload(detail));
    frame::document(&title, "../../../", asked, &body)
}

/// Renders the absence of a client or workload.
pub fn nobody(missing: &NotFound<'_>) -> String {
    frame::document(
        "Not found - Fivedots",
        missing.up,
        Asked::default(),
        &frame::not_found(missing),
    )
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
