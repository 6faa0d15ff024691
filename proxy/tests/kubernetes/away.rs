//! The API goes away and comes back.

use serde_json::json;
use testbed::{Component, eventually, have};

use crate::world::{SOON, World, pod, running};

/// What was known stays in force; what happened meanwhile is learned after.
#[test]
fn names_stay_while_the_api_is_away() {
    if !have(Component::Apiserver) {
        return;
    }
    let mut world = World::new();
    for (name, owner, ip) in [("web-1", "web", "127.0.0.2"), ("db-0", "db", "127.0.0.3")] {
        world.create(&pod(name, ("StatefulSet", owner), &json!({})));
        world.patch(name, &running(&[ip]));
    }
    world.proxy.wait_for_addresses(4);
    world.proxy.ask("127.0.0.2");
    world.proxy.wait_for("web", 1);

    world.api.crash();
    assert!(eventually(SOON, || world.proxy.state() == "away"));
    world.proxy.ask("127.0.0.2");
    world.proxy.wait_for("web", 2);
    let told = world.proxy.workloads().kubernetes.unwrap();
    assert!(told.error.unwrap().contains("refused"), "it should say why");
    world.proxy.ask("127.0.0.7");
    world.proxy.wait_for("127.0.0.7", 1);

    world.api.resume().unwrap();
    assert!(eventually(SOON, || world.proxy.state() == "watching"));
    world.create(&pod("late-0", ("StatefulSet", "late"), &json!({})));
    world.patch("late-0", &running(&["127.0.0.8"]));
    world.delete("db-0");
    world.proxy.wait_for_addresses(4);
    world.proxy.ask("127.0.0.8");
    world.proxy.wait_for("late", 1);
    world.proxy.wait_for("web", 2);
    assert_eq!(world.proxy.workloads().kubernetes.unwrap().error, None);
}

/// Frozen and not gone: connections stay open, and nothing comes.
#[test]
fn a_watch_goes_on_after_a_standstill() {
    if !have(Component::Apiserver) {
        return;
    }
    let world = World::new();
    let api = || world.api.process().unwrap();
    api().signal("STOP").unwrap();
    world.proxy.ask("127.0.0.2");
    world.proxy.wait_for("127.0.0.2", 1);
    api().signal("CONT").unwrap();
    world.create(&pod("web-1", ("StatefulSet", "web"), &json!({})));
    world.patch("web-1", &running(&["127.0.0.3"]));
    world.proxy.wait_for_addresses(3);
    world.proxy.ask("127.0.0.3");
    world.proxy.wait_for("web", 1);
}
