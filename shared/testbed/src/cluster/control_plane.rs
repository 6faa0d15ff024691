//! etcd, the API server, the controllers and the scheduler, and the bridge to
//! which the nodes are tied.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::network::NETWORKS;
use super::space::{Space, run};
use crate::{helm, kubernetes, wait};

/// The machine of the control plane; it is the way of the nodes to anywhere else.
#[derive(Clone, Debug)]
pub struct ControlPlane {
    space: Space,
    kubeconfig: std::path::PathBuf,
}

impl ControlPlane {
    pub(super) fn known(space: Space, dir: &Path) -> Self {
        Self { space, kubeconfig: dir.join("admin.conf") }
    }

    /// Makes the bridge, without nodes.
    pub(super) fn tie(&self) -> Result<()> {
        for line in [
            "link add br0 type bridge",
            // What the Internet's resolver is asked at.
            "address add 10.250.0.53/24 dev br0",
            "link set br0 up",
        ] {
            self.space.ip(&line.split(' ').collect::<Vec<_>>())?;
        }
        for network in NETWORKS {
            let address = [network.hub, "/", network.prefix].concat();
            self.space
                .ip(&["address", "add", &address, "dev", "br0", "nodad"])?;
            self.space.run("sysctl", &["-qw", network.forwarding])?;
        }
        Ok(())
    }

    /// Starts etcd and the API server; returns when that is ready.
    pub(super) fn start(&self, dir: &Path) -> Result<()> {
        self.start_etcd(dir)?;
        self.start_apiserver(&dir.join("pki"))?;
        fs::write(&self.kubeconfig, kubeconfig(&dir.join("pki")))?;
        // Which takes a tenth of the CPU of kubectl, as long as the API server needs it.
        let file = |name: &str| dir.join("pki").join(name).display().to_string();
        let [ca, key, cert] = ["ca.crt", "admin.key", "admin.crt"].map(file);
        let curl = ["-fsS", "--cacert", &ca, "--key", &key, "--cert", &cert, READY];
        let ready = || self.space.run("curl", &curl).is_ok();
        if wait::eventually(START, ready) {
            return Ok(());
        }
        bail!("the API server is not ready: {}", self.space.log(APISERVER))
    }

    fn start_etcd(&self, dir: &Path) -> Result<()> {
        let mut etcd = Command::new("etcd");
        etcd.arg("--data-dir")
            .arg(dir.join("etcd"))
            // A bed may lose it.
            .args(["--unsafe-no-fsync", "--listen-client-urls", ETCD])
            .args(["--advertise-client-urls", ETCD])
            .args(["--listen-peer-urls", "http://127.0.0.1:2380"]);
        self.space.start("etcd", &mut etcd)
    }

    fn start_apiserver(&self, pki: &Path) -> Result<()> {
        let mut command = Command::new(kubernetes::binary(APISERVER)?);
        let file = |flag: &str, name: &str| format!("--{flag}={}", pki.join(name).display());
        command
            .arg(format!("--etcd-servers={ETCD}"))
            .args(["--bind-address=10.250.0.1", "--secure-port=6443"])
            .arg("--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112")
            .args([
                file("tls-cert-file", "apiserver.crt"),
                file("tls-private-key-file", "apiserver.key"),
                file("client-ca-file", "ca.crt"),
                file("service-account-key-file", "sa.pub"),
                file("service-account-signing-key-file", "sa.key"),
                file("kubelet-client-certificate", "admin.crt"),
                file("kubelet-client-key", "admin.key"),
            ])
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .args(["--authorization-mode=Node,RBAC", "--allow-privileged=true"])
            // By name it would have to be looked up.
            .arg("--kubelet-preferred-address-types=InternalIP");
        self.space.start(APISERVER, &mut command)
    }

    /// Starts what makes pods of Deployments, and gives them nodes.
    pub(super) fn start_controllers(&self, dir: &Path) -> Result<()> {
        let pki = dir.join("pki");
        let config = format!("--kubeconfig={}", self.kubeconfig.display());
        let mut controllers = Command::new(kubernetes::binary("kube-controller-manager")?);
        controllers
            .args([&config, "--leader-elect=false", "--use-service-account-credentials=true"])
            .arg(format!("--service-account-private-key-file={}", pki.join("sa.key").display()))
            .arg(format!("--root-ca-file={}", pki.join("ca.crt").display()));
        self.space
            .start("kube-controller-manager", &mut controllers)?;
        let mut scheduler = Command::new(kubernetes::binary("kube-scheduler")?);
        scheduler.args([&config, "--leader-elect=false"]);
        self.space.start("kube-scheduler", &mut scheduler)
    }

    /// Runs kubectl as the administrator; returns what it printed.
    ///
    /// # Errors
    ///
    /// With what it printed when it failed.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        run(self.kubectl_command()?.args(arguments))
    }

    /// The command that runs kubectl as the administrator.
    ///
    /// # Errors
    ///
    /// When the control plane does not run.
    pub fn kubectl_command(&self) -> Result<Command> {
        let mut command = self.space.command(kubernetes::binary("kubectl")?)?;
        command.arg("--kubeconfig").arg(&self.kubeconfig);
        Ok(command)
    }

    /// Runs helm as the administrator; returns what it printed.
    ///
    /// # Errors
    ///
    /// With what it printed when it failed, and when it cannot be built.
    pub fn helm(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.space.command(helm::binary()?)?;
        command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(arguments)
            // Nothing of the person who runs it.
            .env("HELM_CONFIG_HOME", "/nonexistent");
        run(&mut command)
    }

    /// What the administrator reaches the API server by.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The machine itself.
    pub const fn space(&self) -> &Space {
        &self.space
    }
}

/// What the administrator, and every part of the cluster, asks the API server by.
fn kubeconfig(pki: &Path) -> String {
    let pki = pki.display();
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: bed\n\
         clusters: [{{name: bed, cluster: {{server: \"https://10.250.0.1:6443\", \
         certificate-authority: {pki}/ca.crt}}}}]\n\
         users: [{{name: admin, user: {{client-certificate: {pki}/admin.crt, \
         client-key: {pki}/admin.key}}}}]\n\
         contexts: [{{name: bed, context: {{cluster: bed, user: admin}}}}]\n"
    )
}

const APISERVER: &str = "kube-apiserver";
const READY: &str = "https://10.250.0.1:6443/readyz";
const ETCD: &str = "http://127.0.0.1:2379";
/// Enough beside a busy compiler; five seconds when nothing else runs.
const START: Duration = Duration::from_secs(120);
