//! What each answer of the listener has: headers that keep other sites out, and
//! errors as JSON.

use axum::Json;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::api::SCHEMA;
use crate::page;

/// An error of the API.
#[derive(Clone, Debug, Serialize)]
struct ErrorPage {
    schema: u32,
    /// What is wrong with the request.
    error: String,
}

/// Completes the answer to a request.
pub(super) async fn complete(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    if !response.status().is_success() && !is_written(&response) {
        response = error(response, &path).await;
    }
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// Whether somebody wrote the error for its reader: the pages, in HTML.
fn is_written(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html") || kind.ends_with("/json"))
}

/// Puts the text of an error, or the name of its status where there is none, into
/// JSON.
async fn error(response: Response, path: &str) -> Response {
    let (mut parts, body) = response.into_parts();
    let text = to_bytes(body, MAX_ERROR).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).trim_end().to_owned();
    let reason = parts.status.canonical_reason().unwrap_or("an error");
    let error = if text.is_empty() { format!("{path}: {reason}") } else { text };
    let page = Json(ErrorPage { schema: SCHEMA, error }).into_response();
    let (head, body) = page.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(head.headers);
    Response::from_parts(parts, body)
}

/// No caching, so that a page never meets the script of another version, and no figure
/// is older than it seems; no referrer for other hosts.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, page::POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Octets of an error's text: a sentence, with a part of what was asked.
const MAX_ERROR: usize = 64 << 10;
