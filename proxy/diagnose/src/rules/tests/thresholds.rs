//! One step decides: below a threshold a cause is not found, at it it is.

use super::*;

/// The causes of a healthy node with `change` made by one step less, and by all.
fn flips(cause: Cause, less: u64, change: impl Fn(&mut Evidence, u64)) {
    let found = |steps| causes(&changed(|evidence| change(evidence, steps)));
    assert_eq!(found(less), [], "{cause:?} with {less}");
    assert_eq!(found(less + 1), [cause], "{cause:?} with {}", less + 1);
}

fn narrow(steps: u64) -> u32 {
    u32::try_from(steps).unwrap()
}

#[test]
fn counters_of_the_kernel() {
    flips(Cause::ConntrackFull, 0, |evidence, steps| {
        evidence.conntrack.as_mut().unwrap().dropped = steps;
    });
    flips(Cause::ConntrackFull, 0, |evidence, steps| {
        evidence.conntrack.as_mut().unwrap().full_lines = steps;
    });
    flips(Cause::SocketOverflow, 9, |evidence, steps| {
        evidence.udp.as_mut().unwrap().receive_full = steps;
    });
    flips(Cause::SocketOverflow, 9, |evidence, steps| {
        evidence.udp.as_mut().unwrap().softnet_dropped = steps;
    });
}

#[test]
fn probes_of_servers() {
    // Three without an answer are enough, two are not.
    flips(Cause::CorednsPodSick, 2, |evidence, steps| {
        evidence.coredns.as_mut().unwrap()[1] = pod(2, tries(0, narrow(steps)));
        evidence.through.as_mut().unwrap().pop();
    });
    // Of ten, more than four: with a bound of one fifth.
    flips(Cause::CorednsPodSick, 4, |evidence, steps| {
        let failed = narrow(steps);
        evidence.coredns.as_mut().unwrap()[1] = pod(2, tries(10 - failed, failed));
    });
    flips(Cause::UpstreamLimits, 4, |evidence, steps| {
        let failed = narrow(steps);
        evidence.upstreams.as_mut().unwrap()[0].udp = tries(10 - failed, failed);
        evidence.through = None;
    });
    flips(Cause::NotSynced, 5, |evidence, steps| {
        for server in evidence.coredns.iter_mut().flatten() {
            server.udp = Tries { not_synced: narrow(steps), ..answering("SERVFAIL", 10) };
        }
        // That its own names fail is another matter than those behind it.
        evidence.service = None;
    });
    flips(Cause::TcpBlocked, 2, |evidence, steps| {
        for server in evidence.coredns.iter_mut().flatten() {
            server.tcp = tries(0, narrow(steps));
        }
    });
    flips(Cause::NodeNetwork, 2, silence);
    flips(Cause::CorednsDown, 2, |evidence, steps| {
        silence(evidence, steps);
        for peer in evidence.peers.iter_mut().flatten() {
            peer.dead = vec![[10, 244, 0, 1].into(), [10, 244, 0, 2].into()];
        }
    });
    flips(Cause::CorednsToUpstream, 4, |evidence, steps| {
        for server in evidence.through.iter_mut().flatten() {
            let failed = narrow(steps);
            server.udp.rcodes = [("NOERROR", 10 - failed), ("SERVFAIL", failed)]
                .map(|(rcode, count)| (rcode.to_owned(), count))
                .into();
        }
    });
}

fn silence(evidence: &mut Evidence, steps: u64) {
    for server in evidence.coredns.iter_mut().flatten() {
        server.udp = tries(0, narrow(steps));
        server.tcp = tries(0, 2);
    }
    evidence.through = None;
}

/// So much has to be seen for nothing found to mean that all is well.
#[test]
fn a_healthy_node_has_been_looked_at() {
    let outcomes = |of: fn(u64) -> Evidence, less| [less, less + 1].map(|n| judge(&of(n)).outcome);
    let probed = |count| Evidence {
        coredns: Some(vec![pod(1, tries(narrow(count), 0))]),
        ..Evidence::default()
    };
    let asked = |queries| Evidence {
        window: Some(Window { internal: Sums { queries, failed: 0 }, ..Window::default() }),
        ..Evidence::default()
    };
    let flip = [Outcome::Insufficient, Outcome::Healthy];
    assert_eq!([outcomes(probed, 19), outcomes(asked, 99)], [flip, flip]);
}

#[test]
fn what_the_api_has_of_coredns() {
    let pod = |change: fn(&mut CorednsPod, u64)| {
        move |evidence: &mut Evidence, steps| {
            let mut pod = CorednsPod::default();
            change(&mut pod, steps);
            evidence.cluster.as_mut().unwrap().pods = vec![pod];
            evidence.window.as_mut().unwrap().p99_ms = Some(501.0);
        }
    };
    // In more than a quarter of its periods, and only if answers are late.
    let percent = |pod: &mut CorednsPod, steps| {
        pod.throttled = Some(f64::from(narrow(steps)) / 100.0);
    };
    flips(Cause::CorednsThrottled, 25, pod(percent));
    flips(Cause::CorednsThrottled, 500, |evidence, steps| {
        pod(percent)(evidence, 60);
        evidence.window.as_mut().unwrap().p99_ms = Some(f64::from(narrow(steps)));
    });
    flips(
        Cause::CorednsCrashing,
        0,
        pod(|pod, steps| {
            (pod.ended, pod.restarts) = (Some("OOMKilled".to_owned()), narrow(steps));
        }),
    );
    flips(
        Cause::CorednsCrashing,
        1,
        pod(|pod, steps| {
            (pod.ended, pod.restarts) = (Some("exit code 1".to_owned()), narrow(steps));
        }),
    );
}

/// Without a table of connections to look at.
#[test]
fn flows_to_the_service() {
    flips(Cause::StaleRules, 2, |evidence, steps| {
        let service = evidence.service.as_mut().unwrap();
        (service.udp, service.backends) = (tries(20 - narrow(steps), narrow(steps)), None);
    });
    // More than one in twenty, by its lower bound.
    flips(Cause::StaleRules, 5, |evidence, steps| {
        let service = evidence.service.as_mut().unwrap();
        (service.udp, service.backends) = (tries(50 - narrow(steps), narrow(steps)), None);
    });
    flips(Cause::StaleRules, 9, |evidence, steps| {
        let service = evidence.service.as_mut().unwrap();
        (service.udp, service.backends) = (tries(0, narrow(steps)), None);
    });
    let of_pending = |pending_s| {
        let finding = only(&changed(|evidence| {
            let service = evidence.service.as_mut().unwrap();
            service.backends = Some(vec![[10, 244, 0, 7].into()]);
            evidence.kube_proxy.as_mut().unwrap().pending_s = Some(pending_s);
        }));
        finding
            .evidence
            .iter()
            .any(|one| one.contains("has had changes"))
    };
    assert_eq!([119, 120].map(of_pending), [false, true]);
    // More than half are rejected, and TCP at once.
    flips(Cause::NoEndpoints, 10, |evidence, steps| {
        without_endpoints(evidence);
        let service = evidence.service.as_mut().unwrap();
        (service.udp.refused, service.udp.timeouts) = (narrow(steps), 20 - narrow(steps));
    });
    flips(Cause::NoEndpoints, 0, |evidence, steps| {
        without_endpoints(evidence);
        let service = evidence.service.as_mut().unwrap();
        service.tcp = Tries { sent: 3, refused: narrow(steps), ..Tries::default() };
    });
    flips(Cause::StaleFlows, 0, |evidence, steps| {
        let flow = Flow { client: [10, 244, 0, 9].into(), backend: [10, 244, 0, 7].into() };
        let flows = vec![flow; steps.try_into().unwrap()];
        evidence.service.as_mut().unwrap().stale_flows = flows;
    });
}

fn without_endpoints(evidence: &mut Evidence) {
    evidence.cluster.as_mut().unwrap().endpoints.clear();
    (evidence.coredns, evidence.through) = (None, None);
    let service = evidence.service.as_mut().unwrap();
    service.udp = Tries { sent: 20, refused: 20, ..Tries::default() };
    service.tcp = Tries { sent: 3, refused: 3, ..Tries::default() };
}

#[test]
fn queries_of_clients() {
    // One in fifty, by its lower bound.
    flips(Cause::RepliesLost, 52, |evidence, steps| {
        evidence.window.as_mut().unwrap().who[0].answered_again = steps;
    });
    flips(Cause::NamesInVain, 271, |evidence, steps| {
        evidence.window.as_mut().unwrap().who[0].nonexistent = steps;
    });
    flips(Cause::OneWorkload, 63, |evidence, steps| {
        evidence.window.as_mut().unwrap().who[0].failed = steps;
    });
    flips(Cause::Amplification, 500, |evidence, steps| {
        let window = evidence.window.as_mut().unwrap();
        window.p99_ms = Some(if steps > 500 { 501.0 } else { 500.0 });
        window.who.iter_mut().for_each(|who| who.wasted = 900);
    });
    flips(Cause::UpstreamServfail, 119, |evidence, steps| {
        (evidence.upstreams, evidence.through) = (None, None);
        let window = evidence.window.as_mut().unwrap();
        window.origins = BTreeMap::from([("relayed".to_owned(), steps)]);
        window.who.iter_mut().for_each(|who| who.failed = steps / 2);
    });
}

/// Shares are of a hundred at least.
#[test]
fn samples_of_clients() {
    let alone = |evidence: &mut Evidence, who: Who| {
        evidence.window.as_mut().unwrap().who = vec![who];
    };
    flips(Cause::RepliesLost, 99, |evidence, queries| {
        alone(evidence, Who { queries, answered_again: queries, ..Who::default() });
    });
    flips(Cause::NamesInVain, 99, |evidence, lookups| {
        alone(evidence, Who { lookups, nonexistent: lookups, ..Who::default() });
    });
    flips(Cause::Amplification, 99, |evidence, queries| {
        alone(evidence, Who { queries, wasted: queries, ..Who::default() });
        evidence.window.as_mut().unwrap().p99_ms = Some(501.0);
    });
    flips(Cause::Amplification, 1_043, |evidence, steps| {
        let window = evidence.window.as_mut().unwrap();
        (window.p99_ms, window.who[0].wasted) = (Some(501.0), steps);
    });
    // Where it is known, of what an upstream was asked.
    flips(Cause::Amplification, 224, |evidence, steps| {
        let window = evidence.window.as_mut().unwrap();
        window.p99_ms = Some(501.0);
        let [one, other] = window.who.as_mut_slice() else { panic!("two workloads") };
        (one.wasted, one.asked) = (1_000, steps);
        (other.wasted, other.asked) = (900, 0);
        let third = Who { asked: 1_000 - steps, ..Who::default() };
        window.who.push(third);
    });
    let others = |window: &mut Window, steps| {
        (window.who[0].failed, window.who[1].queries) = (400, steps);
    };
    flips(Cause::OneWorkload, 99, |evidence, steps| {
        others(evidence.window.as_mut().unwrap(), steps);
    });
    flips(Cause::OneWorkload, 19, |evidence, failed| {
        evidence.window.as_mut().unwrap().who[0] = Who { queries: 100, failed, ..Who::default() };
    });
    flips(Cause::UpstreamServfail, 99, |evidence, queries| {
        (evidence.upstreams, evidence.through) = (None, None);
        // Below a hundred there are no others to compare a workload with either.
        let who = Who { queries: 50, failed: 20, ..Who::default() };
        let window = evidence.window.as_mut().unwrap();
        (window.internal.queries, window.external.queries) = (0, queries);
        window.who = vec![who.clone(), who];
        window.origins = BTreeMap::from([("relayed".to_owned(), 40)]);
    });
}

/// What is one workload's is not that of others as well.
#[test]
fn others_beside_a_workload() {
    // Fewer by one with each step.
    flips(Cause::NamesInVain, 0, |evidence, steps| {
        let who = &mut evidence.window.as_mut().unwrap().who;
        (who[0].nonexistent, who[1].nonexistent) = (400, 101 - steps);
    });
    flips(Cause::OneWorkload, 0, |evidence, steps| {
        let who = &mut evidence.window.as_mut().unwrap().who;
        (who[0].failed, who[1].failed) = (400, 10 - steps);
    });
    flips(Cause::OneWorkload, 0, |evidence, steps| {
        let who = &mut evidence.window.as_mut().unwrap().who;
        (who[0].failed, who[1].failed, who[1].queries) = (400, 101 - steps, 100_000);
    });
    flips(Cause::UpstreamServfail, 0, |evidence, steps| {
        (evidence.upstreams, evidence.through) = (None, None);
        let window = evidence.window.as_mut().unwrap();
        window.internal.failed = 10 - steps;
        window.origins = BTreeMap::from([("relayed".to_owned(), 400)]);
        window.who.iter_mut().for_each(|who| who.failed = 200);
    });
    flips(Cause::UpstreamServfail, 1, |evidence, steps| {
        (evidence.upstreams, evidence.through) = (None, None);
        let window = evidence.window.as_mut().unwrap();
        window.origins = BTreeMap::from([("relayed".to_owned(), 400)]);
        let failing = usize::try_from(steps).unwrap();
        // Of too few queries for a workload alone.
        let who = Who { queries: 30, failed: 19, ..Who::default() };
        window.who = vec![who; failing];
    });
}
