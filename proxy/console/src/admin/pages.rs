//! The pages for a browser, and what they load.

use std::net::IpAddr;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use super::{AdminState, off_runtime};
use crate::api::{LoopPage, Redacted as _, Stored};
use crate::page::{self, Asked, NotFound, Reading};
use crate::redact::Redact;
use observe::Workload;

/// The routes /, /clients/ADDRESS, /workloads/NAMESPACE/KIND/NAME and what
/// these load.
pub(super) fn routes(state: AdminState) -> Router {
    Router::new()
        .route("/", get(node))
        .route("/clients/{addr}", get(client))
        .route("/workloads/{namespace}/{kind}/{name}", get(workload))
        .route("/page.css", get(async || asset("text/css; charset=utf-8", page::STYLE)))
        .route("/page.js", get(async || asset("text/javascript; charset=utf-8", page::SCRIPT)))
        .route("/icon.svg", get(async || asset("image/svg+xml", page::ICON)))
        .with_state(state)
}

async fn node(State(state): State<AdminState>, Query(asked): Query<Asked>) -> Response {
    rendered(move || {
        let addrs = state.forwarder.upstreams();
        let stored = Stored::of(&state.cache, &state.forwarder);
        let reading = state
            .ledger
            .read(|observer| Reading::of(observer, addrs, stored));
        let loops = LoopPage::of(state.forwarder.loops(), LOOPS, state.clock.now());
        let veil = state.pseudonyms.veil(asked.redact);
        (StatusCode::OK, page::node(&reading.finish(loops, &veil), asked))
    })
    .await
}

/// What a client's page is asked for, and whose Pod it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Whose {
    part: Option<u8>,
    redact: Redact,
    kind: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
}

async fn client(
    State(state): State<AdminState>,
    Path(named): Path<String>,
    Query(whose): Query<Whose>,
) -> Response {
    rendered(move || {
        let Whose { part, redact, kind, namespace, name } = whose;
        let veil = state.pseudonyms.veil(redact);
        let addr: Option<IpAddr> = named.parse().ok();
        let Some(taken) = addr.and_then(|addr| state.client(addr, &veil)) else {
            let missing = NotFound { who: &named, up: "../", redact };
            return (StatusCode::NOT_FOUND, page::nobody(&missing));
        };
        let workload = match (kind, namespace, name) {
            (Some(kind), Some(namespace), Some(name)) => Some(Workload { kind, namespace, name }),
            _ => None,
        };
        match taken.detail(workload.as_ref()) {
            Ok(detail) => {
                let asked = Asked { part, redact, ..Asked::default() };
                (StatusCode::OK, page::client(&detail.redacted(&veil), asked))
            }
            Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")),
        }
    })
    .await
}

async fn workload(
    State(state): State<AdminState>,
    Path((namespace, kind, name)): Path<(String, String, String)>,
    Query(asked): Query<Asked>,
) -> Response {
    rendered(move || {
        let workload = Workload::of_path([&namespace, &kind, &name]);
        let veil = state.pseudonyms.veil(asked.redact);
        match state.workload(&workload, &veil) {
            Some(taken) => (StatusCode::OK, page::workload(&taken.detail().redacted(&veil), asked)),
            None => {
                let missing =
                    NotFound { who: &workload.name, up: "../../../", redact: asked.redact };
                (StatusCode::NOT_FOUND, page::nobody(&missing))
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
            (status, html, HEADERS, text).into_response()
        }
    })
    .await
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], HEADERS, text).into_response()
}

/// Nothing is kept, lest an old script meet a newer page, and nothing is told
/// to others.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, page::POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Loops on the page; there are seldom two.
const LOOPS: usize = 5;
