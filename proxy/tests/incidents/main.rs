//! Incidents made for real, in network namespaces: real CoreDNS, real rules of the
//! kernel. `fivedots diagnose` must name the cause of each, and none where all is well.
#![cfg(test)]

mod clients;
mod incident;
mod world;

use diagnose::{Cause, Outcome, Scope};
use testbed::{Component, by_length, have, have_program};

use crate::incident::Incident;
use crate::world::World;

/// Whether the machine has what the world is made of.
fn is_possible() -> bool {
    have(Component::Netns) && have(Component::Coredns) && have_program("nft", Component::Netns)
}

/// Makes an incident several times; each verdict must be `cause` alone.
fn check(incident: Incident, expected: Option<(Cause, Scope)>) {
    if !is_possible() {
        return;
    }
    for _ in 0..by_length(1, 20) {
        let world = World::with(incident);
        let verdict = world.diagnose();
        let found: Vec<_> = verdict
            .findings
            .iter()
            .map(|finding| (finding.cause, finding.scope))
            .collect();
        println!("{incident:?}: {found:?}");
        assert_eq!(found, Vec::from_iter(expected), "{incident:?}: {verdict:#?}");
        let outcome = if expected.is_some() { Outcome::Problem } else { Outcome::Healthy };
        assert_eq!(verdict.outcome, outcome);
    }
}

#[test]
fn all_is_well() {
    check(Incident::None, None);
}

#[test]
fn a_silent_upstream() {
    check(Incident::UpstreamSilent, Some((Cause::UpstreamSilent, Scope::NodeOrCluster)));
}

#[test]
fn an_upstream_that_answers_servfail() {
    check(Incident::UpstreamServfail, Some((Cause::UpstreamServfail, Scope::NodeOrCluster)));
}

#[test]
fn an_upstream_that_refuses() {
    check(Incident::UpstreamRefuses, Some((Cause::UpstreamRefuses, Scope::NodeOrCluster)));
}

#[test]
fn an_upstream_that_coredns_does_not_reach() {
    check(Incident::CorednsToUpstream, Some((Cause::CorednsToUpstream, Scope::Cluster)));
}

#[test]
fn one_coredns_pod_that_is_dead() {
    check(Incident::OnePodDead, Some((Cause::CorednsPodSick, Scope::NodeOrCluster)));
}

#[test]
fn all_coredns_pods_dead() {
    check(Incident::AllPodsDead, Some((Cause::CorednsDown, Scope::NodeOrCluster)));
}

#[test]
fn rules_that_lead_to_a_pod_that_is_gone() {
    check(Incident::StaleRules, Some((Cause::StaleRules, Scope::Node)));
}

#[test]
fn a_service_without_endpoints() {
    check(Incident::NoEndpoints, Some((Cause::NoEndpoints, Scope::NodeOrCluster)));
}

#[test]
fn tcp_that_is_dropped() {
    check(Incident::TcpDropped, Some((Cause::TcpBlocked, Scope::NodeOrCluster)));
}

#[test]
fn a_full_connection_table() {
    if have_program("conntrack", Component::Netns) {
        check(Incident::ConntrackFull, Some((Cause::ConntrackFull, Scope::Node)));
    }
}

#[test]
fn one_client_that_asks_for_what_does_not_exist() {
    check(Incident::NamesInVain, Some((Cause::NamesInVain, Scope::Workload)));
}

#[test]
fn typos_of_all_clients_are_no_incident() {
    check(Incident::Typos, None);
}

#[test]
fn one_client_whose_names_fail() {
    check(Incident::OneWorkload, Some((Cause::OneWorkload, Scope::Workload)));
}

#[test]
fn a_loop_through_coredns() {
    check(Incident::Loop, Some((Cause::Loop, Scope::NodeOrCluster)));
}
