//! A real Kubernetes cluster on this machine: a control plane and two nodes, each
//! a machine of its own as far as the kernel can make it one ([`Space`]), with
//! CoreDNS and, behind it, a resolver that plays the Internet.
//!
//! Every node has its own network, rules, conntrack table, container runtime,
//! kubelet and kube-proxy. So each cause of an outage can be made for real, on one
//! node or on both. What runs goes on after the process that started it, until
//! [`Cluster::down`], which leaves nothing; a cluster of the same name that was left
//! behind is removed first.

mod control_plane;
mod image;
mod internet;
mod keys;
mod network;
mod node;
mod page;
mod space;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::coredns::COREDNS as COREDNS_PROGRAM;
use crate::kept::Kept;
use crate::path::{find_program, missing_program};
use crate::{coredns, kubernetes, wait};
pub use control_plane::ControlPlane;
pub use image::Image;
pub use internet::serve as serve_internet;
pub use node::Node;
pub use space::Space;

/// A cluster, which may run or not.
#[derive(Clone, Debug)]
pub struct Cluster {
    name: String,
    dir: PathBuf,
    /// Where Kubernetes runs but pods do not.
    pub control_plane: ControlPlane,
    /// Where pods run.
    pub nodes: [Node; 2],
}

/// How a cluster is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// How its Services become rules, on each node.
    pub proxy_modes: [ProxyMode; 2],
    /// Images beside those that it needs itself.
    pub images: Vec<Image>,
    /// The program with its arguments that runs [`serve_internet`].
    pub internet: Vec<String>,
    /// More of that program's variables.
    pub internet_env: Vec<(String, String)>,
}

/// How kube-proxy makes Services of rules.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProxyMode {
    /// What most clusters have.
    Iptables,
    /// What new ones have.
    Nftables,
}

impl ProxyMode {
    /// What the variable `PROXY_MODE` asks for on each node: `iptables`, `nftables`, or
    /// `both`, as without it: node1 in the one mode and node2 in the other.
    ///
    /// # Errors
    ///
    /// When it is another word.
    pub fn wanted() -> Result<[Self; 2]> {
        match std::env::var("PROXY_MODE").as_deref() {
            Ok("iptables") => Ok([Self::Iptables; 2]),
            Ok("nftables") => Ok([Self::Nftables; 2]),
            Err(_) | Ok("both") => Ok([Self::Iptables, Self::Nftables]),
            Ok(other) => bail!("PROXY_MODE={other}: iptables, nftables or both"),
        }
    }
}

impl Cluster {
    /// The cluster of a name, which keeps those of several people on one machine
    /// apart.
    pub fn named(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("fivedots-cluster-{name}"));
        let space = |part: &str| Space::known(format!("{name}-{part}"), &dir);
        Self {
            name: name.to_owned(),
            control_plane: ControlPlane::known(space("cp"), &dir),
            nodes: [1, 2].map(|n| Node::known(n, space(&format!("node{n}")), &dir)),
            dir,
        }
    }

    /// Makes it; returns when its nodes are ready and CoreDNS answers.
    ///
    /// # Errors
    ///
    /// When a part cannot be had or does not start. What was started is removed.
    pub fn up(&self, options: &Options) -> Result<()> {
        self.down();
        let made = self.make(options);
        if made.is_err() {
            self.down();
        }
        made.with_context(|| format!("cannot make the cluster {}", self.name))
    }

    fn make(&self, options: &Options) -> Result<()> {
        fs::create_dir_all(&self.dir)?;
        // What a pod without a cluster's resolv.conf has, and so CoreDNS.
        fs::write(self.dir.join("resolv.conf"), "nameserver 10.250.0.53\n")?;
        keys::make(&self.dir.join("pki"))?;
        self.make_machines()?;
        self.start_internet(options)?;
        std::thread::scope(|scope| {
            let control = scope.spawn(|| self.control_plane.start(&self.dir));
            self.start_runtimes(options)?;
            join(control)
        })?;
        self.control_plane.start_controllers(&self.dir)?;
        for node in &self.nodes {
            node.start_agents(&self.dir, options)?;
        }
        self.start_coredns()
    }

    fn make_machines(&self) -> Result<()> {
        let hub = self.control_plane.space();
        Space::make(hub.name().to_owned(), &self.dir)?;
        self.control_plane.tie()?;
        for node in &self.nodes {
            Space::make(node.space().name().to_owned(), &self.dir)?;
            node.tie(hub, 2)?;
        }
        Ok(())
    }

    fn start_internet(&self, options: &Options) -> Result<()> {
        let Some((program, arguments)) = options.internet.split_first() else {
            bail!("no program that plays the Internet");
        };
        let mut command = Command::new(program);
        command.args(arguments).envs(options.internet_env.clone());
        self.control_plane.space().start("internet", &mut command)
    }

    fn start_runtimes(&self, options: &Options) -> Result<()> {
        let images = self.images(options)?;
        let [one, other] = &self.nodes;
        std::thread::scope(|scope| {
            let other = scope.spawn(|| other.start_runtime(&images));
            one.start_runtime(&images)?;
            join(other)
        })
    }

    fn images(&self, options: &Options) -> Result<Vec<PathBuf>> {
        let busybox = find_program("busybox").context("no busybox in PATH")?;
        let own = [
            Image {
                name: "local/pause:1".to_owned(),
                files: vec![(busybox, "/bin/busybox".to_owned())],
                command: ["/bin/sleep", "1000000000"].map(str::to_owned).to_vec(),
                capabilities: None,
            },
            Image {
                name: "local/coredns:1".to_owned(),
                files: vec![(coredns::binary()?, "/bin/coredns".to_owned())],
                command: vec!["/bin/coredns".to_owned()],
                capabilities: None,
            },
        ];
        let dir = self.dir.join("images");
        let all = own.iter().chain(&options.images);
        all.map(|image| image.write(&dir)).collect()
    }

    fn start_coredns(&self) -> Result<()> {
        self.apply(COREDNS)?;
        let nodes = ["node/node1", "node/node2"];
        // A condition is not waited for where there is no node yet, nor always is a node
        // (`--for=create`): the answer may be that there is none.
        let known = || self.kubectl(&[&["get"], &nodes[..]].concat()).is_ok();
        if !wait::eventually(NODES, known) {
            bail!("no node has joined: {}", self.nodes[0].space().log("kubelet"));
        }
        let ready = ["wait", "--for=condition=Ready", "--timeout=120s"];
        self.kubectl(&[&ready[..], &nodes].concat())?;
        self.wait_for_rollout("kube-system", "deployment/coredns")
    }

    /// Gives every node one more image, from an archive.
    ///
    /// # Errors
    ///
    /// When a node does not take it.
    pub fn load(&self, archive: &Path) -> Result<()> {
        self.nodes.iter().try_for_each(|node| node.load(archive))
    }

    /// Runs helm as the administrator; returns what it printed.
    ///
    /// # Errors
    ///
    /// With what it printed when it failed.
    pub fn helm(&self, arguments: &[&str]) -> Result<String> {
        self.control_plane.helm(arguments)
    }

    /// Runs kubectl as the administrator; returns what it printed.
    ///
    /// # Errors
    ///
    /// With what it printed when it failed.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.control_plane.kubectl(arguments)
    }

    /// Applies manifests in YAML.
    ///
    /// # Errors
    ///
    /// As [`Self::kubectl`].
    pub fn apply(&self, manifests: &str) -> Result<()> {
        let file = tempfile::NamedTempFile::new_in(&self.dir)?;
        fs::write(file.path(), manifests)?;
        self.kubectl(&["apply", "-f", &file.path().to_string_lossy()])?;
        Ok(())
    }

    /// Waits until all pods of a Deployment or DaemonSet are of its last state.
    ///
    /// # Errors
    ///
    /// When they are not in time; its pods are shown.
    pub fn wait_for_rollout(&self, namespace: &str, what: &str) -> Result<()> {
        let rolled = self.kubectl(&["-n", namespace, "rollout", "status", what, "--timeout=120s"]);
        rolled.map(|_| ()).with_context(|| {
            let mut said = format!("{what} is not ready");
            for line in ["get pods -o wide", "get events", "logs --tail=20 --prefix {what}"] {
                let line = line.replace("{what}", what);
                let words: Vec<_> = ["-n", namespace]
                    .into_iter()
                    .chain(line.split(' '))
                    .collect();
                let shown = self.kubectl(&words);
                said += &format!("\n{}", shown.unwrap_or_else(|error| error.to_string()));
            }
            said
        })
    }

    /// Ends everything and removes it. Nothing happens if there is nothing.
    pub fn down(&self) {
        for node in &self.nodes {
            node.space().remove();
        }
        self.control_plane.space().remove();
        for node in &self.nodes {
            let _gone = wait::eventually(END, || node.remove_cgroups());
        }
        fs::remove_dir_all(&self.dir).unwrap_or_default();
    }

    /// Where its logs are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

fn join(thread: ScopedJoinHandle<'_, Result<()>>) -> Result<()> {
    thread.join().unwrap_or_else(|_| bail!("a thread panicked"))
}

/// Builds whatever of Kubernetes is missing, some ten minutes in all on two cores.
///
/// # Errors
///
/// When there is no Go to build it with, or a build fails.
pub fn build_parts() -> Result<()> {
    coredns::binary()?;
    kubernetes::PROGRAMS
        .iter()
        .try_for_each(|program| program.path().map(drop))
}

/// Returns why there can be none, or nothing.
pub(crate) fn missing() -> Option<String> {
    let programs = kubernetes::PROGRAMS.iter().chain([&COREDNS_PROGRAM]);
    let is_buildable = || programs.into_iter().find_map(Kept::missing);
    let hierarchies = || node::hierarchies().err().map(|error| error.to_string());
    missing_program(&PROGRAMS)
        .or_else(is_buildable)
        .or_else(hierarchies)
}

/// What it starts, beside what is built for it.
const PROGRAMS: [&str; 12] = [
    "etcd",
    "containerd",
    "runc",
    "ctr",
    "/usr/lib/cni/bridge",
    "busybox",
    "curl",
    "iptables",
    "nft",
    "openssl",
    "setcap",
    "tar",
];
/// CoreDNS as kubeadm has it, with a replica on each node.
const COREDNS: &str = include_str!("../cluster/coredns.yaml");
const END: Duration = Duration::from_secs(10);
/// Enough beside a busy compiler.
const NODES: Duration = Duration::from_secs(120);
