//! The admin listener: the API and the page, for operators. It is apart from
//! the metrics because it shows clients and names.

mod listener;
pub use listener::{AdminAddr, AdminListener, SocketFile};

mod answers;
mod api;
mod cache;
mod host;
pub(crate) use cache::INTENT;
mod pages;
mod tap;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::api::{CacheUsage, ClientCopy, WorkloadCopy, redacted_workload};
use crate::redact::{Pseudonyms, Veil};
use crate::verdicts::Verdicts;
use forward::Forwarder;
use observe::{Client, ObserverHandle, Workload};
use resolver::{Cache, Clock};

/// The parts of the proxy that the routes read.
#[derive(Clone, Debug)]
pub struct AdminState {
    /// What a reload replaces.
    pub settings: Settings,
    /// The cache.
    pub cache: Arc<Cache>,
    /// The upstream thread.
    pub forwarder: Forwarder,
    /// The accounts.
    pub observer: ObserverHandle,
    /// The clock of the proxy.
    pub clock: Clock,
    /// Pseudonyms for names and clients.
    pub pseudonyms: Pseudonyms,
    /// What the proxy finds of itself.
    pub verdicts: Verdicts,
}

/// What the listener has of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    now: Arc<RwLock<InForce>>,
}

#[derive(Clone, Debug, Default)]
struct InForce {
    config: Arc<str>,
    hosts: Arc<[String]>,
    listen: Option<SocketAddr>,
}

impl Settings {
    /// Sets the configuration in force, as a file, the names that requests may have as
    /// their Host, and the first address that clients query.
    pub fn set(&self, config: &str, hosts: &[String], listen: Option<SocketAddr>) {
        let new = InForce { config: config.into(), hosts: hosts.into(), listen };
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = new;
    }

    fn get(&self) -> InForce {
        self.now
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl AdminState {
    /// Copies a client, by its address or its pseudonym: links on a redacted page
    /// have pseudonyms.
    fn client(&self, addr: IpAddr, veil: &Veil) -> Option<ClientCopy> {
        let is_meant = |(real, _): &(&IpAddr, &Client)| veil.client(**real) == addr;
        self.observer.read(|observer| {
            let clients = observer.clients();
            let named = clients.get(addr).map(|client| (addr, client));
            let of = |(real, client): (&IpAddr, _)| (*real, client);
            let (addr, client) = named.or_else(|| clients.iter().find(is_meant).map(of))?;
            Some(ClientCopy::of(addr, client, observer))
        })
    }

    /// Copies a workload, by its name or its pseudonym.
    fn workload(&self, workload: &Workload, veil: &Veil) -> Option<WorkloadCopy> {
        let is_meant = |real: &Workload| redacted_workload(real.clone(), veil) == *workload;
        self.observer.read(|observer| {
            let named = WorkloadCopy::find(workload, observer);
            named.or_else(|| WorkloadCopy::find_by(is_meant, observer))
        })
    }
}

/// Returns the page and the routes /config, /status, /version and /api/v1.
fn routes(state: AdminState) -> Router {
    let settings = state.settings.clone();
    let hosts = from_fn_with_state(settings.clone(), host::check);
    Router::new()
        .nest("/api/v1", api::routes(state.clone()))
        .nest("/api/v1/cache/", cache::routes(state.clone()))
        .merge(pages::routes(state.clone()))
        .route("/config", get(async move || settings.get().config.to_string()))
        .route("/status", get(async move || Json(CacheUsage::of(&state.cache, &state.forwarder))))
        .route("/version", get(async || concat!(env!("CARGO_PKG_VERSION"), "\n")))
        // One without layers would answer otherwise.
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(hosts)
        .layer(from_fn(answers::complete))
}

/// Makes an answer on a thread of the pool for blocking work.
///
/// The runtime has one thread, which also serves DNS over TCP. Working out
/// advice takes milliseconds, and reading the accounts waits for their lock.
///
/// Two at a time: pages that are asked for faster than they are made would take the
/// CPU from the threads of clients.
async fn off_runtime(answer: impl FnOnce() -> Response + Send + 'static) -> Response {
    // Fails only for a closed semaphore; this one stays open.
    let _turn = WORKING.acquire().await.ok();
    // Fails only if `answer` panics.
    let answer = spawn_blocking(answer).await;
    answer.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Pages that are made at a time. A process has one admin listener.
static WORKING: Semaphore = Semaphore::const_new(2);
