//! The Fivedots Pods of a cluster, each asked for its own evidence by way of the API server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use cluster::{Api, FleetNode, FleetPod};
use console::api::Redacted as _;
use console::{Pseudonyms, read_page_over};
use diagnose::{Absence, Evidence, Fleet, Place, Unseen};

use super::ask_all;
use crate::cli::FleetArgs;

/// Asks all nodes, and judges what they have together.
///
/// # Errors
///
/// When the API cannot be reached, or has no Pod of Fivedots.
pub async fn judge_all(
    args: &FleetArgs,
    kubeconfig: Option<PathBuf>,
    redact: console::Redact,
) -> anyhow::Result<Fleet> {
    let api = Arc::new(Api::of_person(kubeconfig, args.context.clone()).await?);
    let pods = api.fleet(&args.namespace, &args.selector);
    let (pods, nodes) = tokio::join!(pods, api.nodes());
    let pods = pods.map_err(|error| anyhow::anyhow!("pods of {}: {error}", args.namespace))?;
    if pods.is_empty() {
        bail!("no Pod of the namespace {} has the labels {}", args.namespace, args.selector);
    }
    let (nodes, gaps) = match nodes {
        Ok(nodes) => (nodes, Vec::new()),
        Err(error) => (Vec::new(), vec![format!("the nodes and their labels: {error}")]),
    };
    let (asked, absent) = divide(pods, &nodes);
    let port = args.admin_port;
    let (evidence, mut unseen) = ask_all(asked, |pod| fetch(Arc::clone(&api), pod, port)).await;
    unseen.extend(absent);
    let veil = Pseudonyms::default().veil(redact);
    let evidence: Vec<_> = evidence
        .into_iter()
        .map(|one| one.redacted(&veil))
        .collect();
    let mut fleet = Fleet::judge(&evidence).within(unseen, &places(nodes));
    fleet.gaps = gaps;
    Ok(fleet)
}

/// Reads the evidence of the proxy in a Pod.
async fn fetch(api: Arc<Api>, pod: FleetPod, port: u16) -> Result<Evidence, String> {
    let mut forward = api.forward(&pod, port).await?;
    let stream = forward.stream().ok_or("no connection")?;
    let page = read_page_over(stream, &pod.name, "/api/v1/evidence");
    tokio::select! {
        // What the kubelet tells comes before the end of the connection.
        biased;
        refused = forward.refused() => Err(refused.trim().to_owned()),
        page = page => page.map_err(|error| error.to_string()),
    }
}

/// One Pod of each node, one that runs if there is one; and the nodes without such a Pod.
fn divide(pods: Vec<FleetPod>, nodes: &[FleetNode]) -> (Vec<(String, FleetPod)>, Vec<Unseen>) {
    let mut of_node: BTreeMap<String, FleetPod> = BTreeMap::new();
    for pod in pods.into_iter().filter(|pod| !pod.node.is_empty()) {
        let known = of_node.get(&pod.node);
        if known.is_none_or(|known| known.trouble.is_some() && pod.trouble.is_none()) {
            of_node.insert(pod.node.clone(), pod);
        }
    }
    let mut unseen: Vec<Unseen> = Vec::new();
    let mut add = |node: &str, state: Absence, why: String| {
        let ready = nodes.iter().find(|known| known.name == node);
        let not_ready = ready.is_some_and(|known| !known.ready);
        let why = if not_ready { format!("the node is not ready; {why}") } else { why };
        unseen.push(Unseen { node: node.to_owned(), state, why });
    };
    let missing = nodes
        .iter()
        .filter(|node| !of_node.contains_key(&node.name));
    for node in missing {
        add(&node.name, Absence::Absent, "no Pod of Fivedots is there".to_owned());
    }
    let mut asked = Vec::new();
    for (node, pod) in of_node {
        match &pod.trouble {
            Some(trouble) => add(&node, Absence::Dead, format!("its Pod {}: {trouble}", pod.name)),
            None => asked.push((node, pod)),
        }
    }
    (asked, unseen)
}

fn places(nodes: Vec<FleetNode>) -> Vec<Place> {
    let place = |node: FleetNode| Place { node: node.name, labels: node.labels };
    nodes.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, node: &str, trouble: Option<&str>) -> FleetPod {
        let (namespace, name, node) = (String::new(), name.to_owned(), node.to_owned());
        FleetPod { namespace, name, node, trouble: trouble.map(str::to_owned) }
    }

    #[test]
    fn one_pod_of_each_node_is_asked_and_nodes_without_one_are_named() {
        let node =
            |name: &str, ready| FleetNode { name: name.to_owned(), ready, ..FleetNode::default() };
        let nodes = [node("a", true), node("b", false), node("c", true), node("d", true)];
        let pods = vec![
            // During an update there are two on a node.
            pod("a-old", "a", Some("Pending")),
            pod("a-new", "a", None),
            pod("b-1", "b", Some("CrashLoopBackOff")),
            pod("c-1", "c", None),
            pod("nowhere", "", Some("Pending")),
        ];
        let (asked, unseen) = divide(pods, &nodes);
        let asked: Vec<_> = asked.iter().map(|(_, pod)| pod.name.as_str()).collect();
        assert_eq!(asked, ["a-new", "c-1"]);
        let unseen: Vec<_> = unseen
            .iter()
            .map(|one| (&*one.node, one.state, &*one.why))
            .collect();
        assert_eq!(
            unseen,
            [
                ("d", Absence::Absent, "no Pod of Fivedots is there"),
                ("b", Absence::Dead, "the node is not ready; its Pod b-1: CrashLoopBackOff"),
            ]
        );
    }
}
