//! Whom a policy selects, and what it lets out.

use serde_json::{Value, json};

use super::*;

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn expression(key: &str, operator: &str, values: &[&str]) -> Value {
    json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] })
}

#[test]
fn a_selector_selects_what_meets_all_of_it() {
    let web = [("app", "web"), ("tier", "front")];
    let both = json!({
        "matchLabels": { "app": "web" },
        "matchExpressions": [{ "key": "tier", "operator": "In", "values": ["back"] }],
    });
    for (selector, expected) in [
        (json!({}), true),
        (json!({ "matchLabels": { "app": "web" } }), true),
        (json!({ "matchLabels": { "app": "db" } }), false),
        (json!({ "matchLabels": { "app": "web", "zone": "a" } }), false),
        (expression("app", "In", &["db", "web"]), true),
        (expression("app", "In", &["db"]), false),
        (expression("zone", "In", &["a"]), false),
        (expression("app", "NotIn", &["web"]), false),
        (expression("app", "NotIn", &["db"]), true),
        (expression("zone", "NotIn", &["a"]), true),
        (expression("tier", "Exists", &[]), true),
        (expression("zone", "Exists", &[]), false),
        (expression("tier", "DoesNotExist", &[]), false),
        (expression("zone", "DoesNotExist", &[]), true),
        (expression("app", "Gt", &["1"]), false),
        (both, false),
    ] {
        let read: Selector = serde_json::from_value(selector.clone()).unwrap();
        assert_eq!(read.selects(&labels(&web)), expected, "{selector}");
    }
}

#[test]
fn a_selector_is_written_as_it_was_read() {
    let written = json!({
        "matchLabels": { "app": "web" },
        "matchExpressions": [
            { "key": "tier", "operator": "In", "values": ["back"] },
            { "key": "zone", "operator": "DoesNotExist" },
        ],
    });
    for selector in [written, json!({})] {
        let read: Selector = serde_json::from_value(selector.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), selector);
    }
}

fn policy(spec: &Value) -> Option<EgressPolicy> {
    let object = json!({ "metadata": { "name": "p", "namespace": "shop" }, "spec": spec });
    serde_json::from_value::<PolicyObject>(object)
        .unwrap()
        .egress()
}

#[test]
fn without_types_a_policy_is_about_what_is_sent_where_it_has_rules_for_that() {
    for (spec, rules) in [
        (json!({ "policyTypes": ["Egress"] }), Some(0)),
        (json!({ "policyTypes": ["Ingress", "Egress"], "egress": [{}] }), Some(1)),
        (json!({ "policyTypes": ["Ingress"], "egress": [{}] }), None),
        (json!({ "egress": [{}, {}] }), Some(2)),
        (json!({ "ingress": [{}] }), None),
        (json!({}), None),
    ] {
        assert_eq!(policy(&spec).map(|one| one.rules.len()), rules, "{spec}");
    }
}

fn rule(rule: &Value) -> EgressRule {
    serde_json::from_value(rule.clone()).unwrap()
}

#[test]
fn a_port_is_open_by_number_range_or_default() {
    use Opens::{ByName, No, Yes};
    for (ports, udp, tcp) in [
        (json!([]), Yes, Yes),
        (json!([{ "protocol": "UDP", "port": 53 }]), Yes, No),
        (json!([{ "port": 53 }]), No, Yes),
        (json!([{ "protocol": "UDP" }]), Yes, No),
        (json!([{ "protocol": "UDP", "port": 54 }, { "port": 443 }]), No, No),
        (json!([{ "protocol": "UDP", "port": 1, "endPort": 52 }]), No, No),
        (json!([{ "protocol": "UDP", "port": 1, "endPort": 53 }]), Yes, No),
        (json!([{ "protocol": "UDP", "port": 53, "endPort": 65535 }]), Yes, No),
        (json!([{ "protocol": "UDP", "port": 54, "endPort": 65535 }]), No, No),
        (json!([{ "protocol": "UDP", "port": "dns" }]), ByName, No),
        (json!([{ "protocol": "UDP", "port": "dns" }, { "protocol": "UDP", "port": 53 }]), Yes, No),
        (json!([{ "protocol": "SCTP", "port": 53 }]), No, No),
    ] {
        let rule = rule(&json!({ "ports": ports }));
        assert_eq!((rule.opens("UDP", 53), rule.opens("TCP", 53)), (udp, tcp), "{ports}");
    }
}

#[test]
fn destinations_are_addresses_or_pods() {
    use Destination::{Anywhere, Block, Namespaces, OwnNamespace};
    let block = |cidr: &str| json!({ "ipBlock": { "cidr": cidr } });
    let except = json!({ "ipBlock": { "cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"] } });
    for (to, expected) in [
        (json!([]), vec![Anywhere]),
        (json!([block("0.0.0.0/0")]), vec![Anywhere]),
        (json!([block("::/0")]), vec![Anywhere]),
        (json!([block("10.0.0.0/8")]), vec![Block("10.0.0.0/8".to_owned())]),
        (json!([except]), vec![Block("0.0.0.0/0 except 10.0.0.0/8".to_owned())]),
        (json!([{ "podSelector": {} }]), vec![OwnNamespace]),
        (json!([{ "podSelector": {}, "namespaceSelector": {} }]), vec![Namespaces]),
        (
            json!([{ "namespaceSelector": {} }, { "podSelector": {} }]),
            vec![Namespaces, OwnNamespace],
        ),
    ] {
        assert_eq!(rule(&json!({ "to": to })).destinations(), expected, "{to}");
    }
}
