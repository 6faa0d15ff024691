//! What breaks around the proxy, and may not reach a client.

use testbed::pace;

use crate::bed::Bed;
use crate::lookups::{Asked, Phases};
use crate::trouble::{
    CoreDns, break_coredns, empty_connection_table, exhaust_memory, fill_connection_table,
    lose_replies, mend_coredns, refused_connections, restarts, silence,
};

/// Each trouble, one after the other. The proxies go through all of them without a
/// restart, but for the first, and answer `stats` in each.
pub(crate) fn live_through(bed: &Bed, phases: &mut Phases) {
    phases.run("out of memory on node1", Asked::All, || exhaust_memory(bed));
    phases.restore("back on node1", Asked::All, || bed.wait_until_live(0));
    let pods = [bed.pod(0), bed.pod(1)];
    let before = pods.each_ref().map(|pod| restarts(bed, pod));
    one_coredns_is_ill(bed, phases);
    coredns_moves_unseen(bed, phases);
    coredns_is_gone(bed, phases);
    connections_have_no_room(bed, phases);
    assert_eq!(pods.each_ref().map(|pod| restarts(bed, pod)), before);
}

fn one_coredns_is_ill(bed: &Bed, phases: &mut Phases) {
    let pod = CoreDns::of_node2(bed);
    let mut rules = None;
    phases.run("one CoreDNS silent", Asked::All, || rules = Some(silence(bed, &pod)));
    phases.settle("the same, later", Asked::All);
    let line = format!("an upstream is silent upstream={}:53", pod.addr);
    bed.wait_for_log(0, &line);
    bed.stats(0);
    phases.restore("it answers again", Asked::All, || drop(rules.take()));
    bed.wait_for_log(0, &format!("an upstream answers again upstream={}:53", pod.addr));
    phases.run("replies of one CoreDNS lost on node1", Asked::All, || {
        rules = Some(lose_replies(bed, &pod));
    });
    phases.settle("the same, later", Asked::All);
    phases.restore("they arrive again", Asked::All, || drop(rules.take()));
}

/// node1's rules lead to pods that are gone.
fn coredns_moves_unseen(bed: &Bed, phases: &mut Phases) {
    let proxy = |signal| {
        let space = bed.cluster.nodes[0].space();
        space.signal("kube-proxy", signal).unwrap();
    };
    phases.run("CoreDNS rolled, kube-proxy of node1 stopped", Asked::All, || {
        proxy("STOP");
        bed.kubectl("-n kube-system rollout restart deployment/coredns");
        bed.cluster
            .wait_for_rollout("kube-system", "deployment/coredns")
            .unwrap();
    });
    phases.settle("the same, later", Asked::All);
    bed.stats(0);
    phases.restore("kube-proxy goes on", Asked::All, || proxy("CONT"));
}

fn coredns_is_gone(bed: &Bed, phases: &mut Phases) {
    let mut file = String::new();
    phases.run("CoreDNS in CrashLoopBackOff", Asked::Seen, || {
        file = break_coredns(bed);
        pace(std::time::Duration::from_secs(30));
    });
    bed.stats(0);
    phases.restore("CoreDNS comes back", Asked::Seen, || mend_coredns(bed, &file));
    phases.run("CoreDNS is back", Asked::All, || {});
}

fn connections_have_no_room(bed: &Bed, phases: &mut Phases) {
    let mut before = 0;
    phases.run("connection table of node1 full", Asked::All, || {
        fill_connection_table(bed);
        before = refused_connections(bed);
    });
    phases.settle("the same, later", Asked::All);
    assert!(refused_connections(bed) > before, "the table took all");
    bed.stats_on_the_node(0);
    phases.run("it has room again", Asked::All, || empty_connection_table(bed));
}
