//! A node: containerd, kubelet and kube-proxy on a machine of its own, with its
//! own rules, conntrack table and cgroups.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::network::NETWORKS;
use super::space::Space;
use super::{Options, ProxyMode};
use crate::{kubernetes, wait};

/// The `n`th node, from 1.
#[derive(Clone, Debug)]
pub struct Node {
    number: u8,
    space: Space,
    dir: PathBuf,
}

impl Node {
    pub(super) fn known(number: u8, space: Space, dir: &Path) -> Self {
        Self { number, space, dir: dir.join(format!("node{number}")) }
    }

    /// Its name in the cluster.
    pub fn name(&self) -> String {
        format!("node{}", self.number)
    }

    /// The machine itself, where programs run and are signalled: `containerd`,
    /// `kubelet` and `kube-proxy`.
    pub const fn space(&self) -> &Space {
        &self.space
    }

    /// Connects it with the bridge in `hub`, and its pods with those of the others.
    pub(super) fn tie(&self, hub: &Space, nodes: u8) -> Result<()> {
        let (n, port) = (self.number, format!("up{}", self.number));
        let name = self.space.name();
        hub.ip(&["link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", name])?;
        hub.ip(&["link", "set", &port, "master", "br0", "up"])?;
        self.space.ip(&["link", "set", "eth0", "up"])?;
        for network in NETWORKS {
            // Without the second in which nobody may use an address of IPv6.
            let address = [&network.node(n), "/", network.prefix].concat();
            self.space
                .ip(&["address", "add", &address, "dev", "eth0", "nodad"])?;
            self.space
                .ip(&["route", "add", "default", "via", network.hub])?;
            for other in (1..=nodes).filter(|other| *other != n) {
                let (pods, via) = (network.pods(other), network.node(other));
                self.space.ip(&["route", "add", &pods, "via", &via])?;
            }
            hub.ip(&["route", "add", &network.pods(n), "via", &network.node(n)])?;
            // Each namespace has its own.
            self.space.run("sysctl", &["-qw", network.forwarding])?;
        }
        Ok(())
    }

    /// Starts its container runtime with these images, from archives.
    pub(super) fn start_runtime(&self, images: &[PathBuf]) -> Result<()> {
        fs::create_dir_all(self.dir.join("cni"))?;
        self.make_cgroups()?;
        fs::write(self.dir.join("cni/10-bed.conflist"), self.pod_network())?;
        let config = self.dir.join("containerd.toml");
        fs::write(&config, self.containerd_config())?;
        let mut containerd = Command::new("containerd");
        self.space
            .start("containerd", containerd.arg("-c").arg(config))?;
        let ready = || self.ctr(&["version"]).is_ok();
        if !wait::eventually(START, ready) {
            bail!("containerd does not start: {}", self.space.log("containerd"));
        }
        images.iter().try_for_each(|image| self.load(image))
    }

    /// Gives it an image, from an archive.
    pub(super) fn load(&self, image: &Path) -> Result<()> {
        let image = image.to_string_lossy();
        self.ctr(&["-n", "k8s.io", "images", "import", &image])?;
        Ok(())
    }

    /// Starts what runs pods and what makes Services of rules.
    pub(super) fn start_agents(&self, dir: &Path, options: &Options) -> Result<()> {
        fs::create_dir_all(self.dir.join("kubelet"))?;
        let config = self.dir.join("kubelet.yaml");
        fs::write(&config, self.kubelet_config(dir))?;
        let kubeconfig = format!("--kubeconfig={}", dir.join("admin.conf").display());
        let name = format!("--hostname-override={}", self.name());
        let home = self.dir.join("kubelet");
        let mut kubelet = Command::new(kubernetes::binary("kubelet")?);
        kubelet
            .args([&kubeconfig, &name])
            .arg(format!("--config={}", config.display()))
            .arg(format!("--node-ip={}", NETWORKS.map(|of| of.node(self.number)).join(",")))
            .arg(format!("--root-dir={}", home.display()))
            .arg(format!("--cert-dir={}", home.join("pki").display()));
        self.space.start("kubelet", &mut kubelet)?;
        let [first, second] = options.proxy_modes;
        let mode = match if self.number == 1 { first } else { second } {
            ProxyMode::Iptables => "iptables",
            ProxyMode::Nftables => "nftables",
        };
        let mut proxy = Command::new(kubernetes::binary("kube-proxy")?);
        proxy
            .args([&kubeconfig, &name, "--cluster-cidr=10.244.0.0/16,fd00:244::/32"])
            .arg(format!("--proxy-mode={mode}"))
            .arg("--metrics-bind-address=127.0.0.1:10249")
            // One number for all namespaces, which only the first may write.
            .arg("--conntrack-max-per-core=0");
        self.space.start("kube-proxy", &mut proxy)
    }

    fn ctr(&self, arguments: &[&str]) -> Result<String> {
        let socket = self.dir.join("containerd.sock");
        let socket = socket.to_string_lossy();
        self.space
            .run("ctr", &[&["-a", &*socket], arguments].concat())
    }

    /// Two kubelets with one root would each end the pods of the other as orphans.
    fn make_cgroups(&self) -> Result<()> {
        for hierarchy in hierarchies()? {
            let ours = hierarchy.join(self.space.name());
            fs::create_dir_all(&ours)?;
            // Empty in a new group, and then no process may enter.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                if let Ok(all) = fs::read(hierarchy.join(file)) {
                    fs::write(ours.join(file), all)?;
                }
            }
        }
        Ok(())
    }

    /// Whether all of its groups are gone, which is so once its processes are.
    pub(super) fn remove_cgroups(&self) -> bool {
        let mut gone = true;
        // Also where the runtime made one.
        for hierarchy in fs::read_dir(CGROUPS).into_iter().flatten().flatten() {
            gone &= remove_tree(&hierarchy.path().join(self.space.name()));
        }
        gone
    }

    fn pod_network(&self) -> String {
        let ranges = NETWORKS.map(|of| format!(r#"[{{"subnet":"{}"}}]"#, of.pods(self.number)));
        format!(
            r#"{{"cniVersion":"0.3.1","name":"bed","plugins":[
 {{"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":false,"hairpinMode":true,
  "ipam":{{"type":"host-local","ranges":[{}],
   "routes":[{{"dst":"0.0.0.0/0"}},{{"dst":"::/0"}}],"dataDir":"{}/ipam"}}}},
 {{"type":"portmap","capabilities":{{"portMappings":true}}}}]}}
"#,
            ranges.join(","),
            self.dir.display()
        )
    }

    fn containerd_config(&self) -> String {
        let dir = self.dir.display();
        format!(
            r#"version = 2
root = "{dir}/root"
state = "{dir}/state"
[grpc]
  address = "{dir}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/local/pause:1"
  # A container of ours may not have a lower one than its maker's.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{dir}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    # Plain copies work on any file system.
    snapshotter = "native"
"#
        )
    }

    fn kubelet_config(&self, bed: &Path) -> String {
        let (dir, bed, root) = (self.dir.display(), bed.display(), self.space.name());
        format!(
            r#"apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {{enabled: false}}
  webhook: {{enabled: true}}
  x509: {{clientCAFile: {bed}/pki/ca.crt}}
authorization: {{mode: Webhook}}
cgroupDriver: cgroupfs
cgroupRoot: /{root}
failSwapOn: false
failCgroupV1: false
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://{dir}/containerd.sock
resolvConf: {bed}/resolv.conf
# Never: an image that is gone cannot be had again.
imageGCHighThresholdPercent: 100
evictionHard: {{nodefs.available: "0%", imagefs.available: "0%", memory.available: "50Mi"}}
podLogsDir: {dir}/podlogs
syncFrequency: 10s
"#
        )
    }
}

/// The cgroup hierarchies of version 1.
pub(super) fn hierarchies() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(CGROUPS).context("no /sys/fs/cgroup")?;
    let folders = entries.flatten().map(|entry| entry.path());
    let found: Vec<_> = folders
        .filter(|path| path.join("cgroup.clone_children").is_file())
        .collect();
    if found.is_empty() {
        bail!("{CGROUPS} has no hierarchy of version 1");
    }
    Ok(found)
}

/// Removes a group with those below it; true when it is gone.
fn remove_tree(group: &Path) -> bool {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    fs::remove_dir(group).ok();
    !group.exists()
}

const CGROUPS: &str = "/sys/fs/cgroup";
/// Enough beside a busy compiler.
const START: Duration = Duration::from_secs(60);
