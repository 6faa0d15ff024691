//! The programs of Kubernetes, at one version, built once for a machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::kept::{Kept, go};

/// All of a cluster, the slowest build first: the others then find most of their
/// packages built.
pub(crate) const PROGRAMS: [Kept; 6] = [
    APISERVER,
    part("kubelet"),
    part("kube-controller-manager"),
    part("kube-scheduler"),
    part("kube-proxy"),
    part("kubectl"),
];

pub(crate) const APISERVER: Kept = part("kube-apiserver");

/// Returns the path of one of them, and builds it where it is missing.
///
/// # Errors
///
/// When there is no Go to build it with, or the build fails.
pub fn binary(program: &'static str) -> Result<PathBuf> {
    part(program).path()
}

const fn part(program: &'static str) -> Kept {
    Kept { project: "kubernetes", version: VERSION, program, tool: "go", build }
}

/// In a module of its own: Kubernetes replaces its dependencies, which `go
/// install` refuses. Its sums are in the checkout.
fn build(dir: &Path, program: &str) -> Command {
    let version = "k8s.io/component-base/version";
    let mut go = go("build");
    go.args(["-trimpath", "-o"])
        .arg(dir.join(program))
        .arg("-ldflags")
        .arg(format!("-s -w -X {version}.gitVersion=v{VERSION}"))
        .arg(format!("k8s.io/kubernetes/cmd/{program}"))
        .env("GOFLAGS", "-mod=readonly")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("kubernetes"));
    go
}

/// As `kubernetes/go.mod` of this crate has it.
const VERSION: &str = "1.37.2";
