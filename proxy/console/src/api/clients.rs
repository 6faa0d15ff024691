//! `/api/v1/clients`: the clients and their figures.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::SCHEMA;
use super::failing::FailingNow;
use super::search::Search;
use super::windowed::Windowed;
use observe::{Client, Count, Counters, Figures, Observer, Window, Workload};
use resolver::Origin;

/// Clients, in the requested order.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ClientPage {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Clients with figures.
    pub known: usize,
    /// Those of them that were searched for; all without a search.
    #[serde(default)]
    pub found: usize,
    /// Clients dropped to make room for others.
    pub evicted: u64,
    /// The first of them, as many as requested.
    pub clients: Vec<ClientView>,
}

/// One client.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ClientView {
    /// Its address.
    pub client: IpAddr,
    /// The workload of its pod; null if unknown.
    pub workload: Option<Workload>,
    /// The name of the pod; null if unknown.
    pub pod: Option<String>,
    /// Seconds since its first query.
    pub first_seen_s: u64,
    /// Seconds since its last query.
    pub last_seen_s: u64,
    /// Its figures, by window.
    #[serde(flatten)]
    pub figures: Windowed<Figures>,
    /// Failures since the start by origin; origins without any are left out.
    pub failures: BTreeMap<String, u64>,
    /// Those of the last minute.
    #[serde(default)]
    pub failures_60s: BTreeMap<String, u64>,
    /// What fails now; null without failures for a minute.
    #[serde(default)]
    pub failing_now: Option<FailingNow>,
}

/// The order of a list, the greatest first.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Queries.
    #[default]
    Queries,
    /// Failed queries.
    Failed,
    /// Wasted queries.
    Wasted,
}

/// Which rows of a list are asked for.
#[derive(Clone, Debug)]
pub struct List {
    /// The greatest first by this.
    pub order: Order,
    /// How many at most.
    pub limit: usize,
    /// How many are left out before them.
    pub offset: usize,
    /// What they have to contain.
    pub search: Search,
}

impl List {
    /// The first rows of all.
    #[must_use]
    pub fn first(order: Order, limit: usize) -> Self {
        Self { order, limit, offset: 0, search: Search::default() }
    }
}

impl Order {
    /// The word in the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Queries => "queries",
            Self::Failed => "failed",
            Self::Wasted => "wasted",
        }
    }
}

impl Windowed<Figures> {
    pub(super) fn of(counters: &Counters) -> Self {
        Self::each(|window| Figures::of(counters, window))
    }
}

impl ClientPage {
    /// Copies the clients of a list, by the last minute and then by the time since the
    /// start.
    pub fn of(observer: &Observer, list: &List) -> Self {
        let List { order, limit, offset, search } = list;
        let mut ranked: Vec<_> = observer
            .clients()
            .iter()
            .filter(|(addr, client)| search.finds_client(**addr, client))
            .map(|(addr, client)| (rank(client.counters(), *order), *addr, client))
            .collect();
        ranked.sort_unstable_by(|(a, a_addr, _), (b, b_addr, _)| b.cmp(a).then(a_addr.cmp(b_addr)));
        let view = |(_, addr, client): (_, IpAddr, &Client)| ClientView::of(addr, client, observer);
        Self {
            schema: SCHEMA,
            known: observer.clients().len(),
            evicted: observer.clients().evicted(),
            found: ranked.len(),
            clients: ranked
                .into_iter()
                .skip(*offset)
                .take(*limit)
                .map(view)
                .collect(),
        }
    }
}

impl ClientView {
    /// Takes one client of `observer`.
    pub fn of(addr: IpAddr, client: &Client, observer: &Observer) -> Self {
        let since = |moment| observer.now().saturating_since(moment).as_secs();
        let identity = client.identity().map(|identity| &**identity);
        Self {
            client: addr,
            workload: identity.map(|identity| (*identity.workload).clone()),
            pod: identity
                .and_then(|identity| identity.pod.as_deref())
                .map(str::to_owned),
            first_seen_s: since(client.first()),
            last_seen_s: since(client.last()),
            figures: Windowed::of(client.counters()),
            failures: failures(&client.origins().sum(Window::Start)),
            failures_60s: failures(&client.origins().sum(Window::Minute)),
            failing_now: FailingNow::of(client.origins(), observer),
        }
    }
}

/// The failures among responses, by their label.
pub(super) fn failures(origins: &[u64; Origin::COUNT]) -> BTreeMap<String, u64> {
    let failed = Origin::ALL.iter().zip(origins);
    failed
        .filter(|(origin, count)| origin.is_failure() && **count > 0)
        .map(|(origin, count)| (origin.label().to_owned(), *count))
        .collect()
}

/// The sort key: the count of the last minute, then since the start.
pub(super) fn rank(counters: &Counters, order: Order) -> [u64; 2] {
    let count = match order {
        Order::Failed => Count::Failed,
        Order::Wasted => Count::WastedQueries,
        Order::Queries => Count::Queries,
    };
    [Window::Minute, Window::Start].map(|window| {
        let sums = counters.sum(window);
        sums.get(count as usize).copied().unwrap_or_default()
    })
}
