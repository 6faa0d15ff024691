//! Who may know whom among the crates, from their manifests.

use std::fs;
use std::process::Command;

use crate::{Source, prove, root};

/// Our crates: what each may depend on, of ours, in its library and programs,
/// and beyond that in its tests.
const OURS: [(&str, &[&str], &[&str]); 21] = [
    (
        "proxy",
        &[
            "cluster",
            "console",
            "diagnose",
            "dns",
            "forward",
            "intercept",
            "node",
            "observe",
            "pcap",
            "resolver",
            "stub",
            "udp",
        ],
        &["testbed", "upstream"],
    ),
    ("proxy/console", &["diagnose", "dns", "forward", "observe", "resolver", "stub"], &["testbed"]),
    ("proxy/diagnose", &[], &[]),
    ("proxy/forward", &["dns", "observe", "resolver", "udp"], &["testbed", "upstream"]),
    (
        "proxy/fuzz",
        &["console", "dns", "forward", "observe", "pcap", "proxy", "resolver", "stub"],
        &[],
    ),
    ("proxy/intercept", &["netlink"], &["testbed"]),
    ("proxy/observe", &["dns", "resolver", "stub"], &["testbed"]),
    ("proxy/resolver", &["dns"], &["testbed"]),
    ("loadgen", &["dns", "netlink", "pcap", "stub", "udp", "upstream"], &["testbed"]),
    (
        "benches",
        &["dns", "loadgen", "observe", "proxy", "resolver", "testbed", "udp", "upstream"],
        &[],
    ),
    ("shared/cluster", &[], &[]),
    ("shared/dns", &[], &[]),
    ("shared/netlink", &[], &[]),
    ("shared/node", &["netlink"], &[]),
    ("shared/pcap", &[], &[]),
    ("shared/udp", &[], &[]),
    ("shared/stub", &["dns"], &[]),
    ("shared/upstream", &[], &[]),
    ("shared/testbed", &["upstream"], &["upstream"]),
    ("shared/xtask", &[], &[]),
    // The workspace has no code of its own.
    ("", &[], &[]),
];

/// Crates of others that only these of ours may name outside their tests.
const RESERVED: [(&str, &[&str]); 5] = [
    ("hickory-proto", &["shared/dns", "shared/upstream", "shared/testbed"]),
    ("hickory-server", &["shared/upstream"]),
    ("kube", &["shared/cluster"]),
    ("k8s-openapi", &["shared/cluster"]),
    ("libc", &["shared/udp"]),
];

/// Crates that bring sockets, clocks or threads; the pure crates have none.
const IMPURE: [&str; 5] = ["tokio", "mio", "socket2", "axum", "serde_json"];
/// The libraries that the program `proxy` puts together.
const ROOMS: [&str; 6] = ["console", "diagnose", "forward", "intercept", "observe", "resolver"];

const PURE: [&str; 6] = [
    "proxy/diagnose",
    "proxy/observe",
    "proxy/resolver",
    "shared/dns",
    "shared/pcap",
    "shared/stub",
];

/// What a room has no use for, though its neighbors have: who draws needs no
/// sockets of its own, who asks upstreams draws nothing.
const STRANGE: [(&str, &[&str]); 3] = [
    ("proxy/console", &["mio", "socket2", "udp"]),
    ("proxy/intercept", &["axum", "clap", "mio", "serde", "socket2", "tokio"]),
    ("proxy/forward", &["axum", "clap", "hyper", "maud", "ratatui", "serde_json"]),
];

fn knows_only_its_own(manifest: &Source) -> Vec<String> {
    let krate = manifest
        .path
        .trim_end_matches("Cargo.toml")
        .trim_end_matches('/');
    let Some((_, may, tests_may)) = OURS.iter().find(|(name, ..)| *name == krate) else {
        return vec![format!("{}: say in {} whom it may know", manifest.path, file!())];
    };
    let complain = |what: &str| format!("{}: {krate} may not depend on {what}", manifest.path);
    let mut complaints = Vec::new();
    for (section, name) in dependencies(&manifest.text) {
        let ours = OURS
            .iter()
            .any(|(path, ..)| path.rsplit('/').next() == Some(name));
        let in_tests = section == "dev-dependencies";
        let allowed = may.contains(&name) || (in_tests && tests_may.contains(&name));
        let reserved = RESERVED.iter().find(|(reserved, _)| *reserved == name);
        let reserved = reserved.is_some_and(|(_, holders)| !holders.contains(&krate));
        let impure = PURE.contains(&krate) && IMPURE.contains(&name) && !in_tests;
        let strange = STRANGE
            .iter()
            .any(|(room, names)| *room == krate && names.contains(&name));
        if (ours && !allowed) || impure || ((reserved || strange) && !in_tests) {
            complaints.push(complain(name));
        }
    }
    complaints
}

/// Section and name of each dependency.
fn dependencies(manifest: &str) -> Vec<(&str, &str)> {
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if section.ends_with("dependencies") && !section.starts_with("workspace") {
            let end = line.find(['.', ' ', '=']).unwrap_or(0);
            let name = &line[..end];
            if !name.is_empty() && !name.starts_with('#') {
                found.push((section, name));
            }
        }
    }
    found
}

fn manifests() -> Vec<Source> {
    let mut folders: Vec<_> = ["proxy", "loadgen", "benches"].map(str::to_owned).into();
    folders.extend(ROOMS.map(|room| format!("proxy/{room}")));
    folders.push("proxy/fuzz".to_owned());
    for entry in fs::read_dir(root().join("shared")).unwrap() {
        folders.push(format!("shared/{}", entry.unwrap().file_name().to_str().unwrap()));
    }
    let read = |folder: &String| {
        let path = format!("{folder}/Cargo.toml");
        let text = fs::read_to_string(root().join(&path)).unwrap();
        Source::new(&path, &text)
    };
    folders.iter().map(read).collect()
}

#[test]
fn crates_know_only_whom_they_may() {
    let complaints: Vec<_> = manifests().iter().flat_map(knows_only_its_own).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    let table = [
        ("proxy", "[dependencies]\nloadgen.workspace = true"),
        ("loadgen", "[dev-dependencies]\nproxy = { path = \"../proxy\" }"),
        ("proxy", "[dependencies]\nhickory-proto.workspace = true"),
        ("shared/dns", "[dependencies]\ntokio = \"1\""),
        ("proxy/observe", "[dependencies]\nserde_json.workspace = true"),
        ("proxy/console", "[dependencies]\nmio.workspace = true"),
        ("shared/testbed", "[dev-dependencies]\ndns.workspace = true"),
        ("shared/stranger", ""),
    ];
    let good = "[dependencies]\n# libc no more\ndns.workspace = true\n[dev-dependencies]\nhickory-proto = \"1\"";
    for (krate, bad) in table {
        let manifest = |krate: &str, text| Source::new(&format!("{krate}/Cargo.toml"), text);
        prove(knows_only_its_own, &manifest(krate, bad), &manifest("proxy", good));
    }
}

/// The impure crates in what `cargo tree --prefix none` prints.
fn impure_in(tree: &str) -> Vec<&str> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    names.filter(|name| IMPURE.contains(name)).collect()
}

/// A manifest shows what a crate names; what comes with that only cargo knows.
#[test]
fn pure_crates_bring_no_runtime_and_no_sockets() {
    for krate in PURE {
        let name = krate.rsplit('/').next().unwrap();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["tree", "--package", name, "--edges", "normal", "--prefix", "none"]);
        let output = cargo.current_dir(root()).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        let tree = String::from_utf8(output.stdout).unwrap();
        assert!(tree.starts_with(&format!("{name} v")), "{name}: {complaint}");
        assert_eq!(impure_in(&tree), Vec::<&str>::new(), "{name} brings these:\n{tree}");
    }
    assert_eq!(impure_in("observe v0.1.0 (/w)\nserde v1.0.229\ntokio v1.54.1 (*)"), ["tokio"]);
}

#[test]
fn only_the_program_names_all_rooms() {
    for manifest in manifests() {
        let named = dependencies(&manifest.text);
        let all = ROOMS
            .iter()
            .all(|room| named.iter().any(|(_, name)| name == room));
        assert_eq!(all, manifest.path == "proxy/Cargo.toml", "{}", manifest.path);
    }
}
