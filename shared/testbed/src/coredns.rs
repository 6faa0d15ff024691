//! The real CoreDNS, at one version, built once and kept outside the checkout.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;

use crate::client::{Client, query};
use crate::netns::Netns;
use crate::process::Process;
use crate::require::find_program;
use crate::{port, wait};

/// A running CoreDNS; stopped when it is dropped.
pub struct Coredns {
    addr: SocketAddr,
    process: Process,
    /// Its Corefile and zone files.
    _dir: TempDir,
}

impl Coredns {
    /// Starts CoreDNS with a Corefile, in which `{ip}` and `{port}` stand for
    /// the address, and with files beside it, as `(name, content)`. Port 0
    /// takes a free one. Returns when it answers.
    ///
    /// # Errors
    ///
    /// When it cannot be built or does not start; what it said is shown.
    pub fn start(listen: SocketAddr, corefile: &str, files: &[(&str, &str)]) -> Result<Self> {
        let addr = if listen.port() == 0 { port::free(listen.ip())? } else { listen };
        let coredns = Self::spawn(Command::new(binary()?), addr, corefile, files)?;
        let client = Client::new(addr).timeout(Duration::from_secs(1));
        // Any reply will do: the root may well be refused.
        if !wait::eventually(START, || client.udp(&query(".", "NS")).is_ok()) {
            bail!("CoreDNS does not answer on {addr}; it said:\n{}", coredns.process.output());
        }
        Ok(coredns)
    }

    /// Starts CoreDNS inside a namespace, where the address must exist and the
    /// port cannot be 0. Returns when it says that it serves.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn start_in(
        netns: &Netns,
        listen: SocketAddr,
        corefile: &str,
        files: &[(&str, &str)],
    ) -> Result<Self> {
        Self::spawn(netns.command(binary()?), listen, corefile, files)
    }

    /// The address it serves.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The process, to be stopped, continued or read.
    pub fn process(&self) -> &Process {
        &self.process
    }

    fn spawn(
        mut command: Command,
        addr: SocketAddr,
        corefile: &str,
        files: &[(&str, &str)],
    ) -> Result<Self> {
        let dir = TempDir::new()?;
        let corefile = corefile
            .replace("{ip}", &addr.ip().to_string())
            .replace("{port}", &addr.port().to_string());
        for (name, content) in files.iter().chain([&("Corefile", corefile.as_str())]) {
            fs::write(dir.path().join(name), content)?;
        }
        let process = Process::spawn(command.current_dir(dir.path()))?;
        process.wait_for_line(&format!("CoreDNS-{VERSION}"), START)?;
        Ok(Self { addr, process, _dir: dir })
    }
}

/// Returns the path of the CoreDNS program, and builds it where it is missing.
///
/// # Errors
///
/// When there is no Go to build it with, or the build fails.
pub fn binary() -> Result<PathBuf> {
    let home = home()?;
    let binary = home.join("coredns");
    if binary.is_file() {
        return Ok(binary);
    }
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    // Test binaries may run at the same time: one builds, the others wait.
    let lock = File::create(home.join("lock"))?;
    lock.lock()?;
    if !binary.is_file() {
        build(&home)?;
    }
    Ok(binary)
}

/// Says why there can be no CoreDNS, or nothing.
pub(crate) fn missing() -> Option<String> {
    let built = home().is_ok_and(|home| home.join("coredns").is_file());
    let buildable = built || find_program("go").is_some();
    (!buildable).then(|| format!("CoreDNS {VERSION} is not built and there is no go in PATH"))
}

/// Builds into a folder beside, then renames: a build cut short leaves nothing
/// that looks like a program.
fn build(home: &Path) -> Result<()> {
    let unfinished = TempDir::new_in(home)?;
    let mut go = Command::new("go");
    go.args(["install", &format!("github.com/coredns/coredns@v{VERSION}")])
        // Static, so that it also runs in an image without a libc.
        .env("CGO_ENABLED", "0")
        .env("GOBIN", unfinished.path())
        // A variable of the caller's could aim elsewhere.
        .env_remove("GOOS")
        .env_remove("GOARCH")
        .current_dir(home)
        .stdin(Stdio::null());
    let output = go.output().context("cannot start go")?;
    if !output.status.success() {
        bail!("go install coredns: {}", String::from_utf8_lossy(&output.stderr));
    }
    fs::rename(unfinished.path().join("coredns"), home.join("coredns"))?;
    Ok(())
}

/// Outside the checkout: two minutes of build outlive any clone.
fn home() -> Result<PathBuf> {
    cache(&format!("coredns-{VERSION}"))
}

/// Where programs are kept, each version in a folder of its own.
pub(crate) fn cache(folder: &str) -> Result<PathBuf> {
    let cache = match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => std::env::home_dir()
            .ok_or_else(|| anyhow!("HOME is not set"))?
            .join(".cache"),
    };
    Ok(cache.join("fivedots").join(folder))
}

/// The version whose answers the tests are held against.
pub const VERSION: &str = "1.14.4";
/// Enough for a start beside a busy compiler.
const START: Duration = Duration::from_secs(20);
