//! What all threads of clients share.

use std::sync::Arc;

use crate::config::Config;
use crate::handover;
use crate::live::Live;
use crate::serve::Service;
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
    hand_over(config, cache, &resolver, clock).await;
    Service { resolver, forwarder, clock, allow: Live::new(config.allowed()) }
}

/// Takes the cache of the process before, where there may be one, and hands ours over.
async fn hand_over(config: &Config, cache: &Arc<Cache>, resolver: &Resolver, clock: Clock) {
    let first = config.listen.first().filter(|addr| addr.port() != 0);
    let Some(listen) = first.filter(|_| config.share_ports) else { return };
    handover::take_over(*listen, resolver, clock).await;
    tokio::spawn(handover::serve(*listen, Arc::clone(cache), clock));
}
