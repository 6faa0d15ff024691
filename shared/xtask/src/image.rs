//! `cargo xtask image`: an OCI image of both programs for amd64 and arm64, made
//! without a daemon and without a base image.
//!
//! The same commit gives the same octets, wherever and whenever it is built: no time
//! but that of the commit, no path of this machine, files in a fixed order.

mod archive;
mod capability;
mod digest;
mod layer;
mod manifest;
mod platform;
mod sbom;
mod source;
mod verify;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::shell;
use archive::Archive;
use layer::{File, Layer};
use manifest::Manifest;
pub(crate) use platform::{Platform, prepare};
pub(crate) use source::Source;

/// What `cargo xtask image` was asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// `release` as it ships, or `image`, which is built in a fraction of the time
    #[arg(long, default_value = "release")]
    profile: String,
    /// Only this architecture; both by default
    #[arg(long, value_name = "amd64|arm64", value_parser = Platform::parse)]
    arch: Vec<Platform>,
    /// The image's name; the version follows it
    #[arg(long, default_value = NAME)]
    name: String,
    /// Where the archive goes; `target/image/fivedots.tar` by default
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Options {
    /// What a cluster on this machine gets.
    pub(crate) fn quick() -> Self {
        Self { profile: "image".to_owned(), arch: vec![], name: NAME.to_owned(), output: None }
    }

    fn platforms(&self) -> &[Platform] {
        if self.arch.is_empty() { &Platform::ALL } else { &self.arch }
    }
}

/// Builds the image, checks it, and prints where it is and its digest.
///
/// # Errors
///
/// When a program does not build, or the image is not as it must be.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let source = Source::read()?;
    let mut programs = Vec::new();
    for platform in options.platforms() {
        prepare(*platform)?;
        programs.push((*platform, platform.build(&options.profile)?));
    }
    let archive = assemble(options, &source, &programs)?;
    // Reads everything again, as it is on the disk.
    verify::is_same(&archive, &assemble(options, &source, &programs)?)?;
    for (platform, folder) in &programs {
        verify::programs(*platform, folder)?;
    }
    let output = match &options.output {
        Some(path) => path.clone(),
        None => shell::target().join("image/fivedots.tar"),
    };
    fs::create_dir_all(output.parent().unwrap_or(&output))?;
    archive
        .write(&output)
        .with_context(|| format!("cannot write {}", output.display()))?;
    shell::say(&report(&archive, &output));
    Ok(ExitCode::SUCCESS)
}

/// Builds the image of this machine's architecture, quickly; returns its archive.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn for_this_machine() -> Result<PathBuf> {
    let here = if cfg!(target_arch = "aarch64") { Platform::Arm64 } else { Platform::Amd64 };
    let archive = shell::target().join("image/fivedots-here.tar");
    let output = Some(archive.clone());
    run(&Options { arch: vec![here], output, ..Options::quick() })?;
    Ok(archive)
}

fn assemble(
    options: &Options,
    source: &Source,
    programs: &[(Platform, PathBuf)],
) -> Result<Archive> {
    let mut archive = Archive::new(&options.name, &source.version);
    for (platform, folder) in programs {
        let document = sbom::of(*platform, source)?;
        let mut files = vec![File::data("usr/share/sbom/fivedots.spdx.json", document)];
        for program in PROGRAMS {
            let path = folder.join(program);
            let content =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push(File::program(&format!("bin/{program}"), content));
        }
        let layer = Layer::of(&files, source.seconds)?;
        verify::is_small(*platform, &layer)?;
        archive.add(Manifest { platform: *platform, layer, source })?;
    }
    Ok(archive)
}

fn report(archive: &Archive, output: &std::path::Path) -> String {
    let mut text = String::new();
    for (platform, digest, octets) in archive.images() {
        let mib = octets.div_ceil(1 << 10);
        text += &format!("{:<12} {digest} {mib} KiB\n", platform.name());
    }
    text + &format!("{:<12} {}\n{}", "index", archive.digest(), output.display())
}

/// A name without a registry: it is pushed to yours under another one.
const NAME: &str = "localhost/fivedots";

/// Both programs.
pub(crate) const PROGRAMS: [&str; 2] = ["fivedots", "fivedots-loadgen"];
