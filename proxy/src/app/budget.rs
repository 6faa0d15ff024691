//! The memory that a configuration allows.

use crate::config::Config;
use crate::memory::{Budget, Part};
use crate::serve::TcpConfig;

/// Adds up what `config` allows, with so many `connections` of clients.
pub(super) fn of(config: &Config, connections: usize) -> Budget {
    let records = config.observe.buffer_octets;
    let threads = config.listen.len() * config.workers + OTHER_THREADS;
    let unread = config.tcp.max_unread;
    let part = |label, most, key| Part { label, most, key };
    let parts = [
        part("cache", config.cache.bytes, Some("cache.size")),
        part("questions", config.forward_config().memory(), Some("forward.max_inflight")),
        part(
            "connections",
            connections * TcpConfig::MEMORY + unread,
            Some("tcp.max_connections, tcp.max_unread"),
        ),
        part("accounts", config.observe.memory(), Some("observe.clients")),
        part("records", threads * records, Some("observe.buffer")),
        part("program", PROGRAM + threads * THREAD, None),
    ];
    Budget { limit: config.memory_limit, parts }
}

/// The program's own pages, TLS and JSON of the Kubernetes API, answers of the HTTP
/// listeners, and what the allocator keeps.
const PROGRAM: usize = 12 << 20;

/// Stack in use, and batches of datagrams: 32 of 1,232 octets to each side, with their
/// headers.
const THREAD: usize = 192 << 10;

/// The upstream thread, that of connections, and the observer.
const OTHER_THREADS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(keys: &str) -> Config {
        let zone = "[[zone]]\nsuffix = \".\"\nupstreams = [\"192.0.2.1\"]";
        Config::parse(&format!("version = 1\n{keys}\n{zone}\n")).unwrap()
    }

    #[test]
    fn the_defaults_fit_into_128_mib_and_say_what_they_are() {
        let config = parse("[cache]\nsize = \"32MiB\"");
        let config = Config { workers: 4, ..config };
        let budget = of(&config, config.tcp.max_connections);
        assert!(budget.total() <= 128 << 20, "{}", budget.show());
        assert!(budget.show().starts_with("cache 32 MiB, questions "), "{}", budget.show());
    }

    #[test]
    fn each_key_moves_its_part() {
        let base = parse("");
        let most = |config: &Config| of(config, config.tcp.max_connections);
        let before = most(&base);
        for (text, label) in [
            ("[cache]\nsize = \"1GiB\"", "cache"),
            ("[forward]\nmax_inflight = 100000", "questions"),
            ("[tcp]\nmax_unread = \"512MiB\"", "connections"),
            ("[tcp]\nmax_connections = 4096", "connections"),
            ("[observe]\nclients = 20000", "accounts"),
            ("[observe]\nbuffer = \"32MiB\"", "records"),
        ] {
            let after = most(&parse(text));
            for (before, after) in before.parts.iter().zip(&after.parts) {
                assert_eq!(after.most > before.most, after.label == label, "{text}: {after:?}");
            }
        }
    }
}
