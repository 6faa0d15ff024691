//! What is served over HTTP: metrics and health, the admin listener, and the socket
//! that has all of it for the commands and probes beside this process.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use tokio::task::AbortHandle;

use crate::config::Config;
use crate::descriptors::Descriptors;
use crate::health::{self, Health};
use crate::metrics::{self, Metrics, Sources};
use console::{AdminAddr, AdminListener, AdminState, Port, Pseudonyms, Settings, bounded, listen};

/// The listeners that run.
#[derive(Debug)]
pub(super) struct Pages {
    /// Where the admin listener is.
    pub(super) admin: AdminAddr,
    /// Those whose ports another process may have as well.
    shared: Vec<AbortHandle>,
}

impl Pages {
    /// Starts all that `config` has.
    ///
    /// # Errors
    ///
    /// When an address cannot be bound.
    pub(super) async fn start(
        config: &Config,
        (health, settings): (&Arc<Health>, &Settings),
        sources: Sources,
        descriptors: Descriptors,
    ) -> anyhow::Result<Self> {
        let state = AdminState {
            settings: settings.clone(),
            cache: Arc::clone(&sources.cache),
            forwarder: sources.forwarder.clone(),
            observer: sources.ledger.clone(),
            clock: sources.clock,
            pseudonyms: Pseudonyms::default(),
            verdicts: sources.verdicts.clone(),
        };
        let health = health::routes(Arc::clone(health), sources.forwarder.clone(), sources.clock);
        let metrics = metrics::routes(Arc::new(Metrics::new(sources))).merge(health);
        if let Some(path) = &config.socket {
            let addr = AdminAddr::Unix(path.clone());
            let listener = AdminListener::bind(&addr)
                .await
                .with_context(|| format!("cannot listen on {addr} for commands and probes"))?;
            tokio::spawn(listener.serve_with(metrics.clone(), state.clone(), SOCKET_PLACES));
        }
        let (admin, administers) = administer(config, state, descriptors).await?;
        let publishes = publish(config, metrics, descriptors)?;
        let shared = if config.share_ports { vec![administers, publishes] } else { vec![] };
        Ok(Self { admin, shared })
    }

    /// Leaves shared ports to the successor: what it does not take from here on finds
    /// this process draining.
    pub(super) fn make_way(&self) {
        for listener in &self.shared {
            listener.abort();
        }
    }
}

/// Starts the listener of metrics and health.
fn publish(
    config: &Config,
    routes: Router,
    descriptors: Descriptors,
) -> anyhow::Result<AbortHandle> {
    let addr = config.metrics;
    let listener = listen(addr, port(config))
        .with_context(|| format!("cannot listen on {addr} for metrics"))?;
    let serve = async move { axum::serve(bounded(listener, descriptors.http), routes).await };
    Ok(tokio::spawn(serve).abort_handle())
}

/// Starts the admin listener and returns where it is.
async fn administer(
    config: &Config,
    state: AdminState,
    descriptors: Descriptors,
) -> anyhow::Result<(AdminAddr, AbortHandle)> {
    let addr = &config.admin;
    let listener = AdminListener::bind_with(addr, port(config))
        .await
        .with_context(|| format!("cannot listen on {addr} for admin"))?;
    let bound = listener.addr(addr)?;
    let task = tokio::spawn(listener.serve(state, descriptors.http));
    Ok((bound, task.abort_handle()))
}

/// Makes what the admin listener has of the configuration.
pub(super) fn settings(config: &Config) -> Settings {
    let settings = Settings::default();
    settings.set(&config.to_toml(), &config.admin_hosts, config.listen.first().copied());
    settings
}

const fn port(config: &Config) -> Port {
    if config.share_ports { Port::Shared } else { Port::Own }
}

/// Connections of the socket: a probe, and a few commands of people.
const SOCKET_PLACES: usize = 16;
