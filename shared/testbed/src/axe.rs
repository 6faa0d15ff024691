//! axe-core, which checks a page for what keeps people from using it, at one version.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::kept::Kept;

/// Returns the path of its script, and fetches it where it is missing.
///
/// # Errors
///
/// When there is no npm to fetch it with, or that fails.
pub fn script() -> Result<PathBuf> {
    AXE.path()
}

fn fetch(dir: &Path, script: &str) -> Command {
    let mut shell = Command::new("sh");
    let unpack = "npm pack --silent \"axe-core@$0\" && tar -xzf axe-core-*.tgz --strip-components=1 \
                  \"package/$1\"";
    shell.args(["-c", unpack, VERSION, script]).current_dir(dir);
    shell
}

pub(crate) const AXE: Kept = Kept {
    project: "axe-core",
    version: VERSION,
    program: "axe.min.js",
    tool: "npm",
    build: fetch,
};

const VERSION: &str = "4.14.1";
