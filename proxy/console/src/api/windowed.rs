//! Figures by window.

use serde::{Deserialize, Serialize};

use observe::Window;

/// The same for each window.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Windowed<T> {
    /// The last full second.
    #[serde(rename = "1s")]
    pub second: T,
    /// The last full ten seconds.
    #[serde(rename = "10s")]
    pub ten_seconds: T,
    /// The last six times ten seconds.
    #[serde(rename = "60s")]
    pub minute: T,
    /// Since the start.
    pub total: T,
}

impl<T> Windowed<T> {
    /// Makes one of each window.
    pub fn each(of: impl Fn(Window) -> T) -> Self {
        Self {
            second: of(Window::Second),
            ten_seconds: of(Window::TenSeconds),
            minute: of(Window::Minute),
            total: of(Window::Start),
        }
    }

    /// Returns the one of `window`.
    pub const fn get(&self, window: Window) -> &T {
        match window {
            Window::Second => &self.second,
            Window::TenSeconds => &self.ten_seconds,
            Window::Minute => &self.minute,
            Window::Start => &self.total,
        }
    }
}
