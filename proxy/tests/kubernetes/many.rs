//! As many pods as a node has, and as a cluster has.

use serde_json::json;
use testbed::{Apiserver, Component, have};

use crate::world::{PODS, Proxy, api, pod, running, told};

#[test]
fn five_thousand_pods_are_listed_and_those_of_a_node_cost_little() {
    if !have(Component::Apiserver) {
        return;
    }
    let api = api();
    let without = Proxy::start("[kubernetes]\nenabled = \"never\"\n");
    create(&api, 0..ON_A_NODE);
    let proxy = Proxy::start(&told(&api));
    proxy.wait_for_addresses(ON_A_NODE + OWN);
    let [less, more] = [&without, &proxy].map(|proxy| rss_kib(proxy.process.pid()));
    println!("{ON_A_NODE} pods: {} KiB more than the {less} without", more.saturating_sub(less));
    assert!(more < less + MOST_KIB, "{more} KiB, and {less} without");

    create(&api, ON_A_NODE..IN_A_CLUSTER);
    // Both that which was told of each and that which has to list all.
    let late = Proxy::start(&told(&api));
    for proxy in [&proxy, &late] {
        proxy.wait_for_addresses(IN_A_CLUSTER + OWN);
        println!("{IN_A_CLUSTER} pods: {} KiB", rss_kib(proxy.process.pid()));
        proxy.ask("127.1.0.200");
        assert_eq!(proxy.wait_for("web-200", 1).pods, 1);
    }
}

/// Pod N has the address 127.1.0.0 + N.
fn create(api: &Apiserver, numbers: std::ops::Range<usize>) {
    let numbers: Vec<_> = numbers.collect();
    for part in numbers.chunks(PART) {
        let made = part.iter().map(|n| {
            let (name, owner) = (format!("web-{n}-0"), format!("web-{n}"));
            let pod = pod(&name, ("StatefulSet", &owner), &json!({}));
            ("POST", PODS.to_owned(), pod.to_string())
        });
        api.requests(&made.collect::<Vec<_>>()).unwrap();
        let run = part.iter().map(|n| {
            let status = running(&[&format!("127.1.{}.{}", n / 256, n % 256)]);
            ("PATCH", format!("{PODS}/web-{n}-0/status"), status.to_string())
        });
        api.requests(&run.collect::<Vec<_>>()).unwrap();
    }
}

fn rss_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let field = line.unwrap().split_whitespace().nth(1);
    field.unwrap().parse().unwrap()
}

const ON_A_NODE: usize = 250;
const IN_A_CLUSTER: usize = 5000;
const PART: usize = 500;

/// The loopback of both families, which it serves.
const OWN: usize = 2;
const MOST_KIB: u64 = 8 * 1024;
