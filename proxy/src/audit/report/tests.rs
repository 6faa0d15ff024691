//! The table and what stands below it.

use cluster::object::PodObject;
use cluster::{Owner, Template};
use serde_json::{Value, json};

use super::*;

fn template(kind: &str, name: &str, pods: u32, spec: &Value) -> Template {
    let pod = json!({ "metadata": { "namespace": "shop", "name": name }, "spec": spec });
    let pod: PodObject = serde_json::from_value(pod).unwrap();
    let owner = Owner { kind: kind.to_owned(), name: name.to_owned() };
    let (images, labels) = (vec!["app:1".to_owned()], BTreeMap::new());
    Template { owner, made_by: None, pods, pod, images, labels }
}

fn audit(all: Vec<Template>, gaps: &[&str]) -> Audit {
    let gaps = gaps.iter().map(|gap| (*gap).to_owned()).collect();
    let kubelet =
        Kubelet { cluster_domain: "cluster.local".to_owned(), search: Vec::new(), ndots: None };
    Audit::of(&Templates { all, gaps, ..Templates::default() }, &kubelet)
}

#[test]
fn the_worst_is_first_and_what_is_alike_is_told_once() {
    let low = json!({ "dnsConfig": { "options": [{ "name": "ndots", "value": "1" }] } });
    let all = vec![
        template("Deployment", "few", 1, &json!({})),
        template("StatefulSet", "many", 9, &json!({})),
        template("Pod", "alone", 1, &json!({})),
        template("CronJob", "low", 0, &low),
    ];
    let mut bare = all.clone();
    let seen = audit(all, &["jobs: 403 Forbidden"]);
    assert_eq!(seen.outcome, Outcome::Problem);
    let text = seen.to_string();
    let rows: Vec<_> = text.lines().skip(1).take(4).collect();
    let begins = ["RISK    shop/CronJob/low", "COST    shop/StatefulSet/many", "COST    shop/Dep"];
    for (row, begin) in rows.iter().zip(begins) {
        assert!(row.starts_with(begin), "{text}");
    }
    assert_eq!(text.matches("is asked as 4 names").count(), 1, "{text}");
    assert!(text.contains("(of 3)"), "{text}");
    assert_eq!(text.matches("$ kubectl -n shop patch").count(), 3, "{text}");
    assert!(text.contains("# shop/Pod/alone: dnsConfig is immutable"), "{text}");
    assert!(text.ends_with("\ngaps      jobs: 403 Forbidden\n"), "{text}");
    // Without the one that fails with musl it is well, as far as it was seen.
    bare.pop();
    assert_eq!(audit(bare.clone(), &["jobs: 403 Forbidden"]).outcome, Outcome::Insufficient);
    assert_eq!(audit(bare, &[]).outcome, Outcome::Healthy);
}
