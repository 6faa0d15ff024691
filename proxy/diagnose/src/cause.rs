//! Why DNS fails, or is about to.

use serde::{Deserialize, Serialize};

/// A cause.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Queries come back to a server that they passed.
    Loop,
    /// New flows find no entry in the connection table.
    ConntrackFull,
    /// The Service of CoreDNS has no endpoint.
    NoEndpoints,
    /// No CoreDNS pod answers anybody.
    CorednsDown,
    /// CoreDNS pods were killed for want of memory, or crash.
    CorednsCrashing,
    /// This node reaches no CoreDNS pod, and others do.
    NodeNetwork,
    /// Some CoreDNS pods do not answer.
    CorednsPodSick,
    /// The rules of kube-proxy lead to a pod that is no endpoint.
    StaleRules,
    /// Entries of the connection table lead to a pod that is no endpoint.
    StaleFlows,
    /// CoreDNS has nothing of the cluster yet.
    NotSynced,
    /// CoreDNS lacks names that the API has had for some time.
    StaleData,
    /// The servers that CoreDNS forwards to do not answer.
    UpstreamSilent,
    /// They answer SERVFAIL.
    UpstreamServfail,
    /// They answer REFUSED.
    UpstreamRefuses,
    /// They answer only part of what they are asked, by a limit or for want of capacity.
    UpstreamLimits,
    /// They answer this node, and not CoreDNS.
    CorednsToUpstream,
    /// Port 53 over TCP is blocked on the way to CoreDNS.
    TcpBlocked,
    /// Queues of the kernel overflow.
    SocketOverflow,
    /// Answers do not reach clients.
    RepliesLost,
    /// CoreDNS has too little CPU.
    CorednsThrottled,
    /// One workload fails, and all others are well.
    OneWorkload,
    /// One workload asks for names that do not exist.
    NamesInVain,
    /// Search lists make most of the load, and answers are late.
    Amplification,
    /// CoreDNS forwards to other servers than it should.
    UnexpectedUpstream,
}

impl Cause {
    /// All, the surest and gravest first: what comes before explains what comes after.
    pub const ALL: &[Self] = &[
        Self::Loop,
        Self::ConntrackFull,
        Self::NoEndpoints,
        Self::CorednsCrashing,
        Self::CorednsDown,
        Self::NodeNetwork,
        Self::CorednsPodSick,
        Self::StaleRules,
        Self::StaleFlows,
        Self::NotSynced,
        Self::StaleData,
        Self::UpstreamSilent,
        Self::UpstreamServfail,
        Self::UpstreamRefuses,
        Self::UpstreamLimits,
        Self::CorednsToUpstream,
        Self::TcpBlocked,
        Self::SocketOverflow,
        Self::RepliesLost,
        Self::CorednsThrottled,
        Self::OneWorkload,
        Self::NamesInVain,
        Self::Amplification,
        Self::UnexpectedUpstream,
    ];

    /// Its place in [`Self::ALL`]: the less, the graver.
    pub(crate) fn rank(self) -> usize {
        let place = Self::ALL.iter().position(|cause| *cause == self);
        place.unwrap_or(usize::MAX)
    }

    /// The name in JSON and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::ConntrackFull => "conntrack_full",
            Self::NoEndpoints => "no_endpoints",
            Self::CorednsDown => "coredns_down",
            Self::CorednsCrashing => "coredns_crashing",
            Self::NodeNetwork => "node_network",
            Self::CorednsPodSick => "coredns_pod_sick",
            Self::StaleRules => "stale_rules",
            Self::StaleFlows => "stale_flows",
            Self::NotSynced => "not_synced",
            Self::StaleData => "stale_data",
            Self::UpstreamSilent => "upstream_silent",
            Self::UpstreamServfail => "upstream_servfail",
            Self::UpstreamRefuses => "upstream_refuses",
            Self::UpstreamLimits => "upstream_limits",
            Self::CorednsToUpstream => "coredns_to_upstream",
            Self::TcpBlocked => "tcp_blocked",
            Self::SocketOverflow => "socket_overflow",
            Self::RepliesLost => "replies_lost",
            Self::CorednsThrottled => "coredns_throttled",
            Self::OneWorkload => "one_workload",
            Self::NamesInVain => "names_in_vain",
            Self::Amplification => "amplification",
            Self::UnexpectedUpstream => "unexpected_upstream",
        }
    }

    /// The cause in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Loop => "DNS forwarding loop",
            Self::ConntrackFull => "conntrack table full",
            Self::NoEndpoints => "the DNS Service has no endpoints",
            Self::CorednsDown => "CoreDNS does not answer",
            Self::CorednsCrashing => "CoreDNS crashes or runs out of memory",
            Self::NodeNetwork => "this node does not reach CoreDNS",
            Self::CorednsPodSick => "some CoreDNS pods do not answer",
            Self::StaleRules => "stale kube-proxy rules",
            Self::StaleFlows => "stale conntrack entries",
            Self::NotSynced => "CoreDNS is not synced with the API server",
            Self::StaleData => "CoreDNS has old data of the cluster",
            Self::UpstreamSilent => "the upstream of CoreDNS does not answer",
            Self::UpstreamServfail => "the upstream of CoreDNS answers SERVFAIL",
            Self::UpstreamRefuses => "the upstream of CoreDNS answers REFUSED",
            Self::UpstreamLimits => "the upstream of CoreDNS answers only part of its queries",
            Self::CorednsToUpstream => "CoreDNS does not reach its upstream, this node does",
            Self::TcpBlocked => "TCP port 53 is blocked",
            Self::SocketOverflow => "network queues of this node overflow",
            Self::RepliesLost => "answers are lost on the way to pods",
            Self::CorednsThrottled => "CoreDNS has too little CPU",
            Self::OneWorkload => "one workload fails",
            Self::NamesInVain => "one workload asks for names that do not exist",
            Self::Amplification => "search lists multiply queries",
            Self::UnexpectedUpstream => "CoreDNS forwards to an unexpected server",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_json_and_each_is_there_once() {
        for cause in Cause::ALL {
            let json = serde_json::to_string(cause).unwrap();
            assert_eq!(json, format!("\"{}\"", cause.label()));
        }
        let mut labels: Vec<_> = Cause::ALL.iter().map(|cause| cause.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Cause::ALL.len());
    }
}
