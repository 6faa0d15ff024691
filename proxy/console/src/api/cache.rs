//! `/api/v1/cache`: what is stored, and how often it was enough.

use serde::{Deserialize, Serialize};

use super::clients::Windowed;
use super::summary::{Busiest, busiest};
use super::{SCHEMA, text_of};
use forward::Forwarder;
use observe::Observer;
use resolver::Cache;
use resolver::Origin;

/// The cache.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CachePage {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What is in it.
    #[serde(flatten)]
    pub stored: Stored,
    /// What it was good for, by window.
    #[serde(flatten)]
    pub windows: Windowed<CacheWindow>,
    /// Names that an upstream was asked most of late.
    pub top_misses: Vec<Busiest>,
}

/// What is stored at a moment.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Stored {
    /// Answers, expired ones included.
    pub cache_entries: usize,
    /// Octets in use, the index included.
    pub cache_bytes: usize,
    /// Octets that may be in use.
    pub cache_capacity_bytes: usize,
    /// Answers driven out before they expired, since the start.
    pub cache_evictions: u64,
    /// Clients that wait for an upstream.
    pub inflight_waiters: usize,
}

/// What the cache was good for in one window.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct CacheWindow {
    /// Responses for names that were looked up in it.
    pub cache_lookups: u64,
    /// Of those, the ones that it had; remembered failures are not among them.
    pub cache_hits: u64,
    /// Their share, 0 to 1; 0 without lookups.
    pub hit_ratio: f64,
}

impl CachePage {
    /// Takes what `observer` knows, with the `limit` names that were missed
    /// most.
    pub fn of(observer: &Observer, stored: Stored, limit: usize) -> Self {
        Self {
            schema: SCHEMA,
            stored,
            windows: Windowed::each(|window| CacheWindow::of(&observer.origins.sum(window))),
            top_misses: busiest(&observer.top_misses, limit, text_of),
        }
    }
}

impl Stored {
    /// Reads it; the accounts should not stand still meanwhile.
    pub fn of(cache: &Cache, forwarder: &Forwarder) -> Self {
        Self {
            cache_entries: cache.len(),
            cache_bytes: cache.bytes(),
            cache_capacity_bytes: cache.capacity_bytes(),
            cache_evictions: cache.evictions(),
            inflight_waiters: forwarder.in_flight(),
        }
    }
}

impl CacheWindow {
    #[expect(clippy::cast_precision_loss, reason = "a ratio to look at")]
    fn of(origins: &[u64; Origin::COUNT]) -> Self {
        let ended = || Origin::ALL.iter().zip(origins);
        let looked_up = |origin: &Origin| !matches!(origin, Origin::Local | Origin::Rejected);
        let lookups: u64 = ended()
            .filter(|(origin, _)| looked_up(origin))
            .map(|(_, count)| count)
            .sum();
        let hits = ended()
            .filter(|(origin, _)| **origin == Origin::Cache)
            .map(|(_, count)| count)
            .sum();
        let hit_ratio = if lookups == 0 { 0.0 } else { hits as f64 / lookups as f64 };
        Self { cache_lookups: lookups, cache_hits: hits, hit_ratio }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_looked_up_is_no_miss() {
        let mut origins = [0; Origin::COUNT];
        assert_eq!(CacheWindow::of(&origins).hit_ratio, 0.0);
        origins[Origin::Local.index()] = 7;
        origins[Origin::Rejected.index()] = 9;
        origins[Origin::Cache.index()] = 3;
        origins[Origin::Timeout.index()] = 1;
        let window = CacheWindow::of(&origins);
        assert_eq!((window.cache_lookups, window.cache_hits, window.hit_ratio), (4, 3, 0.75));
    }
}
