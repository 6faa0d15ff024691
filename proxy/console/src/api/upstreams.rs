//! `/api/v1/upstreams`: answers, failures and latency of each upstream.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use dns::Name;
use serde::{Deserialize, Serialize};

use super::SCHEMA;
use super::clients::failures;
use super::windowed::Windowed;
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
    /// The forward zones that it is asked for.
    #[serde(default)]
    pub zones: Vec<String>,
    /// Its health in the last minute.
    pub health: UpstreamHealth,
    /// Its figures, by window.
    #[serde(flatten)]
    pub windows: Windowed<UpstreamWindow>,
    /// Queries that failed there in the end, since the start.
    pub failures: BTreeMap<String, u64>,
    /// Those of the last minute.
    #[serde(default)]
    pub failures_60s: BTreeMap<String, u64>,
}

/// The health of an upstream in the last minute, from the traffic alone: no probe
/// is sent for it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamHealth {
    /// It answered all queries.
    Well,
    /// It answered some, and some failed.
    Partly,
    /// It answered none.
    Failing,
    /// It got no queries.
    Idle,
}

/// The figures of an upstream in one window.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct UpstreamWindow {
    /// Queries that it answered, negative answers included.
    pub answered: u64,
    /// Queries that failed there in the end.
    pub failed: u64,
    /// Half of the answers took no longer, in milliseconds; a bound of the
    /// metrics' histogram, none without answers.
    pub p50_ms: Option<f64>,
    /// 99 of 100 answers took no longer.
    pub p99_ms: Option<f64>,
}

impl UpstreamPage {
    /// Takes the upstreams of `observer`, whose addresses and zones these are.
    pub fn of(observer: &Observer, upstreams: &[(SocketAddr, Vec<Name>)]) -> Self {
        let views = upstreams.iter().zip(observer.upstreams());
        let view =
            |((addr, zones), account): (&(SocketAddr, Vec<Name>), &UpstreamAccount)| UpstreamView {
                upstream: *addr,
                zones: zones.iter().map(Name::to_string).collect(),
                health: UpstreamHealth::of(&UpstreamWindow::of(account, Window::Minute)),
                windows: Windowed::each(|window| UpstreamWindow::of(account, window)),
                failures: failures(&account.origins.sum(Window::Start)),
                failures_60s: failures(&account.origins.sum(Window::Minute)),
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
