//! Container images from files, without a registry and without a daemon.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::space::run;

/// An image: files at paths, and what it runs.
#[derive(Clone, Debug)]
pub struct Image {
    /// As a pod names it: `local/tools:1`.
    pub name: String,
    /// Programs from here to there. What a program loads comes with it.
    pub files: Vec<(PathBuf, String)>,
    /// Its first process with its arguments.
    pub command: Vec<String>,
    /// What its programs may be granted, as `setcap` has it; nothing for most.
    pub capabilities: Option<&'static str>,
}

impl Image {
    /// Writes the archive that `ctr images import` reads; returns its path.
    pub(super) fn write(&self, dir: &Path) -> Result<PathBuf> {
        let plain = self.name.replace(['/', ':'], "-");
        let work = dir.join(&plain);
        let root = work.join("root");
        fs::create_dir_all(&root)?;
        for (from, to) in &self.files {
            add(&root, from, to)?;
            if let Some(capabilities) = self.capabilities {
                let program = root.join(to.trim_start_matches('/'));
                run(Command::new("setcap").arg(capabilities).arg(program))?;
            }
            for library in libraries(from)? {
                add(&root, Path::new(&library), &library)?;
            }
        }
        for applet in self.applets() {
            symlink("/bin/busybox", root.join("bin").join(applet))?;
        }
        let archive = dir.join(format!("{plain}.tar"));
        self.pack(&work, &archive)
            .with_context(|| format!("cannot make the image {}", self.name))?;
        fs::remove_dir_all(&work)?;
        Ok(archive)
    }

    /// The layout of `docker save`: a layer, its configuration, a list of both.
    fn pack(&self, work: &Path, archive: &Path) -> Result<()> {
        run(tar(&work.join("layer.tar"))
            .args(["-C", "root", "."])
            .current_dir(work))?;
        let layer = digest(&work.join("layer.tar"))?;
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Entrypoint": self.command,
                "Env": ["PATH=/bin:/usr/bin:/sbin"],
                "WorkingDir": "/",
            },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer}")] },
            "history": [{ "created_by": "testbed" }],
        });
        fs::write(work.join("config"), config.to_string())?;
        let config = format!("{}.json", digest(&work.join("config"))?);
        fs::rename(work.join("config"), work.join(&config))?;
        let tag = format!("docker.io/{}", self.name);
        let list = json!([{ "Config": config, "RepoTags": [tag], "Layers": ["layer.tar"] }]);
        fs::write(work.join("manifest.json"), list.to_string())?;
        run(tar(archive)
            .args([&config, "layer.tar", "manifest.json"])
            .current_dir(work))?;
        Ok(())
    }

    /// Names under which the shell of an image that has one finds its programs.
    fn applets(&self) -> &'static [&'static str] {
        let has_busybox = self.files.iter().any(|(_, to)| to == "/bin/busybox");
        if has_busybox { &APPLETS } else { &[] }
    }
}

fn add(root: &Path, from: &Path, to: &str) -> Result<()> {
    let to = root.join(to.trim_start_matches('/'));
    fs::create_dir_all(to.parent().unwrap_or(root))?;
    fs::copy(from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// The shared libraries that a program loads, and its loader; none if it is static.
fn libraries(program: &Path) -> Result<Vec<String>> {
    // It fails for what is no dynamic program.
    let output = Command::new("ldd")
        .arg(program)
        .output()
        .context("cannot start ldd")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let paths = said
        .split_whitespace()
        .filter(|word| word.starts_with('/') && !word.ends_with(':'));
    Ok(paths.map(str::to_owned).collect())
}

fn tar(archive: &Path) -> Command {
    let mut tar = Command::new("tar");
    tar.args(["--owner=0", "--group=0", "--numeric-owner"])
        .args(["--xattrs", "--xattrs-include=security.capability", "-cf"])
        .arg(archive);
    tar
}

fn digest(path: &Path) -> Result<String> {
    let said = run(Command::new("sha256sum").arg(path))?;
    Ok(said.split(' ').next().unwrap_or_default().to_owned())
}

const APPLETS: [&str; 12] =
    ["sh", "sleep", "cat", "ls", "echo", "date", "nslookup", "wget", "ip", "ping", "tail", "kill"];
