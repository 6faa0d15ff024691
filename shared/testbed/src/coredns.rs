//! The real CoreDNS, at one version, built once and kept outside the checkout.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use tempfile::TempDir;

use crate::client::{Client, query};
use crate::kept::{Kept, go};
use crate::netns::Netns;
use crate::process::Process;
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
    /// When it cannot be built or does not start; its output is shown.
    pub fn start(listen: SocketAddr, corefile: &str, files: &[(&str, &str)]) -> Result<Self> {
        let addr = if listen.port() == 0 { port::free(listen.ip())? } else { listen };
        let coredns = Self::spawn(Command::new(binary()?), addr, corefile, files)?;
        let client = Client::new(addr).timeout(Duration::from_secs(1));
        // Any reply will do: the root may well be refused.
        if !wait::eventually(START, || client.udp(&query(".", "NS")).is_ok()) {
            bail!("CoreDNS does not answer on {addr}; its output:\n{}", coredns.process.output());
        }
        Ok(coredns)
    }

    /// Starts CoreDNS inside a namespace, where the address must exist and the
    /// port cannot be 0. Returns when it serves.
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

/// Returns the path of the CoreDNS program, and builds it where it is missing:
/// some two minutes on two cores, once for a machine.
///
/// # Errors
///
/// When there is no Go to build it with, or the build fails.
pub fn binary() -> Result<PathBuf> {
    COREDNS.path()
}

fn build(dir: &Path, _: &str) -> Command {
    let mut go = go("install");
    go.arg(format!("github.com/coredns/coredns@v{VERSION}"))
        .env("GOBIN", dir)
        // In no module.
        .current_dir(dir);
    go
}

pub(crate) const COREDNS: Kept =
    Kept { project: "coredns", version: VERSION, program: "coredns", tool: "go", build };

/// The version whose answers the tests are held against.
pub const VERSION: &str = "1.14.4";
/// Enough for a start beside a busy compiler.
const START: Duration = Duration::from_secs(20);
