//! Programs and scripts of others that are got once for a machine, each at one version.
//!
//! They are kept outside the checkout: minutes of build outlive any clone.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;

use crate::path::find_program;

/// A file of another project that a command makes.
pub(crate) struct Kept {
    /// Whose it is; its folder is called so, with the version.
    pub(crate) project: &'static str,
    pub(crate) version: &'static str,
    /// The name of its file.
    pub(crate) program: &'static str,
    /// The program that makes it, by its name in PATH.
    pub(crate) tool: &'static str,
    /// Returns the command that makes a program of this name in a folder.
    pub(crate) build: fn(&Path, &str) -> Command,
}

impl Kept {
    /// Returns its path, and builds it where it is missing.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        self.path_in(&cache()?)
    }

    /// Returns why there can be none, or nothing.
    pub(crate) fn missing(&self) -> Option<String> {
        let Self { program, version, tool, .. } = self;
        let is_built = cache().is_ok_and(|cache| self.home(&cache).join(program).is_file());
        let is_buildable = is_built || find_program(tool).is_some();
        (!is_buildable)
            .then(|| format!("{program} {version} is not there and no {tool} is in PATH"))
    }

    fn path_in(&self, cache: &Path) -> Result<PathBuf> {
        let home = self.home(cache);
        let path = home.join(self.program);
        if path.is_file() {
            return Ok(path);
        }
        fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
        // Test binaries may run at the same time: one builds, the others wait.
        let lock = File::create(home.join("lock"))?;
        lock.lock()?;
        if !path.is_file() {
            self.make(&home, &path)?;
        }
        Ok(path)
    }

    /// Builds into a folder beside, then renames: a build cut short leaves
    /// nothing that looks like a program.
    fn make(&self, home: &Path, path: &Path) -> Result<()> {
        let unfinished = TempDir::new_in(home)?;
        let mut command = (self.build)(unfinished.path(), self.program);
        let output = command
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("cannot build {} {}: {said}", self.program, self.version);
        }
        fs::rename(unfinished.path().join(self.program), path)?;
        Ok(())
    }

    fn home(&self, cache: &Path) -> PathBuf {
        cache.join(format!("{}-{}", self.project, self.version))
    }
}

/// A `go` that builds for this machine.
pub(crate) fn go(verb: &str) -> Command {
    let mut go = Command::new("go");
    go.arg(verb)
        // Static, so that it also runs in an image without a libc.
        .env("CGO_ENABLED", "0")
        // A variable of the caller's could aim elsewhere.
        .env_remove("GOOS")
        .env_remove("GOARCH");
    go
}

/// Where programs are kept, each version in a folder of its own.
fn cache() -> Result<PathBuf> {
    let cache = match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => std::env::home_dir()
            .ok_or_else(|| anyhow!("HOME is not set"))?
            .join(".cache"),
    };
    Ok(cache.join("fivedots"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(build: fn(&Path, &str) -> Command) -> Kept {
        Kept { project: "kit", version: "1.2", program: "tool", tool: "sh", build }
    }

    fn shell(line: &str, dir: &Path) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(dir);
        command
    }

    #[test]
    fn it_is_built_once_for_all_who_ask() {
        let cache = TempDir::new().unwrap();
        // Each build adds to a list that lies beside its folder.
        let tool = built(|dir, _| shell("echo built >> ../list && echo 1 > tool", dir));
        std::thread::scope(|scope| {
            let ask = || tool.path_in(cache.path()).unwrap();
            let asked = [(); 4].map(|()| scope.spawn(ask));
            for path in asked.map(|asker| asker.join().unwrap()) {
                assert_eq!(path, cache.path().join("kit-1.2/tool"));
                assert!(path.is_file());
            }
        });
        let list = fs::read_to_string(cache.path().join("kit-1.2/list")).unwrap();
        assert_eq!(list, "built\n");
    }

    #[test]
    fn a_build_that_failed_leaves_no_program() {
        let cache = TempDir::new().unwrap();
        let tool = built(|dir, _| shell("echo 1 > tool; echo no such module >&2; exit 1", dir));
        for _ in 0..2 {
            let error = tool.path_in(cache.path()).unwrap_err().to_string();
            assert_eq!(error, "cannot build tool 1.2: no such module\n");
        }
        let unstarted = built(|_, _| Command::new("no-such-compiler"));
        let error = unstarted.path_in(cache.path()).unwrap_err().to_string();
        assert_eq!(error, "cannot start no-such-compiler");
    }
}
