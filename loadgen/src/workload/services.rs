//! The names of a cluster's Services, from what `kubectl get services -A -o json` prints.
//!
//! A file and not the API: it is read once, it says what was asked for, and the program
//! needs no rights in the cluster that it puts load on.

use std::collections::HashSet;
use std::path::Path;

use serde::Deserialize;

use super::names::{MAX_NAMES, parse_line};

/// Reads the names of all Services in `path`, in its order, each as `form` has it, with
/// `{name}` and `{namespace}`.
///
/// # Errors
///
/// What is wrong with the form or the file, for a person.
pub fn read_services(path: &Path, form: &str) -> Result<Vec<String>, String> {
    let rest = form.replace("{name}", "").replace("{namespace}", "");
    if !form.contains("{name}") || rest.contains(['{', '}']) {
        return Err(format!("form: {form:?} is not of {{name}}, {{namespace}} and text"));
    }
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    parse(&text, form).map_err(|reason| format!("{shown}: {reason}"))
}

fn parse(text: &str, form: &str) -> Result<Vec<String>, String> {
    let list: List = serde_json::from_str(text)
        .map_err(|error| format!("not the list of kubectl get services -A -o json: {error}"))?;
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for (n, Item { kind, metadata: Metadata { name, namespace } }) in list.items.iter().enumerate()
    {
        // A list of the API itself has no kind in its items.
        if let Some(kind) = kind.as_ref().filter(|kind| *kind != "Service") {
            return Err(format!("items[{n}] is a {kind}, not a Service"));
        }
        let asked = form
            .replace("{namespace}", namespace)
            .replace("{name}", name);
        parse_line(&asked).map_err(|reason| format!("items[{n}]: {asked:?}: {reason}"))?;
        // With the name alone, those of several namespaces are one.
        if seen.insert(asked.clone()) {
            names.push(asked);
        }
    }
    match names.len() {
        0 => Err("there is no Service in it".to_owned()),
        1..=MAX_NAMES => Ok(names),
        _ => Err(format!("more than {MAX_NAMES} names")),
    }
}

#[derive(Deserialize)]
struct List {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    kind: Option<String>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    namespace: String,
}

/// Of a cluster with the usual domain.
pub const DEFAULT_FORM: &str = "{name}.{namespace}.svc.cluster.local";

#[cfg(test)]
mod tests {
    use super::*;

    /// As kubectl prints them, but for what is not read.
    const LIST: &str = r#"{
        "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": "" },
        "items": [
            { "apiVersion": "v1", "kind": "Service",
              "metadata": { "name": "kubernetes", "namespace": "default", "labels": {} },
              "spec": { "clusterIP": "10.96.0.1", "type": "ClusterIP" } },
            { "kind": "Service", "metadata": { "name": "cart", "namespace": "shop" } },
            { "metadata": { "name": "cart", "namespace": "shop-test" } }
        ]
    }"#;

    #[test]
    fn each_service_is_a_name_of_the_form() {
        let names = parse(LIST, DEFAULT_FORM).unwrap();
        assert_eq!(names[0], "kubernetes.default.svc.cluster.local");
        assert_eq!(names.len(), 3);
        let short = parse(LIST, "{name}.{namespace}").unwrap();
        assert_eq!(short, ["kubernetes.default", "cart.shop", "cart.shop-test"]);
        assert_eq!(parse(LIST, "{name}").unwrap(), ["kubernetes", "cart"]);
    }

    #[test]
    fn what_is_no_list_of_services_is_named() {
        for (from, to, message) in [
            ("\"items\"", "\"item\"", "missing field `items` at line"),
            ("\"namespace\": \"shop\"", "\"of\": 1", "missing field `namespace` at line 7"),
            ("\"Service\", \"metadata\"", "\"Pod\", \"metadata\"", "items[1] is a Pod, not a"),
            (
                "\"cart\", \"namespace\": \"shop\"",
                "\"a..b\", \"namespace\": \"c\"",
                "items[1]: \"a..b.c",
            ),
        ] {
            let error = parse(&LIST.replacen(from, to, 1), DEFAULT_FORM).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        assert_eq!(parse("{\"items\": []}", "{name}").unwrap_err(), "there is no Service in it");
        for form in ["cart", "{name}.{zone}", "{namespace}"] {
            let error = read_services(Path::new("/nowhere"), form).unwrap_err();
            assert!(error.starts_with("form: "), "{error}");
        }
        let error = read_services(Path::new("/nowhere"), DEFAULT_FORM).unwrap_err();
        assert!(error.starts_with("cannot read /nowhere: "), "{error}");
    }
}
