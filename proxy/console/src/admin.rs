//! The admin listener: what is not for everybody who can reach the node.

mod pages;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Path as UrlPath, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use tokio::net::{TcpListener, UnixListener};

use crate::api::{
    CachePage, ChainPage, ClientDetail, ClientPage, FailurePage, LoopPage, Order, Redacted, Stored,
    Summary, Taken, TakenWorkload, TakenWorkloads, UpstreamPage, WorkloadDetail, WorkloadPage,
    redacted_workload,
};
use crate::http::bounded;
use crate::redact::{Pseudonyms, Redact, Veil};
use forward::Forwarder;
use observe::thread::Ledger;
use observe::{Client, Observer, Workload};
use resolver::Cache;
use resolver::Clock;

mod tap;

/// Where the admin listener is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AdminAddr {
    /// On an address; loopback unless somebody wants otherwise.
    Tcp(SocketAddr),
    /// On a socket in the file system, whose permissions guard it.
    Unix(PathBuf),
}

impl fmt::Display for AdminAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A bound admin listener.
#[derive(Debug)]
pub enum AdminListener {
    /// On an address.
    Tcp(TcpListener),
    /// On a socket in the file system.
    Unix(UnixListener),
}

impl AdminListener {
    /// Listens on `addr`. A socket that a process left behind is replaced.
    ///
    /// # Errors
    ///
    /// What the system says; and `AlreadyExists` for a file that is no socket.
    pub async fn bind(addr: &AdminAddr) -> io::Result<Self> {
        match addr {
            AdminAddr::Tcp(addr) => TcpListener::bind(addr).await.map(Self::Tcp),
            AdminAddr::Unix(path) => {
                remove_left_over(path)?;
                UnixListener::bind(path).map(Self::Unix)
            }
        }
    }

    /// Serves `routes` for ever.
    ///
    /// # Errors
    ///
    /// Never in practice: failed connections are passed over.
    pub async fn serve(self, routes: Router) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => axum::serve(bounded(listener), routes).await,
            Self::Unix(listener) => axum::serve(bounded(listener), routes).await,
        }
    }
}

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
    let api = Router::new()
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
        .with_state(state.clone());
    Router::new()
        .nest("/api/v1", api)
        .merge(pages::routes(state.clone()))
        .route("/config", get(async move || config.to_string()))
        .route("/status", get(async move || Json(Stored::of(&state.cache, &state.forwarder))))
        .route("/version", get(async || concat!(env!("CARGO_PKG_VERSION"), "\n")))
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
    UrlPath(addr): UrlPath<IpAddr>,
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
    UrlPath((namespace, kind, name)): UrlPath<(String, String, String)>,
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

fn remove_left_over(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket")),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, file) = (dir.path().join("socket"), dir.path().join("file"));
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        std::fs::write(&file, "precious").unwrap();
        remove_left_over(&socket).unwrap();
        remove_left_over(&file).unwrap_err();
        remove_left_over(&dir.path().join("nothing")).unwrap();
        assert!(file.exists() && !socket.exists());
    }
}
