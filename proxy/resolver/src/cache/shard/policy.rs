//! What a reload changes of a shard.

use super::{CacheConfig, Shard};

impl Shard {
    /// Keeps stale answers and refreshes names by another policy from here on.
    pub(in crate::cache) const fn set_policy(&mut self, config: &CacheConfig) {
        (self.max_stale, self.prefetch) = (config.max_stale, config.prefetch);
    }
}
