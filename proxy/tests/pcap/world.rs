//! A server and pods on a bridge, what they do captured, and what is judged of it.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testbed::{Capture, Captured, Lan, Netns, Process, lookups, netns};
use upstream::{Script, Upstream};

/// A pod, by the last octet of its address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pod {
    pub(crate) addr: Ipv4Addr,
}

impl Pod {
    pub(crate) const fn new(host: u8) -> Self {
        Self { addr: Ipv4Addr::new(10, 79, 1, host) }
    }
}

/// The server and the network; all is gone when it is dropped.
pub(crate) struct World {
    dir: tempfile::TempDir,
    _server: Process,
    netns: Netns,
    lan: Lan,
}

/// Serves until the parent ends if this process was started for that; says whether it was.
pub(crate) fn serves(script: impl FnOnce() -> Script) -> bool {
    if netns::role().as_deref() != Some(ROLE) {
        return false;
    }
    let listen = format!("{SERVER}:53").parse().unwrap();
    let server = Upstream::builder().listen(listen).script(script()).start();
    println!("{SERVES}");
    // Killed long before, unless its parent was.
    assert!(!server.unwrap().wait_for(u64::MAX, LIFE));
    true
}

impl World {
    /// Starts the server that `test` describes first of all.
    pub(crate) fn start(test: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lan = Lan::new().unwrap();
        let netns = lan.host(&[&format!("{SERVER}/16")]).unwrap();
        let mut server = netns.command(std::env::current_exe().unwrap());
        server
            .args(["--exact", test, "--nocapture"])
            .env(netns::INSIDE, ROLE);
        let server = Process::spawn(&mut server).unwrap();
        server.wait_for_line(SERVES, SOON).unwrap();
        let mut gcc = Command::new("gcc");
        gcc.arg("-pthread")
            .arg("-o")
            .arg(dir.path().join("getaddrinfo"));
        let built = gcc.arg(lookups::sources().join("getaddrinfo.c")).output();
        assert!(built.as_ref().unwrap().status.success(), "{built:?}");
        std::fs::write(dir.path().join("resolv.conf"), RESOLV_CONF).unwrap();
        Self { dir, _server: server, netns, lan }
    }

    /// Captures at the server what is done.
    pub(crate) fn capture(&self, device: &str, does: impl FnOnce(&Self)) -> Captured {
        let capture = Capture::start(&self.netns, device, "port 53").unwrap();
        does(self);
        let host = self.lan.host(&[&format!("{LAST_POD}/16")]).unwrap();
        let mut dig = host.command("dig");
        dig.args([&format!("@{SERVER}"), "+tries=1", "+timeout=1", LAST_NAME]);
        dig.output().unwrap();
        capture.finish(LAST_NAME.as_bytes()).unwrap()
    }

    /// Each pod looks the names up, one after another.
    pub(crate) fn look_up_all(&self, pods: &[Pod], names: &[String]) {
        self.run(pods, names, &[]);
    }

    /// Each pod looks the names up, by a thread each.
    pub(crate) fn look_up_at_once(&self, pods: &[Pod], names: &[String]) {
        self.run(pods, names, &[("SIDE_BY_SIDE", "yes")]);
    }

    fn run(&self, pods: &[Pod], names: &[String], env: &[(&str, &str)]) {
        let hosts = pods
            .iter()
            .map(|pod| self.lan.host(&[&format!("{}/16", pod.addr)]).unwrap());
        let hosts: Vec<_> = hosts.collect();
        let started = hosts.iter().map(|host| {
            let mut command = host.command("unshare");
            command.args(["--mount", "sh", "-c", WITH_RESOLV_CONF, "sh"]);
            command
                .arg(self.dir.path().join("resolv.conf"))
                .arg(self.dir.path().join("getaddrinfo"));
            command.args(names).envs(env.iter().copied());
            command.stdout(std::process::Stdio::null());
            command.spawn().unwrap()
        });
        let started: Vec<_> = started.collect();
        for mut child in started {
            assert!(child.wait().unwrap().success());
        }
    }

    /// The same file as tcpdump would have written it.
    pub(crate) fn as_pcap(&self, captured: &Captured) -> PathBuf {
        let file = self.dir.path().join("capture.pcap");
        let mut tshark = Command::new("tshark");
        tshark.arg("-r").arg(captured.file());
        let ran = tshark.args(["-F", "pcap", "-w"]).arg(&file).output();
        assert!(ran.as_ref().unwrap().status.success(), "{ran:?}");
        file
    }
}

/// What `--format json` prints, and the exit status.
pub(crate) fn diagnose(file: &Path, flags: &[&str]) -> (Option<i32>, Value) {
    let (status, text) = text(file, &[flags, &["--format", "json"]].concat());
    (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

/// What is printed, errors last, and the exit status.
pub(crate) fn text(file: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fivedots"));
    command.args(["diagnose", "--pcap"]).arg(file).args(flags);
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// What the kubelet writes for a pod of the namespace `shop`.
const RESOLV_CONF: &str = "\
search shop.svc.cluster.local svc.cluster.local cluster.local
nameserver 10.79.0.1
options ndots:5
";

/// Where a resolver's /etc/resolv.conf is another file.
const WITH_RESOLV_CONF: &str = "mount --bind \"$1\" /etc/resolv.conf && shift && exec \"$@\"";

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 1);
const LAST_POD: Ipv4Addr = Ipv4Addr::new(10, 79, 8, 1);
/// One label, so that it stands in a packet as it is.
const LAST_NAME: &str = "end-of-the-capture";
const ROLE: &str = "server";
const SERVES: &str = "the server serves";
const SOON: Duration = Duration::from_secs(10);
const LIFE: Duration = Duration::from_secs(600);
