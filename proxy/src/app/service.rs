//! What all threads of clients share.

use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::handover;
use crate::live::Live;
use crate::serve::Service;
use crate::snapshot;
use forward::Forwarder;
use resolver::{Cache, Clock, KeyHasher, Resolver};

/// Makes what all threads of clients share, with the cache of the process before.
pub(super) async fn start(
    config: &Config,
    cache: &Arc<Cache>,
    forwarder: &Forwarder,
    clock: Clock,
) -> Service {
    let resolver = Resolver::new(Arc::clone(cache), KeyHasher::default(), config.cache.rotate);
    let (resolver, forwarder) = (Arc::new(resolver), forwarder.clone());
    if !hand_over(config, cache, &resolver, clock).await {
        read_snapshot(config, &resolver, clock);
    }
    Service { resolver, forwarder, clock, allow: Live::new(config.allowed()) }
}

/// Takes the cache of the process before, where there may be one, and hands ours over;
/// returns whether there was one.
async fn hand_over(config: &Config, cache: &Arc<Cache>, resolver: &Resolver, clock: Clock) -> bool {
    let first = config.listen.first().filter(|addr| addr.port() != 0);
    let Some(listen) = first.filter(|_| config.share_ports) else { return false };
    let taken = handover::take_over(*listen, resolver, clock).await;
    tokio::spawn(handover::serve(*listen, Arc::clone(cache), clock));
    taken
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
