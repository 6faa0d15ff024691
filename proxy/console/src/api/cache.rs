//! `/api/v1/cache`: what the cache holds, and its hits.

use serde::{Deserialize, Serialize};

use super::summary::{Busiest, busiest};
use super::windowed::Windowed;
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
    /// What it holds.
    #[serde(flatten)]
    pub usage: CacheUsage,
    /// Its hits, by window.
    #[serde(flatten)]
    pub windows: Windowed<CacheWindow>,
    /// Names with the most recent upstream queries.
    pub top_misses: Vec<Busiest>,
}

/// What the cache holds at one time.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct CacheUsage {
    /// Answers, expired ones included.
    pub cache_entries: usize,
    /// Octets in use, the index included.
    pub cache_bytes: usize,
    /// The bound of octets in use.
    pub cache_capacity_bytes: usize,
    /// Answers evicted before they expired, since the start.
    pub cache_evictions: u64,
    /// Queries that wait for an upstream.
    pub inflight_waiters: usize,
}

/// The hits of one window.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct CacheWindow {
    /// Responses for names that were looked up in it.
    pub cache_lookups: u64,
    /// Of those, the ones from the cache, without cached failures.
    pub cache_hits: u64,
    /// Their share, 0 to 1; 0 without lookups.
    pub hit_ratio: f64,
}

impl CachePage {
    /// Copies the figures, with the `limit` names missed most.
    pub fn of(observer: &Observer, usage: CacheUsage, limit: usize) -> Self {
        Self {
            schema: SCHEMA,
            usage,
            windows: Windowed::each(|window| CacheWindow::of(&observer.origins().sum(window))),
            top_misses: busiest(observer.top_misses(), limit, text_of),
        }
    }
}

impl CacheUsage {
    /// Reads it; call this outside the lock of the accounts.
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
        let looked_up = |origin: &Origin| {
            origin.is_response() && !matches!(origin, Origin::Local | Origin::Rejected)
        };
        let lookups: u64 = ended()
            .filter(|(origin, _)| looked_up(origin))
            .map(|(_, count)| count)
            .sum();
        let hits = ended()
            .filter(|(origin, _)| matches!(origin, Origin::Cache | Origin::Stale))
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
    fn queries_without_a_cache_lookup_are_no_misses() {
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
