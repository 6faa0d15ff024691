//! The API goes away and comes back, the way to it does, or it stands still.

use std::time::{Duration, Instant};

use serde_json::json;
use testbed::{Component, by_length, eventually, have};

use crate::world::{SOON, World, next_second};

/// What was known stays in force without an API server; what happened meanwhile
/// is learned after.
#[test]
fn names_stay_while_the_api_is_away() {
    if !have(Component::Apiserver) {
        return;
    }
    let mut world = World::new();
    for (owner, ip) in [("web", "127.0.0.2"), ("db", "127.0.0.3"), ("job", "127.0.0.4")] {
        world.run(owner, ip);
    }
    world.proxy.wait_for_addresses(5);

    world.relay.cut();
    world.api.crash();
    assert!(world.api.process().is_none());
    assert!(eventually(SOON, || world.proxy.state() == "away"));
    let asked = queries_go_on(&world);
    let told = world.proxy.workloads().kubernetes.unwrap();
    assert!(told.error.unwrap().contains("refused"), "it should say why");
    for (owner, queries) in [("web", asked), ("db", asked), ("127.0.0.9", 1)] {
        world.proxy.wait_for(owner, queries);
    }

    // Others reach the API before we do.
    world.api.resume().unwrap();
    world.delete("db-0");
    world.patch("job-0", &json!({ "status": { "phase": "Failed" } }));
    next_second();
    world.run("late", "127.0.0.3");
    assert_eq!(world.proxy.state(), "away");
    world.relay.open();
    assert!(eventually(SOON, || world.proxy.state() == "watching"));
    let told = world.proxy.workloads().kubernetes.unwrap();
    assert!(told.since_s <= SEEN.as_secs() && told.error.is_none(), "{told:?}");
    // Web's, late's and our own two.
    world.proxy.wait_for_addresses(4);
    for client in ["127.0.0.2", "127.0.0.3", "127.0.0.4"] {
        world.proxy.ask(client);
    }
    for (owner, queries) in [("web", asked + 1), ("db", asked), ("late", 1), ("127.0.0.4", 1)] {
        world.proxy.wait_for(owner, queries);
    }
}

/// Two pods ask over and over, from when the API is shown as away for as long as
/// it stays away, and a new client does once; returns how often each pod asked.
#[expect(clippy::disallowed_methods, reason = "how long the API is away is what is tested")]
fn queries_go_on(world: &World) -> u64 {
    let (start, mut asked) = (Instant::now(), 0);
    let away = by_length(Duration::from_secs(5), Duration::from_secs(60));
    world.proxy.ask("127.0.0.9");
    assert!(eventually(away + SOON, || {
        world.proxy.ask("127.0.0.2");
        world.proxy.ask("127.0.0.3");
        asked += 1;
        let before = start.elapsed().as_secs();
        let told = world.proxy.workloads().kubernetes.unwrap();
        assert_eq!(told.state, "away");
        // It was for a moment before we saw it.
        let since = before.saturating_sub(1)..=start.elapsed().as_secs() + SEEN.as_secs();
        assert!(since.contains(&told.since_s), "{} s, not {since:?}", told.since_s);
        assert_eq!(told.addresses, 5);
        start.elapsed() > away
    }));
    println!("{asked} queries of each of two pods in {:?} without an API", start.elapsed());
    asked
}

/// A world with two pods that the proxy knows.
fn two_pods() -> World {
    let world = World::new();
    world.run("web", "127.0.0.2");
    world.run("db", "127.0.0.3");
    world.proxy.wait_for_addresses(4);
    world
}

/// It goes on from the version that it had: nothing is listed again, and
/// nothing is missed.
#[test]
fn a_watch_that_is_dropped_goes_on_where_it_ended() {
    if !have(Component::Apiserver) {
        return;
    }
    let mut world = two_pods();
    world.proxy.ask("127.0.0.2");
    world.proxy.wait_for("web", 1);
    let before = lists(&world);
    assert!(before > 0, "ours is counted");

    world.relay.cut();
    assert!(eventually(SOON, || world.proxy.state() == "away"));
    world.delete("web-0");
    world.run("cart", "127.0.0.2");
    world.run("late", "127.0.0.4");
    world.relay.open();
    assert!(eventually(SOON, || world.proxy.state() == "watching"));
    // It comes after the others.
    world.proxy.wait_for_addresses(5);
    world.run("live", "127.0.0.5");
    world.proxy.wait_for_addresses(6);
    for (client, owner) in PODS {
        world.proxy.ask(client);
        world.proxy.wait_for(owner, 1);
    }
    world.proxy.wait_for("web", 1);
    assert_eq!(lists(&world), before);
}

/// A server that begins anew has no versions from before: all is listed, and what
/// the list does not name is gone.
#[test]
fn what_ended_unseen_is_gone_from_the_next_list() {
    if !have(Component::Apiserver) {
        return;
    }
    let mut world = two_pods();
    world.proxy.ask("127.0.0.3");
    world.proxy.wait_for("db", 1);

    world.relay.cut();
    for name in ["web-0", "db-0"] {
        world.delete(name);
    }
    world.run("cart", "127.0.0.2");
    world.api.crash();
    world.api.resume().unwrap();
    world.relay.open();
    world.proxy.wait_for_addresses(3);
    assert_eq!(world.proxy.state(), "watching");
    for client in ["127.0.0.2", "127.0.0.3"] {
        world.proxy.ask(client);
    }
    for (owner, queries) in [("cart", 1), ("db", 1), ("127.0.0.3", 1)] {
        world.proxy.wait_for(owner, queries);
    }
    assert!(world.proxy.row("web").is_none());
}

/// How often the API server was asked for all pods that somebody may see.
fn lists(world: &World) -> u64 {
    let metrics = world.api.request("GET", "/metrics", "").unwrap();
    let is_list = |line: &&str| {
        let parts = ["resource=\"pods\"", "scope=\"cluster\"", "verb=\"LIST\""];
        line.starts_with("apiserver_request_total{") && parts.iter().all(|part| line.contains(part))
    };
    let count = |line: &str| line.rsplit(' ').next()?.parse::<u64>().ok();
    metrics.lines().filter(is_list).filter_map(count).sum()
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
    world.run("web", "127.0.0.3");
    world.proxy.wait_for_addresses(3);
    world.proxy.ask("127.0.0.3");
    world.proxy.wait_for("web", 1);
}

/// Who has which address in the end.
const PODS: [(&str, &str); 4] =
    [("127.0.0.2", "cart"), ("127.0.0.3", "db"), ("127.0.0.4", "late"), ("127.0.0.5", "live")];

/// As long as it may take until we see that the API is away.
const SEEN: Duration = Duration::from_secs(5);
