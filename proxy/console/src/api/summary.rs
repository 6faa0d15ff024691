//! `/api/v1/summary`: the node on one page.

use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::windowed::Windowed;
use super::{SCHEMA, text_of};
use observe::{Figures, HeavyHitter, HeavyHitters, Observer};
use resolver::Origin;

/// The node.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// The figures of all clients together, by window.
    #[serde(flatten)]
    pub figures: Windowed<Figures>,
    /// Queries counted.
    pub records: u64,
    /// Queries not counted: they arrived faster than the observer reads.
    pub missed_records: u64,
    /// Clients with figures.
    pub clients: usize,
    /// Queries by what answered them, in each full ten seconds of the last ten minutes.
    #[serde(default)]
    pub answers: Vec<AnswerView>,
    /// Names with the most recent queries; those of a minute ago count half.
    pub top_names: Vec<Busiest>,
    /// Clients with the most recent queries.
    pub top_clients: Vec<Busiest>,
}

/// How many queries were answered from one place, or failed, over time.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct AnswerView {
    /// `cache`, `upstream`, `local`, `stale` or `failed`. An answer that could not be
    /// sent is among those that failed as well.
    pub answer: String,
    /// How many in each full ten seconds of the last ten minutes, the oldest first;
    /// fewer soon after the start.
    pub history: Vec<u32>,
}

/// One of the heaviest.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Busiest {
    /// The name or address.
    pub key: String,
    /// Its weight, at most `error` too high.
    pub weight: u64,
    /// By how much the weight may be too high.
    pub error: u64,
}

impl Summary {
    /// Takes the summary of `observer` with the `limit` heaviest of each kind.
    pub fn of(observer: &Observer, limit: usize) -> Self {
        Self {
            schema: SCHEMA,
            uptime_s: observer
                .now()
                .saturating_since(observer.started())
                .as_secs(),
            figures: Windowed::of(observer.node()),
            records: observer.records(),
            missed_records: observer.missed(),
            clients: observer.clients().len(),
            answers: answers(observer),
            top_names: busiest(observer.top_names(), limit, text_of),
            top_clients: busiest(observer.top_clients(), limit, |key| addr_of(key).to_string()),
        }
    }
}

fn answers(observer: &Observer) -> Vec<AnswerView> {
    let history = |origin: &Origin| observer.history().of(origin.index());
    let mut views: Vec<_> = [Origin::Cache, Origin::Upstream, Origin::Local, Origin::Stale]
        .iter()
        .map(|origin| AnswerView { answer: origin.label().to_owned(), history: history(origin) })
        .collect();
    let failures = Origin::ALL.iter().filter(|origin| origin.is_failure());
    let failed = failures.map(history).reduce(|mut sums, more| {
        let pairs = sums.iter_mut().zip(more);
        pairs.for_each(|(sum, count)| *sum = sum.saturating_add(count));
        sums
    });
    let history = failed.unwrap_or_default();
    views.push(AnswerView { answer: "failed".to_owned(), history });
    views
}

pub(super) fn busiest(
    top: &HeavyHitters,
    limit: usize,
    text: impl Fn(&[u8]) -> String,
) -> Vec<Busiest> {
    let view = |heavy: HeavyHitter| Busiest {
        key: text(&heavy.key),
        weight: heavy.weight,
        error: heavy.error,
    };
    top.heaviest(limit).into_iter().map(view).collect()
}

/// The address whose octets are a key's first sixteen.
pub(super) fn addr_of(key: &[u8]) -> IpAddr {
    let octets = key.first_chunk::<16>().copied().unwrap_or_default();
    Ipv6Addr::from(octets).to_canonical()
}
