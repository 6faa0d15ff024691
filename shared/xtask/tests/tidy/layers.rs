//! Who may know whom inside a crate: only those in the layers below.

use std::collections::BTreeSet;

use crate::{Source, check, prove, sources};

/// A crate and its modules, lowest layer first. A module may use modules of
/// lower layers, not of its own: what two of them share belongs below both.
type Layers = (&'static str, &'static [&'static [&'static str]]);

/// Every crate of several layers.
const CRATES: [Layers; 6] = [
    ("proxy/resolver", RESOLVER),
    ("proxy/intercept", INTERCEPT),
    ("proxy/observe", OBSERVE),
    ("proxy/console", CONSOLE),
    ("proxy", PROXY),
    ("loadgen", LOADGEN),
];

const RESOLVER: &[&[&str]] = &[
    &["clock", "held", "response", "shares"],
    &["places", "query"],
    &["cache"],
    &["answer", "inflight", "origin", "special"],
    &["resolver"],
];

/// From octets to rules, and to the kernel.
const INTERCEPT: &[&[&str]] = &[
    &["plan"],
    &["connections", "expression", "link"],
    &["nft"],
    &["rules"],
    &["found"],
    &["interceptor"],
];

/// The way of a record, from its thread to the figures.
const OBSERVE: &[&[&str]] = &[
    &["beat"],
    &["config", "counters", "retry_kind", "wire"],
    &["intake"],
    &["tables"],
    &["lookup"],
    &["accounts"],
    &["advice"],
    &["observer"],
    &["tap"],
    &["thread"],
];

const CONSOLE: &[&[&str]] = &[
    &["http", "patch", "redact", "words"],
    &["api"],
    &["failing", "verdicts"],
    &["page"],
    &["admin"],
    &["args"],
    &["admin_client"],
    &["cache", "probe", "stats", "tap", "top"],
    &["record"],
];

const PROXY: &[&[&str]] = &[
    &[
        "capabilities",
        "descriptors",
        "handover",
        "heartbeat",
        "live",
        "log",
        "memory",
        "reload",
        "renewals",
        "snapshot",
        "upstreams",
    ],
    &["cli", "health", "kubernetes", "metrics", "serve", "shutdown"],
    &["notify"],
    &["config"],
    &["audit", "evidence", "interception", "resolv_conf"],
    &["verdicts"],
    &["app"],
    &["main"],
];

/// The load generator's, likewise.
const LOADGEN: &[&[&str]] = &[
    &["cli", "environment", "evidence", "exit", "guard", "random", "search", "series", "tty"],
    &["expect", "replay"],
    &["outstanding", "recorder", "schedule", "workload"],
    &["clients", "compare", "lookup", "plan", "snapshot"],
    &["account", "stops"],
    &["sender"],
    &["causes", "probe"],
    &["halt", "quick", "scenario", "shard", "signals"],
    &["forecast", "live", "live_metrics", "progress", "run"],
    &["report"],
    &["baseline", "demo", "find", "outputs", "replayed", "upstream"],
    &["command"],
    &["main"],
];

fn uses_only_below(source: &Source) -> Vec<String> {
    let Some((krate, module)) = place(&source.path) else { return vec![] };
    let Some((_, layers)) = CRATES.iter().find(|(name, _)| *name == krate) else { return vec![] };
    let path = &source.path;
    let height = |name: &str| layers.iter().position(|layer| layer.contains(&name));
    let Some(own) = height(module) else {
        return vec![format!("{path}: {module} is in no layer; give it one in {}", file!())];
    };
    let code = &source.split().code;
    let above = used(code)
        .into_iter()
        .filter(|name| *name != module && height(name).is_some_and(|other| other >= own));
    above
        .map(|name| format!("{path}: {module} uses {name}, which is not below it"))
        .collect()
}

/// The crate and the top module of a file of the two programs; tests may know
/// everybody.
fn place(path: &str) -> Option<(&str, &str)> {
    let (krate, inside) = path.split_once("/src/")?;
    let module = inside.split('/').next()?.trim_end_matches(".rs");
    let test = inside.ends_with("/tests.rs") || inside.contains("/tests/");
    let layered = CRATES.iter().any(|(name, _)| *name == krate) && module != "lib" && !test;
    layered.then_some((krate, module))
}

/// The names after each `crate::`, also those of `use crate::{a, b::c}`.
fn used(code: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for (at, path) in code.match_indices("crate::") {
        let after = &code[at + path.len()..];
        match after.strip_prefix('{') {
            Some(group) => names.extend(group_names(group)),
            None => names.extend(first_name(after)),
        }
    }
    names
}

fn group_names(group: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.extend(first_name(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.extend(first_name(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names
}

fn first_name(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

#[test]
fn modules_know_only_what_is_below_them() {
    check(uses_only_below);
    let cache = |text| Source::new("proxy/resolver/src/cache/shard.rs", text);
    let good = cache("use crate::clock::Moment;\nuse crate::cache::key::Key;\n// crate::resolver");
    prove(uses_only_below, &cache("use crate::answer::render;"), &good);
    prove(uses_only_below, &cache("use crate::inflight::Inflight;"), &good);
    prove(uses_only_below, &cache("use crate::{query::{A, B}, resolver};"), &good);
    let stranger = Source::new("loadgen/src/helpers.rs", "");
    prove(uses_only_below, &stranger, &Source::new("loadgen/src/cache/tests.rs", "crate::cli"));
}

/// Modules in the lists that no file holds: such a layer guards nothing.
fn missing(paths: &[String]) -> Vec<String> {
    let held: BTreeSet<_> = paths.iter().filter_map(|path| place(path)).collect();
    let listed = CRATES.iter().flat_map(|(krate, layers)| {
        let modules = layers.iter().flat_map(|layer| *layer);
        modules.map(move |module| (*krate, *module))
    });
    let missing = listed.filter(|place| !held.contains(place));
    missing
        .map(|(krate, module)| format!("{krate} has no module {module}; take it from {}", file!()))
        .collect()
}

#[test]
fn every_module_of_the_layers_is_there() {
    let mut paths: Vec<_> = sources().iter().map(|source| source.path.clone()).collect();
    assert_eq!(missing(&paths), Vec::<String>::new());
    paths.retain(|path| !path.contains("/src/schedule"));
    assert_eq!(missing(&paths).len(), 1, "{:?}", missing(&paths));
}
