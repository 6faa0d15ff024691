//! The signals of the usual runbook for DNS, in its order: value, threshold, verdict and
//! source, a line each.

use std::fmt::Write as _;

use crate::evidence::{Conntrack, Evidence, Window};
use crate::reading::{LATE_MS, RESPONSES};
use crate::sample::{Share, Tries};

/// A signal.
struct Signal {
    name: &'static str,
    /// None where it was not seen.
    value: Option<String>,
    threshold: &'static str,
    is_bad: bool,
    source: &'static str,
}

/// The lines. A signal that was not seen is none that is well.
#[must_use]
pub fn runbook(evidence: &Evidence) -> String {
    let mut text = format!("{:<11}{:<29}{:<34}{:<30}source\n", "", "signal", "value", "bad if");
    for signal in signals(evidence) {
        let Signal { name, value, threshold, is_bad, source } = signal;
        let verdict = match (value.as_deref(), is_bad) {
            (None, _) => "NOT SEEN",
            (Some(NOT_APPLICABLE), _) => "",
            (Some(_), true) => "BAD",
            (Some(_), false) => "ok",
        };
        let value = value.unwrap_or_default();
        writeln!(text, "{verdict:<11}{name:<29}{value:<34}{threshold:<30}{source}").ok();
    }
    text
}

fn signals(evidence: &Evidence) -> [Signal; 11] {
    let [pods, restarts] = of_pods(evidence);
    let [internal, external] = names(evidence);
    let [servfail, p99, ndots] = of_clients(evidence.window.as_ref());
    let [table, drops] = of_table(evidence);
    let [sync, rules] = of_rules(evidence);
    [pods, restarts, internal, external, servfail, p99, ndots, table, drops, sync, rules]
}

fn of_pods(evidence: &Evidence) -> [Signal; 2] {
    let pods = evidence.cluster.as_ref().map(|cluster| &cluster.pods);
    let ready = pods.map(|pods| (pods.iter().filter(|pod| pod.ready).count(), pods.len()));
    let restarts = pods.map(|pods| pods.iter().map(|pod| pod.restarts).sum::<u32>());
    let ends = pods
        .into_iter()
        .flatten()
        .filter_map(|pod| pod.waits.as_ref().or(pod.ended.as_ref()));
    let ends: Vec<_> = ends.map(String::as_str).collect();
    [
        Signal {
            name: "CoreDNS pods ready",
            value: ready.map(|(ready, all)| format!("{ready} of {all}")),
            threshold: "not all",
            is_bad: ready.is_some_and(|(ready, all)| ready < all || all == 0),
            source: "Kubernetes API",
        },
        Signal {
            name: "CoreDNS restarts, last hour",
            value: restarts
                .map(|count| format!("{count} {}", ends.join(", ")).trim_end().to_owned()),
            threshold: "OOMKilled, CrashLoopBackOff",
            is_bad: ends
                .iter()
                .any(|end| ["OOMKilled", "CrashLoopBackOff"].contains(end)),
            source: "Kubernetes API",
        },
    ]
}

fn names(evidence: &Evidence) -> [Signal; 2] {
    let coredns = evidence.coredns.iter().flatten().map(|one| &one.udp);
    let service = evidence.service.iter().map(|one| &one.udp);
    let internal = sum(coredns.chain(service));
    let external = sum(evidence.through.iter().flatten().map(|one| &one.udp));
    let signal = |name, tries: Option<Tries>| Signal {
        name,
        is_bad: tries
            .as_ref()
            .is_some_and(|tries| tries.failures().at_least() > LOST),
        value: tries.map(|tries| format!("{} of {} probes answered", tries.good(), tries.sent)),
        threshold: "more than chance fails",
        source: "probes",
    };
    [signal("names of the cluster", internal), signal("names outside, by CoreDNS", external)]
}

/// All tries together; `None` without any.
fn sum<'a>(tries: impl Iterator<Item = &'a Tries>) -> Option<Tries> {
    tries.fold(None, |sum: Option<Tries>, one| {
        let mut sum = sum.unwrap_or_default();
        sum.add(one);
        Some(sum)
    })
}

fn of_clients(window: Option<&Window>) -> [Signal; 3] {
    let window = window.filter(|one| one.internal.queries + one.external.queries >= RESPONSES);
    let failed = window.map(|one| Share {
        part: one.internal.failed + one.external.failed,
        whole: one.internal.queries + one.external.queries,
    });
    let p99 = window.and_then(|window| window.p99_ms);
    let wasted = window.map(|window| Share {
        part: window.who.iter().map(|who| who.wasted).sum(),
        whole: window.who.iter().map(|who| who.queries).sum(),
    });
    let percent = |share: Share| format!("{:.1} % of {}", share.seen() * 100.0, share.whole);
    [
        Signal {
            name: "failed responses, a minute",
            value: failed.map(percent),
            threshold: "1 %",
            is_bad: failed.is_some_and(|share| share.at_least() > SERVFAIL),
            source: "accounts of the proxy",
        },
        Signal {
            name: "p99 of a response",
            value: p99.map(|ms| format!("{ms:.0} ms")),
            threshold: "500 ms",
            is_bad: p99.is_some_and(|ms| ms > LATE_MS),
            source: "accounts of the proxy",
        },
        Signal {
            name: "queries wasted by ndots",
            value: wasted.map(percent),
            threshold: "50 %, with late answers",
            is_bad: wasted.is_some_and(|share| share.at_least() > WASTED)
                && p99.is_some_and(|ms| ms > LATE_MS),
            source: "accounts of the proxy",
        },
    ]
}

fn of_table(evidence: &Evidence) -> [Signal; 2] {
    let table = evidence.conntrack.as_ref();
    let used = table.map(|table| Share { part: table.count, whole: table.max });
    // That it has room does not mean that flows of Services have.
    let or_none = |value: String| match table {
        Some(Conntrack { applies: false, dropped: 0, .. }) => NOT_APPLICABLE.to_owned(),
        _ => value,
    };
    [
        Signal {
            name: "connection table",
            value: used
                .map(|used| or_none(format!("{:.0} % of {}", used.seen() * 100.0, used.whole))),
            // Nothing is lost below; what counts is the next line.
            threshold: "100 %",
            is_bad: used.is_some_and(|used| used.part >= used.whole && used.whole > 0),
            source: "nf_conntrack_count, _max",
        },
        Signal {
            name: "connections dropped",
            value: table.map(|table| or_none(format!("{} during the probes", table.dropped))),
            threshold: "any",
            is_bad: table.is_some_and(|table| table.dropped > 0),
            source: "nf_conntrack drop",
        },
    ]
}

fn of_rules(evidence: &Evidence) -> [Signal; 2] {
    let proxy = evidence.kube_proxy.as_ref();
    let synced = proxy.and_then(|proxy| proxy.synced_s);
    let pending = proxy.and_then(|proxy| proxy.pending_s);
    let endpoints = evidence.cluster.as_ref().map(|cluster| &cluster.endpoints);
    let backends = evidence
        .service
        .as_ref()
        .and_then(|service| service.backends.as_ref());
    let stale = backends.zip(endpoints).map(|(backends, endpoints)| {
        backends
            .iter()
            .filter(|backend| !endpoints.contains(backend))
            .count()
    });
    [
        Signal {
            name: "kube-proxy: last write",
            value: synced.map(|s| match pending {
                Some(pending) => format!("{s} s ago, a change waits {pending} s"),
                None => format!("{s} s ago, no change waits"),
            }),
            // Idle, it writes once an hour.
            threshold: "a change waits 120 s",
            is_bad: pending.is_some_and(|s| s >= PENDING),
            source: "metrics of kube-proxy",
        },
        Signal {
            name: "backends of the Service",
            value: stale.map(|count| format!("{count} that are no endpoints")),
            threshold: "any",
            is_bad: stale.is_some_and(|count| count > 0),
            source: "connection table, API",
        },
    ]
}

/// Of probes: the least share of lost ones that is more than chance.
const LOST: f64 = 0.05;

/// The value of a signal that tells nothing here.
const NOT_APPLICABLE: &str = "not applicable";

/// Of responses.
const SERVFAIL: f64 = 0.01;

/// Of queries.
const WASTED: f64 = 0.5;

/// Seconds.
const PENDING: u64 = 120;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Cluster, CorednsPod, KubeProxy, Server, Service, Sums, Who};

    #[test]
    fn what_was_not_seen_is_not_well() {
        let text = runbook(&Evidence::default());
        assert_eq!(text.matches("NOT SEEN").count(), 11, "{text}");
        let window = Window {
            internal: Sums { queries: 1_000, failed: 30 },
            p99_ms: Some(500.0),
            ..Window::default()
        };
        let table =
            Conntrack { applies: true, count: 95, max: 100, dropped: 1, ..Conntrack::default() };
        let evidence =
            Evidence { window: Some(window), conntrack: Some(table), ..Evidence::default() };
        let text = runbook(&evidence);
        let verdict = |name: &str| {
            let line = text.lines().find(|line| line.contains(name)).unwrap();
            line.split("  ").next().unwrap().to_owned()
        };
        assert_eq!(verdict("failed responses"), "BAD");
        assert_eq!(verdict("p99 of a response"), "ok");
        assert_eq!(verdict("connection table  "), "ok");
        assert_eq!(verdict("connections dropped"), "BAD");
        // With a datapath of its own only a drop of this table means anything.
        let elsewhere = |dropped| {
            let table = Conntrack { count: 1, max: 100, dropped, ..Conntrack::default() };
            runbook(&Evidence { conntrack: Some(table), ..Evidence::default() })
        };
        assert_eq!(elsewhere(0).matches("not applicable").count(), 2);
        assert!(!elsewhere(0).contains("ok "), "{}", elsewhere(0));
        assert!(elsewhere(1).contains("BAD"), "{}", elsewhere(1));
    }

    #[test]
    fn a_signal_is_bad_from_its_threshold_on() {
        let table = |count, max| {
            let table = Conntrack { applies: true, count, max, ..Conntrack::default() };
            let evidence = Evidence { conntrack: Some(table), ..Evidence::default() };
            of_table(&evidence)[0].is_bad
        };
        assert_eq!([table(99, 100), table(100, 100), table(0, 0)], [false, true, false]);
        let dropped = |dropped| {
            let table = Conntrack { applies: true, dropped, ..Conntrack::default() };
            of_table(&Evidence { conntrack: Some(table), ..Evidence::default() })[1].is_bad
        };
        assert_eq!([dropped(0), dropped(1)], [false, true]);
        let clients = |queries, failed, wasted, ms| {
            of_clients(Some(&Window {
                internal: Sums { queries, failed },
                p99_ms: Some(ms),
                who: vec![Who { queries, wasted, ..Who::default() }],
                ..Window::default()
            }))
        };
        assert_eq!([99, 100].map(|n| clients(n, 0, 0, 1.0)[0].value.is_some()), [false, true]);
        // More than 1 % and half, by their lower bounds.
        assert_eq!([119, 120].map(|n| clients(10_000, n, 0, 1.0)[0].is_bad), [false, true]);
        assert_eq!([530, 531].map(|n| clients(1_000, 0, n, 501.0)[2].is_bad), [false, true]);
        assert_eq!([500.0, 501.0].map(|ms| clients(1_000, 0, 999, ms)[2].is_bad), [false, true]);
        let probes = |lost| {
            let rcodes = [("NOERROR".to_owned(), 50 - lost)].into();
            let udp = Tries { sent: 50, rcodes, timeouts: lost, ..Tries::default() };
            let coredns = Some(vec![Server { udp, ..Server::default() }]);
            names(&Evidence { coredns, ..Evidence::default() })[0].is_bad
        };
        assert_eq!([probes(5), probes(6)], [false, true]);
        let rules = |pending, backends: &[u8]| {
            let addrs = |ends: &[u8]| ends.iter().map(|n| [10, 0, 0, *n].into()).collect();
            let service = Service { backends: Some(addrs(backends)), ..Service::default() };
            of_rules(&Evidence {
                kube_proxy: Some(KubeProxy { pending_s: Some(pending), ..KubeProxy::default() }),
                service: Some(service),
                cluster: Some(Cluster { endpoints: addrs(&[1]), ..Cluster::default() }),
                ..Evidence::default()
            })
            .map(|signal| signal.is_bad)
        };
        assert_eq!([rules(119, &[1]), rules(120, &[1, 2])], [[false; 2], [true; 2]]);
        let ready = |ready| {
            let pods = vec![
                CorednsPod { ready: true, ..CorednsPod::default() },
                CorednsPod { ready, ..CorednsPod::default() },
            ];
            let cluster = Some(Cluster { pods, ..Cluster::default() });
            runbook(&Evidence { cluster, ..Evidence::default() })
        };
        let line = |text: String| {
            text.lines()
                .find(|line| line.contains("pods ready"))
                .map(str::to_owned)
        };
        let is_bad = |all| line(ready(all)).is_some_and(|line| line.starts_with("BAD"));
        assert_eq!([is_bad(true), is_bad(false)], [false, true]);
    }
}
