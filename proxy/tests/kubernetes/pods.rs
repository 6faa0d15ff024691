//! Addresses that come late, go round and outlive their pods; not one query is
//! on the account of another.

use serde_json::json;
use testbed::{Component, eventually, have};

use crate::world::{SOON, World, next_second, on_node, pod, running};

#[test]
fn no_query_is_on_the_account_of_another() {
    if !have(Component::Apiserver) {
        return;
    }
    let world = World::new();
    an_address_comes_late(&world);
    an_address_is_another_pods(&world);
    a_pod_has_ended(&world);
    a_pod_has_two_families(&world);
    a_pod_is_on_the_host_network(&world);
    // What was counted first is as it was.
    world.proxy.wait_for("web", 2);
    world.proxy.wait_for("db", 1);
    world.proxy.wait_for("cart", 3);
    world.proxy.wait_for("next", 2);
    world.proxy.wait_for("both", 2);
}

/// It asks twice before the API shows its address.
fn an_address_comes_late(world: &World) {
    let config = json!({ "dnsConfig": { "options": [{ "name": "ndots", "value": "2" }] } });
    world.create(&pod("web-1", ("ReplicaSet", "web-5d4f8c7b9"), &config));
    world.proxy.ask("127.0.0.2");
    world.proxy.ask("127.0.0.2");
    let unnamed = world.proxy.wait_for("127.0.0.2", 2);
    assert_eq!((&*unnamed.kind, unnamed.pods), ("address", 0));
    world.patch("web-1", &running(&["127.0.0.2"]));
    let web = world.proxy.wait_for("web", 2);
    assert_eq!((&*web.namespace, &*web.kind, web.pods), ("shop", "Deployment", 1));
    let client = world.proxy.page("clients/127.0.0.2");
    assert_eq!(client["pod"], "web-1");
    assert_eq!(client["search"]["source"], "pod");
    assert_eq!(client["search"]["ndots"], json!([2, 2]));
    assert_eq!(client["search"]["domains"][0], "shop.svc.cluster.local.");
}

/// First after the other was deleted, then before.
fn an_address_is_another_pods(world: &World) {
    world.delete("web-1");
    let has_no_account = || world.proxy.page("clients/127.0.0.2").is_null();
    assert!(eventually(SOON, has_no_account));
    // What nobody asks is not the next one's, who begins later.
    world.proxy.ask("127.0.0.2");
    world.proxy.wait_for("127.0.0.2", 1);
    next_second();
    world.run("db", "127.0.0.2");
    world.proxy.wait_for_addresses(3);
    world.proxy.ask("127.0.0.2");
    world.proxy.wait_for("db", 1);
    assert_eq!(world.proxy.workloads().unattributed_queries, 1);

    next_second();
    world.create(&pod("cart-1", ("DaemonSet", "cart"), &json!({})));
    world.patch("cart-1", &running(&["127.0.0.2"]));
    assert!(eventually(SOON, has_no_account));
    world.proxy.ask("127.0.0.2");
    world.proxy.wait_for_owner("127.0.0.2", Some("cart"));
    // What is said of the older one later changes nothing; nor does its end. An
    // event that comes later is taken later.
    world.patch("db-0", &json!({ "status": { "message": "on its way out" } }));
    world.run("mark-one", "127.0.0.8");
    world.proxy.wait_for_addresses(4);
    world.proxy.ask("127.0.0.2");
    assert_eq!(world.proxy.wait_for("cart", 2).pods, 1);
    world.delete("db-0");
    world.run("mark-two", "127.0.0.9");
    world.proxy.wait_for_addresses(5);
    world.proxy.ask("127.0.0.2");
    assert_eq!(world.proxy.wait_for("cart", 3).pods, 1);
}

/// Its status keeps the address, and comes again.
fn a_pod_has_ended(world: &World) {
    let ended = json!({ "status": { "phase": "Succeeded" } });
    world.patch("cart-1", &ended);
    world.proxy.wait_for_addresses(4);
    world.proxy.ask("127.0.0.2");
    world.proxy.wait_for("127.0.0.2", 1);
    assert_eq!(world.proxy.wait_for("cart", 3).pods, 0);

    next_second();
    world.run("next", "127.0.0.2");
    world.proxy.wait_for_addresses(5);
    world.proxy.ask("127.0.0.2");
    world.proxy.wait_for("next", 1);
    world.patch("cart-1", &json!({ "status": { "message": "seen to" } }));
    world.delete("cart-1");
    world.run("mark-three", "127.0.0.10");
    world.proxy.wait_for_addresses(6);
    world.proxy.ask("127.0.0.2");
    world.proxy.wait_for("next", 2);

    world.patch("next-0", &json!({ "status": { "phase": "Failed" } }));
    world.proxy.wait_for_addresses(5);
    world.proxy.ask("127.0.0.2");
    world.proxy.wait_for("127.0.0.2", 1);
    world.proxy.wait_for("next", 2);
}

fn a_pod_has_two_families(world: &World) {
    world.create(&pod("both-1", ("Job", "both"), &json!({})));
    // The second was the node's until then.
    world.patch("both-1", &running(&["127.0.0.4", "::1"]));
    world.proxy.wait_for_addresses(6);
    for client in ["127.0.0.4", "::1"] {
        world.proxy.ask(client);
        world.proxy.wait_for_owner(client, Some("both"));
    }
    let both = world.proxy.wait_for("both", 2);
    assert_eq!((both.pods, both.clients.len(), &*both.kind), (1, 2, "Job"));
}

/// Of two on one node the first one ends. The node has an address of each family,
/// of which a kubelet before 1.29 says one.
fn a_pod_is_on_the_host_network(world: &World) {
    world.delete("both-1");
    for name in ["agent-1", "agent-2"] {
        world.create(&pod(name, ("DaemonSet", "agent"), &json!({ "hostNetwork": true })));
        world.patch(name, &on_node(&running(&NODES_OWN), NODES_OWN[0]));
    }
    world.delete("agent-1");
    world.run("mark-four", "127.0.0.11");
    world.proxy.wait_for_addresses(7);
    for client in NODES_OWN {
        world.proxy.ask(client);
        world.proxy.wait_for_owner(client, Some("node-a"));
        let client = world.proxy.page(&format!("clients/{client}"));
        assert_eq!((&client["workload"]["kind"], &client["pod"]), (&json!("Node"), &json!(null)));
    }
    assert!(world.proxy.row("agent").is_none());
}

const NODES_OWN: [&str; 2] = ["127.0.0.5", "::1"];
