//! Incidents of a cluster: how each is made, what is to be found, and what of the printed
//! commands is run.

use std::time::Duration;

use diagnose::{Cause, Scope};
use testbed::{eventually, pace};

use super::further::{
    cut_off, forward_as_expected, forward_to_itself, forward_unexpectedly, leave_data, replace_pod,
    throttle,
};
use super::steps::{
    BUSY_POD, RESOLVER, add_resolver, paste, restart_coredns, wait_for_coredns, write_forward,
};
use super::table::{end_connections, fill};
use crate::bed::{Bed, LONG};
use crate::trouble::{Rules, wait_for_old_coredns_to_end};

/// A case.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// More flags for `diagnose`.
    pub(super) flags: &'static [&'static str],
    /// Makes it; it stays at most until what is returned is dropped.
    pub(super) make: fn(&Bed) -> Made<'_>,
    /// The cause, its scope, a part of who it is, and the nodes that find it.
    pub(super) expected: Option<(Cause, Scope, &'static str, Nodes)>,
    /// Runs what was printed.
    pub(super) heal: fn(&Bed, &[String]),
}

/// What ends a trouble when it is dropped.
pub(super) type Made<'a> = Vec<Box<dyn Trouble + 'a>>;

pub(super) trait Trouble {}
impl Trouble for Rules<'_> {}

/// The nodes that find a cause.
#[derive(Clone, Copy)]
pub(super) enum Nodes {
    Both,
    First,
    /// One at least: a loop comes back to the node of its CoreDNS pod.
    OneOrBoth,
}

impl Nodes {
    pub(super) fn are(self, nodes: &[&str]) -> bool {
        match self {
            Self::Both => nodes == ["node1", "node2"],
            Self::First => nodes == ["node1"],
            Self::OneOrBoth => !nodes.is_empty(),
        }
    }
}

/// What is none, the six causes of the runbook, and further ones.
pub(super) const CASES: &[Case] = &[
    Case { name: "well", flags: &[], make: nothing, expected: None, heal: no_need },
    Case { name: "rolled twice", flags: &[], make: roll_twice, expected: None, heal: no_need },
    Case { name: "much is asked", flags: &[], make: ask_much, expected: None, heal: no_need },
    Case {
        name: "CoreDNS out of memory",
        flags: &[],
        make: starve,
        expected: Some((Cause::CorednsCrashing, Scope::Cluster, "coredns-", Nodes::Both)),
        heal: feed,
    },
    Case {
        name: "upstream silent",
        flags: &[],
        make: silence_upstream,
        expected: Some((Cause::UpstreamSilent, Scope::Cluster, RESOLVER, Nodes::Both)),
        heal: forward_elsewhere,
    },
    Case {
        name: "loop",
        flags: &[],
        make: make_loop,
        expected: Some((Cause::Loop, Scope::Cluster, ":53", Nodes::OneOrBoth)),
        heal: forward_elsewhere,
    },
    Case {
        name: "conntrack full on node1",
        flags: &[],
        make: fill,
        expected: Some((Cause::ConntrackFull, Scope::Node, BUSY_POD, Nodes::First)),
        heal: end_connections,
    },
    Case {
        name: "stale rules on node1",
        flags: &[],
        make: leave_rules,
        expected: Some((Cause::StaleRules, Scope::Node, "10.244.", Nodes::First)),
        heal: continue_kube_proxy,
    },
    Case {
        name: "search path storm",
        flags: &[],
        make: storm,
        expected: Some((Cause::Amplification, Scope::Workload, "shop/storm", Nodes::Both)),
        heal: lower_ndots,
    },
    Case {
        name: "network of node1",
        flags: &[],
        make: cut_off,
        expected: Some((Cause::NodeNetwork, Scope::Node, "", Nodes::First)),
        heal: no_need,
    },
    Case {
        name: "CoreDNS throttled",
        flags: &[],
        make: throttle,
        expected: Some((Cause::CorednsThrottled, Scope::Cluster, "coredns-", Nodes::Both)),
        heal: lift_limit,
    },
    Case {
        name: "unexpected upstream",
        flags: &["--expect-upstream", "10.250.0.53"],
        make: forward_unexpectedly,
        expected: Some((Cause::UnexpectedUpstream, Scope::Cluster, "10.250.0.54", Nodes::Both)),
        heal: forward_as_expected,
    },
    Case {
        name: "CoreDNS with old data",
        flags: &[],
        make: leave_data,
        expected: Some((Cause::StaleData, Scope::Cluster, "coredns-", Nodes::Both)),
        heal: replace_pod,
    },
    Case {
        name: "CoreDNS forwards to itself",
        flags: &[],
        make: forward_to_itself,
        expected: Some((Cause::Loop, Scope::Cluster, "127.0.0.53", Nodes::Both)),
        heal: forward_elsewhere,
    },
    // The last: the controllers take minutes to come back from it.
    Case { name: "API away", flags: &[], make: stop_api, expected: None, heal: continue_api },
];

fn nothing(_: &Bed) -> Made<'_> {
    // The accounts of a minute.
    pace(Duration::from_secs(60));
    Vec::new()
}

pub(super) fn no_need(_: &Bed, _: &[String]) {}

fn roll_twice(bed: &Bed) -> Made<'_> {
    (0..2).for_each(|_| restart_coredns(bed));
    Vec::new()
}

fn ask_much(bed: &Bed) -> Made<'_> {
    (0..4).for_each(|_| bed.flood(0, 1_000));
    Vec::new()
}

fn stop_api(bed: &Bed) -> Made<'_> {
    let space = bed.cluster.control_plane.space();
    space.signal("kube-apiserver", "STOP").unwrap();
    Vec::new()
}

fn continue_api(bed: &Bed, _: &[String]) {
    let space = bed.cluster.control_plane.space();
    space.signal("kube-apiserver", "CONT").unwrap();
    let answers = || bed.cluster.kubectl(&["get", "nodes"]).is_ok();
    assert!(eventually(LONG, answers));
}

/// Less than CoreDNS needs to start.
fn starve(bed: &Bed) -> Made<'_> {
    bed.kubectl(
        "-n kube-system set resources deployment coredns --limits=memory=8Mi --requests=memory=8Mi",
    );
    wait_for_crashes(bed);
    Vec::new()
}

pub(super) fn wait_for_crashes(bed: &Bed) {
    let pods = "-n kube-system get pods -l k8s-app=kube-dns -o jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}";
    let crashes = || bed.kubectl(pods).contains("CrashLoopBackOff");
    assert!(eventually(LONG, crashes), "{}", bed.kubectl("-n kube-system get pods"));
}

fn feed(bed: &Bed, commands: &[String]) {
    paste(bed, commands, "--limits=memory", |command| command);
    wait_for_coredns(bed);
}

/// At the resolver's usual address.
fn silence_upstream(bed: &Bed) -> Made<'_> {
    add_resolver(bed);
    let script = "table ip other {\nchain drops {\ntype filter hook prerouting priority -400;\n\
                  ip daddr 10.250.0.53 udp dport 53 drop\nip daddr 10.250.0.53 tcp dport 53 drop\n}\n}\n";
    // An earlier case was healed by another server.
    write_forward(bed, RESOLVER);
    restart_coredns(bed);
    let space = bed.cluster.control_plane.space();
    space.run("nft", &[script]).unwrap();
    pace(Duration::from_secs(10));
    Vec::new()
}

/// CoreDNS asks its own Service, as where the node's resolver is itself. Queries leave the
/// ring by pods of before while they end.
fn make_loop(bed: &Bed) -> Made<'_> {
    add_resolver(bed);
    write_forward(bed, "10.96.0.10");
    restart_coredns(bed);
    wait_for_old_coredns_to_end(bed, 2);
    Vec::new()
}

fn forward_elsewhere(bed: &Bed, commands: &[String]) {
    let to = |command: String| command.replace("IP-OF-A-RESOLVER", "10.250.0.54");
    paste(bed, commands, "IP-OF-A-RESOLVER", to);
    paste(bed, commands, "rollout restart deployment coredns", |command| command);
    wait_for_coredns(bed);
    let space = bed.cluster.control_plane.space();
    // The next case begins with the usual one.
    space.run("nft", &["delete chain ip other drops"]).ok();
}

/// node1's rules lead to Pods that are gone: one that ends still answers.
fn leave_rules(bed: &Bed) -> Made<'_> {
    let space = bed.cluster.nodes[0].space();
    space.signal("kube-proxy", "STOP").unwrap();
    restart_coredns(bed);
    wait_for_old_coredns_to_end(bed, 2);
    Vec::new()
}

/// In this cluster it is no Pod that could be deleted.
fn continue_kube_proxy(bed: &Bed, commands: &[String]) {
    let space = bed.cluster.nodes[0].space();
    space.signal("kube-proxy", "CONT").unwrap();
    let wanted = "delete pod -l k8s-app=kube-proxy";
    let is_printed = commands.iter().any(|command| command.contains(wanted));
    assert!(is_printed, "nothing with {wanted:?} was printed: {commands:?}");
}

/// Names that no cache has, by the search list of a Pod, and CoreDNS with little CPU.
fn storm(bed: &Bed) -> Made<'_> {
    limit_cpu(bed, "30m");
    let container = |n: usize| {
        let names: Vec<_> = (0..1_500)
            .map(|name| format!("n{n}x{name}.example.com"))
            .collect();
        format!(
            "        - name: c{n}\n          image: local/clients:1\n          imagePullPolicy: Never\n          \
             command: [/bin/glibc, {}]\n          env: [{{name: EVERY_MS, value: \"1\"}}]\n",
            names.join(", ")
        )
    };
    let containers: String = (0..8).map(container).collect();
    bed.cluster.kubectl(&["create", "namespace", "shop"]).ok();
    let manifest = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: storm, namespace: shop}}\nspec:\n  \
         replicas: 2\n  selector: {{matchLabels: {{app: storm}}}}\n  template:\n    \
         metadata: {{labels: {{app: storm}}}}\n    spec:\n      terminationGracePeriodSeconds: 0\n      \
         topologySpreadConstraints:\n        - {{maxSkew: 1, topologyKey: kubernetes.io/hostname, \
         whenUnsatisfiable: DoNotSchedule, labelSelector: {{matchLabels: {{app: storm}}}}}}\n      \
         containers:\n{containers}"
    );
    bed.apply(&manifest, "shop", "deployment/storm");
    pace(Duration::from_secs(60));
    Vec::new()
}

/// Too little CPU for what is asked.
pub(super) fn limit_cpu(bed: &Bed, limit: &str) {
    bed.kubectl(&format!(
        "-n kube-system set resources deployment coredns --limits=cpu={limit} --requests=cpu=10m",
    ));
    wait_for_coredns(bed);
    wait_for_old_coredns_to_end(bed, 2);
}

/// Then one of eight queries is left, and CoreDNS has the CPU for them.
fn lower_ndots(bed: &Bed, commands: &[String]) {
    paste(bed, commands, "-n shop patch deployment storm", |command| command);
    bed.cluster
        .wait_for_rollout("shop", "deployment/storm")
        .unwrap();
    lift_limit(bed, commands);
}

pub(super) fn lift_limit(bed: &Bed, commands: &[String]) {
    paste(bed, commands, "limits/cpu", |command| command);
    wait_for_coredns(bed);
}
