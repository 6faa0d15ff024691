//! `fivedots diagnose --all-nodes` at a real API server: its port-forward reaches what
//! listens on loopback in a Pod, by a kubelet of ours.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;

use diagnose::{Conntrack, Evidence};
use serde_json::{Value, json};
use testbed::{Apiserver, Component, Fivedots, have, port};
use upstream::Upstream;

use crate::kubelet::{Kubelet, Loopback};
use crate::operator::{allow, json_of, run, stdout};
use crate::world::{api, create};

/// A server with the evidence of a proxy whose node drops connections.
fn full() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let table = Conntrack { applies: true, dropped: 7, ..Conntrack::default() };
    let evidence = Evidence { conntrack: Some(table), ..Evidence::default() };
    let body = serde_json::to_string(&evidence).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let head = BufReader::new(&stream).lines().map_while(Result::ok);
            let path = head.take_while(|line| !line.is_empty()).next();
            assert!(path.is_some_and(|path| path.starts_with("GET /api/v1/evidence ")));
            let length = body.len();
            write!(&stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").ok();
        }
    });
    addr
}

/// A node in a zone, whose kubelet is at `kubelet`.
fn node(api: &Apiserver, name: &str, zone: &str, kubelet: SocketAddr) {
    let labels = json!({ "topology.kubernetes.io/zone": zone });
    create(api, "/api/v1/nodes", &json!({ "metadata": { "name": name, "labels": labels } }));
    let status = json!({ "status": {
        "addresses": [{ "type": "InternalIP", "address": kubelet.ip().to_string() }],
        "daemonEndpoints": { "kubeletEndpoint": { "Port": kubelet.port() } },
        "conditions": [{
            "type": "Ready", "status": if name == "node-away" { "Unknown" } else { "True" },
            "reason": "x", "message": "",
        }],
    } });
    let path = format!("/api/v1/nodes/{name}/status");
    api.request("PATCH", &path, &status.to_string()).unwrap();
}

/// The Pod of Fivedots on a node.
fn pod(api: &Apiserver, node: &str, phase: &str) {
    let name = format!("fivedots-{node}");
    let labels = json!({ "app.kubernetes.io/name": "fivedots" });
    let spec = json!({ "nodeName": node, "containers": [{ "name": "c", "image": "i" }] });
    let metadata = json!({ "name": name, "labels": labels });
    create(api, PODS, &json!({ "metadata": metadata, "spec": spec }));
    let status = json!({ "status": { "phase": phase } });
    api.request("PATCH", &format!("{PODS}/{name}/status"), &status.to_string())
        .unwrap();
}

/// Six nodes and their zones. One has no Pod.
const NODES: [(&str, &str); 6] = [
    ("node-well", "a"),
    ("node-full-1", "b"),
    ("node-full-2", "b"),
    ("node-refuses", "a"),
    ("node-silent", "a"),
    ("node-away", "a"),
];

fn fill(api: &Apiserver, well: SocketAddr, full: SocketAddr) -> Kubelet {
    let nobody = port::free(std::net::Ipv4Addr::LOCALHOST).unwrap();
    let pods = [
        ("fivedots-node-well", Loopback::At(well)),
        ("fivedots-node-full-1", Loopback::At(full)),
        ("fivedots-node-full-2", Loopback::At(full)),
        ("fivedots-node-refuses", Loopback::At(nobody)),
        ("fivedots-node-silent", Loopback::Silence),
    ];
    let pods: HashMap<_, _> = pods
        .into_iter()
        .map(|(name, at)| (name.to_owned(), at))
        .collect();
    let kubelet = Kubelet::start(pods);
    for (name, zone) in NODES {
        node(api, name, zone, kubelet.addr);
        if name != "node-away" {
            pod(api, name, "Running");
        }
    }
    node(api, "node-begins", "a", kubelet.addr);
    pod(api, "node-begins", "Pending");
    kubelet
}

#[test]
fn all_nodes_are_asked_over_the_port_forward_of_the_api_server() {
    if !have(Component::Apiserver) {
        return;
    }
    let upstream = Upstream::builder().start().unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    let api = api();
    let _kubelet = fill(&api, proxy.admin, full());
    let refused = run(&api, &["diagnose", "--all-nodes"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("forbidden"), "{refused:?}");

    allow(&api);
    let output = run(&api, &["diagnose", "--all-nodes", "--format", "json"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let fleet = json_of(&output);
    let nodes = fleet["nodes"].as_array().unwrap().iter();
    let nodes: Vec<_> = nodes.map(|one| one["node"].as_str().unwrap()).collect();
    assert_eq!(nodes, ["node-full-1", "node-full-2", "node-well"], "{fleet:#}");
    let cause = &fleet["causes"][0];
    assert_eq!(cause["finding"]["cause"], "conntrack_full", "{fleet:#}");
    let zone = json!({
        "label": "zone", "value": "b", "with": 2, "of": 2, "elsewhere": 0, "others": 1,
    });
    assert_eq!(cause["common"], json!([zone]), "{fleet:#}");
    assert_eq!(unseen(&fleet), UNSEEN, "{fleet:#}");
    assert_eq!(fleet["gaps"], json!([]));
    as_a_plugin(&api);
}

/// What is not seen, how, and the end of why.
const UNSEEN: [(&str, &str, &str); 4] = [
    ("node-begins", "dead", "its Pod fivedots-node-begins: Pending"),
    ("node-refuses", "dead", "Connection refused (os error 111)"),
    ("node-silent", "slow", "no answer within 3 s"),
    ("node-away", "absent", "the node is not ready; no Pod of Fivedots is there"),
];

fn unseen(fleet: &Value) -> Vec<(&str, &str, &str)> {
    let all = fleet["unseen"].as_array().unwrap().iter();
    let all = all.map(|one| ["node", "state", "why"].map(|key| one[key].as_str().unwrap()));
    all.map(|[node, state, why]| {
        let known = UNSEEN.iter().find(|(_, _, end)| why.ends_with(end));
        (node, state, known.map_or(why, |(_, _, end)| end))
    })
    .collect()
}

/// Under the name that kubectl starts it by, `diagnose` asks all nodes.
fn as_a_plugin(api: &Apiserver) {
    let dir = tempfile::tempdir().unwrap();
    let plugin = dir.path().join("kubectl-fivedots");
    symlink(env!("CARGO_BIN_EXE_fivedots"), &plugin).unwrap();
    let output = Command::new(&plugin)
        .arg("diagnose")
        .env("KUBECONFIG", api.kubeconfig_of_operator().unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let text = stdout(&output);
    println!("{text}");
    let begin = "2 of 3 nodes: node-full-1, node-full-2\ncommon    zone b: 2 of its 2 nodes, 0 of \
        the 1 others\nPROBLEM  conntrack table full";
    assert!(text.starts_with(begin), "{text}");
    let help = Command::new(&plugin).args(["diagnose", "--help"]).output();
    let help = stdout(&help.unwrap());
    assert!(help.contains("Usage: kubectl fivedots diagnose [OPTIONS]"), "{help}");
    assert!(help.contains("$ kubectl fivedots diagnose --all-nodes"), "{help}");
    assert!(help.contains("exec POD -- fivedots diagnose"), "{help}");
    let version = stdout(&Command::new(&plugin).arg("--version").output().unwrap());
    assert!(version.starts_with("kubectl fivedots "), "{version}");
}

const PODS: &str = "/api/v1/namespaces/kube-system/pods";
