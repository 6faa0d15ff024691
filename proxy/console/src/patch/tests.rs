//! Patches, applied as a shell and the API server apply them.

use std::process::{Command, Stdio};

use super::*;

const KINDS: [&str; 4] = ["CronJob", "DaemonSet", "Deployment", "StatefulSet"];

fn owner(kind: &str) -> Owner {
    Owner::new(kind, "shop", "web").unwrap()
}

fn option(name: &str, value: Option<&str>) -> DnsOption {
    DnsOption { name: name.to_owned(), value: value.map(str::to_owned) }
}

/// The manifest of an owner whose pods have this `dnsConfig`.
fn manifest(kind: &str, dns_config: &Value) -> Value {
    let mut spec = json!({ "containers": [{ "name": "web", "image": "web:1" }] });
    if !dns_config.is_null() {
        spec["dnsConfig"] = dns_config.clone();
    }
    let mut inner = json!({ "spec": spec });
    if kind == "CronJob" {
        inner = json!({ "schedule": "@daily", "jobTemplate": { "spec": { "template": inner } } });
    } else {
        inner = json!({ "replicas": 2, "template": inner });
    }
    json!({ "kind": kind, "metadata": { "name": "web" }, "spec": inner })
}

fn dns_config<'a>(kind: &str, manifest: &'a Value) -> &'a Value {
    let template = match kind {
        "CronJob" => &manifest["spec"]["jobTemplate"]["spec"]["template"],
        _ => &manifest["spec"]["template"],
    };
    assert_eq!(template["spec"]["containers"][0]["image"], "web:1");
    &template["spec"]["dnsConfig"]
}

/// JSON Merge Patch.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (field, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(field);
        } else {
            merge(&mut target[field.as_str()], value);
        }
    }
}

/// What the API server makes of `test` and `add`; `None` if it
/// refuses the patch.
fn apply(target: &Value, patch: &Value) -> Option<Value> {
    let mut target = target.clone();
    for operation in patch.as_array().unwrap() {
        let path = operation["path"].as_str().unwrap();
        let (parent, field) = path.rsplit_once('/').unwrap();
        let parent = target.pointer_mut(parent)?;
        match operation["op"].as_str().unwrap() {
            "test" if parent[field] == operation["value"] => {}
            "test" => return None,
            "add" => parent[field] = operation["value"].clone(),
            other => panic!("{other}"),
        }
    }
    Some(target)
}

/// What a shell passes to the last word of a command.
fn last_word(command: &str) -> Value {
    let script = format!("kubectl() {{ for word; do :; done; printf %s \"$word\"; }}; {command}");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn command(patch: Patch) -> String {
    match patch {
        Patch::Command(command) => command,
        other => panic!("{other:?}"),
    }
}

fn instructions(patch: Patch) -> Vec<Instruction> {
    match patch {
        Patch::Instructions(instructions) => instructions,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_reads_as_people_write_it() {
    assert_eq!(
        owner("Deployment").patch(2, Some(&[])).to_string(),
        r#"kubectl -n shop patch deployment web --type=merge -p '{"spec":{"template":{"spec":{"dnsConfig":{"options":[{"name":"ndots","value":"2"}]}}}}}'"#
    );
}

#[test]
fn other_options_and_fields_survive_the_patch() {
    let options = [
        option("single-request-reopen", None),
        option("ndots", Some("5")),
        option("o", Some("'$x'\n")),
    ];
    for kind in KINDS {
        let config = json!({ "searches": ["corp.example"], "options": options });
        let mut patched = manifest(kind, &config);
        merge(&mut patched, &last_word(&command(owner(kind).patch(2, Some(&options)))));
        let expected = json!({
            "searches": ["corp.example"],
            "options": [
                { "name": "single-request-reopen" },
                { "name": "ndots", "value": "2" },
                { "name": "o", "value": "'$x'\n" },
            ],
        });
        assert_eq!(dns_config(kind, &patched), &expected, "{kind}");
    }
}

#[test]
fn ndots_is_there_once() {
    let all = |options: &[DnsOption]| with_ndots(options, 3);
    let (a, ndots, other) =
        (option("a", None), option("ndots", Some("3")), option("ndots", Some("5")));
    assert_eq!(all(&[]), std::slice::from_ref(&ndots));
    assert_eq!(all(std::slice::from_ref(&a)), [a.clone(), ndots.clone()]);
    assert_eq!(all(&[other.clone(), a.clone(), other]), [ndots, a]);
}

#[test]
fn without_knowledge_the_patch_adds_only_where_nothing_is() {
    for kind in KINDS {
        let [see, add, _] = &instructions(owner(kind).patch(2, None))[..] else { panic!() };
        assert!(see.command.contains(" get ") && !see.command.contains("patch"));
        let patch = last_word(&add.command);
        let patched = apply(&manifest(kind, &Value::Null), &patch).unwrap();
        let expected = json!({ "options": [{ "name": "ndots", "value": "2" }] });
        assert_eq!(dns_config(kind, &patched), &expected);
        let taken = manifest(kind, &json!({ "searches": ["corp.example"] }));
        assert_eq!(apply(&taken, &patch), None, "{kind}");
    }
}

/// Runs the real jq where there is one, with a `kubectl` that knows one object.
#[test]
fn without_knowledge_what_is_there_is_kept() {
    if Command::new("jq")
        .arg("-n")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        eprintln!("skipped: jq is not in PATH");
        return;
    }
    let ndots = json!({ "name": "ndots", "value": "2" });
    let table = [
        (json!(null), json!({ "options": [ndots] })),
        (json!({ "searches": ["a"] }), json!({ "searches": ["a"], "options": [ndots] })),
        (
            json!({ "options": [{ "name": "ndots", "value": "5" }, { "name": "edns0" }] }),
            json!({ "options": [{ "name": "edns0" }, ndots] }),
        ),
    ];
    for kind in KINDS {
        let [.., keep] = &instructions(owner(kind).patch(2, None))[..] else { panic!() };
        for (before, after) in &table {
            let object = quoted(&manifest(kind, before).to_string());
            let fake = format!(
                "kubectl() {{ if [ $3 = get ]; then printf %s {object}; else cat; fi; }}; {}",
                keep.command
            );
            let output = Command::new("sh").args(["-c", &fake]).output().unwrap();
            let patched: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(dns_config(kind, &patched), after, "{kind}");
        }
    }
}

#[test]
fn what_cannot_be_changed_has_no_command() {
    for kind in ["Job", "Pod"] {
        assert_eq!(owner(kind).patch(2, None), Patch::Immutable);
        assert_eq!(owner(kind).patch(2, Some(&[])), Patch::Immutable);
        assert!(
            owner(kind)
                .patch(2, None)
                .to_string()
                .contains("delete and recreate")
        );
    }
}

#[test]
fn only_names_of_the_api_are_pasted() {
    let long = "a".repeat(64);
    for bad in ["", "-n", "a-", "A", "a b", "a;b", "$(x)", "a'b", "a\nb", "ä", &long] {
        assert_eq!(Owner::new("Pod", bad, "a"), Err(OwnerError::Namespace), "{bad:?}");
        assert_eq!(Owner::new("Pod", "a", bad), Err(OwnerError::Name), "{bad:?}");
    }
    assert_eq!(Owner::new("Pod", "a.b", "a"), Err(OwnerError::Namespace));
    assert_eq!(Owner::new("Pod", "a", "a..b"), Err(OwnerError::Name));
    assert_eq!(Owner::new("Pod", "a", &"a.".repeat(127)), Err(OwnerError::Name));
    assert_eq!(Owner::new("Rollout", "a", "a"), Err(OwnerError::Kind));
    assert!(Owner::new("StatefulSet", "kube-system", "a.b-1").is_ok());
}

#[test]
fn instructions_are_pasted_with_their_conditions() {
    let text = owner("CronJob").patch(1, None).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(
        lines[1],
        "kubectl -n shop get cronjob web -o jsonpath='{.spec.jobTemplate.spec.template.spec.dnsConfig}'"
    );
    assert!(lines.iter().step_by(2).all(|line| line.starts_with("# ")));
}
