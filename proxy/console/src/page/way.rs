//! The ways from one page to another.

use std::fmt::Display;

use super::frame::Extent;
use crate::redact::Redact;

/// Where a page is, and what is not shown there nor where it leads to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way {
    up: &'static str,
    redact: Redact,
}

impl Way {
    /// From a page that `up` leads from to where the first page is, so that it
    /// also works below a prefix, as through the API server.
    pub(super) const fn new(up: &'static str, redact: Redact) -> Self {
        Self { up, redact }
    }

    /// From the page of the node.
    pub(super) const fn of_node(redact: Redact) -> Self {
        Self::new("", redact)
    }

    /// From the page of a client.
    pub(super) const fn of_client(redact: Redact) -> Self {
        Self::new("../", redact)
    }

    /// From the page of a workload.
    pub(super) const fn of_workload(redact: Redact) -> Self {
        Self::new("../../../", redact)
    }

    /// Says whether it is of the node.
    pub(super) const fn is_node(self) -> bool {
        self.up.is_empty()
    }

    /// What is not shown.
    pub(super) const fn redact(self) -> Redact {
        self.redact
    }

    /// To a page, by its path from the first one.
    pub(super) fn to(self, path: impl Display) -> String {
        let Self { up, redact } = self;
        if redact == Redact::default() {
            return format!("{up}{path}");
        }
        format!("{up}{path}?redact={redact}")
    }

    /// To what the pages load, which shows nobody.
    pub(super) fn to_file(self, name: &str) -> String {
        format!("{}{name}", self.up)
    }

    /// To the node in another window.
    pub(super) fn to_window(self, extent: Extent) -> String {
        let window = extent.window().label();
        if self.redact == Redact::default() {
            return format!("?window={window}");
        }
        format!("?window={window}&redact={}", self.redact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_is_not_shown_further_on() {
        let redact: Redact = "names,clients".parse().unwrap();
        let way = Way::of_client(redact);
        assert_eq!(way.to("."), "../.?redact=names,clients");
        assert_eq!(way.to_file("page.js"), "../page.js");
        let way = Way::of_node(redact);
        assert_eq!(way.to("clients/2001:db8::1"), "clients/2001:db8::1?redact=names,clients");
        assert_eq!(way.to_window(Extent::Start), "?window=total&redact=names,clients");
        let way = Way::of_workload(Redact::default());
        assert_eq!(way.to("clients/::1"), "../../../clients/::1");
        assert_eq!(way.to_window(Extent::Minute), "?window=60s");
    }
}
