//! The pods of a `DaemonSet` and their nodes, and a way into each pod that also reaches what
//! listens on its loopback alone.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api as PodApi, Portforwarder};
use serde::Deserialize;
use tokio::io::DuplexStream;

use crate::api::Api;
use crate::watch::words;

/// A pod that may be asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FleetPod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its node; empty before it is scheduled.
    pub node: String,
    /// What it waits for, or its phase, where it does not run.
    pub trouble: Option<String>,
}

/// A node.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FleetNode {
    /// Its name.
    pub name: String,
    /// Whether its kubelet reports that it is ready.
    pub ready: bool,
    /// What nodes may have in common: `zone`, `pool`, `kernel`, `kube_proxy` and more.
    pub labels: BTreeMap<String, String>,
}

/// A connection to a port of a pod. It ends when it is dropped.
pub struct Forward {
    forwarder: Portforwarder,
    port: u16,
}

impl Api {
    /// Lists the pods with these labels, but those that have ended for good.
    ///
    /// # Errors
    ///
    /// Why they cannot be listed.
    pub async fn fleet(&self, namespace: &str, labels: &str) -> Result<Vec<FleetPod>, String> {
        let mut all = Vec::new();
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        self.each(&path, Some(labels), |object: FleetPodObject| {
            let runs = !matches!(&*object.status.phase, "Succeeded" | "Failed");
            all.extend(runs.then(|| object.pod()));
        })
        .await?;
        Ok(all)
    }

    /// Lists the nodes.
    ///
    /// # Errors
    ///
    /// Why they cannot be listed.
    pub async fn nodes(&self) -> Result<Vec<FleetNode>, String> {
        let mut all = Vec::new();
        let take = |object: NodeObject| all.push(object.node());
        self.each("/api/v1/nodes", None, take).await?;
        Ok(all)
    }

    /// Connects to a port of a pod by way of the API server and the kubelet, as
    /// `kubectl port-forward` does.
    ///
    /// # Errors
    ///
    /// When the API server refuses, or does not reach the kubelet.
    pub async fn forward(&self, pod: &FleetPod, port: u16) -> Result<Forward, String> {
        let pods: PodApi<Pod> = PodApi::namespaced(self.client.clone(), &pod.namespace);
        let forwarder = pods.portforward(&pod.name, &[port]).await;
        let forwarder = forwarder.map_err(|error| words(&error))?;
        Ok(Forward { forwarder, port })
    }
}

impl Forward {
    /// Takes the connection, once.
    pub fn stream(&mut self) -> Option<DuplexStream> {
        self.forwarder.take_stream(self.port)
    }

    /// Waits for what the kubelet has to tell, such as that nothing listens at the port;
    /// for ever if it has nothing.
    pub async fn refused(&mut self) -> String {
        if let Some(error) = self.forwarder.take_error(self.port)
            && let Some(error) = error.await
        {
            return error;
        }
        std::future::pending().await
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.forwarder.abort();
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct FleetPodObject {
    metadata: FleetMetadata,
    spec: FleetSpec,
    status: FleetStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct FleetMetadata {
    name: String,
    namespace: String,
    labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct FleetSpec {
    node_name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct FleetStatus {
    phase: String,
    container_statuses: Vec<FleetContainer>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct FleetContainer {
    state: FleetState,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct FleetState {
    waiting: Option<FleetWaiting>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct FleetWaiting {
    reason: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct NodeObject {
    metadata: FleetMetadata,
    status: NodeStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeStatus {
    conditions: Vec<NodeCondition>,
    node_info: NodeInfo,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct NodeCondition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeInfo {
    kernel_version: String,
    kubelet_version: String,
    kube_proxy_version: String,
    os_image: String,
    container_runtime_version: String,
}

impl FleetPodObject {
    fn pod(self) -> FleetPod {
        let containers = self.status.container_statuses.into_iter();
        let waits = containers.filter_map(|one| one.state.waiting).next();
        let trouble = match waits {
            Some(waits) => Some(waits.reason),
            None if self.status.phase != "Running" => Some(self.status.phase),
            None => None,
        };
        let FleetMetadata { name, namespace, .. } = self.metadata;
        FleetPod { namespace, name, node: self.spec.node_name, trouble }
    }
}

impl NodeObject {
    fn node(self) -> FleetNode {
        let mut conditions = self.status.conditions.iter();
        let ready = conditions.find(|one| one.kind == "Ready");
        let mut labels = BTreeMap::new();
        let info = self.status.node_info;
        let known = [
            ("kernel", info.kernel_version),
            ("kubelet", info.kubelet_version),
            // Empty since Kubernetes 1.33.
            ("kube_proxy", info.kube_proxy_version),
            ("os", info.os_image),
            ("runtime", info.container_runtime_version),
        ];
        let written = LABELS
            .iter()
            .filter_map(|(name, label)| Some((*name, self.metadata.labels.get(*label)?.clone())));
        for (name, value) in known.into_iter().chain(written) {
            if !value.is_empty() {
                labels.insert(name.to_owned(), value);
            }
        }
        let ready = ready.is_some_and(|one| one.status == "True");
        FleetNode { name: self.metadata.name, ready, labels }
    }
}

/// Labels of nodes, with our word for each; of pools each provider has its own.
const LABELS: [(&str, &str); 8] = [
    ("zone", "topology.kubernetes.io/zone"),
    ("region", "topology.kubernetes.io/region"),
    ("arch", "kubernetes.io/arch"),
    ("type", "node.kubernetes.io/instance-type"),
    ("pool", "cloud.google.com/gke-nodepool"),
    ("pool", "eks.amazonaws.com/nodegroup"),
    ("pool", "kubernetes.azure.com/agentpool"),
    ("pool", "karpenter.sh/nodepool"),
];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_pod_that_does_not_run_has_its_reason() {
        let trouble = |status: Value| {
            let object = json!({ "metadata": { "name": "p" }, "status": status });
            let object: FleetPodObject = serde_json::from_value(object).unwrap();
            object.pod().trouble
        };
        assert_eq!(trouble(json!({ "phase": "Running" })), None);
        assert_eq!(trouble(json!({ "phase": "Pending" })).as_deref(), Some("Pending"));
        let waits = json!({ "phase": "Running", "containerStatuses": [
            { "state": { "waiting": { "reason": "CrashLoopBackOff" } } },
        ] });
        assert_eq!(trouble(waits).as_deref(), Some("CrashLoopBackOff"));
    }

    #[test]
    fn a_node_has_what_nodes_may_have_in_common() {
        let object = json!({
            "metadata": { "name": "n", "labels": {
                "topology.kubernetes.io/zone": "eu-1a", "karpenter.sh/nodepool": "spot", "x": "y",
            } },
            "status": {
                "conditions": [{ "type": "Ready", "status": "True" }],
                "nodeInfo": { "kernelVersion": "6.1.0", "kubeProxyVersion": "" },
            },
        });
        let node = serde_json::from_value::<NodeObject>(object).unwrap().node();
        let labels: Vec<_> = node
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(labels, ["kernel=6.1.0", "pool=spot", "zone=eu-1a"]);
        assert!(node.ready && !NodeObject::default().node().ready);
    }
}
