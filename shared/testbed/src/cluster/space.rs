//! One machine of a cluster: its own network, mounts and process ids.
//!
//! Its first process is a shell that does nothing. When that dies the kernel
//! kills all others, with their mounts and the namespaces of their pods, so that
//! nothing has to be found and ended one by one.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::wait;

/// A machine that runs, also after the process that made it.
#[derive(Clone, Debug)]
pub struct Space {
    /// The name of its network namespace.
    name: String,
    /// Where logs and process ids are.
    dir: PathBuf,
}

impl Space {
    /// Makes one whose only device is its loopback.
    pub(super) fn make(name: String, dir: &Path) -> Result<Self> {
        let space = Self { name, dir: dir.to_owned() };
        for folder in [LOGS, PIDS] {
            fs::create_dir_all(dir.join(folder))?;
        }
        run(Command::new("ip").args(["netns", "add", &space.name]))?;
        space.ip(&["link", "set", "lo", "up"])?;
        let ready = space.file(PIDS, "ready");
        let log = File::create(space.file(LOGS, "init"))?;
        let mut command = Command::new("nsenter");
        command
            .arg(space.net())
            .args(["--", "unshare", "--mount", "--pid", "--fork"])
            .args(["--kill-child", "--mount-proc", "--", "sh", "-c", INIT, &space.name])
            .arg(&ready)
            // Not ended by what ends its maker at a terminal.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = command.spawn().context("cannot start nsenter")?;
        fs::write(space.file(PIDS, "unshare"), child.id().to_string())?;
        if !wait::eventually(START, || ready.is_file()) {
            bail!("{} does not start: {}", space.name, space.log("init"));
        }
        Ok(space)
    }

    /// One that an earlier process made.
    pub(super) fn known(name: String, dir: &Path) -> Self {
        Self { name, dir: dir.to_owned() }
    }

    /// A command that runs inside.
    ///
    /// # Errors
    ///
    /// When the machine does not run.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Result<Command> {
        let target = format!("--target={}", self.init()?);
        let mut command = Command::new("nsenter");
        command
            .args([&target, &self.net(), "--mount", "--pid", "--"])
            .arg(program);
        Ok(command)
    }

    /// Runs a command inside, which must succeed; returns what it printed.
    ///
    /// # Errors
    ///
    /// With what it printed when it failed.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        run(self.command(program)?.args(arguments))
    }

    pub(super) fn ip(&self, arguments: &[&str]) -> Result<String> {
        run(Command::new("ip").args(["-n", &self.name]).args(arguments))
    }

    /// Starts a program inside that goes on after us, under a name by which it is
    /// signalled; its output goes to its log.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(&self, name: &str, program: &mut Command) -> Result<()> {
        let log = File::create(self.file(LOGS, name))?;
        // `exec`, so that the number is the program's own. As seen inside.
        let mut command = self.command("sh")?;
        command
            .args(["-c", "echo $$ >\"$0\"; exec \"$@\""])
            .arg(self.file(PIDS, name))
            .arg(program.get_program())
            .args(program.get_args())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        for (key, value) in program.get_envs() {
            command.env(key, value.unwrap_or_default());
        }
        command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(())
    }

    /// Sends a signal, as `STOP` or `KILL`, to a program that was started.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn signal(&self, name: &str, signal: &str) -> Result<()> {
        let path = self.file(PIDS, name);
        let pid = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
        self.run("kill", &["-s", signal, pid.trim()])?;
        Ok(())
    }

    /// What a program has printed so far.
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.file(LOGS, name)).unwrap_or_default()
    }

    /// Ends everything inside and removes it; no error if there is nothing.
    pub(super) fn remove(&self) {
        if let Ok(pid) = self.unshare() {
            // Its child dies with it: --kill-child.
            run(Command::new("kill").args(["-9", &pid])).ok();
            let init = || is_alive(&pid) || self.init_of(&pid).is_some();
            let _gone = wait::eventually(END, || !init());
        }
        run(Command::new("ip").args(["netns", "delete", &self.name])).ok();
    }

    /// The name of its network namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn net(&self) -> String {
        format!("--net=/run/netns/{}", self.name)
    }

    /// The process id of its first process, as seen from outside.
    fn init(&self) -> Result<String> {
        let unshare = self.unshare()?;
        let init = self.init_of(&unshare);
        init.with_context(|| format!("{} has ended: {}", self.name, self.log("init")))
    }

    fn init_of(&self, unshare: &str) -> Option<String> {
        let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children"));
        children.ok()?.split_whitespace().next().map(str::to_owned)
    }

    /// Its maker's child, if that is still the process of this number.
    fn unshare(&self) -> Result<String> {
        let pid = fs::read_to_string(self.file(PIDS, "unshare"));
        let pid = pid.with_context(|| format!("{} does not run", self.name))?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let is_ours = line
            .split(|octet| *octet == 0)
            .any(|word| word == self.name.as_bytes());
        if !is_ours {
            bail!("{} does not run", self.name);
        }
        Ok(pid)
    }

    fn file(&self, folder: &str, name: &str) -> PathBuf {
        self.dir.join(folder).join(format!("{}.{name}", self.name))
    }
}

/// Runs a command that must succeed; returns what it printed.
pub(super) fn run(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?}: {}\n{said}{complaint}", output.status);
    }
    Ok(said)
}

/// Whether a process still runs; one that waits for its parent has ended.
fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_some_and(|state| !state.starts_with('Z'))
}

/// Folders of its own for what programs keep at fixed places; the loop takes the
/// status of orphans, which containerd leaves behind.
const INIT: &str = "set -e; for dir in /run /var/lib /var/log; do mount -t tmpfs tmpfs $dir; done; \
                    : >\"$1\"; while :; do sleep 1; done";
const LOGS: &str = "log";
const PIDS: &str = "pid";
/// Enough beside a busy compiler.
const START: Duration = Duration::from_secs(20);
const END: Duration = Duration::from_secs(10);
