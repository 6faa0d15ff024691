//! `/api/v1/upstreams`: what each upstream did for its questions.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::SCHEMA;
use super::clients::{Windowed, failures};
use crate::observe::{Observer, Origin, UpstreamAccount, Window, quantile_ms};

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
    /// What it did, by window.
    #[serde(flatten)]
    pub windows: Windowed<UpstreamWindow>,
    /// Questions that failed at it last, since the start.
    pub failures: BTreeMap<String, u64>,
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
            windows: Windowed::each(|window| UpstreamWindow::of(account, window)),
            failures: failures(&account.origins.sum(Window::Start)),
        };
        Self { schema: SCHEMA, upstreams: views.map(view).collect() }
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
