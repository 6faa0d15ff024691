//! `/api/v1`: the accounts as JSON.

use std::net::IpAddr;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use super::{AdminState, tap};
use crate::api::{
    CachePage, ChainPage, ClientDetail, ClientPage, FailurePage, LoopPage, Order, Redacted as _,
    Stored, Summary, TakenWorkloads, UpstreamPage, WorkloadDetail, WorkloadPage,
};
use crate::redact::Redact;
use observe::Workload;

/// Returns the routes below `/api/v1`.
pub(super) fn routes(state: AdminState) -> Router {
    Router::new()
        .route("/summary", get(summary))
        .route("/cache", get(cache))
        .route("/clients", get(clients))
        .route("/clients/{addr}", get(client))
        .route("/chains", get(chains))
        .route("/failures", get(failures))
        .route("/loops", get(loops))
        .route("/tap", get(tap::tap))
        .route("/upstreams", get(upstreams))
        .route("/workloads", get(workloads))
        .route("/workloads/{namespace}/{kind}/{name}", get(workload))
        .with_state(state)
}

/// What a page is asked for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    /// The greatest first by this.
    order: Order,
    /// How many rows.
    limit: usize,
    /// What is not to be shown.
    redact: Redact,
    /// Whether each workload is told what it could do.
    advice: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { order: Order::default(), limit: 50, redact: Redact::default(), advice: true }
    }
}

async fn summary(State(state): State<AdminState>, Query(wanted): Query<Wanted>) -> Json<Summary> {
    state.page(wanted.redact, |observer| Summary::of(observer, wanted.limit))
}

async fn clients(
    State(state): State<AdminState>,
    Query(wanted): Query<Wanted>,
) -> Json<ClientPage> {
    let Wanted { order, limit, redact, .. } = wanted;
    state.page(redact, |observer| ClientPage::of(observer, order, limit))
}

/// What the page of one client is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientWanted {
    kind: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    #[serde(default)]
    redact: Redact,
}

impl ClientWanted {
    /// The workload, if one is named: with all of its three parts.
    fn workload(self) -> Result<Option<Workload>, &'static str> {
        match (self.kind, self.namespace, self.name) {
            (None, None, None) => Ok(None),
            (Some(kind), Some(namespace), Some(name)) => {
                Ok(Some(Workload { kind, namespace, name }))
            }
            _ => Err("a workload has a kind, a namespace and a name"),
        }
    }
}

async fn client(
    State(state): State<AdminState>,
    Path(addr): Path<IpAddr>,
    Query(wanted): Query<ClientWanted>,
) -> Result<Json<ClientDetail>, (StatusCode, String)> {
    let bad = |error: &str| (StatusCode::BAD_REQUEST, format!("{error}\n"));
    let veil = state.pseudonyms.veil(wanted.redact);
    let workload = wanted.workload().map_err(bad)?;
    let unknown = || (StatusCode::NOT_FOUND, format!("{addr} has not asked, or not of late\n"));
    let taken = state.client(addr, &veil).ok_or_else(unknown)?;
    let detail = taken.detail(workload.as_ref());
    let detail = detail.map_err(|error| bad(&error.to_string()))?;
    Ok(Json(detail.redacted(&veil)))
}

async fn workloads(
    State(state): State<AdminState>,
    Query(wanted): Query<Wanted>,
) -> Json<WorkloadPage> {
    let Wanted { order, limit, redact, advice } = wanted;
    let taken = state
        .ledger
        .read(|observer| TakenWorkloads::of(observer, order, limit));
    let page = if advice { taken.page() } else { taken.figures() };
    Json(page.redacted(&state.pseudonyms.veil(redact)))
}

/// What the page of one workload is asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WorkloadWanted {
    redact: Redact,
}

async fn workload(
    State(state): State<AdminState>,
    Path((namespace, kind, name)): Path<(String, String, String)>,
    Query(wanted): Query<WorkloadWanted>,
) -> Result<Json<WorkloadDetail>, (StatusCode, String)> {
    let unknown = || format!("{kind} {name} in {namespace} has not asked, or not of late\n");
    let veil = state.pseudonyms.veil(wanted.redact);
    let taken = state.workload(&Workload::of_path([&namespace, &kind, &name]), &veil);
    let taken = taken.ok_or_else(|| (StatusCode::NOT_FOUND, unknown()))?;
    Ok(Json(taken.detail().redacted(&veil)))
}

async fn cache(State(state): State<AdminState>, Query(wanted): Query<Wanted>) -> Json<CachePage> {
    let stored = Stored::of(&state.cache, &state.forwarder);
    state.page(wanted.redact, |observer| CachePage::of(observer, stored, wanted.limit))
}

async fn chains(State(state): State<AdminState>, Query(wanted): Query<Wanted>) -> Json<ChainPage> {
    state.page(wanted.redact, |observer| ChainPage::of(observer, wanted.limit))
}

async fn failures(
    State(state): State<AdminState>,
    Query(wanted): Query<Wanted>,
) -> Json<FailurePage> {
    state.page(wanted.redact, |observer| FailurePage::of(observer, wanted.limit))
}

async fn loops(State(state): State<AdminState>, Query(wanted): Query<Wanted>) -> Json<LoopPage> {
    let now = state.clock.now();
    let page = LoopPage::of(state.forwarder.loops(), wanted.limit, now);
    Json(page.redacted(&state.pseudonyms.veil(wanted.redact)))
}

async fn upstreams(State(state): State<AdminState>) -> Json<UpstreamPage> {
    let addrs = state.forwarder.upstreams();
    Json(
        state
            .ledger
            .read(|observer| UpstreamPage::of(observer, addrs)),
    )
}
