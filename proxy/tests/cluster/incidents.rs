//! What breaks around the proxy, and may not reach a client.

use testbed::pace;

use crate::bed::Bed;
use crate::lookups::{Asked, Phases};
use crate::trouble::{
    CoreDns, Frozen, Throttled, break_coredns, empty_connection_table, exhaust_memory,
    fill_connection_table, lose_replies, mend_coredns, refused_connections, replace_one_coredns,
    restarts, scale_coredns, silence,
};

/// Each trouble, one after the other. The proxies go through all of them without a
/// restart, but for the first, and answer `stats` in each.
pub(crate) fn live_through(bed: &Bed, phases: &mut Phases) {
    for node in 0..2 {
        let at = format!("on node{}", node + 1);
        phases.run(format!("out of memory {at}"), Asked::All, || exhaust_memory(bed, node));
        phases.restore(format!("back {at}"), Asked::All, || bed.wait_until_live(node));
    }
    let pods = [bed.pod(0), bed.pod(1)];
    let before = pods.each_ref().map(|pod| restarts(bed, pod));
    (0..2).for_each(|node| a_thread_hangs(bed, phases, node));
    one_coredns_is_ill(bed, phases);
    coredns_moves_unseen(bed, phases);
    one_of_three_moves_unseen(bed, phases);
    coredns_is_throttled(bed, phases);
    coredns_is_gone(bed, phases);
    connections_have_no_room(bed, phases);
    assert_eq!(pods.each_ref().map(|pod| restarts(bed, pod)), before);
}

/// Half of the clients meet it.
fn a_thread_hangs(bed: &Bed, phases: &mut Phases, node: usize) {
    let at = format!("on node{}", node + 1);
    let mut frozen = None;
    phases.run(format!("a thread hangs {at}"), Asked::All, || {
        frozen = Some(Frozen::thread(bed, node, "client-0"));
    });
    let status = bed.intercept(node, "status");
    assert!(status.contains("no queries are intercepted"), "{status}");
    bed.stats(node);
    phases.restore(format!("it goes on {at}"), Asked::All, || {
        drop(frozen.take());
        bed.wait_until_live(node);
    });
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
    phases.run("CoreDNS rolled, kube-proxy of node1 stopped", Asked::All, || {
        signal_kube_proxy(bed, "STOP");
        bed.kubectl("-n kube-system rollout restart deployment/coredns");
        bed.cluster
            .wait_for_rollout("kube-system", "deployment/coredns")
            .unwrap();
    });
    phases.settle("the same, later", Asked::All);
    bed.stats(0);
    phases.restore("kube-proxy goes on", Asked::All, || signal_kube_proxy(bed, "CONT"));
}

/// One of three addresses in the rules of node1 is nobody's.
fn one_of_three_moves_unseen(bed: &Bed, phases: &mut Phases) {
    phases.restore("a third CoreDNS", Asked::All, || scale_coredns(bed, 3));
    phases.run("one of three CoreDNS replaced, kube-proxy of node1 stopped", Asked::All, || {
        signal_kube_proxy(bed, "STOP");
        replace_one_coredns(bed);
    });
    phases.settle("the same, later", Asked::All);
    bed.stats(0);
    phases.restore("kube-proxy goes on", Asked::All, || {
        signal_kube_proxy(bed, "CONT");
        scale_coredns(bed, 2);
    });
}

fn coredns_is_throttled(bed: &Bed, phases: &mut Phases) {
    let mut throttled = None;
    phases.run("both CoreDNS throttled to 50m", Asked::All, || {
        throttled = Some([0, 1].map(|node| Throttled::coredns(bed, node)));
    });
    phases.settle("the same, later", Asked::All);
    assert!(throttled.iter().flatten().all(Throttled::was_held), "nothing was throttled");
    bed.stats(0);
    phases.restore("they have CPU again", Asked::All, || drop(throttled.take()));
}

fn signal_kube_proxy(bed: &Bed, signal: &str) {
    let space = bed.cluster.nodes[0].space();
    space.signal("kube-proxy", signal).unwrap();
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
