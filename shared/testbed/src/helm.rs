//! The real helm, at one version, built once and kept outside the checkout.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::kept::{Kept, go};

/// Returns the path of the helm program, and builds it where it is missing: some
/// minutes on two cores, once for a machine.
///
/// # Errors
///
/// When there is no Go to build it with, or the build fails.
pub fn binary() -> Result<PathBuf> {
    HELM.path()
}

fn build(dir: &Path, _program: &str) -> Command {
    let mut go = go("install");
    go.arg(format!("helm.sh/helm/v4/cmd/helm@v{VERSION}"))
        .env("GOBIN", dir)
        // In no module.
        .current_dir(dir);
    go
}

pub(crate) const HELM: Kept =
    Kept { project: "helm", version: VERSION, program: "helm", tool: "go", build };

const VERSION: &str = "4.3.1";
