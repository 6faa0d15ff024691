//! The manifests before a real API server, which refuses each field it does not know
//! and each Pod that its namespace does not allow.

use std::collections::BTreeMap;
use std::fs;

use testbed::{Apiserver, Component, eventually, have};

use crate::{PROFILES, SOON, can, deploy, documents, render, top};

#[test]
fn the_api_server_takes_every_manifest() {
    if !can() || !have(Component::Apiserver) {
        return;
    }
    let api = Apiserver::start().unwrap();
    let is_there = || {
        api.request("GET", "/api/v1/namespaces/kube-system", "")
            .is_ok()
    };
    assert!(eventually(SOON, is_there));
    for profile in PROFILES {
        for manifest in documents(&render(profile, &[]).unwrap()) {
            apply(&api, manifest).unwrap_or_else(|said| panic!("{profile}: {said}\n{manifest}"));
        }
    }
    let senders = fs::read_to_string(deploy().join("loadgen/job.yaml")).unwrap();
    let manifests = documents(&senders);
    assert_eq!(manifests.len(), 2);
    for manifest in manifests {
        apply(&api, manifest).unwrap_or_else(|said| panic!("loadgen: {said}\n{manifest}"));
    }
    // It would say so.
    let rendered = render("front", &[]).unwrap();
    let misspelt = rendered.replace("minReadySeconds", "minReadySecond");
    let deployment = documents(&misspelt)
        .into_iter()
        .find(|part| top(part, "kind") == "Deployment")
        .unwrap()
        .to_owned();
    let said = apply(&api, &deployment).unwrap_err();
    assert!(said.contains("strict decoding error: unknown field"), "{said}");
    security(&api);
}

/// A Pod on its own network passes the strictest standard. One on that of the node
/// passes not even the middle one, which docs/operating.md has to say.
fn security(api: &Apiserver) {
    for standard in ["baseline", "restricted"] {
        let namespace = format!(
            "metadata: {{name: {standard}, \
             labels: {{pod-security.kubernetes.io/enforce: {standard}}}}}"
        );
        api.request("POST", "/api/v1/namespaces", &namespace)
            .unwrap();
    }
    for (profile, standard, refused) in [
        ("front", "restricted", None),
        ("diagnose", "restricted", None),
        ("node-cache", "baseline", Some("host namespaces (hostNetwork=true)")),
    ] {
        let pod = pod(&render(profile, &[]).unwrap());
        let path = format!("/api/v1/namespaces/{standard}/pods?dryRun=All&fieldValidation=Strict");
        match (api.request("POST", &path, &pod), refused) {
            (Ok(_), None) => {}
            (Err(error), Some(why)) if error.to_string().contains(why) => {}
            (outcome, _) => panic!("{profile} in {standard}: {outcome:?}"),
        }
    }
    let page = fs::read_to_string(deploy().join("../docs/operating.md")).unwrap();
    assert!(page.contains("pod-security.kubernetes.io/enforce"));
}

/// The template of a DaemonSet or a Deployment as a Pod of its own.
fn pod(rendered: &str) -> String {
    let (_, template) = rendered.split_once("\n  template:\n").unwrap();
    let lines = template.lines().take_while(|line| *line != "---");
    let body: String = lines
        .map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned() + "\n")
        .collect();
    // Priority classes are made by the API server a while after its start.
    let body = body.replace("  priorityClassName: system-node-critical\n", "");
    let body = body.replacen("metadata:\n", "metadata:\n  name: trial\n", 1);
    format!("apiVersion: v1\nkind: Pod\n{body}")
}

fn apply(api: &Apiserver, manifest: &str) -> Result<String, String> {
    let places = BTreeMap::from([
        ("ClusterRole", "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
        ("ClusterRoleBinding", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"),
        ("ConfigMap", "/api/v1/namespaces/kube-system/configmaps"),
        ("DaemonSet", "/apis/apps/v1/namespaces/kube-system/daemonsets"),
        ("Deployment", "/apis/apps/v1/namespaces/kube-system/deployments"),
        ("Job", "/apis/batch/v1/namespaces/kube-system/jobs"),
        ("PodDisruptionBudget", "/apis/policy/v1/namespaces/kube-system/poddisruptionbudgets"),
        ("Role", "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles"),
        ("RoleBinding", "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/rolebindings"),
        ("Service", "/api/v1/namespaces/kube-system/services"),
        ("ServiceAccount", "/api/v1/namespaces/kube-system/serviceaccounts"),
    ]);
    let path = format!("{}?dryRun=All&fieldValidation=Strict", places[top(manifest, "kind")]);
    api.request("POST", &path, manifest)
        .map_err(|error| error.to_string())
}
