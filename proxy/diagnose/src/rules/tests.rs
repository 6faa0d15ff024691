//! Each cause by the evidence that shows it, and what looks like it.

use std::collections::BTreeMap;

use crate::evidence::{
    Cluster, Conntrack, CorednsPod, Evidence, Flow, FullTable, KubeProxy, Peer, Ring, Server,
    Service, Sums, UdpCounters, Who, Window,
};
use crate::sample::Tries;
use crate::{Cause, Finding, Outcome, Scope, judge};

mod clients;
mod pods;
mod quota;
mod random;
mod table;
mod thresholds;
mod upstream;

fn tries(good: u32, timeouts: u32) -> Tries {
    let rcodes =
        if good > 0 { BTreeMap::from([("NOERROR".to_owned(), good)]) } else { BTreeMap::new() };
    Tries { sent: good + timeouts, rcodes, timeouts, ..Tries::default() }
}

fn answering(rcode: &str, count: u32) -> Tries {
    let rcodes = BTreeMap::from([(rcode.to_owned(), count)]);
    Tries { sent: count, rcodes, ..Tries::default() }
}

fn pod(n: u8, udp: Tries) -> Server {
    Server {
        name: format!("coredns-{n}"),
        addr: Some(([10, 244, 0, n], 53).into()),
        ready: Some(true),
        tcp: udp.clone(),
        udp,
        ..Server::default()
    }
}

/// A node on which all is well, with everything looked at.
fn healthy() -> Evidence {
    let who =
        |name: &str| Who { name: name.to_owned(), queries: 1_000, lookups: 500, ..Who::default() };
    Evidence {
        node: "node-a".to_owned(),
        window: Some(Window {
            seconds: 60,
            internal: Sums { queries: 1_000, failed: 0 },
            external: Sums { queries: 1_000, failed: 0 },
            p99_ms: Some(4.0),
            who: vec![who("shop/checkout"), who("pay/payments")],
            ..Window::default()
        }),
        coredns: Some(vec![pod(1, tries(10, 0)), pod(2, tries(10, 0))]),
        service: Some(Service {
            addr: Some(([10, 96, 0, 10], 53).into()),
            udp: tries(20, 0),
            tcp: tries(5, 0),
            backends: Some(vec![[10, 244, 0, 1].into(), [10, 244, 0, 2].into()]),
            ..Service::default()
        }),
        upstreams: Some(vec![Server {
            name: "192.0.2.1:53".to_owned(),
            udp: tries(10, 0),
            ..Server::default()
        }]),
        through: Some(vec![pod(1, tries(10, 0)), pod(2, tries(10, 0))]),
        rings: Some(Vec::new()),
        conntrack: Some(Conntrack {
            applies: true,
            of_host: true,
            count: 900,
            max: 1_000,
            ..Conntrack::default()
        }),
        udp: Some(UdpCounters::default()),
        // An idle kube-proxy writes its rules once an hour.
        kube_proxy: Some(KubeProxy { synced_s: Some(3_000), ..KubeProxy::default() }),
        cluster: Some(Cluster {
            endpoints: vec![[10, 244, 0, 1].into(), [10, 244, 0, 2].into()],
            ..Cluster::default()
        }),
        peers: Some(vec![Peer { node: "node-b".to_owned(), ..Peer::default() }; 3]),
        ..Evidence::default()
    }
}

fn changed(change: impl FnOnce(&mut Evidence)) -> Evidence {
    let mut evidence = healthy();
    change(&mut evidence);
    evidence
}

/// The causes that were found.
fn causes(evidence: &Evidence) -> Vec<Cause> {
    judge(evidence)
        .findings
        .iter()
        .map(|finding| finding.cause)
        .collect()
}

/// The one finding that there is.
fn only(evidence: &Evidence) -> Finding {
    let verdict = judge(evidence);
    let [finding] = verdict.findings.as_slice() else { panic!("{:#?}", verdict.findings) };
    assert!(!finding.evidence.is_empty() && !finding.otherwise.is_empty(), "{finding:?}");
    finding.clone()
}

#[test]
fn a_healthy_node_is_healthy_also_when_it_is_busy() {
    let verdict = judge(&healthy());
    assert_eq!((verdict.outcome, verdict.gaps.len()), (Outcome::Healthy, 0), "{verdict:#?}");
    let busy = changed(|evidence| {
        let window = evidence.window.as_mut().unwrap();
        // Much waste that hurts nobody, a table that evicts, a few lost probes.
        window.who.iter_mut().for_each(|who| who.wasted = 800);
        let table = evidence.conntrack.as_mut().unwrap();
        (table.count, table.evicted) = (1_000, 500);
        evidence.coredns.as_mut().unwrap()[0] = pod(1, tries(9, 1));
        evidence.service.as_mut().unwrap().udp = tries(19, 1);
        evidence.udp.as_mut().unwrap().receive_full = 1;
    });
    assert_eq!(causes(&busy), []);
}

#[test]
fn nothing_seen_is_no_health() {
    let verdict = judge(&Evidence::default());
    assert_eq!((verdict.outcome, verdict.gaps.len()), (Outcome::Insufficient, 10));
    let few = Evidence {
        service: Some(Service { udp: tries(19, 0), ..Service::default() }),
        ..Evidence::default()
    };
    assert_eq!(judge(&few).outcome, Outcome::Insufficient);
    let enough = Evidence {
        service: Some(Service { udp: tries(20, 0), ..Service::default() }),
        ..Evidence::default()
    };
    assert_eq!(judge(&enough).outcome, Outcome::Healthy);
}

#[test]
fn coredns_that_is_down_is_told_from_a_node_that_does_not_reach_it() {
    let dead = |evidence: &mut Evidence| {
        for server in evidence
            .coredns
            .iter_mut()
            .chain(&mut evidence.through)
            .flatten()
        {
            (server.udp, server.tcp) = (tries(0, 10), tries(0, 5));
        }
        evidence.service.as_mut().unwrap().udp = tries(0, 20);
    };
    let node = only(&changed(dead));
    assert_eq!((node.cause, node.scope), (Cause::NodeNetwork, Scope::Node));
    // Some of a broken network among many that are answered are no outage of CoreDNS.
    let some = only(&changed(|evidence| {
        dead(evidence);
        let peers = evidence.peers.as_mut().unwrap();
        let well = peers[0].clone();
        peers[0].dead = vec![[10, 244, 0, 1].into(), [10, 244, 0, 2].into()];
        peers.extend([well.clone(), well]);
    }));
    assert_eq!((some.cause, some.scope), (Cause::NodeNetwork, Scope::SeveralNodes));
    let cluster = only(&changed(|evidence| {
        dead(evidence);
        for peer in evidence.peers.as_mut().unwrap() {
            peer.dead = vec![[10, 244, 0, 1].into(), [10, 244, 0, 2].into()];
        }
    }));
    assert_eq!((cluster.cause, cluster.scope), (Cause::CorednsDown, Scope::Cluster));
    let alone = only(&changed(|evidence| {
        dead(evidence);
        evidence.peers = None;
    }));
    assert_eq!((alone.cause, alone.scope), (Cause::CorednsDown, Scope::NodeOrCluster));
    let killed = only(&changed(|evidence| {
        dead(evidence);
        evidence.peers = None;
        evidence
            .coredns
            .iter_mut()
            .flatten()
            .for_each(|server| server.ready = Some(false));
        evidence.cluster.as_mut().unwrap().pods = vec![CorednsPod {
            name: "coredns-1".to_owned(),
            restarts: 3,
            ended: Some("OOMKilled".to_owned()),
            ..CorednsPod::default()
        }];
    }));
    assert_eq!((killed.cause, killed.scope), (Cause::CorednsCrashing, Scope::Cluster));
}

#[test]
fn one_sick_pod_is_named_and_its_scope_is_by_peers() {
    let sick = |evidence: &mut Evidence| {
        evidence.coredns.as_mut().unwrap()[1] = pod(2, tries(0, 10));
        evidence.service.as_mut().unwrap().udp = tries(10, 10);
    };
    let here = only(&changed(sick));
    assert_eq!((here.cause, here.scope), (Cause::CorednsPodSick, Scope::Node));
    assert_eq!(here.culprit.as_deref(), Some("coredns-2"));
    let ending = changed(|evidence| {
        evidence.coredns.as_mut().unwrap()[1] = pod(2, tries(0, 10));
        evidence.coredns.as_mut().unwrap()[1].ready = Some(false);
    });
    assert_eq!(causes(&ending), [], "it gets no queries");
    let all = only(&changed(|evidence| {
        sick(evidence);
        for peer in evidence.peers.as_mut().unwrap().iter_mut().take(2) {
            peer.dead = vec![[10, 244, 0, 2].into()];
        }
    }));
    assert_eq!(all.scope, Scope::Cluster);
}

#[test]
fn stale_rules_are_told_from_stale_entries() {
    let rules = only(&changed(|evidence| {
        let service = evidence.service.as_mut().unwrap();
        service.udp = tries(10, 10);
        service.backends = Some(vec![[10, 244, 0, 1].into(), [10, 244, 0, 7].into()]);
        let proxy = evidence.kube_proxy.as_mut().unwrap();
        (proxy.pending_s, proxy.failed_writes) = (Some(300), 4);
    }));
    assert_eq!((rules.cause, rules.scope), (Cause::StaleRules, Scope::Node));
    assert_eq!(rules.culprit.as_deref(), Some("10.244.0.7"));
    let told = |words: &str| rules.evidence.iter().any(|one| one.contains(words));
    assert!(told("300 s") && told("could not write its rules 4 times"), "{rules:?}");
    let flows = only(&changed(|evidence| {
        let flow = Flow { client: [10, 244, 0, 9].into(), backend: [10, 244, 0, 7].into() };
        evidence.service.as_mut().unwrap().stale_flows = vec![flow.clone(), flow];
    }));
    assert_eq!(
        (flows.cause, flows.culprit.as_deref()),
        (Cause::StaleFlows, Some("clients 10.244.0.9"))
    );
    // Without the API a server may be asked in the place of the Service.
    let server = changed(|evidence| {
        evidence.cluster = None;
        let service = evidence.service.as_mut().unwrap();
        (service.addr, service.backends) =
            (Some(([10, 244, 0, 3], 53).into()), Some(vec![[10, 244, 0, 3].into()]));
    });
    assert_eq!(causes(&server), []);
    // Old rules that nothing has changed since are no stale rules.
    assert_eq!(
        causes(&changed(|evidence| {
            evidence.kube_proxy.as_mut().unwrap().synced_s = Some(3_599);
        })),
        []
    );
}

#[test]
fn an_upstream_is_silent_fails_refuses_or_is_reached_from_here_alone() {
    for (udp, cause) in [
        (tries(0, 10), Cause::UpstreamSilent),
        (answering("SERVFAIL", 10), Cause::UpstreamServfail),
        (answering("REFUSED", 10), Cause::UpstreamRefuses),
    ] {
        let finding = only(&changed(|evidence| {
            evidence.upstreams.as_mut().unwrap()[0].udp = udp.clone();
            for server in evidence.through.iter_mut().flatten() {
                server.udp = answering("SERVFAIL", 10);
            }
            evidence.window.as_mut().unwrap().external.failed = 900;
            for peer in evidence.peers.iter_mut().flatten() {
                peer.causes = vec![cause.label().to_owned()];
            }
        }));
        assert_eq!((finding.cause, finding.scope), (cause, Scope::Cluster));
        assert_eq!(finding.culprit.as_deref(), Some("192.0.2.1:53"));
    }
    let limits = only(&changed(|evidence| {
        let server = &mut evidence.upstreams.as_mut().unwrap()[0];
        (server.udp, server.paced) = (tries(4, 6), tries(4, 0));
        evidence.through.as_mut().unwrap()[0].udp = tries(2, 3);
    }));
    // Somebody else is asked in its place.
    assert_eq!(
        causes(&changed(|evidence| evidence.upstreams.as_mut().unwrap()[0].udp = tries(0, 10))),
        []
    );
    assert_eq!(limits.cause, Cause::UpstreamLimits);
    let slowly = "asked twice a second: all of 4 are answered";
    assert!(limits.evidence.iter().any(|one| one == slowly), "{limits:?}");
    let path = only(&changed(|evidence| {
        for server in evidence.through.iter_mut().flatten() {
            server.udp = answering("SERVFAIL", 10);
        }
    }));
    assert_eq!((path.cause, path.scope), (Cause::CorednsToUpstream, Scope::Cluster));
}

/// Without a probe of its own.
#[test]
fn answers_of_coredns_tell_what_is_behind_it() {
    for (origin, cause) in [
        ("forward_gave_up", Cause::UpstreamSilent),
        ("relayed", Cause::UpstreamServfail),
        ("upstream_refused", Cause::UpstreamRefuses),
    ] {
        let seen = |failing: usize| {
            changed(|evidence| {
                (evidence.upstreams, evidence.through) = (None, None);
                let window = evidence.window.as_mut().unwrap();
                window.external.failed = 400;
                window.origins = BTreeMap::from([(origin.to_owned(), 400)]);
                window
                    .who
                    .iter_mut()
                    .take(failing)
                    .for_each(|who| who.failed = 200);
            })
        };
        assert_eq!(only(&seen(2)).cause, cause);
        // Of one workload alone it is that workload's.
        assert_eq!(only(&seen(1)).cause, Cause::OneWorkload);
    }
}

#[test]
fn a_loop_explains_what_else_fails() {
    let finding = only(&changed(|evidence| {
        evidence.rings = Some(vec![Ring {
            hops: ["us", "10.0.0.2:53", "us"].map(str::to_owned).into(),
            below: "example.com".to_owned(),
            through_coredns: true,
            laps: 900,
        }]);
        for server in evidence.coredns.iter_mut().flatten() {
            server.udp = tries(0, 10);
        }
        evidence.udp.as_mut().unwrap().receive_full = 1_000;
        evidence.cluster.as_mut().unwrap().pods = vec![CorednsPod {
            waits: Some("CrashLoopBackOff".to_owned()),
            ..CorednsPod::default()
        }];
    }));
    assert_eq!((finding.cause, finding.scope), (Cause::Loop, Scope::Cluster));
    assert_eq!(finding.culprit.as_deref(), Some("us -> 10.0.0.2:53 -> us"));
}

#[test]
fn other_causes_by_what_shows_them() {
    let tcp = only(&changed(|evidence| {
        evidence
            .coredns
            .iter_mut()
            .flatten()
            .for_each(|server| server.tcp = tries(0, 5));
    }));
    assert_eq!(tcp.cause, Cause::TcpBlocked);
    let unsynced = only(&changed(|evidence| {
        for server in evidence.coredns.iter_mut().flatten() {
            server.udp = Tries { not_synced: 10, ..answering("SERVFAIL", 10) };
        }
    }));
    assert_eq!((unsynced.cause, unsynced.scope), (Cause::NotSynced, Scope::Cluster));
    let full = only(&changed(|evidence| evidence.udp.as_mut().unwrap().receive_full = 10));
    assert_eq!((full.cause, full.scope), (Cause::SocketOverflow, Scope::Node));
    let port = only(&changed(|evidence| {
        let udp = evidence.udp.as_mut().unwrap();
        (udp.receive_full, udp.ports) = (90, vec![(53, 80), (5335, 10)]);
    }));
    assert_eq!(port.culprit.as_deref(), Some("UDP port 53, which lost 80"));
    let throttled = only(&changed(|evidence| {
        evidence.window.as_mut().unwrap().p99_ms = Some(800.0);
        let pod = CorednsPod { throttled: Some(0.6), ..CorednsPod::default() };
        evidence.cluster.as_mut().unwrap().pods = vec![pod];
    }));
    assert_eq!(throttled.cause, Cause::CorednsThrottled);
    let strange = only(&changed(|evidence| {
        let cluster = evidence.cluster.as_mut().unwrap();
        cluster.forwards_to = vec!["192.0.2.9".to_owned()];
        cluster.expected = vec!["192.0.2.1".to_owned()];
    }));
    assert_eq!(strange.cause, Cause::UnexpectedUpstream);
}
