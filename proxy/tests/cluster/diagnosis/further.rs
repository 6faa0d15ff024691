//! Causes beside the six of the runbook.

use std::time::Duration;

use testbed::pace;

use super::cases::{Made, Trouble, limit_cpu, wait_for_crashes};
use super::steps::{
    RESOLVER, add_resolver, delete_late_service, paste, restart_coredns, wait_for_coredns,
    write_corefile, write_forward,
};
use crate::bed::Bed;
use crate::trouble::{CoreDns, Rules, wait_for_old_coredns_to_end};

/// What pods of CoreDNS answer reaches node2 and not node1.
pub(super) fn cut_off(bed: &Bed) -> Made<'_> {
    end_storm(bed);
    let rules = CoreDns::all(bed).into_iter().flat_map(|pod| {
        let (family, others) = match pod.addr.contains(':') {
            true => ("ip6", "{ fd00:250::12, fd00:244:2::/64 }"),
            false => ("ip", "{ 10.250.0.12, 10.244.2.0/24 }"),
        };
        ["udp", "tcp"].map(|protocol| {
            let answers = format!("{family} saddr {} {protocol} sport 53", pod.addr);
            format!("{answers} {family} daddr != {others}")
        })
    });
    let rules: Vec<_> = rules.collect();
    vec![Box::new(Rules::drop(bed, 0, &rules))]
}

/// CoreDNS has too little CPU for what the bed asks.
pub(super) fn throttle(bed: &Bed) -> Made<'_> {
    end_storm(bed);
    limit_cpu(bed, "20m");
    pace(Duration::from_secs(60));
    Vec::new()
}

/// The Corefile names a server that nobody knows of; it answers as the other does.
pub(super) fn forward_unexpectedly(bed: &Bed) -> Made<'_> {
    add_resolver(bed);
    write_forward(bed, "10.250.0.54");
    restart_coredns(bed);
    Vec::new()
}

/// By hand: the printed command only shows the file.
pub(super) fn forward_as_expected(bed: &Bed, commands: &[String]) {
    paste(bed, commands, "get configmap coredns", |command| command);
    write_forward(bed, RESOLVER);
    restart_coredns(bed);
}

/// A pod of CoreDNS does not reach the API server any more when a Service is made.
pub(super) fn leave_data(bed: &Bed) -> Made<'_> {
    end_storm(bed);
    wait_for_old_coredns_to_end(bed, 2);
    let pods = CoreDns::all(bed);
    let pod = pods.iter().find(|pod| !pod.addr.contains(':')).unwrap();
    let way = [
        format!("ip saddr {} ip daddr 10.96.0.1 tcp dport 443", pod.addr),
        format!("ip saddr 10.250.0.1 ip daddr {} tcp sport 6443", pod.addr),
    ];
    let rules = [0, 1].map(|node| Rules::drop(bed, node, &way));
    bed.kubectl("-n kube-system create service clusterip late --tcp=80");
    // What is younger than a minute may be on its way.
    pace(Duration::from_secs(75));
    rules
        .map(|rules| Box::new(rules) as Box<dyn Trouble>)
        .into()
}

pub(super) fn replace_pod(bed: &Bed, commands: &[String]) {
    paste(bed, commands, "delete pod coredns-", |command| command);
    wait_for_coredns(bed);
    wait_for_old_coredns_to_end(bed, 2);
    delete_late_service(bed);
}

/// As where the kubelet gives CoreDNS the stub of the node's systemd-resolved.
pub(super) fn forward_to_itself(bed: &Bed) -> Made<'_> {
    add_resolver(bed);
    write_corefile(bed, "127.0.0.53", Some("loop"));
    bed.kubectl("-n kube-system delete pods -l k8s-app=kube-dns");
    wait_for_crashes(bed);
    Vec::new()
}

/// That of the case before, if there was one.
fn end_storm(bed: &Bed) {
    let line = ["delete", "namespace", "shop", "--wait=false"];
    bed.cluster.kubectl(&line).ok();
}
