//! Forwarding in a time of its own, and over real sockets what needs them.

mod budget;
mod dead;
mod hostile;
mod loops;
mod node;
mod policy;
mod schedules;
mod shares;
mod sockets;
mod sockets_tcp;
mod stale;
mod tcp_fails;
mod tls;
mod trouble;
mod world;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use dns::{Name, Rcode};

use crate::{ForwardConfig, ForwardZone, Transport};
use resolver::{CacheConfig, Moment, Origin};
use world::addr_of;

/// One zone that holds all names.
fn config(transport: Transport, upstreams: &[SocketAddr]) -> ForwardConfig {
    let zone = ForwardZone { transport, ..ForwardZone::root(upstreams.to_vec()) };
    ForwardConfig::of(vec![zone], CacheConfig { bytes: 4 << 20, ..CacheConfig::default() })
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
