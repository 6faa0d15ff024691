//! Pods that come, are not ready, end, and are in several slices.

use serde_json::{Value, json};

use super::*;

struct World(Endpoints);

impl World {
    fn new() -> Self {
        let [namespace, name] = ["kube-system", "kube-dns"].map(str::to_owned);
        Self(Endpoints::new(ServiceName { namespace, name }))
    }

    /// Returns what changed as `ready | others`.
    fn apply(&mut self, slice: &Value) -> String {
        text(
            &self
                .0
                .apply(&serde_json::from_value(slice.clone()).unwrap()),
        )
    }

    fn delete(&mut self, slice: &Value) -> String {
        text(
            &self
                .0
                .delete(&serde_json::from_value(slice.clone()).unwrap()),
        )
    }
}

fn text(changes: &[ServicePods]) -> String {
    let list = |addrs: &[SocketAddr]| {
        let each: Vec<_> = addrs.iter().map(ToString::to_string).collect();
        each.join(" ")
    };
    let each = changes
        .iter()
        .map(|pods| format!("{} | {}", list(&pods.ready), list(&pods.others)));
    each.collect::<Vec<_>>().join(", ")
}

/// A slice of CoreDNS with endpoints as `address ready serving`.
fn slice(name: &str, endpoints: &[(&str, bool, bool)]) -> Value {
    let endpoint = |(addr, ready, serving): &(&str, bool, bool)| {
        json!({
            "addresses": [addr],
            "conditions": { "ready": ready, "serving": serving, "terminating": ready != serving },
        })
    };
    let endpoints: Vec<_> = endpoints.iter().map(endpoint).collect();
    json!({
        "metadata": { "name": name, "resourceVersion": "7" },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [
            { "name": "metrics", "port": 9153, "protocol": "TCP" },
            { "name": "dns", "port": 5353, "protocol": "UDP" },
        ],
    })
}

#[test]
fn ready_pods_go_before_those_that_end_and_those_that_are_not_ready() {
    let mut world = World::new();
    let all = slice(
        "a",
        &[("10.0.0.3", false, false), ("10.0.0.2", false, true), ("10.0.0.1", true, true)],
    );
    assert_eq!(world.apply(&all), "10.0.0.1:5353 | 10.0.0.2:5353 10.0.0.3:5353");
    assert_eq!(world.apply(&all), "", "nothing has changed");
    // A pod moves from one slice to another, and is in both for a while.
    let moved = slice("b", &[("10.0.0.3", true, true)]);
    assert_eq!(world.apply(&moved), "10.0.0.1:5353 10.0.0.3:5353 | 10.0.0.2:5353");
    assert_eq!(world.delete(&all), "10.0.0.3:5353 | ");
    assert_eq!(world.delete(&moved), " | ", "a Service without pods");
}

#[test]
fn a_list_changes_nothing_before_its_end() {
    let mut world = World::new();
    world.apply(&slice("a", &[("10.0.0.1", true, true)]));
    world.apply(&slice("b", &[("10.0.0.2", true, true)]));
    world.0.list_begins();
    assert_eq!(world.apply(&slice("c", &[("10.0.0.3", true, true)])), "");
    assert_eq!(world.apply(&slice("a", &[("10.0.0.1", true, true)])), "");
    assert_eq!(text(&world.0.list_ends()), "10.0.0.1:5353 10.0.0.3:5353 | ");
}

#[test]
fn what_cannot_be_asked_is_left_out() {
    let mut world = World::new();
    let mut slice = slice("a", &[("10.0.0.1", true, true), ("pod.example", true, true)]);
    assert_eq!(world.apply(&slice), "10.0.0.1:5353 | ");
    slice["endpoints"][0]["conditions"] = json!({});
    assert_eq!(world.apply(&slice), "", "unknown is ready");
    slice["ports"] = Value::Null;
    slice["endpoints"] = Value::Null;
    assert_eq!(world.apply(&slice), " | ");
}
