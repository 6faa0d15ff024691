//! `/api/v1/failures`: failures by origin, zone and client.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::SCHEMA;
use super::clients::{ClientPage, List, Order, failures};
use super::failing::{FailingNameView, FailingNow};
use super::windowed::Windowed;
use observe::{Observer, Window, Workload, ZoneAccount};
use resolver::Origin;

/// Failed responses.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FailurePage {
    /// [`SCHEMA`].
    pub schema: u32,
    /// One for each origin, with or without failures.
    pub origins: Vec<OriginView>,
    /// Failures by forward zone.
    pub zones: Vec<ZoneFailures>,
    /// The clients with the most failures.
    pub clients: Vec<ClientFailures>,
    /// What fails now; null without failures for a minute.
    #[serde(default)]
    pub failing_now: Option<FailingNow>,
    /// The names that fail most, each for each workload; at most twelve of a client.
    #[serde(default)]
    pub names: Vec<FailingNameView>,
}

/// One origin of failures.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct OriginView {
    /// Its label, as in the metrics.
    pub origin: String,
    /// What it means, in a sentence.
    pub meaning: String,
    /// How often, by window.
    #[serde(flatten)]
    pub responses: Windowed<u64>,
    /// How often in each full ten seconds of the last ten minutes, the oldest
    /// first; fewer soon after the start.
    pub history: Vec<u32>,
}

/// The failures in one forward zone.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ZoneFailures {
    /// The zone's own name.
    pub zone: String,
    /// Queries for its names and those that failed, by window.
    #[serde(flatten)]
    pub figures: Windowed<ZoneFigures>,
    /// Failures since the start by origin.
    pub failures: BTreeMap<String, u64>,
    /// Those of the last minute.
    #[serde(default)]
    pub failures_60s: BTreeMap<String, u64>,
}

/// How many of a zone's queries failed.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct ZoneFigures {
    /// Queries for names of it.
    pub queries: u64,
    /// Those without a useful answer.
    pub failed: u64,
}

/// The failures of one client.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ClientFailures {
    /// Its address.
    pub client: IpAddr,
    /// The workload of its pod; null if unknown.
    #[serde(default)]
    pub workload: Option<Workload>,
    /// The name of the pod; null if unknown.
    #[serde(default)]
    pub pod: Option<String>,
    /// Its failed responses, by window.
    #[serde(flatten)]
    pub failed: Windowed<u64>,
    /// Since the start by origin.
    pub failures: BTreeMap<String, u64>,
    /// Those of the last minute.
    #[serde(default)]
    pub failures_60s: BTreeMap<String, u64>,
    /// What fails now; null without failures for a minute.
    #[serde(default)]
    pub failing_now: Option<FailingNow>,
}

impl FailurePage {
    /// Copies the failures, and those of the `limit` clients with the most.
    pub fn of(observer: &Observer, limit: usize) -> Self {
        Self {
            schema: SCHEMA,
            origins: origins(observer),
            zones: observer.zones().iter().map(ZoneFailures::of).collect(),
            clients: clients(observer, limit),
            failing_now: FailingNow::of(observer.origins(), observer),
            names: FailingNameView::all(observer, limit),
        }
    }
}

impl ZoneFailures {
    fn of(zone: &ZoneAccount) -> Self {
        Self {
            zone: zone.suffix.to_string(),
            figures: Windowed::each(|window| ZoneFigures::of(&zone.origins.sum(window))),
            failures: failures(&zone.origins.sum(Window::Start)),
            failures_60s: failures(&zone.origins.sum(Window::Minute)),
        }
    }
}

impl ZoneFigures {
    fn of(origins: &[u64; Origin::COUNT]) -> Self {
        let sum = |of: fn(Origin) -> bool| {
            let ended = Origin::ALL.iter().zip(origins);
            ended
                .filter(|(origin, _)| of(**origin))
                .map(|(_, count)| count)
                .sum()
        };
        Self { queries: sum(Origin::is_response), failed: sum(Origin::is_failure) }
    }
}

fn origins(observer: &Observer) -> Vec<OriginView> {
    let failing = Origin::ALL.iter().filter(|origin| origin.is_failure());
    let view = |origin: &Origin| OriginView {
        origin: origin.label().to_owned(),
        meaning: origin.meaning().to_owned(),
        responses: Windowed::each(|window| {
            let sums = observer.origins().sum(window);
            sums.get(origin.index()).copied().unwrap_or_default()
        }),
        history: observer.history().of(origin.index()),
    };
    failing.map(view).collect()
}

fn clients(observer: &Observer, limit: usize) -> Vec<ClientFailures> {
    let page = ClientPage::of(observer, &List::first(Order::Failed, limit));
    let failing = page
        .clients
        .into_iter()
        .filter(|client| client.figures.total.failed > 0);
    let failed = |client: super::ClientView| ClientFailures {
        client: client.client,
        workload: client.workload,
        pod: client.pod,
        failed: Windowed {
            second: client.figures.second.failed,
            ten_seconds: client.figures.ten_seconds.failed,
            minute: client.figures.minute.failed,
            total: client.figures.total.failed,
        },
        failures: client.failures,
        failures_60s: client.failures_60s,
        failing_now: client.failing_now,
    };
    failing.map(failed).collect()
}
