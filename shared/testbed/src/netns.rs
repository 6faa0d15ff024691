//! Network namespaces with veth pairs, which are gone when they are dropped.
//!
//! Commands run inside by `nsenter --net=`, not by `ip netns exec`: the latter
//! mounts another /sys and so hides the cgroups. A test that needs sockets of
//! its own inside runs itself there again, by [`Netns::run_test`].

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};

/// A named namespace whose loopback is up.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Makes one; its name holds this process's id and a count, so that tests
    /// do not meet. The first call removes what dead processes left behind.
    ///
    /// # Errors
    ///
    /// The error of `ip`: without root there are no namespaces.
    pub fn new() -> Result<Self> {
        static CLEANED: Once = Once::new();
        CLEANED.call_once(remove_leftovers);
        let name = format!("{PREFIX}{}-{}", std::process::id(), next_number());
        ip(&["netns", "add", &name])?;
        let netns = Self { name };
        netns.ip(&["link", "set", "lo", "up"])?;
        Ok(netns)
    }

    /// The name under /run/netns.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that runs inside.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={}", self.path().display()))
            .arg("--")
            .arg(program);
        command
    }

    /// Runs `ip` inside, as `netns.ip(&["link", "set", "eth0", "up"])`.
    ///
    /// # Errors
    ///
    /// The error of `ip`.
    pub fn ip(&self, arguments: &[&str]) -> Result<()> {
        ip(&[&["-n", &self.name], arguments].concat())
    }

    /// Adds an address with its prefix length to a device.
    ///
    /// # Errors
    ///
    /// The error of `ip`.
    pub fn add_address(&self, device: &str, address: &str) -> Result<()> {
        let mut arguments = vec!["address", "add", address, "dev", device];
        if address.contains(':') {
            // Duplicate detection would keep it from use for a second or two.
            arguments.push("nodad");
        }
        self.ip(&arguments)
    }

    /// Runs one test of this very test binary inside, with [`INSIDE`] set to
    /// `role`, and gives its output.
    ///
    /// # Errors
    ///
    /// When the test fails there, or does not exist; its output is shown.
    pub fn run_test(&self, test: &str, role: &str) -> Result<Output> {
        let program = std::env::current_exe()?;
        let mut command = self.command(program);
        let output = command
            .args(["--exact", test, "--nocapture"])
            .env(INSIDE, role)
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || !said.contains("1 passed") {
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!("{test} in {}:\n{said}{complaint}", self.name);
        }
        Ok(output)
    }

    /// Connects two namespaces by a veth pair, named `device` in both.
    ///
    /// # Errors
    ///
    /// The error of `ip`.
    pub fn connect(&self, other: &Self, device: &str) -> Result<()> {
        let mut link = vec!["link", "add", device, "netns", &self.name];
        link.extend(["type", "veth", "peer", "name", device, "netns", &other.name]);
        ip(&link)?;
        self.ip(&["link", "set", device, "up"])?;
        other.ip(&["link", "set", device, "up"])
    }

    fn path(&self) -> PathBuf {
        Path::new(RUN).join(&self.name)
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // Its end of each pair goes with it, and so the other end.
        ip(&["netns", "delete", &self.name]).unwrap_or_default();
    }
}

/// The role that [`Netns::run_test`] gave this process; `None` outside.
pub fn role() -> Option<String> {
    std::env::var(INSIDE).ok()
}

/// Hosts on one bridge, which lives in a namespace of its own.
#[derive(Debug)]
pub struct Lan {
    bridge: Netns,
    hosts: AtomicU32,
}

impl Lan {
    /// A bridge without hosts.
    ///
    /// # Errors
    ///
    /// The error of `ip`.
    pub fn new() -> Result<Self> {
        let bridge = Netns::new()?;
        bridge.ip(&["link", "add", "br0", "type", "bridge"])?;
        bridge.ip(&["link", "set", "br0", "up"])?;
        Ok(Self { bridge, hosts: AtomicU32::new(0) })
    }

    /// A host with these addresses, each with a prefix length, on `eth0`.
    ///
    /// # Errors
    ///
    /// The error of `ip`.
    pub fn host(&self, addresses: &[&str]) -> Result<Netns> {
        let host = Netns::new()?;
        let port = format!("port{}", self.hosts.fetch_add(1, Ordering::Relaxed));
        let mut link = vec!["link", "add", "eth0", "netns", host.name()];
        link.extend(["type", "veth", "peer", "name", &port, "netns", self.bridge.name()]);
        ip(&link)?;
        self.bridge
            .ip(&["link", "set", &port, "master", "br0", "up"])?;
        host.ip(&["link", "set", "eth0", "up"])?;
        for address in addresses {
            host.add_address("eth0", address)?;
        }
        Ok(host)
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(arguments)
        .output()
        .context("cannot start ip")?;
    if !output.status.success() {
        bail!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Removes namespaces whose maker no longer runs: a killed test cannot clean.
fn remove_leftovers() {
    let Ok(entries) = fs::read_dir(RUN) else { return };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    for name in names.filter(|name| is_leftover(name)) {
        // Another process may have been quicker.
        ip(&["netns", "delete", &name]).unwrap_or_default();
    }
}

fn is_leftover(name: &str) -> bool {
    let maker = name
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split('-').next());
    let maker = maker.and_then(|pid| pid.parse::<u32>().ok());
    maker.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
}

fn next_number() -> u32 {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// The variable with the part that a test plays inside a namespace.
pub const INSIDE: &str = "TESTBED_INSIDE";
const RUN: &str = "/run/netns";
const PREFIX: &str = "fivedots-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_dead_process_leaves_leftovers() {
        assert!(!is_leftover(&format!("{PREFIX}{}-0", std::process::id())));
        assert!(is_leftover(&format!("{PREFIX}{}-0", u32::MAX)));
        assert!(!is_leftover("someone-elses"));
        assert!(!is_leftover(&format!("{PREFIX}notes")));
    }
}
