//! `/api/v1/failures`: what failed, where it came from, and for whom.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::SCHEMA;
use super::clients::{ClientPage, Order, Windowed, failures};
use crate::observe::{Observer, Origin, Window, Windows};

/// Failed responses.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FailurePage {
    /// [`SCHEMA`].
    pub schema: u32,
    /// One for each way to fail, whether or not it happened.
    pub origins: Vec<OriginView>,
    /// Those in each forward zone, since the start.
    pub zones: Vec<ZoneFailures>,
    /// The clients that most failed for.
    pub clients: Vec<ClientFailures>,
}

/// One way to fail.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct OriginView {
    /// Its label, as in the metrics.
    pub origin: String,
    /// What it means, in a sentence.
    pub meaning: String,
    /// How often, by window.
    #[serde(flatten)]
    pub responses: Windowed<u64>,
}

/// The failures in one forward zone.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ZoneFailures {
    /// The zone's own name.
    pub zone: String,
    /// Responses since the start by where they came from.
    pub failures: BTreeMap<String, u64>,
}

/// The failures of one client.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ClientFailures {
    /// Its address.
    pub client: IpAddr,
    /// Its failed responses, by window.
    #[serde(flatten)]
    pub failed: Windowed<u64>,
    /// Since the start by where they came from.
    pub failures: BTreeMap<String, u64>,
}

impl FailurePage {
    /// Takes the failures of `observer`, and of its `limit` unluckiest clients.
    pub fn of(observer: &Observer, limit: usize) -> Self {
        let zones = observer.zones.iter().map(|zone| ZoneFailures {
            zone: zone.suffix.to_string(),
            failures: failures(&zone.failures.sum(Window::Start)),
        });
        Self {
            schema: SCHEMA,
            origins: origins(&observer.origins),
            zones: zones.collect(),
            clients: clients(observer, limit),
        }
    }
}

fn origins(windows: &Windows<{ Origin::COUNT }>) -> Vec<OriginView> {
    let failing = Origin::ALL.iter().filter(|origin| origin.is_failure());
    let view = |origin: &Origin| OriginView {
        origin: origin.label().to_owned(),
        meaning: origin.meaning().to_owned(),
        responses: Windowed::each(|window| {
            let sums = windows.sum(window);
            sums.get(origin.index()).copied().unwrap_or_default()
        }),
    };
    failing.map(view).collect()
}

fn clients(observer: &Observer, limit: usize) -> Vec<ClientFailures> {
    let page = ClientPage::of(observer, Order::Failed, limit);
    let failing = page
        .clients
        .into_iter()
        .filter(|client| client.figures.total.failed > 0);
    let failed = |client: super::ClientView| ClientFailures {
        client: client.client,
        failed: Windowed {
            second: client.figures.second.failed,
            ten_seconds: client.figures.ten_seconds.failed,
            minute: client.figures.minute.failed,
            total: client.figures.total.failed,
        },
        failures: client.failures,
    };
    failing.map(failed).collect()
}
