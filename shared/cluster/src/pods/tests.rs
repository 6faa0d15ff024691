//! Addresses that come late, go round and outlive their pods.

use serde_json::{Value, json};

use super::*;

struct World(Pods);

impl World {
    fn new() -> Self {
        let kubelet =
            Kubelet { cluster_domain: "cluster.local".to_owned(), search: vec![], ndots: None };
        Self(Pods::new(Scope::All, kubelet))
    }

    /// Returns the changes as `address=pod`.
    fn apply(&mut self, pod: &Value) -> String {
        text(&self.0.apply(&serde_json::from_value(pod.clone()).unwrap()))
    }

    fn delete(&mut self, pod: &Value) -> String {
        text(&self.0.delete(&serde_json::from_value(pod.clone()).unwrap()))
    }
}

fn text(changes: &[Change]) -> String {
    let name = |who: &Option<Holder>| match who {
        None => "nobody".to_owned(),
        Some(Holder::Node(node)) => format!("node/{node}"),
        Some(Holder::Pod(pod)) => pod.name.clone(),
    };
    let each = changes
        .iter()
        .map(|(addr, who)| format!("{addr}={}", name(who)));
    each.collect::<Vec<_>>().join(" ")
}

/// A running pod whose uid is its name; `second` is when it started.
fn pod(name: &str, second: u8, ips: &[&str]) -> Value {
    let list: Vec<_> = ips.iter().map(|ip| json!({ "ip": ip })).collect();
    json!({
        "metadata": { "name": name, "namespace": "shop", "uid": name },
        "spec": { "nodeName": "node-a" },
        "status": {
            "phase": "Running",
            "startTime": format!("2026-11-28T05:45:{second:02}Z"),
            "podIP": ips.first(),
            "podIPs": list,
        },
    })
}

fn ended(mut pod: Value, phase: &str) -> Value {
    pod["status"]["phase"] = phase.into();
    pod
}

#[test]
fn an_address_comes_late() {
    let mut world = World::new();
    assert_eq!(world.apply(&pod("web-1", 1, &[])), "");
    assert!(world.0.is_empty());
    assert_eq!(world.apply(&pod("web-1", 1, &["10.0.0.1"])), "10.0.0.1=web-1");
    assert_eq!(world.apply(&pod("web-1", 1, &["10.0.0.1"])), "");
    assert_eq!(world.0.len(), 1);
    // After the node began anew the pod has another one.
    let moved = world.apply(&pod("web-1", 1, &["10.0.0.2"]));
    assert_eq!(moved, "10.0.0.1=nobody 10.0.0.2=web-1");
    assert_eq!(world.delete(&pod("web-1", 1, &["10.0.0.2"])), "10.0.0.2=nobody");
    assert!(world.0.is_empty() && world.0.addrs.is_empty());
}

#[test]
fn a_pod_that_has_ended_has_no_address_whatever_it_says() {
    for phase in ["Succeeded", "Failed"] {
        let mut world = World::new();
        let job = pod("job-1", 1, &["10.0.0.1"]);
        assert_eq!(world.apply(&job), "10.0.0.1=job-1");
        assert_eq!(world.apply(&ended(job.clone(), phase)), "10.0.0.1=nobody");
        assert_eq!(world.apply(&pod("web-1", 2, &["10.0.0.1"])), "10.0.0.1=web-1");
        assert_eq!(world.apply(&ended(job.clone(), phase)), "");
        assert_eq!(world.delete(&ended(job, phase)), "");
    }
}

#[test]
fn of_two_pods_with_an_address_the_younger_one_has_it() {
    let (old, young) = (pod("old", 1, &["10.0.0.1"]), pod("young", 2, &["10.0.0.1"]));
    // Whichever is heard of first, and whichever event comes late.
    let mut world = World::new();
    assert_eq!(world.apply(&old), "10.0.0.1=old");
    assert_eq!(world.apply(&young), "10.0.0.1=young");
    assert_eq!(world.apply(&old), "");
    assert_eq!(world.delete(&old), "");
    assert_eq!(world.delete(&young), "10.0.0.1=nobody");
    let mut world = World::new();
    assert_eq!(world.apply(&young), "10.0.0.1=young");
    assert_eq!(world.apply(&old), "");
    // A pod of the same name is another one.
    let mut again = pod("young", 3, &["10.0.0.1"]);
    again["metadata"]["uid"] = "again".into();
    assert_eq!(world.apply(&again), "10.0.0.1=young");
    assert_eq!(world.delete(&young), "");
}

#[test]
fn a_pod_has_addresses_of_both_families() {
    let mut world = World::new();
    let both = pod("web-1", 1, &["10.0.0.1", "fd00::1"]);
    assert_eq!(world.apply(&both), "10.0.0.1=web-1 fd00::1=web-1");
    assert_eq!(world.apply(&pod("web-1", 1, &["fd00::1"])), "10.0.0.1=nobody");
    assert_eq!(world.delete(&both), "fd00::1=nobody");
    // An old API has no list.
    let mut one = both;
    one["status"]["podIPs"] = json!([]);
    assert_eq!(world.apply(&one), "10.0.0.1=web-1");
}

#[test]
fn the_host_network_is_the_nodes() {
    let mut world = World::new();
    let mut proxy = pod("kube-proxy-x", 1, &["192.0.2.1"]);
    proxy["spec"]["hostNetwork"] = true.into();
    assert_eq!(world.apply(&proxy), "192.0.2.1=node/node-a");
    let mut web = pod("web-1", 2, &["10.0.0.1"]);
    web["status"]["hostIP"] = "192.0.2.1".into();
    web["status"]["hostIPs"] = json!([{ "ip": "192.0.2.1" }, { "ip": "fd00::ff" }]);
    assert_eq!(world.apply(&web), "10.0.0.1=web-1 fd00::ff=node/node-a");
    assert_eq!(world.delete(&proxy), "");
    assert_eq!(world.delete(&web), "10.0.0.1=nobody 192.0.2.1=nobody fd00::ff=nobody");
}

#[test]
fn what_a_list_does_not_name_is_gone() {
    let mut world = World::new();
    let (stays, goes) = (pod("stays", 1, &["10.0.0.1"]), pod("goes", 1, &["10.0.0.2"]));
    world.apply(&stays);
    world.apply(&goes);
    world.0.list_begins();
    assert_eq!(world.apply(&stays), "");
    assert_eq!(world.apply(&pod("comes", 2, &["10.0.0.3"])), "10.0.0.3=comes");
    assert_eq!(text(&world.0.list_ends()), "10.0.0.2=nobody");
    assert_eq!((world.0.len(), text(&world.0.list_ends())), (2, String::new()));
}

#[test]
fn an_address_that_is_none_is_left_out() {
    let mut world = World::new();
    assert_eq!(world.apply(&pod("web-1", 1, &["", "10.0.0.300", "10.0.0.1"])), "10.0.0.1=web-1");
}

#[test]
fn a_pod_says_how_it_looks_names_up() {
    let mut web = pod("web-1", 1, &["10.0.0.1"]);
    web["spec"]["dnsConfig"] = json!({ "options": [{ "name": "ndots", "value": "2" }] });
    let mut world = World::new();
    let changes = world.0.apply(&serde_json::from_value(web).unwrap());
    let Some(Holder::Pod(pod)) = &changes[0].1 else { panic!("{changes:?}") };
    assert_eq!((pod.resolver.ndots, pod.resolver.search.len()), (2, 3));
    assert_eq!(pod.options[0].value.as_deref(), Some("2"));
    assert_eq!(pod.started, Some(1_795_844_701));
}
