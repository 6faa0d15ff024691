//! An API server, a proxy that asks it, and pods that are what we say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use console::api::{WorkloadPage, WorkloadView};
use serde_json::{Value, json};
use testbed::{Apiserver, Process, eventually, fivedots, http, port};
use upstream::Upstream;

use crate::relay::Relay;

/// The proxy asks the API server by way of the relay, we ask it directly.
pub(crate) struct World {
    pub(crate) api: Apiserver,
    pub(crate) relay: Relay,
    pub(crate) proxy: Proxy,
}

pub(crate) struct Proxy {
    pub(crate) process: Process,
    port: u16,
    admin: SocketAddr,
    _upstream: Upstream,
}

/// An API server with the namespace `shop` and our rights.
pub(crate) fn api() -> Apiserver {
    let api = Apiserver::start().unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/base/node-cache.yaml");
    let manifests = std::fs::read_to_string(path).unwrap();
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    for part in manifests.split("\n---\n") {
        let kind = part.lines().find_map(|line| line.strip_prefix("kind: "));
        // Before the first there is a comment.
        let Some(kind) = kind else { continue };
        let to = match kind {
            "ServiceAccount" => "/api/v1/namespaces/kube-system/serviceaccounts".to_owned(),
            kind @ ("ClusterRole" | "ClusterRoleBinding") => {
                format!("{rbac}/{}s", kind.to_lowercase())
            }
            kind @ ("Role" | "RoleBinding") => {
                format!("{rbac}/namespaces/kube-system/{}s", kind.to_lowercase())
            }
            _ => continue,
        };
        // The API server makes `kube-system` itself, a moment after it is ready.
        let applied = || api.request("POST", &to, part).is_ok();
        assert!(eventually(SOON, applied), "{:?}", api.request("POST", &to, part));
    }
    create(&api, "/api/v1/namespaces", &json!({ "metadata": { "name": "shop" } }));
    api
}

pub(crate) fn create(api: &Apiserver, path: &str, object: &Value) {
    api.request("POST", path, &object.to_string()).unwrap();
}

/// A pod on our node; `more` goes over it.
pub(crate) fn pod(name: &str, owner: (&str, &str), more: &Value) -> Value {
    let (kind, owner) = owner;
    let mut pod = json!({
        "metadata": {
            "name": name,
            "labels": { "pod-template-hash": "5d4f8c7b9" },
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": "u", "controller": true,
            }],
        },
        "spec": { "nodeName": NODE, "containers": [{ "name": "c", "image": "i" }] },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        pod["spec"][key] = value.clone();
    }
    pod
}

/// The status of a running pod with these addresses.
pub(crate) fn running(ips: &[&str]) -> Value {
    let list: Vec<_> = ips.iter().map(|ip| json!({ "ip": ip })).collect();
    json!({ "status": { "phase": "Running", "podIP": ips[0], "podIPs": list } })
}

/// Adds to a status that the node has this address.
pub(crate) fn on_node(status: &Value, ip: &str) -> Value {
    let mut status = status.clone();
    status["status"]["hostIP"] = ip.into();
    status["status"]["hostIPs"] = json!([{ "ip": ip }]);
    status
}

impl Proxy {
    /// Starts one that serves both families, with this `[kubernetes]`.
    pub(crate) fn start(kubernetes: &str) -> Self {
        let zone = Upstream::builder().zone("test.", "web 60 A 192.0.2.1");
        let upstream = zone.start().unwrap();
        let [listen, metrics, admin] = [(); 3].map(|()| port::free(Ipv4Addr::LOCALHOST).unwrap());
        let six = SocketAddr::from((Ipv6Addr::LOCALHOST, listen.port()));
        let addrs = [
            ("--listen", listen),
            ("--listen", six),
            ("--upstream", upstream.addr()),
            ("--metrics", metrics),
            ("--admin", admin),
        ];
        let addrs = addrs.map(|(flag, addr)| [flag.to_owned(), addr.to_string()]);
        let flags: Vec<_> = addrs.as_flattened().iter().map(String::as_str).collect();
        let mut command = Command::new(env!("CARGO_BIN_EXE_fivedots"));
        let process = fivedots::serve(&mut command, kubernetes, &flags).unwrap();
        Self { process, port: listen.port(), admin, _upstream: upstream }
    }

    /// A page; null where there is none.
    pub(crate) fn page(&self, path: &str) -> Value {
        let page = http::get(self.admin, &format!("/api/v1/{path}"));
        if page.status == 404 {
            return Value::Null;
        }
        serde_json::from_str(&page.body).unwrap_or_default()
    }

    pub(crate) fn workloads(&self) -> WorkloadPage {
        serde_json::from_value(self.page("workloads?limit=10000")).unwrap()
    }

    pub(crate) fn state(&self) -> String {
        self.workloads().kubernetes.unwrap().state
    }

    /// A client asks, and waits for the answer.
    pub(crate) fn ask(&self, client: &str) {
        let client: IpAddr = client.parse().unwrap();
        let socket = UdpSocket::bind((client, 0)).unwrap();
        let server: IpAddr = match client {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        socket.connect((server, self.port)).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let head = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        socket
            .send(&[&head[..], b"\x03web\x04test\0\0\x01\0\x01"].concat())
            .unwrap();
        socket.recv(&mut [0; 512]).unwrap();
    }

    pub(crate) fn wait_until_watching(&self) {
        assert!(eventually(SOON, || self.state() == "watching"), "{}", self.process.output());
    }

    pub(crate) fn row(&self, name: &str) -> Option<WorkloadView> {
        let rows = self.workloads().workloads;
        rows.into_iter().find(|row| row.name == name)
    }

    /// Waits until a workload, or an address, is known to have asked so often.
    pub(crate) fn wait_for(&self, name: &str, queries: u64) -> WorkloadView {
        let asked = || self.row(name).map_or(0, |row| row.figures.total.queries);
        assert!(eventually(SOON, || asked() == queries), "{name}: {} of {queries}", asked());
        self.row(name)
            .unwrap_or_else(|| panic!("{name} has no account"))
    }

    /// Waits until a client that asked is known to be a pod of this workload, or
    /// of none.
    pub(crate) fn wait_for_owner(&self, client: &str, owner: Option<&str>) {
        let known = || self.page(&format!("clients/{client}"))["workload"].clone();
        let is_owner = || known()["name"].as_str() == owner;
        assert!(eventually(SOON, is_owner), "{client} of {owner:?}: {}", known());
    }

    /// Waits until so many addresses have names, ours included.
    pub(crate) fn wait_for_addresses(&self, count: usize) {
        let named = || self.workloads().kubernetes.unwrap().addresses;
        assert!(eventually(LONG, || named() == count), "{} of {count}", named());
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let api = api();
        let relay = Relay::to(api.addr());
        let proxy = Proxy::start(&of_node(&api, relay.addr));
        proxy.wait_until_watching();
        Self { api, relay, proxy }
    }

    /// Runs the one pod of a `StatefulSet`.
    pub(crate) fn run(&self, owner: &str, ip: &str) {
        let name = format!("{owner}-0");
        self.create(&pod(&name, ("StatefulSet", owner), &json!({})));
        self.patch(&name, &running(&[ip]));
    }

    pub(crate) fn create(&self, pod: &Value) {
        create(&self.api, PODS, pod);
    }

    pub(crate) fn patch(&self, name: &str, status: &Value) {
        let path = format!("{PODS}/{name}/status");
        self.api
            .request("PATCH", &path, &status.to_string())
            .unwrap();
    }

    /// Deletes it at once, as the kubelet does in the end.
    pub(crate) fn delete(&self, name: &str) {
        let options =
            json!({ "kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0 });
        let path = format!("{PODS}/{name}");
        self.api
            .request("DELETE", &path, &options.to_string())
            .unwrap();
    }
}

/// The configuration that watches our node, by way of `server`.
pub(crate) fn of_node(api: &Apiserver, server: SocketAddr) -> String {
    format!("{}node = {NODE:?}\n", asked(api, server))
}

/// The configuration that watches all nodes, and does not say which is ours.
pub(crate) fn of_all(api: &Apiserver) -> String {
    format!("{}scope = \"all\"\n", asked(api, api.addr()))
}

fn asked(api: &Apiserver, server: SocketAddr) -> String {
    let path = api.kubeconfig(server).unwrap();
    let path = path.display();
    format!("[kubernetes]\nenabled = \"always\"\nkubeconfig = \"{path}\"\n")
}

/// Waits for the next second of the clock. The API has the times of pods in whole
/// seconds: whether a query came before a pod is known to the second.
pub(crate) fn next_second() {
    let second = || UNIX_EPOCH.elapsed().unwrap().as_secs();
    let asked = second();
    assert!(eventually(SOON, || second() > asked));
}

pub(crate) const NODE: &str = "node-a";
pub(crate) const PODS: &str = "/api/v1/namespaces/shop/pods";
pub(crate) const SOON: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(120);
