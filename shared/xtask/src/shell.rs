//! Starting other programs, and speaking to the person who started us.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context as _, Result, bail};

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// A cargo command in the checkout, of the toolchain that runs us.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).current_dir(root());
    // `cargo run` tells us who we are; a build script that looks there, as that of ring,
    // would run again, with all that needs it, after each change from us to cargo alone.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_cargo_run(name)) {
        cargo.env_remove(name);
    }
    cargo
}

fn is_of_cargo_run(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    ["CARGO_MANIFEST_", "CARGO_PKG_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Runs a command, which is shown first.
///
/// # Errors
///
/// When it cannot be started.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    complain(&format!("$ {}", shown(command)));
    command
        .status()
        .with_context(|| format!("cannot start {}", shown(command)))
}

/// Runs a command that must succeed.
///
/// # Errors
///
/// When it cannot be started or fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    match status(command)? {
        status if status.success() => Ok(()),
        status => bail!("{}: {status}", shown(command)),
    }
}

/// Whether a program is in PATH.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

#[expect(clippy::print_stdout, reason = "the result of a chore, for the person or a script")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "progress and errors, for the person")]
pub(crate) fn complain(line: &str) {
    eprintln!("{line}");
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
