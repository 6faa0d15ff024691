//! A real Kubernetes API server with its etcd, without controllers and kubelets:
//! pods are what a test writes.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::kubernetes::APISERVER;
use crate::path::missing_program;
use crate::process::Process;
use crate::{port, wait};

/// A running API server; stopped, with its etcd, when it is dropped.
pub struct Apiserver {
    addr: SocketAddr,
    etcd: SocketAddr,
    process: Option<Process>,
    _etcd: Process,
    dir: TempDir,
}

impl Apiserver {
    /// Starts both, empty. Returns when it is ready.
    ///
    /// # Errors
    ///
    /// When it cannot be built or does not start; its output is shown.
    pub fn start() -> Result<Self> {
        let dir = TempDir::new()?;
        let [etcd, peers] = [port::free(LOCALHOST)?, port::free(LOCALHOST)?];
        let urls = [etcd, peers].map(|addr| format!("http://{addr}"));
        let mut command = Command::new("etcd");
        command
            .arg("--data-dir")
            .arg(dir.path().join("etcd"))
            // A test's machine may lose it.
            .args(["--unsafe-no-fsync", "--listen-client-urls", &urls[0]])
            .args(["--advertise-client-urls", &urls[0], "--listen-peer-urls", &urls[1]])
            .args(["--initial-advertise-peer-urls", &urls[1]])
            .args(["--initial-cluster", &format!("default={}", urls[1])]);
        let process = Process::spawn(&mut command)?;
        process.wait_for_port(etcd, START)?;
        keys(dir.path())?;
        let addr = port::free(LOCALHOST)?;
        let mut server = Self { addr, etcd, process: None, _etcd: process, dir };
        server.resume()?;
        Ok(server)
    }

    /// Kills the API server, as a crash; etcd keeps its state.
    pub fn crash(&mut self) {
        self.process = None;
    }

    /// Starts it again at its address. Returns when it is ready.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn resume(&mut self) -> Result<()> {
        let mut command = Command::new(binary()?);
        let [tokens, key] = ["tokens.csv", "sa.key"].map(|name| self.dir.path().join(name));
        command
            .arg(format!("--etcd-servers=http://{}", self.etcd))
            .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
            .arg(format!("--secure-port={}", self.addr.port()))
            .arg("--cert-dir")
            .arg(self.dir.path().join("pki"))
            .arg("--token-auth-file")
            .arg(tokens)
            .arg("--service-account-key-file")
            .arg(&key)
            .arg("--service-account-signing-key-file")
            .arg(&key)
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .args(["--authorization-mode=RBAC", "--endpoint-reconciler-type=none"])
            // No controller makes service accounts here.
            .arg("--disable-admission-plugins=ServiceAccount")
            .args(["--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112"]);
        self.process = Some(Process::spawn(&mut command)?);
        let ready = || self.request("GET", "/readyz", "").is_ok();
        if wait::eventually(START, ready) {
            return Ok(());
        }
        let said = self.process.as_ref().map(Process::output);
        bail!("kube-apiserver is not ready; its output:\n{}", said.unwrap_or_default())
    }

    /// The address it serves.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The process, to be stopped, continued or read; `None` after a crash.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Sends a request as a cluster administrator, with a body in JSON
    /// or YAML; returns the response.
    ///
    /// # Errors
    ///
    /// When there is none or it is no success.
    pub fn request(&self, method: &str, path: &str, body: &str) -> Result<String> {
        self.requests(&[(method, path.to_owned(), body.to_owned())])
    }

    /// Sends many requests, several at a time and in no order; returns all that
    /// was said.
    ///
    /// # Errors
    ///
    /// When any of them fails.
    pub fn requests(&self, requests: &[(&str, String, String)]) -> Result<String> {
        let dir = TempDir::new_in(self.dir.path())?;
        let mut config = String::new();
        for (n, (method, path, body)) in requests.iter().enumerate() {
            let file = dir.path().join(n.to_string());
            fs::write(&file, body)?;
            let kind = if *method == "PATCH" { "merge-patch+json" } else { "yaml" };
            config += &format!(
                "{}url = \"https://{}{path}\"\nrequest = {method}\ninsecure\nsilent\nshow-error\n\
                 fail-with-body\nmax-time = 30\nheader = \"Authorization: Bearer {ADMIN}\"\n\
                 header = \"Content-Type: application/{kind}\"\ndata-binary = \"@{}\"\n",
                if n == 0 { "" } else { "next\n" },
                self.addr,
                file.display(),
            );
        }
        let list = dir.path().join("curl");
        fs::write(&list, config)?;
        let mut curl = Command::new("curl");
        curl.args(["--parallel", "--parallel-max", "16", "--config"])
            .arg(&list);
        let output = curl
            .stdin(Stdio::null())
            .output()
            .context("cannot start curl")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("curl: {}\n{said}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(said)
    }

    /// Writes a kubeconfig of the service account `fivedots` in `kube-system`,
    /// which may do what it is bound to and asks `server`, us or a way to us;
    /// returns its path.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn kubeconfig(&self, server: SocketAddr) -> Result<PathBuf> {
        self.kubeconfig_with(FIVEDOTS, server)
    }

    /// The same of a person, the user `operator`, who may do nothing unless a role is bound
    /// to it.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn kubeconfig_of_operator(&self) -> Result<PathBuf> {
        self.kubeconfig_with(OPERATOR, self.addr)
    }

    /// The same of an administrator, who may do everything, and asks `server`.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn kubeconfig_of_admin(&self, server: SocketAddr) -> Result<PathBuf> {
        self.kubeconfig_with(ADMIN, server)
    }

    fn kubeconfig_with(&self, token: &str, server: SocketAddr) -> Result<PathBuf> {
        let path = self
            .dir
            .path()
            .join(format!("kubeconfig-{}-{token}", server.port()));
        let ca = self.dir.path().join("pki/apiserver.crt");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             clusters: [{{name: c, cluster: {{server: \"https://{server}\", \
             certificate-authority: {}}}}}]\n\
             users: [{{name: u, user: {{token: {token}}}}}]\n\
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n",
            ca.display(),
        );
        fs::write(&path, text)?;
        Ok(path)
    }
}

/// The tokens of those who may ask, and the key of service accounts.
fn keys(dir: &Path) -> Result<()> {
    let tokens = format!(
        "{ADMIN},admin,1,system:masters\n\
         {FIVEDOTS},system:serviceaccount:kube-system:fivedots,2,system:serviceaccounts\n\
         {OPERATOR},operator,3,people\n"
    );
    fs::write(dir.join("tokens.csv"), tokens)?;
    let mut openssl = Command::new("openssl");
    openssl
        .args(["genrsa", "-out"])
        .arg(dir.join("sa.key"))
        .arg("2048");
    let output = openssl
        .stdin(Stdio::null())
        .output()
        .context("cannot start openssl")?;
    if !output.status.success() {
        bail!("openssl genrsa: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Returns the path of the API server, and builds it where it is missing: some
/// six minutes on two cores, once for a machine.
///
/// # Errors
///
/// When there is no Go to build it with, or the build fails.
pub fn binary() -> Result<PathBuf> {
    APISERVER.path()
}

/// Returns why there can be none, or nothing.
pub(crate) fn missing() -> Option<String> {
    APISERVER
        .missing()
        .or_else(|| missing_program(&["etcd", "curl", "openssl"]))
}

const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;
const ADMIN: &str = "everything-is-allowed";
const FIVEDOTS: &str = "what-the-role-allows";
const OPERATOR: &str = "what-is-bound-to-a-person";
/// Enough for a start beside a busy compiler.
const START: Duration = Duration::from_secs(60);
