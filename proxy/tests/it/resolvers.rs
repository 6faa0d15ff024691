//! A pod's resolvers get through: those of glibc, musl and Go, each with its
//! own resolv.conf in a namespace of its own, CoreDNS on the node behind us.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use testbed::{Component, Coredns, Lan, Netns, Process, fivedots};

use crate::PROGRAM;
use crate::coredns::{COREFILE, zones};

/// What kubelet writes for a pod in the namespace `default`.
const RESOLV_CONF: &str = "\
search default.svc.cluster.local svc.cluster.local cluster.local
nameserver 10.77.2.1
options ndots:5
";

/// Where a resolver's /etc/resolv.conf is another file.
const WITH_RESOLV_CONF: &str = "mount --bind \"$1\" /etc/resolv.conf && shift && exec \"$@\"";

/// Names as a pod writes them, and the addresses they have.
const NAMES: [(&str, &[&str]); 6] = [
    ("kubernetes.default", &["10.96.0.1", "fd00::1"]),
    ("kubernetes.default.svc.cluster.local.", &["10.96.0.1", "fd00::1"]),
    // AAAA is NODATA: glibc makes EAI_AGAIN of that when AA and RA are clear.
    ("many", &["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
    ("alias", &["10.96.0.1", "fd00::1"]),
    ("www.example", &["192.0.2.80"]),
    ("gone", &["none"]),
];

struct Node {
    pod: Netns,
    dir: tempfile::TempDir,
    _proxy: Process,
    _coredns: Coredns,
    _node: Netns,
    _lan: Lan,
}

impl Node {
    fn start() -> Self {
        let lan = Lan::new().unwrap();
        let node = lan.host(&["10.77.2.1/24"]).unwrap();
        let pod = lan.host(&["10.77.2.9/24"]).unwrap();
        let zones = zones();
        let files = zones.each_ref().map(|(name, text)| (*name, text.as_str()));
        let upstream = "127.0.0.1:5300";
        let coredns =
            Coredns::start_in(&node, upstream.parse().unwrap(), COREFILE, &files).unwrap();
        let flags = ["--listen", "10.77.2.1:53", "--upstream", upstream];
        let proxy = fivedots::serve(&mut node.command(PROGRAM), "", &flags).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("resolv.conf"), RESOLV_CONF).unwrap();
        Self { pod, dir, _proxy: proxy, _coredns: coredns, _node: node, _lan: lan }
    }

    /// Runs a program of the pod; each line it prints is a time, a name and
    /// what it was resolved to.
    fn resolve(&self, program: &Path, names: &[&str]) -> Vec<BTreeSet<String>> {
        let mut command = self.pod.command("unshare");
        command.args(["--mount", "sh", "-c", WITH_RESOLV_CONF, "sh"]);
        command.arg(self.dir.path().join("resolv.conf"));
        let output = command.arg(program).args(names).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| line.split(' ').skip(2).map(str::to_owned).collect())
            .collect()
    }

    fn check(&self, program: &Path, most: usize) {
        let asked = NAMES.map(|(name, _)| name);
        for ((name, expected), found) in NAMES.iter().zip(self.resolve(program, &asked)) {
            let expected: BTreeSet<_> = expected.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{name}");
        }
        // 512 octets hold 28 of its 100 addresses; TCP brings the rest.
        let found = self.resolve(program, &["hundred"]);
        assert!((28..=most).contains(&found[0].len()), "{found:?}");
        if most == 100 {
            assert_eq!(found[0].len(), most);
        }
    }

    fn compile(&self, compiler: &mut Command, program: &str, source: &str) -> PathBuf {
        let program = self.dir.path().join(program);
        compiler
            .arg("-o")
            .arg(&program)
            .arg(testbed::lookups::sources().join(source));
        let built = compiler.output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        program
    }
}

fn have(compiler: &str) -> bool {
    testbed::have(Component::Netns)
        && testbed::have(Component::Coredns)
        && testbed::have_program(compiler, Component::Netns)
}

#[test]
fn getaddrinfo_of_glibc_resolves() {
    if !have("gcc") {
        return;
    }
    let node = Node::start();
    let program = node.compile(&mut Command::new("gcc"), "glibc", "getaddrinfo.c");
    node.check(&program, 100);
}

/// musl before 1.2.4 has no TCP, and every musl keeps 48 addresses at most.
#[test]
fn getaddrinfo_of_musl_resolves() {
    if !have("musl-gcc") {
        return;
    }
    let node = Node::start();
    let mut compiler = Command::new("musl-gcc");
    let program = node.compile(compiler.arg("-static"), "musl", "getaddrinfo.c");
    node.check(&program, 48);
}

#[test]
fn the_resolver_of_go_resolves() {
    if !have("go") {
        return;
    }
    let node = Node::start();
    let mut compiler = Command::new("go");
    compiler.env("CGO_ENABLED", "0").arg("build");
    let program = node.compile(&mut compiler, "go", "lookup.go");
    node.check(&program, 100);
}
