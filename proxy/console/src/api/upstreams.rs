//! `/api/v1/upstreams`: what each upstream did for its questions.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::SCHEMA;
use super::clients::{Windowed, failures};
use observe::{Observer, UpstreamAccount, Window, quantile_ms};
use resolver::Origin;

/// All upstreams.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct UpstreamPage {
    /// [`SCHEMA`].
    pub schema: u32,
    /// In the order of the configuration.
    pub upstreams: Vec<UpstreamView>,
}

/// One upstream.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct UpstreamView {
    /// Its address.
    pub upstream: SocketAddr,
    /// How it did in the last minute.
    pub health: UpstreamHealth,
    /// What it did, by window.
    #[serde(flatten)]
    pub windows: Windowed<UpstreamWindow>,
    /// Questions that failed at it last, since the start.
    pub failures: BTreeMap<String, u64>,
}

/// How an upstream did in the last minute, by what was asked of it; it is not
/// asked for this alone.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamHealth {
    /// It answered all questions.
    Well,
    /// It answered some, and some failed.
    Partly,
    /// It answered none.
    Failing,
    /// It was asked nothing.
    Idle,
}

/// What an upstream did in one window.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct UpstreamWindow {
    /// Questions that it answered, yes or no.
    pub answered: u64,
    /// Questions that failed at it last.
    pub failed: u64,
    /// Half of the answers took no longer, in milliseconds; a bound of the
    /// metrics' histogram, none without answers.
    pub p50_ms: Option<f64>,
    /// 99 of 100 answers took no longer.
    pub p99_ms: Option<f64>,
}

impl UpstreamPage {
    /// Takes the upstreams of `observer`, whose addresses are `addrs`.
    pub fn of(observer: &Observer, addrs: &[SocketAddr]) -> Self {
        let views = addrs.iter().zip(&observer.upstreams);
        let view = |(addr, account): (&SocketAddr, &UpstreamAccount)| UpstreamView {
            upstream: *addr,
            health: UpstreamHealth::of(&UpstreamWindow::of(account, Window::Minute)),
            windows: Windowed::each(|window| UpstreamWindow::of(account, window)),
            failures: failures(&account.origins.sum(Window::Start)),
        };
        Self { schema: SCHEMA, upstreams: views.map(view).collect() }
    }
}

impl UpstreamHealth {
    const fn of(minute: &UpstreamWindow) -> Self {
        match (minute.answered, minute.failed) {
            (0, 0) => Self::Idle,
            (_, 0) => Self::Well,
            (0, _) => Self::Failing,
            _ => Self::Partly,
        }
    }

    /// The word in the API.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Partly => "partly",
            Self::Failing => "failing",
            Self::Idle => "idle",
        }
    }
}

impl UpstreamWindow {
    fn of(account: &UpstreamAccount, window: Window) -> Self {
        let (origins, took) = (account.origins.sum(window), account.took.sum(window));
        let ended = Origin::ALL.iter().zip(origins);
        let (mut answered, mut failed) = (0, 0);
        for (origin, count) in ended {
            let sum = if origin.is_failure() { &mut failed } else { &mut answered };
            *sum += count;
        }
        let (p50_ms, p99_ms) = (quantile_ms(&took, 0.5), quantile_ms(&took, 0.99));
        Self { answered, failed, p50_ms, p99_ms }
    }
}
