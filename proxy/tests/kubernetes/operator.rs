//! A person with the rights that docs/diagnose.md has, and the program as that person runs it.

use std::process::{Command, Output};

use serde_json::{Value, json};
use testbed::{Apiserver, eventually};

use crate::world::{SOON, create};

/// Binds the role of the page to the user `operator`.
pub(crate) fn allow(api: &Apiserver) {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/diagnose.md");
    let page = std::fs::read_to_string(page).unwrap();
    let roles = page.split("```yaml\n").skip(1);
    let roles: Vec<_> = roles
        .filter_map(|rest| rest.split("```").next())
        .filter(|block| block.contains("kind: ClusterRole\n"))
        .collect();
    let [role] = roles.as_slice() else { panic!("one role, not {}", roles.len()) };
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    api.request("POST", &format!("{rbac}/clusterroles"), role)
        .unwrap();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": "operator" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "fivedots-operator",
        },
        "subjects": [{
            "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "operator",
        }],
    });
    create(api, &format!("{rbac}/clusterrolebindings"), &binding);
    // The API server's own list of roles is a moment behind.
    let ends = || run(api, &["audit"]).status.code();
    assert!(eventually(SOON, || ends() != Some(1)), "{:?}", run(api, &["audit"]));
}

/// Runs the program as `operator`.
pub(crate) fn run(api: &Apiserver, args: &[&str]) -> Output {
    let file = api.kubeconfig_of_operator().unwrap();
    Command::new(env!("CARGO_BIN_EXE_fivedots"))
        .args(args)
        .arg("--kubeconfig")
        .arg(file)
        .output()
        .unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}
