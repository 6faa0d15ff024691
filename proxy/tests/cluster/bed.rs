//! The cluster, with Fivedots as an image and with pods that look names up.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use testbed::cluster::{Image, Options, ProxyMode};
use testbed::{Cluster, eventually, fivedots, netns};

use crate::release::Release;

/// A cluster that is gone when it is dropped.
pub(crate) struct Bed {
    pub(crate) cluster: Cluster,
    program: PathBuf,
    /// Where the clients' programs are.
    clients: TempDir,
}

impl Bed {
    pub(crate) fn up() -> Self {
        Self::named("test")
    }

    /// One of its own name, beside which there may be others.
    pub(crate) fn named(name: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let program = stripped(dir.path(), &fivedots::program("fivedots").unwrap());
        let cluster = Cluster::named(name);
        let test = std::env::current_exe().unwrap();
        let images = vec![
            Image {
                name: "local/fivedots:test".to_owned(),
                files: vec![(program, "/bin/fivedots".to_owned())],
                command: vec!["/bin/fivedots".to_owned()],
                // As the real image has them.
                capabilities: Some("cap_net_bind_service,cap_net_admin=p"),
            },
            clients(dir.path()),
        ];
        let options = Options {
            proxy_modes: ProxyMode::wanted().unwrap(),
            images,
            internet: [&*test.to_string_lossy(), "--exact", "bed::plays", "--nocapture"]
                .map(str::to_owned)
                .into(),
            internet_env: vec![(netns::INSIDE.to_owned(), "internet".to_owned())],
        };
        cluster.up(&options).unwrap();
        let program = fivedots::program("fivedots").unwrap();
        Self { cluster, program, clients: dir }
    }

    /// Lets pods and programs of both nodes look names up from here on, over both
    /// families.
    pub(crate) fn ask(&self) {
        self.apply(ASKERS, "default", "daemonset/asker");
        self.cluster
            .wait_for_rollout("default", "daemonset/asker6")
            .unwrap();
        for (name, addr, every) in HOST_ASKERS {
            for node in &self.cluster.nodes {
                let mut command = Command::new(self.clients.path().join("sockets"));
                command.arg(addr).env("EVERY_MS", every);
                node.space().start(name, &mut command).unwrap();
            }
        }
    }

    /// What the programs of a node have printed, over each family.
    pub(crate) fn host_logs(&self, node: usize) -> [(&'static str, String); 2] {
        let space = self.cluster.nodes[node].space();
        HOST_ASKERS.map(|(name, ..)| (name, space.log(name)))
    }

    /// The program as it was built.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) const fn release(&self) -> Release<'_> {
        Release(self)
    }

    /// Runs helm as the administrator.
    pub(crate) fn helm(&self, arguments: &[&str]) {
        self.cluster.helm(arguments).unwrap();
    }

    /// The name of the proxy's Pod on a node; of the newest, for one of before may end yet.
    pub(crate) fn pod(&self, node: usize) -> String {
        let node = self.cluster.nodes[node].name();
        let line = "-n kube-system get pods -l app.kubernetes.io/name=fivedots -o name \
                    --sort-by=.metadata.creationTimestamp";
        let named = self.kubectl(&format!("{line} --field-selector spec.nodeName={node}"));
        named.lines().last().unwrap_or_default().to_owned()
    }

    /// What the proxy on a node has logged.
    pub(crate) fn log(&self, node: usize) -> String {
        self.kubectl(&format!("-n kube-system logs {}", self.pod(node)))
    }

    /// Runs a program on a node; returns what it printed.
    pub(crate) fn run(&self, node: usize, program: &str, arguments: &[&str]) -> String {
        let space = self.cluster.nodes[node].space();
        space.run(program, arguments).unwrap()
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
        for pid in self.pids(node) {
            self.run(node, "kill", &["-s", signal, &pid]);
        }
    }

    /// The process ids of the proxies on a node, in its own namespace.
    pub(crate) fn pids(&self, node: usize) -> Vec<String> {
        self.pids_of(node, "fivedots")
    }

    fn pids_of(&self, node: usize, program: &str) -> Vec<String> {
        let pids = self.run(node, "busybox", &["pidof", program]);
        pids.split_whitespace().map(str::to_owned).collect()
    }

    /// The group of a program's container on a node, in a hierarchy of cgroups.
    pub(crate) fn group(&self, node: usize, program: &str, hierarchy: &str) -> PathBuf {
        let pid = self.pids_of(node, program).first().cloned().unwrap();
        let shown = self.run(node, "cat", &[&format!("/proc/{pid}/cgroup")]);
        let prefix = format!(":{hierarchy}:");
        let line = shown.lines().find_map(|line| line.split_once(&prefix));
        let (_, path) = line.unwrap();
        Path::new("/sys/fs/cgroup")
            .join(hierarchy)
            .join(path.trim_start_matches('/'))
    }

    /// Asks the proxy of a node for so many names that nothing asked before.
    pub(crate) fn flood(&self, node: usize, names: u32) {
        let program = self.clients.path().join("sockets");
        let (program, names) = (program.to_string_lossy(), names.to_string());
        self.run(node, &program, &[CLUSTER_IPS[0], &names]);
    }

    /// Waits until the proxy on a node has logged this.
    pub(crate) fn wait_for_log(&self, node: usize, line: &str) {
        let logged = || self.log(node).contains(line);
        assert!(eventually(LONG, logged), "no {line:?} in:\n{}", self.log(node));
    }

    /// Asks a proxy for its figures on its own node, past the API server and the kubelet:
    /// their connections need room in the table of that node.
    pub(crate) fn stats_on_the_node(&self, node: usize) {
        let shown = self.run(node, &self.program.to_string_lossy(), &["stats"]);
        assert!(shown.contains("upstream"), "{shown}");
    }

    /// Asks a proxy for its figures by `kubectl exec`.
    pub(crate) fn stats(&self, node: usize) {
        let pod = self.pod(node);
        let shown = self.kubectl(&format!("-n kube-system exec {pod} -- fivedots stats"));
        assert!(shown.contains("upstream"), "{shown}");
    }

    /// The value of a series of the proxy of a node, as Prometheus would scrape it.
    pub(crate) fn series(&self, node: usize, name: &str) -> String {
        let scraped = self.run(node, "curl", &["-fsS", &format!("{}/metrics", HOSTS[node])]);
        let line = scraped.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    }

    /// Runs `fivedots intercept` on a node, as a person there; returns what it printed.
    pub(crate) fn intercept(&self, node: usize, verb: &str) -> String {
        let program = self.program.to_string_lossy();
        let space = self.cluster.nodes[node].space();
        space.run(&program, &["intercept", verb]).unwrap()
    }

    /// Asks for the same in the Pod, where the program has what the chart grants.
    pub(crate) fn intercept_status_in_pod(&self, node: usize) -> String {
        let line = "-- fivedots intercept status";
        self.kubectl(&format!("-n kube-system exec {} {line}", self.pod(node)))
    }

    /// Waits until the queries of a node come to its proxy.
    pub(crate) fn wait_until_live(&self, node: usize) {
        let live = || self.intercept(node, "status").contains("come to us");
        assert!(eventually(LONG, live), "{}", self.intercept(node, "status"));
    }

    /// Waits until the queries of both nodes come to their proxies.
    pub(crate) fn wait_until_both_live(&self) {
        (0..2).for_each(|node| self.wait_until_live(node));
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.cluster.down();
    }
}

/// A pod's three resolver libraries, glibc and musl by getaddrinfo and Go, and plain
/// sockets.
fn clients(dir: &Path) -> Image {
    let sources = testbed::lookups::sources();
    let made = |command: &mut Command, name: &str, source: &str| {
        let program = dir.join(name);
        command.arg("-o").arg(&program).arg(sources.join(source));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (program, format!("/bin/{name}"))
    };
    let go = || {
        let mut go = Command::new("go");
        go.env("CGO_ENABLED", "0").arg("build");
        go
    };
    Image {
        name: "local/clients:1".to_owned(),
        files: vec![
            made(&mut Command::new("gcc"), "glibc", "getaddrinfo.c"),
            made(Command::new("musl-gcc").arg("-static"), "musl", "getaddrinfo.c"),
            made(&mut go(), "go", "lookup.go"),
            made(&mut go(), "sockets", "sockets.go"),
        ],
        command: vec!["/bin/glibc".to_owned()],
        capabilities: None,
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
/// Where the proxies of the nodes are scraped.
const HOSTS: [&str; 2] = ["http://10.250.0.11:9253", "http://10.250.0.12:9253"];
/// Those of kube-dns.
pub(crate) const CLUSTER_IPS: [&str; 2] = ["10.96.0.10", "fd00:96::a"];
/// Clients of plain sockets: their names, whom they ask, and how often, in milliseconds.
const HOST_ASKERS: [(&str, &str, &str); 2] =
    [("sockets", CLUSTER_IPS[0], "200"), ("sockets over IPv6", CLUSTER_IPS[1], "400")];
/// The manifests beside this file.
const ASKERS: &str = include_str!("askers.yaml");
