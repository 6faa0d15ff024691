//! Follows this node's resolv.conf, where the root's servers are those of it: a new
//! lease or a server that has moved needs no restart.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::config::Config;
use crate::upstreams::Upstreams;
use forward::ForwardZone;

/// Reads the file again and again, and forwards by what is in it. Never ends.
///
/// A file without a server, as while it is being written, changes nothing. The
/// content is compared and not watched: some programs write in place, some replace
/// the file or what a link leads to, and a container's file is mounted over.
pub async fn follow(mut in_force: watch::Receiver<Config>, upstreams: Upstreams) {
    let mut now = Ok(in_force.borrow_and_update().zones.clone());
    loop {
        sleep(INTERVAL).await;
        let is_new = in_force.has_changed().unwrap_or_default();
        let config = in_force.borrow_and_update().clone();
        if is_new {
            // A reload has read the file as well.
            now = Ok(config.zones.clone());
        }
        if !config.follows_resolv_conf {
            continue;
        }
        let Ok(read) = spawn_blocking(move || config.with_resolv_conf()).await else { continue };
        let read = read.map_err(|error| error.to_string());
        if read == now {
            continue;
        }
        tell(&read, &upstreams);
        now = read;
    }
}

fn tell(read: &Result<Vec<ForwardZone>, String>, upstreams: &Upstreams) {
    match read {
        Err(error) => tracing::warn!(%error, "the servers that were known are kept"),
        Ok(zones) => match upstreams.set_zones(zones.clone()) {
            Err(error) => tracing::warn!(%error, "the servers that were known are kept"),
            Ok(()) => {
                let root = zones.last().map(|zone| &zone.upstreams);
                tracing::info!(upstreams = ?root, "resolv.conf has changed");
            }
        },
    }
}

/// How soon a change is seen: before a stub resolver gives up its first lookup.
const INTERVAL: Duration = Duration::from_secs(1);
