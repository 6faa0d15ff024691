//! What the tests need of the machine, got where it can be got.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{coredns, shell};

/// Programs that tests start, with the Debian package that has each.
const PROGRAMS: [(&str, &str); 29] = [
    ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    ("/usr/aarch64-linux-gnu/include/stdlib.h", "libc6-dev-arm64-cross"),
    ("chromium", "chromium"),
    ("dig", "dnsutils"),
    ("nslookup", "dnsutils"),
    ("node", "nodejs"),
    ("tmux", "tmux"),
    ("tshark", "tshark"),
    ("nft", "nftables"),
    ("ip", "iproute2"),
    ("ss", "iproute2"),
    ("nsenter", "util-linux"),
    ("unshare", "util-linux"),
    ("gcc", "gcc"),
    ("musl-gcc", "musl-tools"),
    ("etcd", "etcd-server"),
    ("busybox", "busybox-static"),
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("setcap", "libcap2-bin"),
    ("iptables", "iptables"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("conntrack", "conntrack"),
    ("curl", "curl"),
    ("openssl", "openssl"),
    ("prometheus", "prometheus"),
    ("promtool", "prometheus"),
    ("qemu-aarch64", "qemu-user"),
    ("systemd-analyze", "systemd"),
];

/// Installs missing programs, builds CoreDNS, the parts of Kubernetes, and helm. What cannot
/// be had is said here and skipped by the tests, which know best what they need.
pub(crate) fn run() {
    install(|_| true);
    if shell::has("go") {
        if let Err(error) = coredns::run_built() {
            shell::complain(&format!(
                "tests with CoreDNS or Kubernetes will be skipped: {error:#}"
            ));
        }
    } else {
        shell::complain(
            "no go in PATH: tests with CoreDNS or Kubernetes are skipped unless built already",
        );
    }
}

/// Installs what a cluster starts, and what builds its image, where that is missing.
pub(crate) fn for_a_cluster() {
    install(|program| CLUSTER.contains(&program));
}

fn install(is_wanted: impl Fn(&str) -> bool) {
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| is_wanted(program) && !shell::has(program))
        .collect();
    if missing.is_empty() {
        return;
    }
    let programs = missing
        .iter()
        .map(|(program, _)| *program)
        .collect::<Vec<_>>()
        .join(", ");
    if !Path::new("/etc/debian_version").exists() || !is_root() {
        shell::complain(&format!(
            "missing: {programs}; only root on Debian installs them, what needs them is skipped"
        ));
        return;
    }
    let mut packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    let update = apt(&["update", "-qq"]);
    let install =
        apt(&[&["install", "-qq", "-y", "--no-install-recommends"], &packages[..]].concat());
    for mut command in [update, install] {
        if let Err(error) = shell::run(&mut command) {
            shell::complain(&format!("{error:#}; what needs {programs} is skipped"));
            return;
        }
    }
}

fn apt(arguments: &[&str]) -> Command {
    let mut apt = Command::new("apt-get");
    apt.args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // etcd's package would start one; at this level nothing is started.
        .env("RUNLEVEL", "1")
        .stdin(Stdio::null());
    apt
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Those of [`PROGRAMS`] that a cluster needs.
const CLUSTER: [&str; 14] = [
    "nft",
    "ip",
    "nsenter",
    "unshare",
    "musl-gcc",
    "etcd",
    "busybox",
    "containerd",
    "runc",
    "setcap",
    "iptables",
    "/usr/lib/cni/bridge",
    "curl",
    "openssl",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cluster_needs_has_a_package() {
        for program in CLUSTER {
            assert!(PROGRAMS.iter().any(|(known, _)| *known == program), "{program}");
        }
    }
}
