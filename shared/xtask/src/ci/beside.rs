//! The image and the packages of both platforms, and the programs of the lab, built in
//! the time that the tests leave to the processors.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::shell;

/// A build that is under way.
#[derive(Debug)]
pub(crate) struct Beside {
    child: Child,
    /// What it prints, which would be among the lines of the tests.
    log: PathBuf,
}

impl Beside {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub(crate) fn start() -> Result<Self> {
        let log = shell::target().join("beside.log");
        let output = File::create(&log).with_context(|| format!("cannot write {log:?}"))?;
        // SCHED_IDLE (sched(7)): it waits for every test that has something to do.
        let mut command = Command::new("chrt");
        command
            .args(["--idle", "0", "sh", "-c", ALL, "sh"])
            .arg(std::env::current_exe()?)
            .current_dir(shell::root())
            // Closed when we end, however that is.
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        let child = command.spawn().context("cannot start chrt")?;
        Ok(Self { child, log })
    }

    /// Waits for it, and shows what it printed.
    ///
    /// # Errors
    ///
    /// When the image or a package is wrong, or the lab does not build.
    pub(crate) fn finish(mut self) -> Result<()> {
        // Or it would be closed, and end what is waited for.
        let input = self.child.stdin.take();
        let status = self.child.wait()?;
        drop(input);
        let printed = fs::read(&self.log).unwrap_or_default();
        shell::say(&String::from_utf8_lossy(&printed));
        if !status.success() {
            bail!("the image, a package or the build of the lab: {status}");
        }
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // Closes its standard input first.
        self.child.wait().ok();
    }
}

/// The image, packages of the same programs, and the lab; all of it ends with standard
/// input.
const ALL: &str = r#"exec 3<&0
(cat <&3 >/dev/null; kill -- -$$) &
"$1" image --profile image && "$1" deb --profile image && "$1" lab --build"#;
