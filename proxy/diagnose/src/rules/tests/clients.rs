//! What one client does, and what all of them feel.

use super::*;

#[test]
fn what_clients_do_is_theirs_and_what_they_feel_is_the_nodes() {
    let one = only(&changed(|evidence| {
        let window = evidence.window.as_mut().unwrap();
        window.who[1].failed = 400;
        window.failing = vec!["gw.example.com".to_owned()];
    }));
    assert_eq!((one.cause, one.scope), (Cause::OneWorkload, Scope::Workload));
    assert_eq!(one.culprit.as_deref(), Some("pay/payments"));
    let vain = only(&changed(|evidence| {
        evidence.window.as_mut().unwrap().who[0].nonexistent = 450;
    }));
    assert_eq!((vain.cause, vain.culprit.as_deref()), (Cause::NamesInVain, Some("shop/checkout")));
    let lost = only(&changed(|evidence| {
        let window = evidence.window.as_mut().unwrap();
        window
            .who
            .iter_mut()
            .for_each(|who| who.answered_again = 150);
    }));
    assert_eq!((lost.cause, lost.scope), (Cause::RepliesLost, Scope::Node));
    let late = only(&changed(|evidence| {
        let window = evidence.window.as_mut().unwrap();
        window.p99_ms = Some(1_024.0);
        window.who[0].wasted = 990;
        window.who[1].wasted = 300;
    }));
    assert_eq!(
        (late.cause, late.culprit.as_deref()),
        (Cause::Amplification, Some("shop/checkout"))
    );
    // A loop behind a pod of another node makes everybody wait.
    let looped = changed(|evidence| {
        let window = evidence.window.as_mut().unwrap();
        window.p99_ms = Some(1_024.0);
        window.who[0].wasted = 990;
        window.who[1].wasted = 300;
        let causes = vec![Cause::Loop.label().to_owned()];
        evidence.peers = Some(vec![Peer { causes, ..Peer::default() }]);
    });
    assert_eq!(causes(&looped), []);
    // Failures of all are of nobody.
    assert_eq!(
        causes(&changed(|evidence| {
            let window = evidence.window.as_mut().unwrap();
            window.who.iter_mut().for_each(|who| who.failed = 400);
        })),
        []
    );
}

/// Nobody calls DNS healthy while more fails than the runbooks allow.
#[test]
fn failures_without_a_cause_are_not_healthy() {
    let of = |failed: u64| {
        judge(&changed(|evidence| {
            let window = evidence.window.as_mut().unwrap();
            (window.internal.failed, window.external.failed) = (2, failed - 2);
        }))
    };
    let [well, unwell] = [28, 29].map(of);
    assert_eq!((well.outcome, well.gaps), (Outcome::Healthy, vec![]));
    assert_eq!((unwell.outcome, unwell.findings), (Outcome::Insufficient, vec![]));
    let why = "why 29 of 2000 queries of clients fail: no cause was found";
    assert_eq!(unwell.gaps, [why]);
}
