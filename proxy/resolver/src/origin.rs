//! Where a response comes from, or what failed, and the text that a client gets
//! with a failure.

use std::net::SocketAddr;
use std::time::Duration;

use dns::{ExtendedError, Flags, Rcode};

use crate::cache::{self, Entry, FirstFailure, Head, Kind};
use crate::clock::Moment;
use crate::query::Retained;

/// Where a response came from, or why it is a failure.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Origin {
    /// The cache.
    Cache,
    /// The cache after the TTL was over, since no upstream answered in time
    /// (RFC 8767).
    Stale,
    /// An upstream, with data or a denial.
    Upstream,
    /// This proxy itself: ANY.
    Local,
    /// A cached failure (RFC 9520).
    CachedFailure,
    /// Failure of a server behind the upstream, passed on: RA is set.
    Relayed,
    /// CoreDNS's `forward` timed out waiting for its own upstream: neither AA
    /// nor RA, seconds later.
    ForwardGaveUp,
    /// An error inside the upstream: neither AA nor RA, at once.
    UpstreamError,
    /// CoreDNS's `kubernetes` plugin has not synced with the API server yet: AA
    /// without RA.
    NotSynced,
    /// The upstream refused: its limit of concurrent queries, or not its zone.
    UpstreamRefused,
    /// No upstream answered in time.
    Timeout,
    /// Nothing listens at the upstream (ICMP port unreachable, TCP reset).
    ConnectRefused,
    /// No way to the upstream: no route, or ICMP of a firewall.
    Unreachable,
    /// The upstream truncated its answer, and TCP to it failed.
    TcpFailed,
    /// What the upstream sent does not fit the query, or cannot be read.
    BadAnswer,
    /// The kernel refused to send: EPERM is a full conntrack table or a
    /// firewall rule.
    SendFailed,
    /// The kernel refused to send the answer to the client: EPERM is a full conntrack
    /// table or a firewall rule.
    Unsent,
    /// Too many queries in flight.
    Limit,
    /// The client is above the rate that the configuration allows.
    Rate,
    /// No forward zone holds the name.
    NoZone,
    /// The query came back to this proxy.
    Loop,
    /// Not a query that we look up; see `QueryError`.
    Rejected,
}

impl Origin {
    /// All, in the order of their index.
    pub const ALL: &[Self] = &[
        Self::Cache,
        Self::Stale,
        Self::Upstream,
        Self::Local,
        Self::CachedFailure,
        Self::Relayed,
        Self::ForwardGaveUp,
        Self::UpstreamError,
        Self::NotSynced,
        Self::UpstreamRefused,
        Self::Timeout,
        Self::ConnectRefused,
        Self::Unreachable,
        Self::TcpFailed,
        Self::BadAnswer,
        Self::SendFailed,
        Self::Unsent,
        Self::Limit,
        Self::Rate,
        Self::NoZone,
        Self::Loop,
        Self::Rejected,
    ];

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The place in [`Origin::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Says whether it stands for a response of its own. That one could not be sent
    /// comes on top of where it is from.
    pub const fn is_response(self) -> bool {
        !matches!(self, Self::Unsent)
    }

    /// Says whether the response is a failure for the client.
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Cache | Self::Stale | Self::Upstream | Self::Local)
    }

    /// The metric label, and the name in the API.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Stale => "stale",
            Self::Upstream => "upstream",
            Self::Local => "local",
            Self::CachedFailure => "cached_failure",
            Self::Relayed => "relayed",
            Self::ForwardGaveUp => "forward_gave_up",
            Self::UpstreamError => "upstream_error",
            Self::NotSynced => "not_synced",
            Self::UpstreamRefused => "upstream_refused",
            Self::Timeout => "timeout",
            Self::ConnectRefused => "connect_refused",
            Self::Unreachable => "unreachable",
            Self::TcpFailed => "tcp_failed",
            Self::BadAnswer => "bad_answer",
            Self::SendFailed => "send_failed",
            Self::Unsent => "unsent",
            Self::Limit => "limit",
            Self::Rate => "rate",
            Self::NoZone => "no_zone",
            Self::Loop => "loop",
            Self::Rejected => "rejected",
        }
    }
}

impl Origin {
    /// What it means and where to look, in a sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Cache => "answered from the cache",
            Self::Stale => "answered from the cache after the TTL: no upstream answered in time",
            Self::Upstream => "answered by an upstream",
            Self::Local => "answered by this proxy itself",
            Self::CachedFailure => "the same question failed moments ago and was not asked again",
            Self::Relayed => "a server behind the upstream failed; the upstream passed it on",
            Self::ForwardGaveUp => "CoreDNS timed out waiting for the servers that it forwards to",
            Self::UpstreamError => {
                "the upstream failed at once: an internal error, or nothing listens where it forwards to"
            }
            Self::NotSynced => "CoreDNS has not read the cluster from the API server yet",
            Self::UpstreamRefused => {
                "the upstream refused: too many concurrent queries, or a zone that it does not serve"
            }
            Self::Timeout => "no upstream answered before the deadline",
            Self::ConnectRefused => "nothing listens at the upstream: no Pod, or no endpoint",
            Self::Unreachable => {
                "no way to the upstream: no route, or a firewall on the way that rejects"
            }
            Self::TcpFailed => "the upstream truncated its answer, and TCP to it failed",
            Self::BadAnswer => "what the upstream sent does not fit the query, or cannot be read",
            Self::SendFailed => {
                "the kernel refused to send: a full conntrack table, or a firewall rule"
            }
            Self::Unsent => {
                "the kernel refused to send the answer to the client: a full conntrack table, or a \
                 firewall rule on this node"
            }
            Self::Limit => {
                "over its share: this client had the most queries in flight, and there was no room"
            }
            Self::Rate => "over its rate: this client queries more than forward.client_rate allows",
            Self::NoZone => "no forward zone has the name",
            Self::Loop => "a forwarding loop: the query came back to this proxy",
            Self::Rejected => "malformed, or not a query that is looked up",
        }
    }
}

impl Origin {
    /// What the cache had.
    pub const fn of_cached(head: &Head) -> Self {
        match head.kind {
            Kind::Failure => Self::CachedFailure,
            Kind::Positive | Kind::Negative if head.stale => Self::Stale,
            Kind::Positive | Kind::Negative => Self::Cache,
        }
    }

    /// Notes this origin, and the number of its upstream, for a failure that is kept.
    pub fn first(self, upstream: Option<usize>) -> FirstFailure {
        let upstream = upstream.and_then(|number| u8::try_from(number).ok());
        FirstFailure { origin: self as u8, upstream }
    }

    /// What failed when the failure was kept that the cache had, and the number of
    /// the upstream; `None` for answers.
    pub fn of_first(head: &Head) -> Option<(Self, Option<u8>)> {
        let first = head.first.filter(|_| head.kind == Kind::Failure)?;
        let origin = Self::ALL.get(usize::from(first.origin))?;
        Some((*origin, first.upstream))
    }

    /// Judges a response of an upstream with another code than NOERROR and
    /// NXDOMAIN, `waited` after the query that it answers.
    ///
    /// CoreDNS sets RA on what its `forward` relays, AA on what its
    /// `kubernetes` plugin says, and neither where no plugin had an answer
    /// (`core/dnsserver/server.go`, `plugin/backend_lookup.go`).
    pub fn of_failure(rcode: Rcode, flags: Flags, waited: Duration) -> Self {
        if rcode == Rcode::REFUSED {
            return Self::UpstreamRefused;
        }
        if flags.has(Flags::RA) {
            return Self::Relayed;
        }
        if flags.has(Flags::AA) {
            return Self::NotSynced;
        }
        if waited >= GIVING_UP { Self::ForwardGaveUp } else { Self::UpstreamError }
    }
}

impl Origin {
    /// The INFO-CODE for the client (RFC 8914, section 4). A rejected message
    /// gets none: its answer must not be longer than itself.
    pub const fn info_code(self) -> u16 {
        match self {
            Self::CachedFailure => ExtendedError::CACHED_ERROR,
            Self::NotSynced => ExtendedError::NOT_READY,
            Self::ForwardGaveUp | Self::Timeout => ExtendedError::NO_REACHABLE_AUTHORITY,
            Self::ConnectRefused | Self::SendFailed | Self::TcpFailed | Self::Unreachable => {
                ExtendedError::NETWORK_ERROR
            }
            Self::BadAnswer => ExtendedError::INVALID_DATA,
            Self::NoZone => ExtendedError::PROHIBITED,
            _ => ExtendedError::OTHER,
        }
    }

    /// The EXTRA-TEXT beside it, as dig prints it: what happened, at which
    /// upstream. It has nothing that a client sent.
    pub fn extra_text(self, upstream: Option<SocketAddr>) -> String {
        let whom = match upstream {
            Some(addr) => addr.to_string(),
            None => "an upstream".to_owned(),
        };
        match self {
            Self::Relayed => format!("a server behind {whom} failed"),
            Self::ForwardGaveUp => format!("{whom} timed out waiting for its upstream"),
            Self::UpstreamError => format!("{whom} failed at once"),
            Self::NotSynced => format!("{whom} has not synced with the Kubernetes API yet"),
            Self::UpstreamRefused => format!("{whom} refused"),
            Self::Timeout => format!("no answer before the deadline; last asked: {whom}"),
            Self::ConnectRefused => format!("nothing listens at {whom}"),
            Self::Unreachable => format!("no way to {whom}"),
            Self::TcpFailed => format!("{whom} truncated its answer, and TCP to it failed"),
            Self::BadAnswer => format!("what {whom} sent does not fit the query"),
            Self::SendFailed => format!("the kernel refused to send to {whom}"),
            Self::Limit => "over its share: this client has the most queries in flight".to_owned(),
            Self::Rate => "over its rate: this client queries too often".to_owned(),
            Self::NoZone => "no forward zone has the name".to_owned(),
            Self::Loop => "loop: the query came back to its sender".to_owned(),
            _ => String::new(),
        }
    }
}

impl Origin {
    /// Composes the answer to a question that has none: the RCODE, and the reason
    /// as an Extended DNS Error. It is not to be kept, unless its head is changed.
    pub fn failure(
        self,
        query: &Retained,
        rcode: Rcode,
        upstream: Option<SocketAddr>,
        now: Moment,
    ) -> Entry {
        let text = self.extra_text(upstream);
        let error = ExtendedError { code: self.info_code(), text: text.as_bytes() };
        cache::failure(query, rcode, error, Duration::ZERO, now)
    }
}

/// CoreDNS's `forward` waits 2 s for each of its tries (`readTimeout` of its
/// `plugin/pkg/proxy`), of which a retry of ours may see the end only. A port where
/// nothing listens it tries for a second before it fails: that is no time-out.
const GIVING_UP: Duration = Duration::from_millis(1200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_and_the_time_say_who_failed() {
        let (at_once, late) = (Duration::from_millis(1034), Duration::from_millis(2004));
        let cases = [
            (Rcode::SERVFAIL, Flags::AA, at_once, Origin::NotSynced),
            (Rcode::SERVFAIL, 0, late, Origin::ForwardGaveUp),
            (Rcode::SERVFAIL, 0, at_once, Origin::UpstreamError),
            (Rcode::SERVFAIL, Flags::RA, at_once, Origin::Relayed),
            (Rcode::SERVFAIL, Flags::RA, late, Origin::Relayed),
            (Rcode::SERVFAIL, Flags::RA | Flags::AA, late, Origin::Relayed),
            (Rcode::REFUSED, 0, at_once, Origin::UpstreamRefused),
            (Rcode::NOTIMP, 0, at_once, Origin::UpstreamError),
        ];
        for (rcode, flags, waited, origin) in cases {
            let flags = Flags(flags | Flags::QR);
            assert_eq!(Origin::of_failure(rcode, flags, waited), origin, "{rcode:?} {flags:?}");
        }
    }

    #[test]
    fn the_text_fits_with_the_longest_address() {
        let longest = "[1111:1111:1111:1111:1111:1111:1111:1111]:65535";
        for origin in Origin::ALL {
            let text = origin.extra_text(Some(longest.parse().unwrap()));
            assert!(text.len() <= ExtendedError::MAX_TEXT, "{text}");
        }
    }
}
