//! What a reload can put in force, and which keys need a restart.

use super::Config;
use resolver::CacheConfig;

impl Config {
    /// Returns this configuration as far as it can be put in force in place of
    /// `old`, and the keys that differ and cannot.
    pub fn in_place_of(self, old: &Self) -> (Self, Vec<&'static str>) {
        let differs = [
            ("listen", self.listen != old.listen),
            ("workers", self.workers != old.workers),
            ("metrics", self.metrics != old.metrics),
            ("admin", self.admin != old.admin),
            ("log_format", self.log_format != old.log_format),
            ("cache (all but rotate)", self.cache_but_rotate() != old.cache_but_rotate()),
            ("forward", self.forward != old.forward),
            ("loop", self.loops_of_keys() != old.loops_of_keys()),
            ("observe", self.observe != old.observe),
            ("kubernetes", self.kubernetes != old.kubernetes),
        ];
        let keys = differs
            .into_iter()
            .filter_map(|(key, differs)| differs.then_some(key));
        let keys = keys.collect();
        // All others are those of `old`: what is added to a configuration needs a
        // restart until it is known to do without.
        let new = Self {
            allow: self.allow,
            networks: self.networks,
            zones: self.zones,
            follows_resolv_conf: self.follows_resolv_conf,
            tcp: self.tcp,
            admin_hosts: self.admin_hosts,
            cache: CacheConfig { rotate: self.cache.rotate, ..old.cache },
            ..old.clone()
        };
        (new, keys)
    }

    fn cache_but_rotate(&self) -> CacheConfig {
        CacheConfig { rotate: false, ..self.cache }
    }

    /// What is written about loops; what was found follows from the zones.
    fn loops_of_keys(&self) -> (std::time::Duration, bool) {
        (self.loops.probe_interval, self.loops.hop_option)
    }
}
