//! The pages for a browser, and what they load.

use std::net::IpAddr;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use super::{AdminState, off_runtime};
use crate::api::{
    CacheUsage, ClientPage, List, LoopPage, Order, Redacted as _, Search, WorkloadPage,
};
use crate::page::{self, Listed, NodeCopy, NotFound, PageParams, PageWindow};
use crate::redact::Redact;
use observe::Workload;

/// The routes /, /clients/ADDRESS, /workloads/NAMESPACE/KIND/NAME and what
/// these load.
pub(super) fn routes(state: AdminState) -> Router {
    Router::new()
        .route("/", get(node))
        .route("/clients", get(clients))
        .route("/clients/{addr}", get(client))
        .route("/workloads", get(workloads))
        .route("/workloads/{namespace}/{kind}/{name}", get(workload))
        .route("/page.css", get(async || asset("text/css; charset=utf-8", page::STYLE)))
        .route("/page.js", get(async || asset("text/javascript; charset=utf-8", page::SCRIPT)))
        .route("/icon.svg", get(async || asset("image/svg+xml", page::ICON)))
        .with_state(state)
}

async fn node(State(state): State<AdminState>, Query(params): Query<PageParams>) -> Response {
    rendered(move || {
        let upstreams = state.forwarder.upstream_zones();
        let usage = CacheUsage::of(&state.cache, &state.forwarder);
        let reading = state
            .observer
            .read(|observer| NodeCopy::of(observer, &upstreams, usage));
        let loops = LoopPage::of(state.forwarder.loops(), LOOPS, state.clock.now());
        let veil = state.pseudonyms.veil(params.redact);
        let mut snapshot = reading.finish(loops, &veil);
        snapshot.verdict = state.verdicts.page(state.clock.now()).redacted(&veil);
        snapshot.listen = state.settings.get().listen;
        (StatusCode::OK, page::node(&snapshot, params))
    })
    .await
}

/// What a list is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PageOfList {
    window: PageWindow,
    part: Option<u8>,
    redact: Redact,
    order: Order,
    offset: usize,
    search: String,
}

impl PageOfList {
    fn list(&self) -> List {
        let search = Search::new(&self.search, self.redact);
        List { order: self.order, limit: LISTED, offset: self.offset, search }
    }

    const fn params(&self) -> PageParams {
        PageParams { window: self.window, part: self.part, redact: self.redact }
    }
}

async fn workloads(State(state): State<AdminState>, Query(asked): Query<PageOfList>) -> Response {
    rendered(move || {
        let (list, params, search) = (asked.list(), asked.params(), &*asked.search);
        let page = state
            .observer
            .read(|observer| WorkloadPage::of(observer, &list));
        let shown = page.redacted(&state.pseudonyms.veil(params.redact));
        let listed = Listed { what: "workloads", search, list: &list, params };
        (StatusCode::OK, page::workloads(&shown, &listed))
    })
    .await
}

async fn clients(State(state): State<AdminState>, Query(asked): Query<PageOfList>) -> Response {
    rendered(move || {
        let (list, params, search) = (asked.list(), asked.params(), &*asked.search);
        let copy = state
            .observer
            .read(|observer| ClientPage::of(observer, &list));
        let shown = copy.redacted(&state.pseudonyms.veil(params.redact));
        let listed = Listed { what: "clients", search, list: &list, params };
        (StatusCode::OK, page::clients(&shown, &listed))
    })
    .await
}

/// What a client's page is params for, and params Pod it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ClientPageParams {
    part: Option<u8>,
    redact: Redact,
    kind: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
}

async fn client(
    State(state): State<AdminState>,
    Path(named): Path<String>,
    Query(params): Query<ClientPageParams>,
) -> Response {
    rendered(move || {
        let ClientPageParams { part, redact, kind, namespace, name } = params;
        let veil = state.pseudonyms.veil(redact);
        let addr: Option<IpAddr> = named.parse().ok();
        let Some(taken) = addr.and_then(|addr| state.client(addr, &veil)) else {
            let missing = NotFound { who: &named, up: "../", redact };
            return (StatusCode::NOT_FOUND, page::not_found(&missing));
        };
        let workload = match (kind, namespace, name) {
            (Some(kind), Some(namespace), Some(name)) => Some(Workload { kind, namespace, name }),
            _ => None,
        };
        match taken.detail(workload.as_ref()) {
            Ok(detail) => {
                let params = PageParams { part, redact, ..PageParams::default() };
                (StatusCode::OK, page::client(&detail.redacted(&veil), params))
            }
            Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")),
        }
    })
    .await
}

async fn workload(
    State(state): State<AdminState>,
    Path((namespace, kind, name)): Path<(String, String, String)>,
    Query(params): Query<PageParams>,
) -> Response {
    rendered(move || {
        let workload = Workload::of_path([&namespace, &kind, &name]);
        let veil = state.pseudonyms.veil(params.redact);
        match state.workload(&workload, &veil) {
            Some(taken) => {
                (StatusCode::OK, page::workload(&taken.detail().redacted(&veil), params))
            }
            None => {
                let missing =
                    NotFound { who: &workload.name, up: "../../../", redact: params.redact };
                (StatusCode::NOT_FOUND, page::not_found(&missing))
            }
        }
    })
    .await
}

/// Renders off the runtime.
async fn rendered(render: impl FnOnce() -> (StatusCode, String) + Send + 'static) -> Response {
    off_runtime(|| match render() {
        (StatusCode::BAD_REQUEST, text) => (StatusCode::BAD_REQUEST, text).into_response(),
        (status, text) => {
            let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            (status, html, text).into_response()
        }
    })
    .await
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// Rows of a list on one page.
const LISTED: usize = 50;

/// Loops on the page; there are seldom two.
const LOOPS: usize = 5;
