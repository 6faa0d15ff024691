//! The admin listener: what is not for everybody who can reach the node.

mod listener;
pub use listener::{AdminAddr, AdminListener};

mod api;
mod pages;
mod tap;

use std::net::IpAddr;
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};

use crate::api::{Redacted, Stored, Taken, TakenWorkload, redacted_workload};
use crate::redact::{Pseudonyms, Redact, Veil};
use forward::Forwarder;
use observe::thread::Ledger;
use observe::{Client, Observer, Workload};
use resolver::{Cache, Clock};

/// What the routes show.
#[derive(Clone, Debug)]
pub struct AdminState {
    /// The configuration in force, as a file.
    pub config: Arc<str>,
    /// The cache.
    pub cache: Arc<Cache>,
    /// The upstream threads.
    pub forwarder: Forwarder,
    /// The accounts.
    pub ledger: Ledger,
    /// Says what time it is.
    pub clock: Clock,
    /// What is shown instead of names and clients.
    pub pseudonyms: Pseudonyms,
}

impl AdminState {
    /// Makes a page from the accounts, without what is not to be shown.
    fn page<T: Redacted>(&self, redact: Redact, make: impl FnOnce(&Observer) -> T) -> Json<T> {
        let page = self.ledger.read(make);
        Json(page.redacted(&self.pseudonyms.veil(redact)))
    }

    /// Copies a client. It may be named by its pseudonym: a list without its
    /// clients leads to their pages all the same.
    fn client(&self, addr: IpAddr, veil: &Veil) -> Option<Taken> {
        let is_meant = |(real, _): &(&IpAddr, &Client)| veil.client(**real) == addr;
        self.ledger.read(|observer| {
            let clients = &observer.clients;
            let named = clients.get(addr).map(|client| (addr, client));
            let of = |(real, client): (&IpAddr, _)| (*real, client);
            let (addr, client) = named.or_else(|| clients.iter().find(is_meant).map(of))?;
            Some(Taken::of(addr, client, observer))
        })
    }

    /// Copies a workload, as a client.
    fn workload(&self, workload: &Workload, veil: &Veil) -> Option<TakenWorkload> {
        let is_meant = |real: &Workload| redacted_workload(real.clone(), veil) == *workload;
        self.ledger.read(|observer| {
            let named = TakenWorkload::find(workload, observer);
            named.or_else(|| TakenWorkload::find_by(is_meant, observer))
        })
    }
}

/// Returns the pages and the routes /config, /status, /version and /api/v1.
pub fn routes(state: AdminState) -> Router {
    let config = Arc::clone(&state.config);
    Router::new()
        .nest("/api/v1", api::routes(state.clone()))
        .merge(pages::routes(state.clone()))
        .route("/config", get(async move || config.to_string()))
        .route("/status", get(async move || Json(Stored::of(&state.cache, &state.forwarder))))
        .route("/version", get(async || concat!(env!("CARGO_PKG_VERSION"), "\n")))
}
