//! The list of everything that is compiled into the programs, as SPDX 2.3.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::platform::Platform;
use super::source::Source;
use crate::shell;
use crate::workspace::FEATURES;

/// The document of one platform.
///
/// # Errors
///
/// When cargo does not tell what the programs depend on.
pub(super) fn of(platform: Platform, source: &Source) -> Result<Vec<u8>> {
    let mut cargo = shell::cargo(&["metadata", "--format-version", "1", "--locked"]);
    cargo
        .args(["--filter-platform", platform.triple()])
        .args(FEATURES);
    let output = cargo.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let lock = std::fs::read_to_string(shell::root().join("Cargo.lock"))?;
    let document = document(&metadata, &checksums(&lock), platform, source);
    Ok(serde_json::to_vec(&document)?)
}

fn document(
    metadata: &Value,
    checksums: &BTreeMap<(&str, &str), &str>,
    platform: Platform,
    source: &Source,
) -> Value {
    let compiled = compiled(metadata);
    let mut packages: Vec<_> = list(metadata, "packages")
        .iter()
        .filter(|package| compiled.contains(text(package, "id")))
        .map(|package| entry(package, checksums))
        .collect();
    packages.sort_by_key(|package| text(package, "SPDXID").to_owned());
    let described: Vec<_> = PROGRAMS
        .iter()
        .map(|name| id(name, &source.version))
        .collect();
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": format!("fivedots-{}-{}", source.version, platform.name()),
        "documentNamespace": format!(
            "urn:fivedots:{}:{}:{}", source.version, source.revision, platform.name()
        ),
        "creationInfo": { "created": source.time(), "creators": ["Tool: cargo xtask image"] },
        "documentDescribes": described,
        "packages": packages,
        "relationships": relationships(metadata, &compiled),
    })
}

/// The identifiers of the packages that the programs reach without their tests.
fn compiled(metadata: &Value) -> BTreeSet<&str> {
    let nodes = nodes(metadata);
    let is_program = |package: &&Value| PROGRAMS.contains(&text(package, "name"));
    let mut reached = BTreeSet::new();
    let mut left: Vec<_> = list(metadata, "packages")
        .iter()
        .filter(is_program)
        .map(|package| text(package, "id"))
        .collect();
    while let Some(id) = left.pop() {
        if reached.insert(id) {
            left.extend(nodes.get(id).into_iter().flatten());
        }
    }
    reached
}

/// What each package depends on.
fn nodes(metadata: &Value) -> BTreeMap<&str, Vec<&str>> {
    let nodes = metadata.pointer("/resolve/nodes").and_then(Value::as_array);
    let nodes = nodes.into_iter().flatten();
    let needed = |node| {
        let needs = list(node, "deps").iter().filter(|dep| is_compiled(dep));
        needs.map(|dep| text(dep, "pkg")).collect()
    };
    nodes.map(|node| (text(node, "id"), needed(node))).collect()
}

/// Whether it is compiled in, or makes code at compile time; tests are in no program.
fn is_compiled(dependency: &Value) -> bool {
    list(dependency, "dep_kinds")
        .iter()
        .any(|kind| kind.get("kind").and_then(Value::as_str) != Some("dev"))
}

fn entry(package: &Value, checksums: &BTreeMap<(&str, &str), &str>) -> Value {
    let [name, version] = ["name", "version"].map(|key| text(package, key));
    let license = package.get("license").and_then(Value::as_str);
    // Older crates write "MIT/Apache-2.0", which is no SPDX expression.
    let license =
        license.map_or_else(|| "NOASSERTION".to_owned(), |text| text.replace('/', " OR "));
    let mut entry = json!({
        "SPDXID": id(name, version),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": license,
        "copyrightText": "NOASSERTION",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": format!("pkg:cargo/{name}@{version}"),
        }],
    });
    if let (Some(sum), Some(fields)) = (checksums.get(&(name, version)), entry.as_object_mut()) {
        let sums = json!([{ "algorithm": "SHA256", "checksumValue": sum }]);
        fields.insert("checksums".to_owned(), sums);
    }
    entry
}

fn relationships(metadata: &Value, compiled: &BTreeSet<&str>) -> Vec<Value> {
    let names: BTreeMap<_, _> = list(metadata, "packages")
        .iter()
        .map(|package| (text(package, "id"), id(text(package, "name"), text(package, "version"))))
        .collect();
    let mut pairs = BTreeSet::new();
    for (from, needs) in nodes(metadata) {
        for to in needs.iter().filter(|_| compiled.contains(from)) {
            pairs.extend(names.get(from).zip(names.get(to)));
        }
    }
    let relationship = |(from, to)| {
        json!({
            "spdxElementId": from,
            "relationshipType": "DEPENDS_ON",
            "relatedSpdxElement": to,
        })
    };
    pairs.into_iter().map(relationship).collect()
}

/// Only letters, digits, full stops and hyphens are allowed in it.
fn id(name: &str, version: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let name: String = format!("{name}-{version}").chars().map(allowed).collect();
    format!("SPDXRef-{name}")
}

/// The checksums of Cargo.lock, by name and version.
fn checksums(lock: &str) -> BTreeMap<(&str, &str), &str> {
    let packages = lock.split("[[package]]").skip(1);
    let read = |package| {
        Some(((value(package, "name")?, value(package, "version")?), value(package, "checksum")?))
    };
    packages.filter_map(read).collect()
}

fn value<'a>(package: &'a str, key: &str) -> Option<&'a str> {
    let line = package
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    line.map(|value| value.trim_matches('"'))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The packages of the two programs.
const PROGRAMS: [&str; 2] = ["proxy", "loadgen"];

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Value {
        let package = |name: &str, license: &str| json!({ "id": name, "name": name, "version": "1.2.3", "license": license });
        let dep =
            |name: &str, kind: &Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        json!({
            "packages": [
                package("proxy", "Apache-2.0"), package("ring", "MIT/ISC"),
                package("cc_1", "MIT"), package("testbed", "Apache-2.0"),
            ],
            "resolve": { "nodes": [
                { "id": "proxy", "deps": [dep("ring", &Value::Null), dep("testbed", &json!("dev"))] },
                { "id": "ring", "deps": [dep("cc_1", &json!("build"))] },
                { "id": "testbed", "deps": [dep("ring", &Value::Null)] },
            ]},
        })
    }

    #[test]
    fn what_is_compiled_in_is_listed_and_nothing_else() {
        let lock = "[[package]]\nname = \"ring\"\nversion = \"1.2.3\"\nchecksum = \"ab\"\n";
        let document = document(&metadata(), &checksums(lock), Platform::Amd64, &Source::example());
        let packages = list(&document, "packages");
        let names: Vec<_> = packages
            .iter()
            .map(|package| text(package, "name"))
            .collect();
        assert_eq!(names, ["cc_1", "proxy", "ring"]);
        let ring = &packages[2];
        assert_eq!(ring["licenseDeclared"], "MIT OR ISC");
        assert_eq!(ring["checksums"][0]["checksumValue"], "ab");
        assert_eq!(ring["externalRefs"][0]["referenceLocator"], "pkg:cargo/ring@1.2.3");
        let pairs: Vec<_> = list(&document, "relationships")
            .iter()
            .map(|pair| (text(pair, "spdxElementId"), text(pair, "relatedSpdxElement")))
            .collect();
        assert_eq!(
            pairs,
            [
                ("SPDXRef-proxy-1.2.3", "SPDXRef-ring-1.2.3"),
                ("SPDXRef-ring-1.2.3", "SPDXRef-cc-1-1.2.3"),
            ]
        );
    }
}
