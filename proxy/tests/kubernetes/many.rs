//! As many pods as a node has, and as a cluster has.

use serde_json::{Value, json};
use testbed::{Apiserver, Component, by_length, have};

use crate::world::{NODE, PODS, Proxy, api, of_all, of_node, on_node, pod, running};

#[test]
fn thousands_of_pods_are_listed_and_those_of_a_node_cost_little() {
    if !have(Component::Apiserver) {
        return;
    }
    let (api, in_a_cluster) = (api(), in_a_cluster());
    let without = Proxy::start("[kubernetes]\nenabled = \"never\"\n");
    create(&api, 0..ON_A_NODE);
    let node = Proxy::start(&of_node(&api, api.addr()));
    let told = Proxy::start(&of_all(&api));
    node.wait_for_addresses(ON_A_NODE + 1 + OWN);
    told.wait_for_addresses(ON_A_NODE + 1);
    for proxy in [&without, &node] {
        each_asks(proxy, 0..ON_A_NODE);
    }
    costs_little("250 of a node", &node, &without);

    create(&api, ON_A_NODE..in_a_cluster);
    // One was told of each, the other has to list all, page by page.
    let lists = Proxy::start(&of_all(&api));
    for (how, proxy) in [("told", &told), ("listed", &lists)] {
        proxy.wait_for_addresses(in_a_cluster + in_a_cluster / ON_A_NODE);
        shows(&format!("{in_a_cluster}, {how}"), proxy, &without);
        // The first and the last of a page and of all.
        for n in [0, 499, 500, in_a_cluster - 1] {
            proxy.ask(&addr(n));
            let owner = proxy.wait_for(&format!("web-{n}"), 1);
            assert_eq!((owner.pods, owner.clients.len()), (1, 1));
        }
        let last = in_a_cluster / ON_A_NODE - 1;
        proxy.ask(&format!("127.2.0.{last}"));
        assert_eq!(proxy.wait_for(&format!("node-{last}"), 1).kind, "Node");
    }
    // Nothing of it comes to a node.
    node.wait_for_addresses(ON_A_NODE + 1 + OWN);
    node.ask(&addr(ON_A_NODE));
    assert_eq!(node.wait_for(&addr(ON_A_NODE), 1).kind, "address");
    costs_little("250 of all", &node, &without);
}

/// Asks from the address of each, and looks whose account that is on.
fn each_asks(proxy: &Proxy, numbers: std::ops::Range<usize>) {
    for n in numbers.clone() {
        proxy.ask(&addr(n));
    }
    let is_named = proxy.workloads().kubernetes.is_some();
    for n in numbers {
        let owner = if is_named { format!("web-{n}") } else { addr(n) };
        proxy.wait_for(&owner, 1);
    }
}

/// Neither what it holds nor what it ever held is much more.
fn costs_little(what: &str, proxy: &Proxy, without: &Proxy) {
    let [now, most] = shows(what, proxy, without);
    assert!(now < HELD_KIB, "{now} KiB more for {what}");
    assert!(most < MOST_KIB, "{most} KiB more at most for {what}");
}

/// Prints and returns how many KiB more it holds, and held at most.
fn shows(what: &str, proxy: &Proxy, without: &Proxy) -> [u64; 2] {
    let [with, without] = [proxy, without].map(|proxy| resident_kib(proxy.process.pid()));
    let [now, most] = [0, 1].map(|at| with[at].saturating_sub(without[at]));
    println!("{what} pods: {now} KiB more than {without:?}, {most} at most; {with:?} in all");
    [now, most]
}

/// Pod N has the address 127.1.0.0 + N; 250 are on a node.
fn create(api: &Apiserver, numbers: std::ops::Range<usize>) {
    let numbers: Vec<_> = numbers.collect();
    for part in numbers.chunks(PART) {
        let made = part.iter().map(|n| {
            let (name, owner) = (format!("web-{n}-0"), format!("web-{n}"));
            let on = json!({ "nodeName": name_of_node(n / ON_A_NODE) });
            let pod = as_large_as_real(pod(&name, ("StatefulSet", &owner), &on));
            ("POST", PODS.to_owned(), pod.to_string())
        });
        api.requests(&made.collect::<Vec<_>>()).unwrap();
        let run = part.iter().map(|n| {
            let status = on_node(&running(&[&addr(*n)]), &format!("127.2.0.{}", n / ON_A_NODE));
            ("PATCH", format!("{PODS}/web-{n}-0/status"), status.to_string())
        });
        api.requests(&run.collect::<Vec<_>>()).unwrap();
    }
}

fn addr(n: usize) -> String {
    format!("127.1.{}.{}", n / 256, n % 256)
}

/// The first is ours.
fn name_of_node(n: usize) -> String {
    if n == 0 { NODE.to_owned() } else { format!("node-{n}") }
}

/// Adds what we do not read and have to be sent.
fn as_large_as_real(mut pod: Value) -> Value {
    pod["metadata"]["annotations"] = json!({ "padding": "x".repeat(UNREAD) });
    pod
}

/// What a process holds, and the most that it held. Of what it holds only what is
/// its own (proc(5)): pages of its program leave and come back as the kernel
/// likes, and do so from an idle process first.
fn resident_kib(pid: u32) -> [u64; 2] {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    ["RssAnon:", "VmHWM:"].map(|name| {
        let line = status.lines().find(|line| line.starts_with(name));
        let field = line.unwrap().split_whitespace().nth(1);
        field.unwrap().parse().unwrap()
    })
}

/// Three pages of a list at least; creating a pod takes the API server 15 ms.
fn in_a_cluster() -> usize {
    by_length(1_250, 5_000)
}

const ON_A_NODE: usize = 250;
const PART: usize = 500;

/// With what the API server adds, some ten kilobytes for a pod: a container or
/// two, their volumes, and who manages which field.
const UNREAD: usize = 8 * 1024;

/// The loopback of both families, which it serves.
const OWN: usize = 2;
/// The client of the API, and the names of a node. The program of the image holds one
/// MiB; the allocator of glibc keeps up to nine of what a list took.
const HELD_KIB: u64 = 12 * 1024;
/// While a page of 250 workloads with their advice is made, which may be twice at a time.
const MOST_KIB: u64 = 12 * 1024;
