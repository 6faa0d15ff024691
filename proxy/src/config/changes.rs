//! What a reload can put in force, and which keys need a restart.

use super::{Config, ForwardLimits, LoopConfig};
use crate::serve::TcpConfig;
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
            ("socket", self.socket != old.socket),
            ("share_ports", self.share_ports != old.share_ports),
            ("log_format", self.log_format != old.log_format),
            ("cache.size", self.cache.bytes != old.cache.bytes),
            ("cache.negative_share", self.cache.negative_share != old.cache.negative_share),
            ("forward.max_inflight", self.forward.max_inflight != old.forward.max_inflight),
            ("tcp.max_unread", self.tcp.max_unread != old.tcp.max_unread),
            ("loop.probe_interval", self.loops.probe_interval != old.loops.probe_interval),
            ("observe", self.observe != old.observe),
            ("forward.services", self.services != old.services),
            ("intercept", self.intercept != old.intercept),
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
            tcp: TcpConfig { max_unread: old.tcp.max_unread, ..self.tcp },
            admin_hosts: self.admin_hosts,
            snapshot: self.snapshot,
            cache: CacheConfig {
                bytes: old.cache.bytes,
                negative_share: old.cache.negative_share,
                ..self.cache
            },
            forward: ForwardLimits { max_inflight: old.forward.max_inflight, ..self.forward },
            loops: LoopConfig { probe_interval: old.loops.probe_interval, ..self.loops },
            ..old.clone()
        };
        (new, keys)
    }
}
