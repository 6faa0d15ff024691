//! Pods of CoreDNS that are not at fault.

use std::net::IpAddr;

use super::*;

/// Two pods, of which one is at `node`, where the table is full, and answers half of the
/// probes that reach it.
fn beside_a_full_table(node: &str, of_pod: &[IpAddr], both: bool) -> Evidence {
    changed(|evidence| {
        let answers = [if both { tries(0, 10) } else { tries(10, 0) }, tries(5, 5)];
        for servers in [&mut evidence.coredns, &mut evidence.through] {
            let servers = servers.iter_mut().flatten().zip(&answers);
            servers.for_each(|(server, tries)| server.udp.clone_from(tries));
        }
        evidence.service.as_mut().unwrap().udp = tries(10, 10);
        evidence.service.as_mut().unwrap().backends = None;
        let pod = CorednsPod { node: node.to_owned(), ips: of_pod.into(), ..CorednsPod::default() };
        evidence.cluster.as_mut().unwrap().pods = vec![pod];
        evidence.peers.as_mut().unwrap()[0].causes = vec!["conntrack_full".to_owned()];
    })
}

#[test]
fn a_full_table_of_its_node_explains_a_pod_that_is_silent() {
    let [one, both] = [2, 1].map(|first| {
        let pods = (first..3).map(|n| [10, 244, 0, n].into());
        pods.collect::<Vec<IpAddr>>()
    });
    let verdict = judge(&beside_a_full_table("node-b", &one, false));
    assert_eq!((verdict.findings, verdict.outcome), (vec![], Outcome::Healthy));
    let gap = "probes of the CoreDNS pods of node-b: its connection table is full";
    assert!(verdict.gaps.iter().any(|one| one == gap), "{:?}", verdict.gaps);
    assert_eq!(causes(&beside_a_full_table("node-b", &both, true)), []);
    // Elsewhere it is at fault, and one that is not of the API is nowhere.
    for evidence in
        [beside_a_full_table("node-c", &one, false), beside_a_full_table("node-b", &[], false)]
    {
        assert_eq!(causes(&evidence), [Cause::CorednsPodSick]);
    }
}

#[test]
fn half_of_the_other_nodes_are_the_cluster() {
    let scope = |others: usize| {
        let with = Peer { causes: vec!["conntrack_full".to_owned()], ..Peer::default() };
        let evidence = changed(|evidence| {
            evidence.conntrack.as_mut().unwrap().dropped = 1;
            evidence.peers = Some([vec![with], vec![Peer::default(); others]].concat());
        });
        only(&evidence).scope
    };
    assert_eq!([scope(1), scope(2)], [Scope::Cluster, Scope::SeveralNodes]);
}
