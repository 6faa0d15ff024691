//! Addresses that come late, go round and outlive their pods; not one query is
//! on the account of another.

use serde_json::json;
use testbed::{Component, have};

use crate::world::{World, pod, running};

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
    world.proxy.wait_for("cart", 2);
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
    let no_client = || world.proxy.page("clients/127.0.0.2").is_null();
    assert!(testbed::eventually(crate::world::SOON, no_client));
    world.create(&pod("db-0", ("StatefulSet", "db"), &json!({})));
    world.patch("db-0", &running(&["127.0.0.2"]));
    world.proxy.wait_for_addresses(3);
    world.proxy.ask("127.0.0.2");
    world.proxy.wait_for("db", 1);

    world.create(&pod("cart-1", ("DaemonSet", "cart"), &json!({})));
    world.patch("cart-1", &running(&["127.0.0.2"]));
    let of_nobody = || world.proxy.page("clients/127.0.0.2").is_null();
    assert!(testbed::eventually(crate::world::SOON, of_nobody));
    world.proxy.ask("127.0.0.2");
    world.proxy.wait_for_owner("127.0.0.2", Some("cart"));
    world.delete("db-0");
    // An event that comes later is taken later.
    world.create(&pod("mark-1", ("DaemonSet", "mark"), &json!({})));
    world.patch("mark-1", &running(&["127.0.0.9"]));
    world.proxy.wait_for_addresses(4);
    world.proxy.ask("127.0.0.2");
    assert_eq!(world.proxy.wait_for("cart", 2).pods, 1);
}

/// Its status keeps the address.
fn a_pod_has_ended(world: &World) {
    world.patch("cart-1", &json!({ "status": { "phase": "Succeeded" } }));
    world.proxy.wait_for_addresses(3);
    world.proxy.ask("127.0.0.2");
    world.proxy.wait_for("127.0.0.2", 1);
    assert_eq!(world.proxy.wait_for("cart", 2).pods, 0);
    world.delete("cart-1");
}

fn a_pod_has_two_families(world: &World) {
    world.create(&pod("both-1", ("Job", "both"), &json!({})));
    // The second was the node's until then.
    world.patch("both-1", &running(&["127.0.0.4", "::1"]));
    world.proxy.wait_for_addresses(4);
    for client in ["127.0.0.4", "::1"] {
        world.proxy.ask(client);
        world.proxy.wait_for_owner(client, Some("both"));
    }
    let both = world.proxy.wait_for("both", 2);
    assert_eq!((both.pods, both.clients.len(), &*both.kind), (1, 2, "Job"));
}

fn a_pod_is_on_the_host_network(world: &World) {
    world.create(&pod("agent-1", ("DaemonSet", "agent"), &json!({ "hostNetwork": true })));
    let mut status = running(&["127.0.0.5"]);
    status["status"]["hostIP"] = "127.0.0.5".into();
    status["status"]["hostIPs"] = json!([{ "ip": "127.0.0.5" }]);
    world.patch("agent-1", &status);
    world.proxy.wait_for_addresses(5);
    world.proxy.ask("127.0.0.5");
    world.proxy.wait_for_owner("127.0.0.5", Some("node-a"));
    let client = world.proxy.page("clients/127.0.0.5");
    assert_eq!((&client["workload"]["kind"], &client["pod"]), (&json!("Node"), &json!(null)));
}
