//! `cargo xtask lab`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::shell;

/// The programs that the lab compares, built.
pub(crate) struct Lab {
    programs: PathBuf,
}

impl Lab {
    /// Builds them with a profile of the root manifest: `lab`, or `release` as
    /// they ship.
    ///
    /// # Errors
    ///
    /// When one does not build; cargo has shown why.
    pub(crate) fn build(profile: &str) -> Result<Self> {
        let packages = ["--package", "proxy", "--package", "loadgen", "--package", "benches"];
        let mut build = shell::cargo(&["build", "--bins", "--profile", profile]);
        shell::run(build.args(packages))?;
        Ok(Self::at(profile))
    }

    /// Those that were built with the profile.
    pub(crate) fn at(profile: &str) -> Self {
        Self { programs: shell::target().join(profile) }
    }

    /// Lets the lab compare them.
    ///
    /// # Errors
    ///
    /// When it cannot, or a ratio is too bad.
    pub(crate) fn run(&self, arguments: &[String]) -> Result<()> {
        let mut lab = Command::new(self.programs.join("lab"));
        lab.arg("run").arg("--programs").arg(&self.programs);
        shell::run(lab.args(arguments))
    }
}
