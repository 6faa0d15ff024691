//! `/api/v1/cache/entries` and `/api/v1/cache/flush`.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::{AdminState, off_runtime};
use crate::api::{FlushPage, FlushParams, StoredPage};

/// Returns the routes below `/api/v1/cache`.
pub(super) fn routes(state: AdminState) -> Router {
    Router::new()
        .route("/entries", get(entries))
        .route("/flush", post(flush))
        .with_state(state)
}

/// What is looked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryParams {
    name: String,
}

async fn entries(State(state): State<AdminState>, Query(params): Query<EntryParams>) -> Response {
    off_runtime(move || answer(StoredPage::of(&state.cache, &params.name, state.clock.now()))).await
}

async fn flush(
    State(state): State<AdminState>,
    headers: HeaderMap,
    Query(params): Query<FlushParams>,
) -> Response {
    if !headers.contains_key(INTENT) {
        let text = format!("the header {INTENT} is missing\n");
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    off_runtime(move || answer(FlushPage::of(&state.cache, &params))).await
}

fn answer<T: Serialize>(page: Result<T, String>) -> Response {
    match page {
        Ok(page) => Json(page).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

/// A page of another site cannot send this header without asking us first, which we do
/// not allow: so no link or form can empty the cache of the one who follows it.
pub(crate) const INTENT: &str = "x-fivedots";
