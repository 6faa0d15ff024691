//! What policies let out to DNS, and what to paste.

use cluster::Owner;
use cluster::object::PodObject;
use serde_json::{Value, json};

use super::*;

fn template(namespace: &str, spec: &Value) -> Template {
    let pod = json!({ "metadata": { "namespace": namespace, "name": "web" }, "spec": spec });
    let pod: PodObject = serde_json::from_value(pod).unwrap();
    let owner = Owner { kind: "Deployment".to_owned(), name: "web".to_owned() };
    let labels = [("app".to_owned(), "web".to_owned())].into();
    Template { owner, made_by: None, pods: 2, pod, images: Vec::new(), labels }
}

fn policy(name: &str, pods: &Value, rules: &Value) -> EgressPolicy {
    EgressPolicy {
        name: name.to_owned(),
        namespace: "shop".to_owned(),
        pods: serde_json::from_value(pods.clone()).unwrap(),
        rules: serde_json::from_value(rules.clone()).unwrap(),
    }
}

fn found_of(template: &Template, policies: &[EgressPolicy]) -> Vec<Finding> {
    let egress = Egress::of(template, policies);
    egress.map_or_else(Vec::new, |egress| egress.findings())
}

/// With one policy of these rules for a pod of `shop`.
fn found(rules: &Value) -> Vec<&'static str> {
    let policies = [policy("deny", &json!({}), rules)];
    let found = found_of(&template("shop", &json!({})), &policies);
    found.iter().map(|finding| finding.what).collect()
}

fn dns() -> Value {
    json!([{ "protocol": "UDP", "port": 53 }, { "protocol": "TCP", "port": 53 }])
}

fn everyone() -> Value {
    json!({ "namespaceSelector": {} })
}

#[test]
fn without_udp_no_query_gets_out_and_without_tcp_no_long_answer_is_had() {
    let udp = json!({ "protocol": "UDP", "port": 53 });
    for (rules, expected) in [
        (json!([]), &["policy_no_dns"][..]),
        (json!([{ "ports": [{ "port": 443 }] }]), &["policy_no_dns"]),
        (json!([{ "ports": [{ "port": 53 }] }]), &["policy_no_dns"]),
        (json!([{ "ports": [udp] }]), &["policy_no_tcp"]),
        (json!([{ "ports": [udp, { "port": 443 }] }]), &["policy_no_tcp"]),
        (json!([{ "ports": dns() }]), &[]),
        (json!([{ "ports": [udp] }, { "ports": [{ "port": 50, "endPort": 60 }] }]), &[]),
        (json!([{}]), &[]),
    ] {
        assert_eq!(found(&rules), expected, "{rules}");
    }
}

#[test]
fn whom_port_53_may_reach_counts() {
    let to = |to: &[Value]| json!([{ "to": to, "ports": dns() }]);
    let block = |cidr: &str| json!({ "ipBlock": { "cidr": cidr } });
    let own = json!({ "podSelector": { "matchLabels": { "app": "db" } } });
    let named = json!([{ "to": [everyone()], "ports": [{ "protocol": "UDP", "port": "dns" }] }]);
    let openshift = json!([{ "to": [everyone()], "ports": [{ "protocol": "UDP", "port": 5353 }] }]);
    let unsure_tcp = json!([{ "ports": [
        { "protocol": "UDP", "port": 53 }, { "protocol": "TCP", "port": "dns-tcp" },
    ] }]);
    for (rules, expected) in [
        (to(&[everyone()]), &["policy_pods_only"][..]),
        (to(&[everyone(), block("169.254.20.10/32")]), &[]),
        (to(&[block("0.0.0.0/0")]), &[]),
        (to(&[block("203.0.113.0/24")]), &["policy_blocks_only"]),
        // CoreDNS is no pod of `shop`.
        (to(std::slice::from_ref(&own)), &["policy_no_dns"]),
        (json!([{ "to": [own] }]), &["policy_no_dns"]),
        (named, &["policy_port_unsure"]),
        (openshift, &["policy_port_unsure"]),
        (unsure_tcp, &["policy_port_unsure"]),
    ] {
        assert_eq!(found(&rules), expected, "{rules}");
    }
}

#[test]
fn only_policies_that_select_the_pods_count_and_they_add_up() {
    let web = json!({ "matchLabels": { "app": "web" } });
    let db = json!({ "matchLabels": { "app": "db" } });
    let deny = policy("deny", &json!({}), &json!([]));
    let of = |policies: &[EgressPolicy]| {
        let found = found_of(&template("shop", &json!({})), policies);
        found.first().map(|finding| finding.what)
    };
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[policy("db", &db, &json!([]))]), None);
    let allow = json!([{ "ports": dns() }]);
    assert_eq!(of(&[deny.clone(), policy("db", &db, &allow)]), Some("policy_no_dns"));
    assert_eq!(of(&[deny.clone(), policy("web", &web, &allow)]), None);
    let elsewhere = EgressPolicy { namespace: "other".to_owned(), ..deny };
    assert_eq!(of(&[elsewhere]), None);
}

#[test]
fn who_is_asked_decides_which_pods_can_be_it() {
    let own = json!([{ "to": [{ "podSelector": {} }], "ports": dns() }]);
    let others = json!([{ "to": [everyone()], "ports": dns() }]);
    let host = json!({ "hostNetwork": true });
    let of_node = json!({ "dnsPolicy": "Default" });
    let server =
        |addr: &str| json!({ "dnsPolicy": "None", "dnsConfig": { "nameservers": [addr] } });
    for (namespace, spec, rules, expected) in [
        ("kube-system", json!({}), &own, Some("policy_pods_only")),
        ("shop", host, &json!([]), None),
        ("shop", of_node, &others, Some("policy_no_dns")),
        ("shop", server("10.96.7.7"), &own, Some("policy_pods_only")),
        ("shop", server("10.96.7.7"), &json!([]), Some("policy_no_dns")),
        ("shop", server("127.0.0.1"), &json!([]), None),
    ] {
        let one = policy("p", &json!({}), rules);
        let policies = [EgressPolicy { namespace: namespace.to_owned(), ..one }];
        let found = found_of(&template(namespace, &spec), &policies);
        let found = found.first().map(|finding| finding.what);
        assert_eq!(found, expected, "{namespace} {spec} {rules}");
    }
}

#[test]
fn the_policy_to_paste_selects_nobody_who_was_free() {
    let web =
        json!({ "matchExpressions": [{ "key": "app", "operator": "In", "values": ["web"] }] });
    let policies = [policy("deny-web", &web, &json!([])), policy("z", &json!({}), &json!([]))];
    let template = template("shop", &json!({}));
    let egress = Egress::of(&template, &policies).unwrap();
    assert_eq!(egress.names(), ["deny-web", "z"]);
    let found = egress.findings();
    assert!(
        found[0]
            .text
            .starts_with("NetworkPolicy deny-web + z lets UDP 53 out to nobody")
    );
    let advice = egress.advice(&found);
    let command = advice[0].command.as_deref().unwrap();
    let body = command
        .strip_prefix("echo '")
        .and_then(|rest| rest.strip_suffix("' | kubectl apply -f -"));
    let pasted: Value = serde_json::from_str(body.unwrap()).unwrap();
    assert_eq!(pasted["spec"]["podSelector"], web);
    assert_eq!(pasted["metadata"], json!({ "name": "allow-dns-deny-web", "namespace": "shop" }));
    assert_eq!(pasted["spec"]["egress"], json!([{ "ports": dns() }]));
    // What was found is gone with it.
    let allowed = policy("allow-dns", &web, &pasted["spec"]["egress"]);
    let [deny, z] = policies;
    assert_eq!(found_of(&template, &[deny, z, allowed]), []);
}

#[test]
fn a_name_is_no_longer_than_the_api_takes() {
    let long = format!("{}-{}", "n".repeat(242), "n".repeat(10));
    let policies = [policy(&long, &json!({}), &json!([]))];
    let template = template("shop", &json!({}));
    let egress = Egress::of(&template, &policies).unwrap();
    let command = egress.command().unwrap();
    assert!(command.contains(&format!("\"allow-dns-{}\"", "n".repeat(242))), "{command}");
}
