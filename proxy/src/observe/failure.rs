//! Where a response comes from, and who failed if it says neither yes nor no.

use std::net::SocketAddr;
use std::time::Duration;

use dns::{ExtendedError, Flags, Rcode};

use super::Origin;
use crate::cache::Kind;

impl Origin {
    /// What the cache had.
    pub const fn of_cached(kind: Kind) -> Self {
        match kind {
            Kind::Failure => Self::CachedFailure,
            Kind::Positive | Kind::Negative => Self::Cache,
        }
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
    /// The INFO-CODE that tells a client of it (RFC 8914, section 4). A rejected
    /// message is told nothing: its answer must not be longer than itself.
    pub const fn info_code(self) -> u16 {
        match self {
            Self::CachedFailure => ExtendedError::CACHED_ERROR,
            Self::NotSynced => ExtendedError::NOT_READY,
            Self::ForwardGaveUp | Self::Timeout => ExtendedError::NO_REACHABLE_AUTHORITY,
            Self::ConnectRefused | Self::SendFailed => ExtendedError::NETWORK_ERROR,
            Self::NoZone => ExtendedError::PROHIBITED,
            _ => ExtendedError::OTHER,
        }
    }

    /// The EXTRA-TEXT beside it: what happened, at which upstream, for the
    /// person in front of dig. Nothing that a client sent is in it.
    pub fn extra_text(self, upstream: Option<SocketAddr>) -> String {
        let whom = match upstream {
            Some(addr) => addr.to_string(),
            None => "an upstream".to_owned(),
        };
        match self {
            Self::Relayed => format!("a server behind {whom} failed"),
            Self::ForwardGaveUp => format!("{whom} waited in vain for its own upstream"),
            Self::UpstreamError => format!("{whom} failed at once"),
            Self::NotSynced => format!("{whom} does not know the cluster yet"),
            Self::UpstreamRefused => format!("{whom} refused"),
            Self::Timeout => format!("no answer in time, last asked was {whom}"),
            Self::ConnectRefused => format!("nothing listens at {whom}"),
            Self::SendFailed => format!("the system would not send to {whom}"),
            Self::Limit => "too many queries in flight".to_owned(),
            Self::NoZone => "no forward zone holds the name".to_owned(),
            Self::Loop => "loop: the question came back to who asked it".to_owned(),
            _ => String::new(),
        }
    }
}

/// CoreDNS's `forward` waits 2 s for each of its tries (`readTimeout` of its
/// `plugin/pkg/proxy`): half of that cannot be an error at once.
const GIVING_UP: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_and_the_time_say_who_failed() {
        let (at_once, late) = (Duration::from_millis(3), Duration::from_millis(2004));
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
