//! `/api/v1`: the accounts as JSON.

use std::net::IpAddr;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Deserializer, Serialize};

use super::{AdminState, off_runtime, tap};
use crate::api::{
    CachePage, CacheUsage, ClientPage, FailurePage, List, LookupPage, LoopPage, Order, Redacted,
    Search, Summary, UpstreamPage, WorkloadPage, WorkloadsCopy,
};
use crate::redact::Redact;
use observe::{Observer, Workload};

/// Returns the routes below `/api/v1`.
pub(super) fn routes(state: AdminState) -> Router {
    Router::new()
        .route("/summary", get(summary))
        .route("/cache", get(cache))
        .route("/clients", get(clients))
        .route("/clients/{addr}", get(client))
        .route("/lookups", get(lookups))
        // The former name; it stays as long as version 1 does.
        .route("/chains", get(lookups))
        .route("/failures", get(failures))
        .route("/verdict", get(verdict))
        .route("/evidence", get(evidence))
        .route("/loops", get(loops))
        .route("/tap", get(tap::tap))
        .route("/upstreams", get(upstreams))
        .route("/workloads", get(workloads))
        .route("/workloads/{namespace}/{kind}/{name}", get(workload))
        .with_state(state)
}

/// What a list is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ListParams {
    /// The greatest first by this.
    order: Order,
    /// How many rows, [`MAX_ROWS`] at most.
    #[serde(deserialize_with = "rows")]
    limit: usize,
    /// How many rows are left out before them.
    offset: usize,
    /// What rows have to contain.
    search: String,
    /// What is replaced by pseudonyms.
    redact: Redact,
    /// Whether each workload comes with its advice.
    advice: bool,
}

impl Default for ListParams {
    fn default() -> Self {
        Self {
            order: Order::default(),
            limit: 50,
            offset: 0,
            search: String::new(),
            redact: Redact::default(),
            advice: true,
        }
    }
}

impl ListParams {
    fn list(&self) -> List {
        let search = Search::new(&self.search, self.redact);
        List { order: self.order, limit: self.limit, offset: self.offset, search }
    }
}

/// Reads a number of rows; more than there may be are as many as there may be.
fn rows<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    usize::deserialize(from).map(|rows| rows.min(MAX_ROWS))
}

/// Answers with what `make` takes from the accounts.
async fn page<T: Redacted + Serialize>(
    state: AdminState,
    redact: Redact,
    make: impl FnOnce(&Observer) -> T + Send + 'static,
) -> Response {
    off_runtime(move || {
        let page = state.observer.read(make);
        Json(page.redacted(&state.pseudonyms.veil(redact))).into_response()
    })
    .await
}

async fn summary(State(state): State<AdminState>, Query(params): Query<ListParams>) -> Response {
    let ListParams { limit, redact, .. } = params;
    page(state, redact, move |observer| Summary::of(observer, limit)).await
}

async fn clients(State(state): State<AdminState>, Query(params): Query<ListParams>) -> Response {
    let list = params.list();
    page(state, params.redact, move |observer| ClientPage::of(observer, &list)).await
}

/// What the page of one client is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientParams {
    kind: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    #[serde(default)]
    redact: Redact,
}

impl ClientParams {
    /// The workload, if there is one: with all of its three parts.
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
    Query(params): Query<ClientParams>,
) -> Response {
    let bad = |error: &str| (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response();
    off_runtime(move || {
        let veil = state.pseudonyms.veil(params.redact);
        let workload = match params.workload() {
            Ok(workload) => workload,
            Err(error) => return bad(error),
        };
        let Some(taken) = state.client(addr, &veil) else {
            return not_found(&addr.to_string());
        };
        match taken.detail(workload.as_ref()) {
            Ok(detail) => Json(detail.redacted(&veil)).into_response(),
            Err(error) => bad(&error.to_string()),
        }
    })
    .await
}

async fn workloads(State(state): State<AdminState>, Query(params): Query<ListParams>) -> Response {
    let (list, ListParams { redact, advice, .. }) = (params.list(), params);
    off_runtime(move || {
        let observer = &state.observer;
        // The advice is worked out once the accounts go on.
        let page = match advice {
            true => observer
                .read(|observer| WorkloadsCopy::of(observer, &list))
                .page(),
            false => observer.read(|observer| WorkloadPage::of(observer, &list)),
        };
        Json(page.redacted(&state.pseudonyms.veil(redact))).into_response()
    })
    .await
}

/// What the page of one workload is asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WorkloadParams {
    redact: Redact,
}

async fn workload(
    State(state): State<AdminState>,
    Path((namespace, kind, name)): Path<(String, String, String)>,
    Query(params): Query<WorkloadParams>,
) -> Response {
    off_runtime(move || {
        let veil = state.pseudonyms.veil(params.redact);
        match state.workload(&Workload::of_path([&namespace, &kind, &name]), &veil) {
            Some(taken) => Json(taken.detail().redacted(&veil)).into_response(),
            None => not_found(&format!("{kind} {name} in {namespace}")),
        }
    })
    .await
}

fn not_found(subject: &str) -> Response {
    let text = format!("{subject} has sent no query, or none recently\n");
    (StatusCode::NOT_FOUND, text).into_response()
}

async fn cache(State(state): State<AdminState>, Query(params): Query<ListParams>) -> Response {
    let usage = CacheUsage::of(&state.cache, &state.forwarder);
    let ListParams { limit, redact, .. } = params;
    page(state, redact, move |observer| CachePage::of(observer, usage, limit)).await
}

async fn lookups(State(state): State<AdminState>, Query(params): Query<ListParams>) -> Response {
    let ListParams { limit, redact, .. } = params;
    page(state, redact, move |observer| LookupPage::of(observer, limit)).await
}

async fn failures(State(state): State<AdminState>, Query(params): Query<ListParams>) -> Response {
    let ListParams { limit, redact, .. } = params;
    page(state, redact, move |observer| FailurePage::of(observer, limit)).await
}

async fn verdict(State(state): State<AdminState>, Query(params): Query<ListParams>) -> Response {
    let page = state.verdicts.page(state.clock.now());
    Json(page.redacted(&state.pseudonyms.veil(params.redact))).into_response()
}

/// Some kilobytes, at most 256 workloads: no `limit`.
async fn evidence(State(state): State<AdminState>, Query(params): Query<ListParams>) -> Response {
    match state.verdicts.evidence() {
        Some(evidence) => {
            Json(evidence.redacted(&state.pseudonyms.veil(params.redact))).into_response()
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, "nothing was judged yet\n").into_response(),
    }
}

async fn loops(State(state): State<AdminState>, Query(params): Query<ListParams>) -> Response {
    let ListParams { limit, redact, .. } = params;
    off_runtime(move || {
        let page = LoopPage::of(state.forwarder.loops(), limit, state.clock.now());
        Json(page.redacted(&state.pseudonyms.veil(redact))).into_response()
    })
    .await
}

async fn upstreams(State(state): State<AdminState>, Query(params): Query<ListParams>) -> Response {
    let upstreams = state.forwarder.upstream_zones();
    page(state, params.redact, move |observer| UpstreamPage::of(observer, &upstreams)).await
}

/// Rows of a list. A row with all that its advice is made from takes 25 KiB while the
/// page is made, and 10 KiB as JSON; the accounts stand still while rows are copied.
const MAX_ROWS: usize = 256;

#[cfg(test)]
mod tests;
