//! What a CoreDNS tells of its load, by its metrics (`prometheus` in the Corefile).

use crate::metrics::{labelled, whole};

/// Counters since its start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CorednsCounts {
    /// Queries of all types.
    pub requests: u64,
    /// Those of types that it has no label for, such as HINFO: clients hardly send them,
    /// so that one that goes round a ring stands out.
    pub other: u64,
    /// Queries that it refused since too many waited for an upstream
    /// (`max_concurrent`).
    pub rejected: u64,
}

impl CorednsCounts {
    /// Parses its `/metrics`.
    #[must_use]
    pub fn parse(metrics: &str) -> Self {
        let requests = || labelled(metrics, "coredns_dns_requests_total");
        let is_other = |labels: &str| labels.split(',').any(|label| label == "type=\"other\"");
        let other = requests().filter(|(labels, _)| is_other(labels));
        let rejected = labelled(metrics, "coredns_forward_max_concurrent_rejects_total");
        Self {
            requests: whole(requests().map(|(_, value)| value).sum()),
            other: whole(other.map(|(_, value)| value).sum()),
            rejected: whole(rejected.map(|(_, value)| value).sum()),
        }
    }

    /// What was added since `before`; nothing where it was started anew.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(before.requests),
            other: self.other.saturating_sub(before.other),
            rejected: self.rejected.saturating_sub(before.rejected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of CoreDNS 1.14.4.
    const METRICS: &str = "# TYPE coredns_dns_requests_total counter\n\
        coredns_dns_requests_total{family=\"1\",proto=\"udp\",server=\"dns://:53\",type=\"A\",view=\"\",zone=\".\"} 40\n\
        coredns_dns_requests_total{family=\"1\",proto=\"udp\",server=\"dns://:53\",type=\"other\",view=\"\",zone=\".\"} 3\n\
        coredns_dns_requests_total{family=\"1\",proto=\"tcp\",server=\"dns://:53\",type=\"other\",view=\"\",zone=\".\"} 2\n\
        coredns_forward_max_concurrent_rejects_total 7\n";

    #[test]
    fn queries_are_counted_by_type() {
        let counts = CorednsCounts::parse(METRICS);
        assert_eq!(counts, CorednsCounts { requests: 45, other: 5, rejected: 7 });
        let before = CorednsCounts { requests: 40, other: 1, rejected: 9 };
        assert_eq!(counts.since(before), CorednsCounts { requests: 5, other: 4, rejected: 0 });
        assert_eq!(CorednsCounts::parse("garbage{"), CorednsCounts::default());
    }
}
