//! What kube-proxy tells of its rules, by its metrics.

use crate::metrics::{labelled, whole};

/// The state of the rules of a kube-proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RuleState {
    /// When it last wrote its rules, in seconds of Unix time.
    pub synced: Option<f64>,
    /// When the latest change came that it had to write, likewise.
    pub queued: Option<f64>,
    /// Rules that it could not write, since its start.
    pub failed_writes: u64,
}

impl RuleState {
    /// Parses its `/metrics`.
    ///
    /// The age of the last write alone proves nothing: without a change it writes once an
    /// hour.
    #[must_use]
    pub fn parse(metrics: &str) -> Self {
        let latest = |name: &str| of(metrics, name).reduce(f64::max).filter(|at| *at > 0.0);
        let failed = FAILURES.iter().flat_map(|name| of(metrics, name));
        Self {
            synced: latest("kubeproxy_sync_proxy_rules_last_timestamp_seconds"),
            queued: latest("kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds"),
            failed_writes: whole(failed.sum()),
        }
    }

    /// Seconds since its last write at `now`, in seconds of Unix time.
    #[must_use]
    pub fn synced_ago(&self, now: f64) -> Option<u64> {
        self.synced.map(|at| whole((now - at).max(0.0)))
    }

    /// Seconds for which it has had a change that its rules lack; none without one.
    #[must_use]
    pub fn pending(&self, now: f64) -> Option<u64> {
        let queued = self
            .queued
            .filter(|queued| self.synced.is_none_or(|at| *queued > at))?;
        Some(whole((now - queued).max(0.0)))
    }
}

/// The values of a metric, with any labels.
fn of<'a>(metrics: &'a str, name: &'a str) -> impl Iterator<Item = f64> + 'a {
    labelled(metrics, name).map(|(_, value)| value)
}

/// Of both kinds of rules.
const FAILURES: [&str; 2] = [
    "kubeproxy_sync_proxy_rules_iptables_restore_failures_total",
    "kubeproxy_sync_proxy_rules_nftables_sync_failures_total",
];

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "# HELP x\n\
        kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family=\"IPv4\"} 1.7e+09\n\
        kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family=\"IPv6\"} 1.70000001e+09\n\
        kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds 1.70000006e+09\n\
        kubeproxy_sync_proxy_rules_iptables_restore_failures_total{ip_family=\"IPv4\"} 2\n";

    #[test]
    fn a_change_waits_from_when_it_came() {
        let state = RuleState::parse(METRICS);
        assert_eq!(state.failed_writes, 2);
        assert_eq!(state.synced_ago(1.700_000_110e9), Some(100));
        assert_eq!(state.pending(1.700_000_180e9), Some(120));
        let idle = RuleState { queued: Some(1.0), synced: Some(2.0), failed_writes: 0 };
        assert_eq!((idle.pending(3_600.0), idle.synced_ago(3_602.0)), (None, Some(3_600)));
        assert_eq!(
            RuleState::parse("kubeproxy_sync_proxy_rules_last_timestamp_seconds_x 1"),
            RuleState::default()
        );
    }
}
