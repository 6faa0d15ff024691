//! What is read of the pods and objects of a server: CoreDNS or kube-proxy.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use crate::object::{Address, Metadata, addrs};
use crate::time;

/// A pod of CoreDNS or kube-proxy.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServerPod {
    /// Its name.
    pub name: String,
    /// Its uid, by which its cgroups are named.
    pub uid: String,
    /// Its node; empty before it is scheduled.
    pub node: String,
    /// Its addresses, of both families.
    pub ips: Vec<IpAddr>,
    /// Whether it has the network namespace of its node.
    pub host_network: bool,
    /// Whether all of its containers are ready.
    pub ready: bool,
    /// Since when it is, in seconds since 1970.
    pub ready_since: Option<i64>,
    /// How often a container was started again, if the last time was within an hour.
    pub restarts: u32,
    /// Why a container ended last, such as `OOMKilled`, with its exit code.
    pub ended: Option<String>,
    /// What a container waits for, such as `CrashLoopBackOff`.
    pub waits: Option<String>,
    /// Its limits of memory and CPU, as in the manifest.
    pub limits: (Option<String>, Option<String>),
}

impl ServerPod {
    /// The pods of CoreDNS and of kube-proxy; not those that have ended for good.
    pub(crate) fn sort(all: &[ServerObject], now: i64) -> (Vec<Self>, Vec<Self>) {
        let runs = |pod: &&ServerObject| !matches!(&*pod.status.phase, "Succeeded" | "Failed");
        let (coredns, proxies): (Vec<_>, Vec<_>) = all.iter().filter(runs).partition(|pod| {
            pod.labels
                .labels
                .get("k8s-app")
                .is_some_and(|app| app == "kube-dns")
        });
        let of = |pods: Vec<&ServerObject>| pods.into_iter().map(|pod| pod.pod(now)).collect();
        (of(coredns), of(proxies))
    }
}

impl ServerObject {
    fn pod(&self, now: i64) -> ServerPod {
        let containers = &self.status.container_statuses;
        let ended = containers
            .iter()
            .filter_map(|one| one.last_state.terminated.as_ref());
        let ended = ended.max_by_key(|end| end.finished_at.clone());
        let recently = ended.and_then(|end| time::parse(end.finished_at.as_deref()?));
        let recently = recently.is_some_and(|at| now.saturating_sub(at) < HOUR);
        let restarts = containers.iter().map(|one| one.restart_count).sum();
        let waits = containers
            .iter()
            .filter_map(|one| one.state.waiting.as_ref());
        let limit = |what: &str| {
            let mut limits = self.spec.containers.iter();
            limits.find_map(|one| one.resources.limits.get(what).cloned())
        };
        ServerPod {
            name: self.labels.name.clone(),
            uid: self.labels.uid.clone(),
            node: self.spec.node_name.clone(),
            ips: addrs(self.status.pod_ip.as_ref(), &self.status.pod_ips),
            host_network: self.spec.host_network,
            ready: !containers.is_empty() && containers.iter().all(|one| one.ready),
            ready_since: self.ready_since(),
            restarts: if recently { restarts } else { 0 },
            ended: ended.filter(|_| recently).map(Terminated::words),
            waits: waits.map(|one| one.reason.clone()).next(),
            limits: (limit("memory"), limit("cpu")),
        }
    }

    fn ready_since(&self) -> Option<i64> {
        let mut conditions = self.status.conditions.iter();
        let ready = conditions.find(|one| one.kind == "Ready" && one.status == "True")?;
        time::parse(ready.last_transition_time.as_deref()?)
    }
}

impl Terminated {
    /// The reason; the runtime may hear of the end before it hears of the reason.
    fn words(&self) -> String {
        match (&*self.reason, self.exit_code) {
            ("Error" | "", code) => format!("exit code {code}"),
            (reason, _) => reason.to_owned(),
        }
    }
}

impl ServiceObject {
    /// The `ClusterIP`s of a Service, and of others with the same selector.
    pub(crate) fn alike(all: &[Self], name: &str) -> Vec<IpAddr> {
        let Some(named) = all.iter().find(|one| one.metadata.name == name) else {
            return Vec::new();
        };
        let selector = &named.spec.selector;
        let others = all.iter().filter(|one| {
            one.metadata.name != name && !selector.is_empty() && one.spec.selector == *selector
        });
        let ips = std::iter::once(named).chain(others);
        ips.filter_map(|one| one.spec.cluster_ip.parse().ok())
            .collect()
    }

    /// Its name, its `ClusterIP` and when it was made; none of one without an address.
    pub(crate) fn record(&self) -> Option<(&str, IpAddr, &str)> {
        let addr = self.spec.cluster_ip.parse().ok()?;
        Some((&self.metadata.name, addr, self.metadata.creation_timestamp.as_deref()?))
    }
}

/// A pod as the API writes it, with what is read of it here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ServerObject {
    #[serde(rename = "metadata")]
    labels: Labeled,
    spec: ServerSpec,
    status: ServerStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Labeled {
    name: String,
    uid: String,
    labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ServerSpec {
    node_name: String,
    host_network: bool,
    containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    resources: Resources,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Resources {
    limits: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ServerStatus {
    phase: String,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    #[serde(rename = "podIPs")]
    pod_ips: Vec<Address>,
    container_statuses: Vec<ContainerStatus>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    last_transition_time: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerStatus {
    ready: bool,
    restart_count: u32,
    state: ContainerState,
    last_state: ContainerState,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerState {
    waiting: Option<Waiting>,
    terminated: Option<Terminated>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Waiting {
    reason: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Terminated {
    reason: String,
    exit_code: i32,
    finished_at: Option<String>,
}

/// A Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ServiceObject {
    metadata: Metadata,
    spec: ServiceSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ServiceSpec {
    #[serde(rename = "clusterIP")]
    cluster_ip: String,
    selector: BTreeMap<String, String>,
}

/// The `ConfigMap` of CoreDNS.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ConfigMapObject {
    pub(crate) data: CorefileData,
}

/// Its data.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CorefileData {
    #[serde(rename = "Corefile")]
    pub(crate) corefile: String,
}

/// Of an end that still matters.
const HOUR: i64 = 3_600;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(app: &str, status: &Value) -> ServerObject {
        let spec = json!({ "nodeName": "node1", "containers": [
            { "resources": { "limits": { "memory": "170Mi" } } },
        ] });
        let metadata = json!({ "name": format!("{app}-1"), "labels": { "k8s-app": app } });
        let object = json!({ "metadata": metadata, "spec": spec, "status": status });
        serde_json::from_value(object).unwrap()
    }

    fn only(status: &Value, now: i64) -> ServerPod {
        ServerPod::sort(&[pod("kube-dns", status)], now).0.remove(0)
    }

    #[test]
    fn a_pod_that_was_killed_is_known_by_its_last_end() {
        // 2026-11-28T05:45:17Z.
        let at = 1_795_844_717;
        let end =
            json!({ "reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-11-28T05:45:17Z" });
        let status = json!({ "phase": "Running", "podIP": "10.244.0.2", "containerStatuses": [{
            "ready": false, "restartCount": 4,
            "state": { "waiting": { "reason": "CrashLoopBackOff" } },
            "lastState": { "terminated": end },
        }] });
        let killed = only(&status, at + 60);
        assert_eq!((killed.restarts, killed.ready), (4, false));
        assert_eq!(killed.ended.as_deref(), Some("OOMKilled"));
        assert_eq!(killed.waits.as_deref(), Some("CrashLoopBackOff"));
        assert_eq!(killed.limits, (Some("170Mi".to_owned()), None));
        // Of yesterday.
        assert_eq!(
            (only(&status, at + 86_400).restarts, only(&status, at + 86_400).ended),
            (0, None)
        );
        let ended = json!({ "phase": "Failed" });
        let all = [pod("kube-dns", &ended), pod("kube-proxy", &json!({ "phase": "Running" }))];
        let (coredns, proxies) = ServerPod::sort(&all, at);
        assert_eq!((coredns.len(), proxies.len()), (0, 1));
    }

    #[test]
    fn services_with_the_same_pods_are_alike() {
        let service = |name: &str, ip: &str, selector: &Value| -> ServiceObject {
            let spec = json!({ "clusterIP": ip, "selector": selector });
            serde_json::from_value(json!({ "metadata": { "name": name }, "spec": spec })).unwrap()
        };
        let dns = json!({ "k8s-app": "kube-dns" });
        let all = [
            service("fivedots-upstream", "10.96.7.7", &dns),
            service("kube-dns", "10.96.0.10", &dns),
            service("metrics", "10.96.1.1", &json!({ "k8s-app": "metrics" })),
            service("headless", "None", &dns),
        ];
        let alike: Vec<_> = ServiceObject::alike(&all, "kube-dns")
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(alike, ["10.96.0.10", "10.96.7.7"]);
        assert!(ServiceObject::alike(&all, "coredns").is_empty());
    }
}
