//! Who may know whom inside a crate: only those in the layers below.

use std::collections::BTreeSet;

use crate::scan::split;
use crate::{Source, check, lines_where, prove};

/// A crate and its modules, lowest layer first. A module may use modules of
/// lower layers, not of its own: what two of them share belongs below both.
type Layers = (&'static str, &'static [&'static [&'static str]]);

/// Every crate of several layers.
const CRATES: [Layers; 4] = [
    ("proxy/resolver", RESOLVER),
    ("proxy/console", CONSOLE),
    ("proxy", PROXY),
    ("loadgen", LOADGEN),
];

const RESOLVER: &[&[&str]] =
    &[&["moment", "query"], &["cache"], &["answer", "inflight", "origin"], &["resolver"]];

const CONSOLE: &[&[&str]] = &[
    &["http", "patch", "redact"],
    &["api"],
    &["page"],
    &["admin"],
    &["args"],
    &["admin_client"],
    &["tap", "top"],
];

const PROXY: &[&[&str]] = &[
    &["cli", "health", "kubernetes", "metrics", "serve", "shutdown"],
    &["config"],
    &["app"],
    &["main"],
];

/// The load generator's, likewise.
const LOADGEN: &[&[&str]] = &[
    &["cli", "environment", "exit", "expect", "guard", "random"],
    &["client", "outstanding", "recorder", "schedule", "workload"],
    &["lookup", "plan"],
    &["account"],
    &["sender"],
    &["quick", "scenario", "signals"],
    &["run"],
    &["report"],
    &["demo", "upstream"],
    &["command"],
    &["main"],
];

/// Modules without I/O and without a clock: their callers bring both. (The
/// proxy's `moment` holds its one clock, which these may not touch.)
const PURE: [(&str, &[&str]); 2] = [
    ("proxy/resolver", &["query", "answer", "cache", "inflight", "origin", "resolver"]),
    ("loadgen", &["client", "expect", "outstanding", "recorder", "schedule", "workload"]),
];

/// What has no place in a pure module.
const IMPURE: [&str; 9] = [
    "tokio::",
    "mio::",
    "socket2::",
    "udp::",
    "UdpSocket",
    "TcpStream",
    "Clock",
    "Instant::now",
    "SystemTime::now",
];

fn uses_only_below(source: &Source) -> Vec<String> {
    let Some((krate, module)) = place(&source.path) else { return vec![] };
    let Some((_, layers)) = CRATES.iter().find(|(name, _)| *name == krate) else { return vec![] };
    let path = &source.path;
    let height = |name: &str| layers.iter().position(|layer| layer.contains(&name));
    let Some(own) = height(module) else {
        return vec![format!("{path}: {module} is in no layer; give it one in {}", file!())];
    };
    let code = split(&source.text).code;
    let above = used(&code)
        .into_iter()
        .filter(|name| *name != module && height(name).is_some_and(|other| other >= own));
    above
        .map(|name| format!("{path}: {module} uses {name}, which is not below it"))
        .collect()
}

fn is_pure(source: &Source) -> Vec<String> {
    let Some((krate, module)) = place(&source.path) else { return vec![] };
    if !PURE
        .iter()
        .any(|(name, modules)| *name == krate && modules.contains(&module))
    {
        return vec![];
    }
    let code = split(&source.text).code;
    let (code, _) = crate::scan::without_tests(&code);
    let what = format!("a socket or a clock in {module}, which is pure");
    lines_where(&source.path, code, &what, |line| IMPURE.iter().any(|word| line.contains(word)))
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
    let good = cache("use crate::moment::Moment;\nuse crate::cache::key::Key;\n// crate::resolver");
    prove(uses_only_below, &cache("use crate::answer::render;"), &good);
    prove(uses_only_below, &cache("use crate::inflight::Inflight;"), &good);
    prove(uses_only_below, &cache("use crate::{query::{A, B}, resolver};"), &good);
    let stranger = Source::new("loadgen/src/helpers.rs", "");
    prove(uses_only_below, &stranger, &Source::new("loadgen/src/cache/tests.rs", "crate::cli"));
}

#[test]
fn the_core_has_neither_sockets_nor_clocks() {
    check(is_pure);
    for bad in [
        "use tokio::time;",
        "let s = UdpSocket::bind(a);",
        "let now = Instant::now();",
        "clock: Clock",
    ] {
        let pure = |text: &str| Source::new("proxy/resolver/src/resolver.rs", text);
        let tested = format!("use std::time::Instant;\n#[cfg(test)]\nmod tests {{ {bad} }}");
        prove(is_pure, &pure(bad), &pure(&tested));
        assert!(is_pure(&Source::new("proxy/forward/src/lib.rs", bad)).is_empty());
    }
}
