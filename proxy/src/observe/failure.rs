//! Where a response comes from, and who failed if it says neither yes nor no.

use std::time::Duration;

use dns::{Flags, Rcode};

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
}
