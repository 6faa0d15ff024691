//! What went over a device of a namespace, captured and read by Wireshark's
//! programs, which share no code with ours.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::netns::Netns;
use crate::process::Process;
use crate::wait::eventually;

/// A capture that runs; it ends when it is dropped, and its file is gone.
pub struct Capture {
    dumpcap: Process,
    dir: TempDir,
}

impl Capture {
    /// Captures on `device` what `filter`, in the syntax of pcap-filter(7),
    /// takes: whole packets, [`CAPACITY`] at most. Returns when it has begun.
    ///
    /// # Errors
    ///
    /// The error of dumpcap.
    pub fn start(netns: &Netns, device: &str, filter: &str) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let mut command = netns.command("dumpcap");
        command
            .args(["-q", "-i", device, "-f", filter, "-c", &CAPACITY.to_string()])
            .args(["-B", BUFFER, "-w"])
            .arg(dir.path().join(FILE));
        let dumpcap = Process::spawn(&mut command)?;
        // Printed after its socket is bound and the filter set.
        dumpcap.wait_for_line("File: ", PATIENCE)?;
        Ok(Self { dumpcap, dir })
    }

    /// Ends the capture once the file holds `last`, octets of the last packet
    /// that matters: the kernel hands packets over in blocks, and those it
    /// still has at the end are lost.
    ///
    /// # Errors
    ///
    /// When that packet does not come or dumpcap lost any.
    pub fn finish(self, last: &[u8]) -> Result<Captured> {
        let file = self.dir.path().join(FILE);
        let holds_last = || {
            let octets = std::fs::read(&file).unwrap_or_default();
            octets.windows(last.len()).any(|window| window == last)
        };
        if !eventually(PATIENCE, holds_last) {
            bail!("the last packet was not captured; its output:\n{}", self.dumpcap.output());
        }
        self.dumpcap.signal("INT")?;
        let status = self.dumpcap.wait(PATIENCE)?;
        let said = self.dumpcap.output();
        if !status.success() || !said.contains("dropped on interface") || !said.contains("/0 (") {
            bail!("dumpcap did not get all, {status}:\n{said}");
        }
        Ok(Captured { dir: self.dir })
    }
}

/// A capture that ended.
pub struct Captured {
    dir: TempDir,
}

impl Captured {
    /// The file, in the pcapng format.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join(FILE)
    }

    /// These fields of each packet, as tshark(1) names and prints them. A field
    /// that a packet has more than once is joined by commas, one that it has
    /// not is empty.
    ///
    /// # Errors
    ///
    /// The error of tshark, such as for an unknown field.
    pub fn fields<const N: usize>(&self, names: [&str; N]) -> Result<Vec<[String; N]>> {
        let mut tshark = Command::new("tshark");
        tshark
            .arg("-r")
            .arg(self.file())
            .args(["-n", "-T", "fields"]);
        tshark.args(names.iter().flat_map(|name| ["-e", name]));
        let output = tshark.output().context("cannot start tshark")?;
        if !output.status.success() {
            bail!("tshark: {}", String::from_utf8_lossy(&output.stderr));
        }
        let text = String::from_utf8(output.stdout)?;
        text.lines().map(split).collect()
    }
}

fn split<const N: usize>(line: &str) -> Result<[String; N]> {
    let fields: Vec<_> = line.split('\t').map(str::to_owned).collect();
    fields
        .try_into()
        .ok()
        .with_context(|| format!("not {N} fields: {line}"))
}

/// Packets of one capture; more end it, which is an error of [`Capture::finish`].
pub const CAPACITY: u32 = 1_000_000;
/// MiB for packets that dumpcap had no CPU for: seconds of a busy test.
const BUFFER: &str = "32";
const FILE: &str = "capture.pcapng";
const PATIENCE: Duration = Duration::from_secs(20);
