//! Open descriptors: how many there are, and who may have how many.
//!
//! All of them come out of one pot. A client that holds the last one would stop the
//! sockets to upstreams, and the probes of the kubelet.

use forward::Forwarder;

/// How many descriptors each side may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Descriptors {
    /// The limit of this process.
    pub limit: usize,
    /// Connections of clients over TCP.
    pub tcp: usize,
    /// Connections of each HTTP listener.
    pub http: usize,
}

impl Descriptors {
    /// Raises the limit as far as it goes and divides it: `upstreams` and what
    /// the process needs come first, then the probes, then the `tcp` connections
    /// that are wanted.
    pub fn divide(upstreams: usize, tcp: usize) -> Self {
        let limit = udp::raise_descriptor_limit().unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot raise the limit of open files");
            USUAL
        });
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let all = Self::of(limit, upstreams, tcp);
        if all.tcp < tcp {
            tracing::warn!(
                limit,
                connections = all.tcp,
                wanted = tcp,
                "the limit of open files leaves room for fewer connections than tcp.max_connections"
            );
        }
        all
    }

    fn of(limit: usize, upstreams: usize, tcp: usize) -> Self {
        let first = Forwarder::descriptors(upstreams) + SPARE;
        let left = limit.saturating_sub(first);
        let http = (left / HTTP_PART).clamp(LEAST, HTTP);
        let tcp = left.saturating_sub(2 * http).clamp(LEAST, tcp.max(LEAST));
        Self { limit, tcp, http }
    }
}

/// Returns how many descriptors this process has open; none where /proc is
/// missing.
pub fn open() -> Option<usize> {
    // One of them is the directory itself.
    Some(
        std::fs::read_dir("/proc/self/fd")
            .ok()?
            .count()
            .saturating_sub(1),
    )
}

/// Sockets of the listeners and of the Kubernetes API, connections of the socket for
/// commands, files that are read, and
/// connections that have not been closed yet when their successor is taken.
const SPARE: usize = 64;

/// A scraper or two, the kubelet's probes, and a few people.
const HTTP: usize = 64;

/// What each HTTP listener has of a pot that is small.
const HTTP_PART: usize = 8;

/// Places of each listener, however small the pot is.
const LEAST: usize = 16;

/// The soft limit of most systems.
const USUAL: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_what_upstreams_and_probes_leave() {
        let divided = |limit, upstreams| {
            let Descriptors { tcp, http, .. } = Descriptors::of(limit, upstreams, 1024);
            (tcp, http)
        };
        assert_eq!(divided(1 << 20, 2), (1024, 64));
        assert_eq!(divided(1024, 1), (1024 - 208 - 64 - 128, 64));
        assert_eq!(divided(1024, 4), (1024 - 704 - 64 - 64, 32));
        assert_eq!(divided(256, 2), (16, 16), "too few, but not none");
    }

    #[test]
    fn what_is_open_is_counted() {
        let _files: Vec<_> = (0..50)
            .map(|_| std::fs::File::open("/proc/self/exe"))
            .collect();
        assert!(open().unwrap() >= 50);
    }
}
