//! The parameters of a page, from the query of its URL.

use serde::Deserialize;

use crate::redact::Redact;
use observe::Window;

/// What a page is asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PageParams {
    /// Over which time.
    pub(crate) window: PageWindow,
    /// Present when the script wants the sections alone.
    pub(crate) part: Option<u8>,
    /// What is replaced by pseudonyms.
    pub(crate) redact: Redact,
}

/// The windows that the page offers: one second is too short to read.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub(crate) enum PageWindow {
    /// The last full ten seconds.
    #[serde(rename = "10s")]
    TenSeconds,
    /// The last six of those.
    #[default]
    #[serde(rename = "60s")]
    Minute,
    /// Since the start.
    #[serde(rename = "total")]
    Start,
}

impl PageWindow {
    /// All of them, the shortest first.
    pub(super) const ALL: [Self; 3] = [Self::TenSeconds, Self::Minute, Self::Start];

    /// The window of the API.
    pub(crate) const fn window(self) -> Window {
        match self {
            Self::TenSeconds => Window::TenSeconds,
            Self::Minute => Window::Minute,
            Self::Start => Window::Start,
        }
    }

    /// Its name on the page.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::TenSeconds => "10 s",
            Self::Minute => "1 min",
            Self::Start => "since start",
        }
    }
}
