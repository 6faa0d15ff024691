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
}

/// Without a table of connections to look at.
#[test]
fn flows_to_the_service() {
    flips(Cause::StaleRules, 2, |evidence, steps| {
        let service = evidence.service.as_mut().unwrap();
        (service.udp, service.backends) = (tries(20 - narrow(steps), narrow(steps)), None);
    });
    flips(Cause::StaleFlows, 0, |evidence, steps| {
        let flow = Flow { client: [10, 244, 0, 9].into(), backend: [10, 244, 0, 7].into() };
        let flows = vec![flow; steps.try_into().unwrap()];
        evidence.service.as_mut().unwrap().stale_flows = flows;
    });
}

#[test]
fn queries_of_clients() {
    // One in ten, by its lower bound.
    flips(Cause::RepliesLost, 226, |evidence, steps| {
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
