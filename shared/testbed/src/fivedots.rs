//! The proxy as a program under test: started with flags, found at its
//! addresses, stopped with its test.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::NamedTempFile;

use crate::client::Client;
use crate::process::Process;
use crate::{http, port, wait};

/// A running `fivedots` on loopback, with its metrics and admin listeners; killed
/// when it is dropped.
pub struct Fivedots {
    /// The process.
    pub process: Process,
    /// Where it answers.
    pub listen: SocketAddr,
    /// Its metrics and health.
    pub metrics: SocketAddr,
    /// Its admin listener.
    pub admin: SocketAddr,
}

impl Fivedots {
    /// Starts one in front of `upstream`, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not start; its output is shown.
    #[expect(clippy::unwrap_used, reason = "a proxy that does not start fails the test")]
    pub fn start(upstream: SocketAddr, flags: &[&str]) -> Self {
        Self::start_on(port::free(Ipv4Addr::LOCALHOST).unwrap(), upstream, flags)
    }

    /// The same with a configuration file of these lines.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[expect(clippy::unwrap_used, reason = "a proxy that does not start fails the test")]
    pub fn configured(upstream: SocketAddr, lines: &str) -> Self {
        let listen = port::free(Ipv4Addr::LOCALHOST).unwrap();
        Self::run(listen, upstream, lines, &[]).unwrap()
    }

    /// The same as [`start`](Self::start) at this address.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[expect(clippy::unwrap_used, reason = "a proxy that does not start fails the test")]
    pub fn start_on(listen: SocketAddr, upstream: SocketAddr, flags: &[&str]) -> Self {
        Self::run(listen, upstream, "", flags).unwrap()
    }

    fn run(listen: SocketAddr, upstream: SocketAddr, lines: &str, flags: &[&str]) -> Result<Self> {
        let [metrics, admin] = [port::free(Ipv4Addr::LOCALHOST)?, port::free(Ipv4Addr::LOCALHOST)?];
        let mut command = Command::new(program("fivedots")?);
        let addrs = [
            ("--listen", listen),
            ("--upstream", upstream),
            ("--metrics", metrics),
            ("--admin", admin),
        ];
        let addrs = addrs.map(|(flag, addr)| [flag.to_owned(), addr.to_string()]);
        let mut all: Vec<&str> = flags.to_vec();
        all.extend(addrs.iter().flatten().map(String::as_str));
        let process = serve(&mut command, lines, &all)?;
        let proxy = Self { process, listen, metrics, admin };
        if !proxy.is_ready_within(START) {
            bail!("fivedots is not ready; its output:\n{}", proxy.process.output());
        }
        Ok(proxy)
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(self.listen)
    }

    /// Waits until it is ready; false if time ran out.
    #[must_use]
    pub fn is_ready_within(&self, within: Duration) -> bool {
        wait::eventually(within, || {
            http::try_get(self.metrics, "/readyz").is_ok_and(|page| page.status == 200)
        })
    }
}

/// Runs `command`, a `fivedots` in some namespace, with a configuration file of
/// these lines and with these flags, and waits until it serves.
///
/// Unless the lines say otherwise no probe for loops is sent, so that a test
/// can count what an upstream is asked.
///
/// # Errors
///
/// When it does not start; its output is shown.
pub fn serve(command: &mut Command, lines: &str, flags: &[&str]) -> Result<Process> {
    // Read once, at the start.
    let file = NamedTempFile::new()?;
    let probes = if lines.contains("[loop]") { "" } else { "[loop]\nprobe_interval = \"0s\"" };
    std::fs::write(&file, format!("version = 1\n{lines}\n{probes}\n"))?;
    command.arg("run");
    if !flags.contains(&"--config") {
        command.arg("--config").arg(file.path());
    }
    let process = Process::spawn(command.args(flags))?;
    process.wait_for_line("serving", START)?;
    Ok(process)
}

/// Returns the path of a program of this workspace, which Cargo has built
/// beside the test programs of its package.
///
/// # Errors
///
/// When it is not there.
pub fn program(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    // target/debug/deps/it-0123456789abcdef, target/debug/fivedots
    let path = test
        .ancestors()
        .nth(2)
        .unwrap_or_else(|| Path::new("."))
        .join(name);
    let found = path.is_file().then_some(path.clone());
    found.with_context(|| format!("{} is not built", path.display()))
}

/// Enough for a start beside a busy compiler.
const START: Duration = Duration::from_secs(20);
