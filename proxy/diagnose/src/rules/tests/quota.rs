//! A CPU quota that is used up.

use super::*;

/// Also to a node that has none of the pods.
#[test]
fn a_quota_explains_that_nothing_is_answered() {
    let silent = |throttled, causes: &[Cause]| {
        let causes = causes
            .iter()
            .map(|cause| cause.label().to_owned())
            .collect();
        let peer = Peer { causes, dead: vec![[10, 244, 0, 1].into()], ..Peer::default() };
        only(&changed(|evidence| {
            evidence.peers = Some(vec![peer]);
            let pod = CorednsPod { throttled, ..CorednsPod::default() };
            evidence.cluster.as_mut().unwrap().pods = vec![pod];
            evidence.service = None;
            for server in evidence
                .coredns
                .iter_mut()
                .chain(&mut evidence.through)
                .flatten()
            {
                (server.udp, server.tcp) = (tries(0, 10), tries(0, 3));
            }
        }))
    };
    let by_peer = [Cause::CorednsThrottled];
    for (own, peer) in [(Some(0.9), &[][..]), (None, &by_peer)] {
        let finding = silent(own, peer);
        assert_eq!((finding.cause, finding.scope), (Cause::CorednsThrottled, Scope::Cluster));
    }
}

/// Its own names are in its cache, and what is behind it needs CPU.
#[test]
fn a_quota_explains_that_names_outside_fail() {
    let failing = |throttled| {
        causes(&changed(|evidence| {
            let pod = CorednsPod { throttled, ..CorednsPod::default() };
            evidence.cluster.as_mut().unwrap().pods = vec![pod];
            evidence.window.as_mut().unwrap().p99_ms = Some(800.0);
            for server in evidence.through.iter_mut().flatten() {
                server.udp = tries(2, 8);
            }
        }))
    };
    assert_eq!(failing(Some(0.9)), [Cause::CorednsThrottled]);
    assert_eq!(failing(None), [Cause::CorednsToUpstream]);
}
