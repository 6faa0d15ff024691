//! The cluster, with Fivedots as an image and with pods that look names up.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use testbed::cluster::{Image, Options, ProxyMode};
use testbed::{Cluster, eventually, fivedots, netns};

/// A cluster that is gone when it is dropped.
pub(crate) struct Bed {
    pub(crate) cluster: Cluster,
    program: PathBuf,
}

impl Bed {
    pub(crate) fn up() -> Self {
        let dir = TempDir::new().unwrap();
        let program = stripped(dir.path(), &fivedots::program("fivedots").unwrap());
        let cluster = Cluster::named("test");
        let test = std::env::current_exe().unwrap();
        let images = vec![
            Image {
                name: "local/fivedots:1".to_owned(),
                files: vec![(program, "/bin/fivedots".to_owned())],
                command: vec!["/bin/fivedots".to_owned()],
            },
            clients(dir.path()),
        ];
        let options = Options {
            proxy_mode: ProxyMode::wanted().unwrap(),
            images,
            internet: [&*test.to_string_lossy(), "--exact", "bed::plays", "--nocapture"]
                .map(str::to_owned)
                .into(),
            internet_env: vec![(netns::INSIDE.to_owned(), "internet".to_owned())],
        };
        cluster.up(&options).unwrap();
        Self { cluster, program: fivedots::program("fivedots").unwrap() }
    }

    /// Applies one of the manifests beside this file, and waits for what it makes.
    pub(crate) fn apply(&self, manifests: &str, namespace: &str, what: &str) {
        self.cluster.apply(manifests).unwrap();
        self.cluster.wait_for_rollout(namespace, what).unwrap();
    }

    /// Runs kubectl with these words.
    pub(crate) fn kubectl(&self, line: &str) -> String {
        let words: Vec<_> = line.split(' ').collect();
        self.cluster.kubectl(&words).unwrap()
    }

    /// Sends a signal to the proxy on a node.
    pub(crate) fn signal(&self, node: usize, signal: &str) {
        let space = self.cluster.nodes[node].space();
        // Process ids of the node's own namespace.
        let pids = space.run("busybox", &["pidof", "fivedots"]).unwrap();
        for pid in pids.split_whitespace() {
            space.run("kill", &["-s", signal, pid]).unwrap();
        }
    }

    /// Runs `fivedots intercept` on a node, as a person there; returns what it printed.
    pub(crate) fn intercept(&self, node: usize, verb: &str) -> String {
        let program = self.program.to_string_lossy();
        let space = self.cluster.nodes[node].space();
        space.run(&program, &["intercept", verb]).unwrap()
    }

    /// Waits until the queries of a node come to its proxy.
    pub(crate) fn wait_until_live(&self, node: usize) {
        let live = || self.intercept(node, "status").contains("come to us");
        assert!(eventually(LONG, live), "{}", self.intercept(node, "status"));
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.cluster.down();
    }
}

/// A pod's three resolver libraries: glibc and musl by getaddrinfo, and Go.
fn clients(dir: &Path) -> Image {
    let sources = testbed::lookups::sources();
    let made = |command: &mut Command, name: &str, source: &str| {
        let program = dir.join(name);
        command.arg("-o").arg(&program).arg(sources.join(source));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (program, format!("/bin/{name}"))
    };
    let mut go = Command::new("go");
    Image {
        name: "local/clients:1".to_owned(),
        files: vec![
            made(&mut Command::new("gcc"), "glibc", "getaddrinfo.c"),
            made(Command::new("musl-gcc").arg("-static"), "musl", "getaddrinfo.c"),
            made(go.env("CGO_ENABLED", "0").arg("build"), "go", "lookup.go"),
        ],
        command: vec!["/bin/glibc".to_owned()],
    }
}

/// Without what only a debugger reads, which each container would have a copy of.
fn stripped(dir: &Path, program: &Path) -> PathBuf {
    let stripped = dir.join("fivedots");
    let status = Command::new("strip")
        .arg("-o")
        .args([&stripped, program])
        .status();
    assert!(status.unwrap().success());
    stripped
}

/// The part of the Internet; without one, nothing.
#[test]
fn plays() {
    if netns::role().as_deref() == Some("internet") {
        testbed::cluster::serve_internet().unwrap();
    }
}

pub(crate) const LONG: Duration = Duration::from_secs(120);
