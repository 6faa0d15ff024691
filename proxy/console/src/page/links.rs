//! Links from one page to another.

use std::fmt::Display;

use super::PageWindow;
use crate::redact::Redact;

/// Where a page is, and what it and the pages it links to replace by pseudonyms.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Links {
    up: &'static str,
    redact: Redact,
}

impl Links {
    /// From a page whose path to the page of the node is `up`. Links are relative,
    /// so that they also work below a prefix, such as that of the API server.
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

    /// Returns whether the page is that of the node.
    pub(super) const fn is_node(self) -> bool {
        self.up.is_empty()
    }

    /// What is replaced by pseudonyms.
    pub(super) const fn redact(self) -> Redact {
        self.redact
    }

    /// To a page, by its path from the page of the node.
    pub(super) fn to(self, path: impl Display) -> String {
        let Self { up, redact } = self;
        if redact == Redact::default() {
            return format!("{up}{path}");
        }
        format!("{up}{path}?redact={redact}")
    }

    /// To a file without clients and names, such as the style sheet.
    pub(super) fn to_file(self, name: &str) -> String {
        format!("{}{name}", self.up)
    }

    /// To the node in another window.
    pub(super) fn to_window(self, window: PageWindow) -> String {
        let window = window.window().label();
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
    fn links_keep_what_is_redacted() {
        let redact: Redact = "names,clients".parse().unwrap();
        let links = Links::of_client(redact);
        assert_eq!(links.to("."), "../.?redact=names,clients");
        assert_eq!(links.to_file("page.js"), "../page.js");
        let links = Links::of_node(redact);
        assert_eq!(links.to("clients/2001:db8::1"), "clients/2001:db8::1?redact=names,clients");
        assert_eq!(links.to_window(PageWindow::Start), "?window=total&redact=names,clients");
        let links = Links::of_workload(Redact::default());
        assert_eq!(links.to("clients/::1"), "../../../clients/::1");
        assert_eq!(links.to_window(PageWindow::Minute), "?window=60s");
    }
}
