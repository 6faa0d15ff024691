//! `fivedots audit` at a real API server: each kind of template, with a person's rights and
//! with too few.

use std::process::Command;

use serde_json::{Value, json};
use testbed::{Apiserver, Component, have};

use crate::operator::{allow, json_of, run, stdout};
use crate::world::{PODS, api, create, pod};

/// A template with this spec over the least that the API takes.
fn template(image: &str, more: &Value) -> Value {
    let mut spec = json!({ "containers": [{ "name": "c", "image": image }] });
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    json!({ "metadata": { "labels": { "app": "x" } }, "spec": spec })
}

fn workload(api: &Apiserver, plural: &str, name: &str, spec: &Value) {
    let (group, kind) = match plural {
        "deployments" => ("apps/v1", "Deployment"),
        "statefulsets" => ("apps/v1", "StatefulSet"),
        "daemonsets" => ("apps/v1", "DaemonSet"),
        "cronjobs" => ("batch/v1", "CronJob"),
        _ => ("batch/v1", "Job"),
    };
    let object = json!({
        "apiVersion": group, "kind": kind, "metadata": { "name": name }, "spec": spec,
    });
    create(api, &format!("/apis/{group}/namespaces/shop/{plural}"), &object);
}

fn selected(template: &Value, more: &Value) -> Value {
    let mut spec = json!({ "selector": { "matchLabels": { "app": "x" } }, "template": template });
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    spec
}

fn options(options: &Value) -> Value {
    json!({ "dnsConfig": { "options": options } })
}

/// One of each kind; what is found of each is in [`EXPECTED`].
fn fill(api: &Apiserver) {
    let low = options(&json!([{ "name": "ndots", "value": "1" }]));
    let low = selected(&template("shop/web:alpine", &low), &json!({ "replicas": 3 }));
    workload(api, "deployments", "web", &low);
    let two = options(&json!([{ "name": "use-vc" }, { "name": "ndots", "value": "2" }]));
    let two = selected(&template("postgres:18", &two), &json!({ "serviceName": "db" }));
    workload(api, "statefulsets", "db", &two);
    let host = json!({ "hostNetwork": true });
    workload(api, "daemonsets", "agent", &selected(&template("agent:1", &host), &json!({})));
    let searches: Vec<_> = (0..9)
        .map(|n| format!("{n}.a-long-domain.of-a-corporation.example"))
        .collect();
    let many = json!({ "restartPolicy": "Never", "dnsConfig": { "searches": searches } });
    workload(api, "jobs", "import", &json!({ "template": template("import:1", &many) }));
    let never = json!({ "restartPolicy": "Never" });
    let job = json!({ "template": template("backup:1", &never) });
    let nightly = json!({ "schedule": "0 3 * * *", "jobTemplate": { "spec": job } });
    workload(api, "cronjobs", "nightly", &nightly);
    // Of pods only those whose template is nowhere else.
    create(api, PODS, &pod("web-5d4f8c7b9-x", ("ReplicaSet", "web-5d4f8c7b9"), &json!({})));
    create(api, PODS, &pod("db-0", ("StatefulSet", "db"), &json!({})));
    for n in 0..2 {
        create(api, PODS, &pod(&format!("flow-{n}"), ("Workflow", "flow"), &json!({})));
    }
    let mut bare = pod("debug", ("Pod", "x"), &json!({ "dnsPolicy": "Default" }));
    bare["metadata"]["ownerReferences"] = json!([]);
    create(api, PODS, &bare);
}

/// The worst first: template, pods, ndots, search domains, and what is found.
const EXPECTED: [(&str, &str, u64, u64, u64, &str); 7] = [
    ("likely", "Deployment/web", 3, 1, 3, "ndots_low"),
    ("risk", "Job/import", 1, 5, 12, "search_line ndots_cost search_long"),
    ("cost", "Workflow/flow", 1, 5, 3, "ndots_cost"),
    ("cost", "CronJob/nightly", 0, 5, 3, "ndots_cost"),
    ("note", "StatefulSet/db", 1, 2, 3, "ndots_two option_ignored"),
    ("note", "DaemonSet/agent", 0, 1, 0, "host_network"),
    ("fine", "Pod/debug", 1, 1, 0, ""),
];

#[test]
fn every_template_is_listed_with_what_each_library_makes_of_it() {
    if !have(Component::Apiserver) {
        return;
    }
    let api = api();
    fill(&api);
    let nothing = run(&api, &["audit"]);
    assert_eq!(nothing.status.code(), Some(1), "{nothing:?}");
    let said = String::from_utf8_lossy(&nothing.stderr).into_owned();
    assert!(said.contains("lists nothing: deployments: ") && said.contains("forbidden"), "{said}");

    allow(&api);
    let output = run(&api, &["audit", "--namespace", "shop", "--format", "json"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let audit = json_of(&output);
    assert_eq!((&audit["outcome"], &audit["gaps"]), (&json!("problem"), &json!([])), "{audit}");
    let rows: Vec<_> = audit["templates"]
        .as_array()
        .unwrap()
        .iter()
        .map(row)
        .collect();
    let expected = EXPECTED.map(|(worst, name, pods, ndots, search, found)| {
        (worst.to_owned(), name.to_owned(), pods, ndots, search, found.to_owned())
    });
    assert_eq!(rows, expected, "{audit:#}");

    let text = stdout(&run(&api, &["audit"]));
    println!("{text}");
    assert!(text.contains("LIKELY  shop/Deployment/web"), "{text}");
    assert!(text.contains("a hint at musl, no proof: shop/web:alpine"), "{text}");
    assert!(text.contains("# shop/Workflow/flow: set dnsConfig in its manifest"), "{text}");
    the_command_does_what_it_promises(&api, &text);
    with_the_rights_of_the_chart(&api);
}

fn row(row: &Value) -> (String, String, u64, u64, u64, String) {
    let text = |key: &str| row[key].as_str().unwrap().to_owned();
    let number = |key: &str| row[key].as_u64().unwrap();
    let found = row["findings"].as_array().unwrap().iter();
    let found: Vec<_> = found.map(|one| one["what"].as_str().unwrap()).collect();
    let name = format!("{}/{}", text("kind"), text("name"));
    (
        text("worst"),
        name,
        number("pods"),
        number("ndots"),
        number("search_domains"),
        found.join(" "),
    )
}

/// The body of the command is sent as kubectl sends it, and the finding is gone.
fn the_command_does_what_it_promises(api: &Apiserver, text: &str) {
    let begin = "$ kubectl -n shop patch deployment web --type=merge -p '";
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("{text}"));
    let (body, _) = rest.split_once('\'').unwrap();
    let path = "/apis/apps/v1/namespaces/shop/deployments/web";
    api.request("PATCH", path, body).unwrap();
    let after = stdout(&run(api, &["audit", "-n", "shop"]));
    let web = after.lines().find(|line| line.contains("/Deployment/web"));
    assert!(web.is_some_and(|line| line.starts_with("note    ")), "{after}");
}

/// The chart's rights are for pods alone: the rest are gaps.
fn with_the_rights_of_the_chart(api: &Apiserver) {
    let file = api.kubeconfig(api.addr()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_fivedots"))
        .args(["audit", "--kubeconfig"])
        .arg(file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("\ngaps      deployments: ") && text.contains("forbidden"), "{text}");
    assert!(text.contains("shop/Workflow/flow"), "{text}");
    assert!(text.contains("\n          networkpolicies: "), "{text}");
}

/// A namespace that denies what is not allowed: DNS was forgotten for all but one.
fn lock(api: &Apiserver) {
    create(api, "/api/v1/namespaces", &json!({ "metadata": { "name": "locked" } }));
    for (name, host) in [("web", false), ("mail", false), ("agent", true)] {
        let mut template = template("app:1", &json!({ "hostNetwork": host }));
        template["metadata"]["labels"] = json!({ "app": name });
        let spec = json!({ "selector": { "matchLabels": { "app": name } }, "template": template });
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name }, "spec": spec,
        });
        create(api, "/apis/apps/v1/namespaces/locked/deployments", &object);
    }
    let udp = json!({ "protocol": "UDP", "port": 53 });
    let to = json!([{ "namespaceSelector": {} }]);
    let mail =
        json!({ "matchExpressions": [{ "key": "app", "operator": "NotIn", "values": ["web"] }] });
    for (name, spec) in [
        ("deny", json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] })),
        // The API server adds the types.
        ("mail", json!({ "podSelector": mail, "egress": [{ "ports": [udp], "to": to }] })),
        ("inward", json!({ "podSelector": {}, "ingress": [{}] })),
    ] {
        let object = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": { "name": name }, "spec": spec,
        });
        create(api, POLICIES, &object);
    }
}

#[test]
fn a_policy_that_forgot_dns_is_found_and_the_one_to_paste_ends_it() {
    if !have(Component::Apiserver) {
        return;
    }
    let api = api();
    allow(&api);
    lock(&api);
    let audit = |status: i32| {
        let output = run(&api, &["audit", "-n", "locked", "--format", "json"]);
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        let audit = json_of(&output);
        let rows = audit["templates"].as_array().unwrap().iter();
        rows.map(|one| (one["egress_policies"].to_string(), row(one).5))
            .collect::<Vec<_>>()
    };
    let found = |policies: &str, found: &str| (policies.to_owned(), found.to_owned());
    let agent = || found("[]", "host_network");
    let mail = r#"["deny","mail"]"#;
    let expected = [
        found(mail, "policy_no_tcp ndots_cost policy_pods_only"),
        found(r#"["deny"]"#, "policy_no_dns ndots_cost"),
        agent(),
    ];
    assert_eq!(audit(3), expected);

    let text = stdout(&run(&api, &["audit", "-n", "locked"]));
    println!("{text}");
    let pasted = text.matches("| kubectl apply -f -").count();
    assert_eq!(pasted, 1, "one for all templates: {text}");
    let (_, rest) = text.split_once("$ echo '").unwrap();
    let (body, _) = rest.split_once('\'').unwrap();
    api.request("POST", POLICIES, body).unwrap();
    let expected = [
        found(r#"["allow-dns-deny","deny","mail"]"#, "ndots_cost"),
        found(r#"["allow-dns-deny","deny"]"#, "ndots_cost"),
        agent(),
    ];
    assert_eq!(audit(0), expected);
}

const POLICIES: &str = "/apis/networking.k8s.io/v1/namespaces/locked/networkpolicies";
