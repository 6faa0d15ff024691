//! Loops, the connection table, and what looks as if it were full.

use super::*;

#[test]
fn a_loop_through_a_pod_is_one_of_the_cluster() {
    let looped = |hop: String| {
        let hops = ["us", &hop, "us"].map(str::to_owned).into();
        let alone = Some(vec![Peer::default()]);
        changed(|evidence| {
            evidence.rings = Some(vec![Ring { hops, ..Ring::default() }]);
            evidence.peers = alone;
        })
    };
    let pod = healthy().coredns.unwrap()[0].addr.unwrap();
    let scope = |hop| only(&looped(hop)).scope;
    assert_eq!(scope(pod.to_string()), Scope::Cluster);
    assert_eq!(scope("192.0.2.1:53".to_owned()), Scope::Node);
}

#[test]
fn a_full_table_is_told_from_a_service_without_endpoints() {
    let full = changed(|evidence| {
        let table = evidence.conntrack.as_mut().unwrap();
        (table.count, table.dropped) = (1_000, 40);
        table.top = vec![("10.244.0.9".to_owned(), 800)];
        let service = evidence.service.as_mut().unwrap();
        service.udp = Tries { sent: 20, not_permitted: 20, ..Tries::default() };
        service.tcp = tries(0, 5);
        for server in evidence.coredns.as_mut().unwrap() {
            server.udp = Tries { sent: 10, not_permitted: 10, ..Tries::default() };
            server.tcp = tries(0, 5);
        }
    });
    let finding = only(&full);
    assert_eq!((finding.cause, finding.scope), (Cause::ConntrackFull, Scope::Node));
    assert_eq!(finding.culprit.as_deref(), Some("10.244.0.9 with 800 of 1000 entries"));

    // kube-proxy rejects: EPERM as well, but TCP is refused and no counter moves.
    let empty = changed(|evidence| {
        let service = evidence.service.as_mut().unwrap();
        service.udp = Tries { sent: 20, not_permitted: 20, ..Tries::default() };
        service.tcp = Tries { sent: 5, refused: 5, ..Tries::default() };
        evidence.cluster.as_mut().unwrap().endpoints.clear();
        evidence.coredns = Some(Vec::new());
        evidence.through = Some(Vec::new());
    });
    let finding = only(&empty);
    assert_eq!((finding.cause, finding.scope), (Cause::NoEndpoints, Scope::Cluster));
    // Each namespace has its own table.
    let of_pod = only(&changed(|evidence| {
        let table = evidence.conntrack.as_mut().unwrap();
        let who = "nginx of /kubepods/pod7".to_owned();
        table.elsewhere = vec![FullTable { netns: 4_026_532_177, who, lines: 3 }];
    }));
    assert_eq!((of_pod.cause, of_pod.scope), (Cause::ConntrackFull, Scope::Workload));
    assert!(of_pod.culprit.unwrap().contains("4026532177"));
    // With another datapath for Services a drop is a drop all the same.
    let elsewhere = |dropped| {
        causes(&changed(|evidence| {
            let table = evidence.conntrack.as_mut().unwrap();
            (table.applies, table.count, table.dropped) = (false, table.max, dropped);
        }))
    };
    assert_eq!(elsewhere(0), []);
    assert_eq!(elsewhere(40), [Cause::ConntrackFull]);
}
