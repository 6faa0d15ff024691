//! The two platforms, and how the programs are built for them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::shell;
use crate::workspace::FEATURES;

/// A platform of the image; all are Linux.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Platform {
    Amd64,
    Arm64,
}

impl Platform {
    /// In the order of their names.
    pub(crate) const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// Its name in images and in Kubernetes.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Reads the name.
    ///
    /// # Errors
    ///
    /// A sentence with those that there are.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|known| known.name() == text);
        found.ok_or_else(|| format!("{text:?} is neither amd64 nor arm64"))
    }

    /// Its name for the compiler. musl, so that the program is static and needs
    /// nothing beside it in the image.
    pub(crate) const fn triple(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-musl",
            Self::Arm64 => "aarch64-unknown-linux-musl",
        }
    }

    /// The C compiler for ring and psm, which need no more of a libc than headers,
    /// and the Debian packages that have it.
    const fn compiler(self) -> (&'static str, &'static str) {
        match self {
            Self::Amd64 => ("musl-gcc", "musl-tools"),
            Self::Arm64 => ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),
        }
    }

    /// Builds both programs; returns their folder.
    ///
    /// # Errors
    ///
    /// When one does not build; cargo has shown why.
    pub(crate) fn build(self, profile: &str) -> Result<PathBuf> {
        let triple = self.triple();
        let mut cargo = shell::cargo(&["build", "--locked", "--bins", "--profile", profile]);
        cargo
            .args(["--target", triple, "--package", "proxy", "--package", "loadgen"])
            .args(FEATURES)
            .env(format!("CC_{}", triple.replace('-', "_")), self.compiler().0)
            .env("CARGO_ENCODED_RUSTFLAGS", flags(&cargo_home()));
        shell::run(&mut cargo)?;
        Ok(shell::target().join(triple).join(profile))
    }
}

/// Gets what a build for this platform needs and can be had.
///
/// # Errors
///
/// With what to install.
pub(crate) fn prepare(platform: Platform) -> Result<()> {
    let (compiler, packages) = platform.compiler();
    if !shell::has(compiler) {
        bail!("no {compiler} in PATH: apt-get install {packages}");
    }
    let triple = platform.triple();
    if has_library(triple)? {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup
        .args(["target", "add", triple])
        .current_dir(shell::root());
    shell::run(&mut rustup).with_context(|| format!("no standard library for {triple}"))
}

/// Whether the compiler has the standard library of the target.
fn has_library(triple: &str) -> Result<bool> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["--print", "target-libdir", "--target", triple])
        .current_dir(shell::root())
        .stdin(Stdio::null());
    let output = rustc.output().context("cannot start rustc")?;
    let path = String::from_utf8(output.stdout)?;
    Ok(output.status.success() && Path::new(path.trim()).is_dir())
}

/// The flags of the compiler, each behind the octet 0x1f.
///
/// The linker is that of the Rust toolchain: one program for all platforms, and the
/// same on every machine. Paths of this repository are relative to its root as they are;
/// a flag that names the root would have all crates built again for each checkout.
fn flags(cargo_home: &Path) -> String {
    [
        "-Clinker=rust-lld".to_owned(),
        "-Clink-self-contained=yes".to_owned(),
        format!("--remap-path-prefix={}=/cargo", cargo_home.display()),
    ]
    .join("\u{1f}")
}

pub(super) fn cargo_home() -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_known_by_their_names() {
        assert_eq!(Platform::parse("arm64"), Ok(Platform::Arm64));
        let error = Platform::parse("riscv64").unwrap_err();
        assert_eq!(error, "\"riscv64\" is neither amd64 nor arm64");
    }

    #[test]
    fn the_folder_of_crates_is_not_named() {
        let flags = flags(Path::new("/home/a/.cargo"));
        let remapped: Vec<_> = flags
            .split('\u{1f}')
            .filter(|flag| flag.starts_with("--remap"))
            .collect();
        assert_eq!(remapped, ["--remap-path-prefix=/home/a/.cargo=/cargo"]);
    }
}
