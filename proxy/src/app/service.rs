//! What all threads of clients share, and how it goes from one process to the next.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::handover;
use crate::live::Live;
use crate::serve::Service;
use crate::snapshot;
use forward::Forwarder;
use observe::ObserverHandle;
use resolver::{Cache, Clock, KeyHasher, Resolver};

/// Makes what all threads of clients share, with the cache of the process before. Returns
/// the search lists that were learned there as well.
pub(super) async fn start(
    config: &Config,
    cache: &Arc<Cache>,
    forwarder: &Forwarder,
    clock: Clock,
) -> (Service, handover::Lists) {
    let resolver = Resolver::new(Arc::clone(cache), KeyHasher::default(), config.cache.rotate);
    let (resolver, forwarder) = (Arc::new(resolver), forwarder.clone());
    let taken = match shared(config) {
        Some(listen) => handover::take_over(listen, &resolver, clock).await,
        None => None,
    };
    if taken.is_none() {
        read_snapshot(config, &resolver, clock);
    }
    let allow = Live::new(config.allowed());
    (Service { resolver, forwarder, clock, allow }, taken.unwrap_or_default())
}

/// The address by which the processes before and after know us; none where there are none.
fn shared(config: &Config) -> Option<SocketAddr> {
    let first = config.listen.first().filter(|addr| addr.port() != 0);
    first.copied().filter(|_| config.share_ports)
}

/// Hands over to the next process, where there may be one, what it takes from us.
pub(super) fn hand_over(
    config: &Config,
    cache: &Arc<Cache>,
    observer: &ObserverHandle,
    clock: Clock,
) {
    let Some(listen) = shared(config) else { return };
    tokio::spawn(handover::serve(listen, Arc::clone(cache), observer.clone(), clock));
}

/// Takes the cache of a process that has ended, where it left one.
fn read_snapshot(config: &Config, resolver: &Resolver, clock: Clock) {
    let Some(path) = &config.snapshot else { return };
    match snapshot::read(path, resolver, clock.now()) {
        Ok(None) => {}
        Ok(Some(answers)) => {
            tracing::info!(answers, path = %path.display(), "the cache is that of the snapshot");
        }
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "the snapshot is not read");
        }
    }
}

/// Leaves the cache to the next process, where one is to get it.
pub(super) fn write_snapshot(path: Option<&Path>, cache: &Cache, clock: Clock) {
    let Some(path) = path else { return };
    match snapshot::write(path, cache, clock.now()) {
        Ok(octets) => {
            tracing::info!(octets, path = %path.display(), "the cache is in the snapshot");
        }
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "no snapshot is written");
        }
    }
}
