//! Causes beside the six of the runbook.

use std::time::Duration;

use testbed::pace;

use super::cases::{Made, limit_cpu};
use super::steps::{RESOLVER, add_resolver, paste, restart_coredns, write_forward};
use crate::bed::Bed;
use crate::trouble::{CoreDns, Rules};

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

/// That of the case before, if there was one.
fn end_storm(bed: &Bed) {
    let line = ["delete", "namespace", "shop", "--wait=false"];
    bed.cluster.kubectl(&line).ok();
}
