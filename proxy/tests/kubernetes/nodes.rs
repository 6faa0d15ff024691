//! In front of CoreDNS: the pods of all nodes ask.

use serde_json::json;
use testbed::{Apiserver, Component, eventually, have};

use crate::world::{PODS, Proxy, SOON, api, create, of_all, of_node, on_node, pod, running};

#[test]
fn the_pods_of_all_nodes_have_names_in_front_of_core_dns() {
    if !have(Component::Apiserver) {
        return;
    }
    let api = api();
    for (n, node) in NODES.iter().enumerate() {
        run_on(&api, node, n);
    }
    let [all, one] = [of_all(&api), of_node(&api, api.addr())].map(|told| Proxy::start(&told));
    // Of each node a pod and the node; and of one a pod and our own addresses.
    for (proxy, addresses) in [(&all, 6), (&one, 4)] {
        proxy.wait_until_watching();
        proxy.wait_for_addresses(addresses);
    }
    for (n, node) in NODES.iter().enumerate() {
        asks(&all, &format!("127.0.1.{n}"), &format!("web-{n}"));
        asks(&all, &format!("127.0.2.{n}"), node);
    }
    // On the node only its own have names.
    asks(&one, "127.0.1.0", "web-0");
    asks(&one, "127.0.1.1", "127.0.1.1");
    asks(&one, "127.0.2.1", "127.0.2.1");

    an_address_goes_to_another_node(&api, &all, &one);
    a_pod_comes_to_its_node_late(&api, &all, &one);
}

/// A pod with the address 127.0.1.N, on a node with 127.0.2.N.
fn run_on(api: &Apiserver, node: &str, n: usize) {
    let name = format!("web-{n}-0");
    let owner = format!("web-{n}");
    create(api, PODS, &pod(&name, ("StatefulSet", &owner), &json!({ "nodeName": node })));
    let status = on_node(&running(&[&format!("127.0.1.{n}")]), &format!("127.0.2.{n}"));
    patch(api, &name, &status);
}

/// With nobody but us on the old one: we hear of it there, and not of who has it
/// then.
fn an_address_goes_to_another_node(api: &Apiserver, all: &Proxy, one: &Proxy) {
    patch(api, "web-0-0", &json!({ "status": { "phase": "Succeeded" } }));
    let away = json!({ "nodeName": NODES[2] });
    create(api, PODS, &pod("moved-0", ("StatefulSet", "moved"), &away));
    patch(api, "moved-0", &running(&["127.0.1.0"]));
    for proxy in [all, one] {
        let has_no_account = || proxy.page("clients/127.0.1.0").is_null();
        assert!(eventually(SOON, has_no_account));
    }
    all.ask("127.0.1.0");
    all.wait_for_owner("127.0.1.0", Some("moved"));
    asks(one, "127.0.1.0", "127.0.1.0");
    for proxy in [all, one] {
        proxy.wait_for("web-0", 1);
    }
}

/// The scheduler binds it after it was created.
fn a_pod_comes_to_its_node_late(api: &Apiserver, all: &Proxy, one: &Proxy) {
    create(api, PODS, &pod("late-0", ("StatefulSet", "late"), &json!({ "nodeName": null })));
    for proxy in [all, one] {
        asks(proxy, "127.0.1.9", "127.0.1.9");
    }
    let to = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": { "name": "late-0" },
        "target": { "apiVersion": "v1", "kind": "Node", "name": NODES[0] },
    });
    create(api, &format!("{PODS}/late-0/binding"), &to);
    patch(api, "late-0", &running(&["127.0.1.9"]));
    for proxy in [all, one] {
        proxy.wait_for("late", 1);
    }
}

fn asks(proxy: &Proxy, client: &str, owner: &str) {
    proxy.ask(client);
    proxy.wait_for(owner, 1);
}

fn patch(api: &Apiserver, name: &str, status: &serde_json::Value) {
    let path = format!("{PODS}/{name}/status");
    api.request("PATCH", &path, &status.to_string()).unwrap();
}

/// Ours is the first.
const NODES: [&str; 3] = [crate::world::NODE, "node-b", "node-c"];
