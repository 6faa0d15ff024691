//! Incidents made for real, in network namespaces: real CoreDNS, real rules of the
//! kernel. `fivedots diagnose` must name the cause of each, how far it reaches and who it
//! is, and nothing where all is well.
#![cfg(test)]

mod clients;
mod incident;
mod pressure;
mod world;

use std::io::Write as _;
use std::sync::{Mutex, PoisonError, RwLock};

use diagnose::{Cause, Evidence, Outcome, Scope};
use testbed::{Component, by_length, eventually, have, have_program};

use crate::incident::Incident;
use crate::world::World;

/// What must be found: the cause, its scope, and a part of who it is.
type Expected = Option<(Cause, Scope, &'static str)>;

/// Whether the machine has what the world is made of.
fn is_possible() -> bool {
    let programs = ["nft", "conntrack", "ss"];
    have(Component::Netns)
        && have(Component::Coredns)
        && programs
            .iter()
            .all(|program| have_program(program, Component::Netns))
}

/// Makes an incident several times; each verdict must be `expected` alone.
fn check(incident: Incident, expected: Expected) {
    if !is_possible() {
        return;
    }
    // The kernel has one log, in which all worlds see the table of a pod.
    let alone = (incident == Incident::ConntrackOfPod).then(|| MACHINE.write());
    let beside = alone.is_none().then(|| MACHINE.read());
    // A ring takes what CPU there is, and several leave no lap to any of them.
    let rings = [Incident::Loop, Incident::LoopOfOne, Incident::LoopOfTwo, Incident::LoopOfFour];
    let ring = rings.contains(&incident);
    let ring = ring.then(|| RINGS.lock().unwrap_or_else(PoisonError::into_inner));
    for _ in 0..times() {
        let world = World::with(incident);
        let (evidence, verdict) = world.diagnose();
        let found: Vec<_> = verdict
            .findings
            .iter()
            .map(|finding| (finding.cause, finding.scope))
            .collect();
        println!("{incident:?}: {found:?}");
        keep(incident, &evidence);
        let wanted = expected.map(|(cause, scope, _)| (cause, scope));
        assert_eq!(found, Vec::from_iter(wanted), "{incident:?}: {verdict:#?}\n{evidence:#?}");
        let outcome = if expected.is_some() { Outcome::Problem } else { Outcome::Healthy };
        assert_eq!(verdict.outcome, outcome);
        if let (Some((_, _, who)), Some(finding)) = (expected, verdict.findings.first()) {
            let who = who.replace("{pod}", &world.pod_inode());
            let culprit = finding.culprit.clone().unwrap_or_default();
            assert!(culprit.contains(&who), "{incident:?}: {culprit:?} is not {who}");
        }
    }
    drop((alone, beside, ring));
}

static MACHINE: RwLock<()> = RwLock::new(());
static RINGS: Mutex<()> = Mutex::new(());

/// One of each; twenty for the table of docs/incidents.md, or as many as `TIMES` says.
fn times() -> u32 {
    let times = std::env::var("TIMES").ok();
    times.map_or_else(|| by_length(1, 20), |text| text.parse().unwrap())
}

/// Adds the evidence to those of the incident in the folder of `EVIDENCE`, if that is set.
fn keep(incident: Incident, evidence: &Evidence) {
    let Some(dir) = std::env::var_os("EVIDENCE") else { return };
    let path = std::path::Path::new(&dir).join(format!("{incident:?}.jsonl"));
    let mut file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    writeln!(file, "{}", serde_json::to_string(evidence).unwrap()).unwrap();
}

/// What `docs/diagnose.md` promises of a run, in the world that costs it most.
#[test]
#[expect(clippy::disallowed_methods, reason = "a length of real time is what is promised")]
fn a_run_sends_little_and_changes_nothing() {
    if !is_possible() {
        return;
    }
    let world = World::with(Incident::UpstreamSilent);
    // The kernel itself changes an address until it is sure that no other host has it.
    let is_settled = || !world.state().contains("tentative");
    assert!(eventually(std::time::Duration::from_secs(10), is_settled));
    let before = world.state();
    world.count_packets();
    let began = std::time::Instant::now();
    world.diagnose();
    let took = began.elapsed();
    let packets = world.packets();
    println!("{packets} packets in {took:?}");
    assert!((50..=300).contains(&packets), "{packets}");
    assert!(took < std::time::Duration::from_secs(10), "{took:?}");
    assert_eq!(world.state(), before);
}

macro_rules! incidents {
    ($($name:ident: $incident:ident => $expected:expr;)*) => {
        impl Incident {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$incident),*];
        }

        $(
            #[test]
            fn $name() {
                check(Incident::$incident, $expected);
            }
        )*
    };
}

/// A cause that may be of this node or of all.
const fn open(cause: Cause, who: &'static str) -> Expected {
    Some((cause, Scope::NodeOrCluster, who))
}

const fn of(cause: Cause, scope: Scope, who: &'static str) -> Expected {
    Some((cause, scope, who))
}

incidents! {
    all_is_well: None => None;
    much_is_asked: Busy => None;
    kube_proxy_is_idle: KubeProxyIdle => None;
    all_clients_mistype: Typos => None;
    a_table_makes_room: ConntrackEvicts => None;
    upstream_is_silent: UpstreamSilent => open(Cause::UpstreamSilent, "10.90.0.50");
    upstream_fails: UpstreamServfail => open(Cause::UpstreamServfail, "10.90.0.50");
    upstream_refuses: UpstreamRefuses => open(Cause::UpstreamRefuses, "10.90.0.50");
    upstream_drops_what_is_too_much: UpstreamDrops => open(Cause::UpstreamLimits, "10.90.0.50");
    upstream_refuses_what_is_too_much: UpstreamLimits => open(Cause::UpstreamLimits, "10.90.0.50");
    upstream_is_unreached_from_coredns: CorednsToUpstream =>
        of(Cause::CorednsToUpstream, Scope::Cluster, "10.90.0.11");
    one_pod_is_dead: OnePodDead => open(Cause::CorednsPodSick, "10.90.0.12");
    one_pod_is_sick: OnePodSick => open(Cause::CorednsPodSick, "10.90.0.12");
    replies_of_one_pod_are_dropped: RepliesOfPodDropped => open(Cause::CorednsPodSick, "10.90.0.12");
    all_pods_are_dead: AllPodsDead => open(Cause::CorednsDown, "10.90.0.11:53, 10.90.0.12:53");
    all_pods_are_killed: AllPodsKilled => open(Cause::CorednsDown, "10.90.0.11:53, 10.90.0.12:53");
    coredns_is_not_synced: NotSynced => of(Cause::NotSynced, Scope::Cluster, "10.90.0.11");
    rules_are_stale: StaleRules => of(Cause::StaleRules, Scope::Node, "10.90.0.77");
    one_rule_of_three_is_stale: StaleOneOfThree => of(Cause::StaleRules, Scope::Node, "10.90.0.77");
    a_flow_is_stale: StaleFlows => of(Cause::StaleFlows, Scope::Node, "10.90.0.1");
    the_service_has_no_endpoint: NoEndpoints => open(Cause::NoEndpoints, "10.96.0.10");
    tcp_is_dropped: TcpDropped => open(Cause::TcpBlocked, "10.90.0.11");
    a_loop_through_the_proxy: Loop => of(Cause::Loop, Scope::Cluster, "10.90.0.11");
    a_loop_of_one: LoopOfOne => of(Cause::Loop, Scope::Cluster, "10.90.0.11");
    a_loop_of_two: LoopOfTwo => of(Cause::Loop, Scope::Cluster, "10.90.0.11");
    a_loop_of_four: LoopOfFour => of(Cause::Loop, Scope::Cluster, "10.90.0.11");
    the_table_is_full: ConntrackFull => of(Cause::ConntrackFull, Scope::Node, "10.244.0.9");
    the_table_is_full_of_udp: ConntrackFullOfUdp => of(Cause::ConntrackFull, Scope::Node, "10.244.0.9");
    the_table_of_a_pod_is_full: ConntrackOfPod => of(Cause::ConntrackFull, Scope::Workload, "{pod}");
    replies_to_a_client_are_dropped: RepliesDropped => of(Cause::RepliesLost, Scope::Node, "127.0.0.2");
    a_queue_overflows: SocketOverflow => of(Cause::SocketOverflow, Scope::Node, "port 5999");
    names_of_one_client_do_not_exist: NamesInVain => of(Cause::NamesInVain, Scope::Workload, "127.0.0.2");
    names_of_one_client_fail: OneWorkload => of(Cause::OneWorkload, Scope::Workload, "127.0.0.2");
    one_client_storms: Storm => of(Cause::Amplification, Scope::Workload, "127.0.0.2");
}
