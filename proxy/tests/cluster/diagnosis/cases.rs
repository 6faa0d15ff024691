//! Incidents of a cluster: how each is made, what is to be found, and what of the printed
//! commands is run.

use std::fmt::Write as _;
use std::time::Duration;

use diagnose::{Cause, Scope};
use testbed::{eventually, pace};

use crate::bed::{Bed, LONG};
use crate::trouble::Rules;

/// A case.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// Makes it; it stays at most until what is returned is dropped.
    pub(super) make: fn(&Bed) -> Option<Rules<'_>>,
    /// The cause, its scope, a part of who it is, and the nodes that find it.
    pub(super) expected: Option<(Cause, Scope, &'static str, Nodes)>,
    /// Runs what was printed.
    pub(super) heal: fn(&Bed, &[String]),
}

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

/// What is none, and the six causes of the runbook.
pub(super) const CASES: &[Case] = &[
    Case { name: "well", make: nothing, expected: None, heal: no_need },
    Case { name: "rolled twice", make: roll_twice, expected: None, heal: no_need },
    Case { name: "much is asked", make: ask_much, expected: None, heal: no_need },
    Case {
        name: "CoreDNS out of memory",
        make: starve,
        expected: Some((Cause::CorednsCrashing, Scope::Cluster, "coredns-", Nodes::Both)),
        heal: feed,
    },
    Case {
        name: "upstream silent",
        make: silence_upstream,
        expected: Some((Cause::UpstreamSilent, Scope::Cluster, "10.250.0.53", Nodes::Both)),
        heal: forward_elsewhere,
    },
    Case {
        name: "loop",
        make: make_loop,
        expected: Some((Cause::Loop, Scope::Cluster, ":53", Nodes::OneOrBoth)),
        heal: forward_elsewhere,
    },
    Case {
        name: "conntrack full on node1",
        make: fill_table,
        expected: Some((Cause::ConntrackFull, Scope::Node, "10.244.1.200", Nodes::First)),
        heal: end_connections,
    },
    Case {
        name: "stale rules on node1",
        make: leave_rules,
        expected: Some((Cause::StaleRules, Scope::Node, "10.244.", Nodes::First)),
        heal: continue_kube_proxy,
    },
    Case {
        name: "search path storm",
        make: storm,
        expected: Some((Cause::Amplification, Scope::Workload, "shop/storm", Nodes::Both)),
        heal: lower_ndots,
    },
    // The last: the controllers take minutes to come back from it.
    Case { name: "API away", make: stop_api, expected: None, heal: continue_api },
];

fn nothing(_: &Bed) -> Option<Rules<'_>> {
    // The accounts of a minute.
    pace(Duration::from_secs(60));
    None
}

fn no_need(_: &Bed, _: &[String]) {}

fn roll_twice(bed: &Bed) -> Option<Rules<'_>> {
    (0..2).for_each(|_| restart_coredns(bed));
    None
}

fn ask_much(bed: &Bed) -> Option<Rules<'_>> {
    (0..4).for_each(|_| bed.flood(0, 1_000));
    None
}

fn stop_api(bed: &Bed) -> Option<Rules<'_>> {
    let space = bed.cluster.control_plane.space();
    space.signal("kube-apiserver", "STOP").unwrap();
    None
}

fn continue_api(bed: &Bed, _: &[String]) {
    let space = bed.cluster.control_plane.space();
    space.signal("kube-apiserver", "CONT").unwrap();
    let answers = || bed.cluster.kubectl(&["get", "nodes"]).is_ok();
    assert!(eventually(LONG, answers));
}

/// Less than CoreDNS needs to start.
fn starve(bed: &Bed) -> Option<Rules<'_>> {
    bed.kubectl(
        "-n kube-system set resources deployment coredns --limits=memory=8Mi --requests=memory=8Mi",
    );
    let pods = "-n kube-system get pods -l k8s-app=kube-dns -o jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}";
    let crashes = || bed.kubectl(pods).contains("CrashLoopBackOff");
    assert!(eventually(LONG, crashes), "{}", bed.kubectl("-n kube-system get pods"));
    None
}

fn feed(bed: &Bed, commands: &[String]) {
    paste(bed, commands, "--limits=memory", |command| command);
    wait_for_coredns(bed);
}

/// Puts another resolver at 10.250.0.54, for who heals.
fn add_resolver(bed: &Bed) {
    let space = bed.cluster.control_plane.space();
    space
        .run("ip", &["address", "replace", "10.250.0.54/24", "dev", "br0"])
        .unwrap();
    let script = "table ip other\ndelete table ip other\n\
                  table ip other {\nchain in {\ntype nat hook prerouting priority -100;\n\
                  ip daddr 10.250.0.54 dnat to 10.250.0.53\n}\n}\n";
    space.run("nft", &[script]).unwrap();
}

/// At the resolver's usual address.
fn silence_upstream(bed: &Bed) -> Option<Rules<'_>> {
    add_resolver(bed);
    let script = "table ip other {\nchain drops {\ntype filter hook prerouting priority -400;\n\
                  ip daddr 10.250.0.53 udp dport 53 drop\nip daddr 10.250.0.53 tcp dport 53 drop\n}\n}\n";
    let space = bed.cluster.control_plane.space();
    space.run("nft", &[script]).unwrap();
    pace(Duration::from_secs(10));
    None
}

/// CoreDNS asks its own Service, as where the node's resolver is itself.
fn make_loop(bed: &Bed) -> Option<Rules<'_>> {
    add_resolver(bed);
    write_forward(bed, "10.96.0.10");
    restart_coredns(bed);
    None
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

/// With connections of one Pod, which nothing may take the place of.
fn fill_table(bed: &Bed) -> Option<Rules<'_>> {
    let most = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max").unwrap();
    let most: usize = most.trim().parse().unwrap();
    let mut script = String::new();
    for n in 0..most {
        let (port, server) = (1_024 + n % 60_000, 1 + n / 60_000);
        writeln!(
            script,
            "-A -p tcp -s 10.244.1.200 -d 198.19.0.{server} --sport {port} --dport 443 \
             --state ESTABLISHED -u ASSURED -t 900"
        )
        .unwrap();
    }
    let path = bed.cluster.dir().join("connections");
    std::fs::write(&path, script).unwrap();
    let space = bed.cluster.nodes[0].space();
    // It ends with an error, which is the one that is wanted.
    space
        .run("conntrack", &["-R", &path.to_string_lossy()])
        .unwrap_err();
    pace(Duration::from_secs(5));
    None
}

fn end_connections(bed: &Bed, commands: &[String]) {
    paste_on_node1(bed, commands, "conntrack -D -s ");
}

/// node1's rules lead to Pods that are gone.
fn leave_rules(bed: &Bed) -> Option<Rules<'_>> {
    let space = bed.cluster.nodes[0].space();
    space.signal("kube-proxy", "STOP").unwrap();
    restart_coredns(bed);
    None
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
fn storm(bed: &Bed) -> Option<Rules<'_>> {
    bed.kubectl(
        "-n kube-system set resources deployment coredns --limits=cpu=20m --requests=cpu=10m",
    );
    wait_for_coredns(bed);
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
    let containers: String = (0..4).map(container).collect();
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
    None
}

/// Then one of eight queries is left; CoreDNS gets its CPU back for the cases to come.
fn lower_ndots(bed: &Bed, commands: &[String]) {
    paste(bed, commands, "-n shop patch deployment storm", |command| command);
    bed.cluster
        .wait_for_rollout("shop", "deployment/storm")
        .unwrap();
}

fn write_forward(bed: &Bed, to: &str) {
    let file = bed.kubectl("-n kube-system get configmap coredns -o jsonpath={.data.Corefile}");
    let lines = file
        .lines()
        .filter(|line| line.trim() != "loop")
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            match words.as_slice() {
                ["forward", from, _, ..] => format!("    forward {from} {to} {{"),
                _ => line.to_owned(),
            }
        });
    let file: Vec<_> = lines.collect();
    let patch = format!("{{\"data\":{{\"Corefile\":{:?}}}}}", file.join("\n") + "\n");
    let line = ["-n", "kube-system", "patch", "configmap", "coredns", "-p", &patch];
    bed.cluster.kubectl(&line).unwrap();
}

fn restart_coredns(bed: &Bed) {
    bed.kubectl("-n kube-system rollout restart deployment/coredns");
    wait_for_coredns(bed);
}

fn wait_for_coredns(bed: &Bed) {
    bed.cluster
        .wait_for_rollout("kube-system", "deployment/coredns")
        .unwrap();
}

/// Runs the first printed command that has this, with kubectl as the administrator's.
fn paste(bed: &Bed, commands: &[String], part: &str, change: impl Fn(String) -> String) {
    let Some(command) = commands.iter().find(|command| command.contains(part)) else {
        return println!("nothing with {part:?} was printed: {commands:?}");
    };
    let command = change(command.clone());
    println!("$ {command}");
    let plane = &bed.cluster.control_plane;
    let kubectl = plane.kubectl_command().unwrap();
    // `nsenter … kubectl --kubeconfig FILE`, as one word of the shell.
    let words: Vec<_> = std::iter::once(kubectl.get_program())
        .chain(kubectl.get_args())
        .collect();
    let words: Vec<_> = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let script = format!("kubectl() {{ {} \"$@\"; }}\n{command}", words.join(" "));
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

fn paste_on_node1(bed: &Bed, commands: &[String], part: &str) {
    let Some(command) = commands.iter().find(|command| command.contains(part)) else {
        return println!("nothing with {part:?} was printed: {commands:?}");
    };
    println!("$ {command}");
    bed.run(0, "sh", &["-c", command]);
}
