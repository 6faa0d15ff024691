//! What must hold of an image before anyone gets it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::PROGRAMS;
use super::archive::Archive;
use super::layer::Layer;
use super::platform::{Platform, cargo_home};
use crate::shell;

/// Checks that packing twice gives the same octets.
///
/// # Errors
///
/// With both digests.
pub(super) fn is_same(one: &Archive, other: &Archive) -> Result<()> {
    if one.digest() != other.digest() || one.pack()? != other.pack()? {
        bail!("two builds differ: {} and {}", one.digest(), other.digest());
    }
    Ok(())
}

/// Checks the size.
///
/// # Errors
///
/// With the size.
pub(super) fn is_small(platform: Platform, layer: &Layer) -> Result<()> {
    if layer.octets >= MAX_OCTETS {
        bail!("{}: {} octets, not below {MAX_OCTETS}", platform.name(), layer.octets);
    }
    Ok(())
}

/// Checks that the programs are static and name no folder of this machine, and starts
/// them; those of another processor in an emulator.
///
/// # Errors
///
/// When one does not start, has another version, or a path that another machine has not.
pub(super) fn programs(platform: Platform, folder: &Path) -> Result<()> {
    for name in PROGRAMS {
        let path = folder.join(name);
        let program = fs::read(&path)?;
        if is_dynamic(&program) {
            bail!("{} needs a dynamic linker, which the image has not", path.display());
        }
        let ours = [shell::root(), shell::target(), cargo_home()];
        if let Some(named) = ours.iter().find(|folder| names(&program, folder)) {
            bail!("{} names {}, a folder of this machine", path.display(), named.display());
        }
        let said = version_of(platform, &path)?;
        let expected = format!("{name} {}", env!("CARGO_PKG_VERSION"));
        if said != expected {
            bail!("{} --version: {said:?}, not {expected:?}", path.display());
        }
    }
    Ok(())
}

/// Whether the octets of a program have the path of a folder.
fn names(program: &[u8], folder: &Path) -> bool {
    let path = [folder.as_os_str().as_encoded_bytes(), b"/"].concat();
    // One that could not be found out is empty.
    folder.is_absolute() && program.windows(path.len()).any(|octets| octets == path)
}

fn version_of(platform: Platform, path: &Path) -> Result<String> {
    let mut command = match emulator(platform) {
        None => Command::new(path),
        Some(emulator) if shell::has(emulator) => {
            let mut command = Command::new(emulator);
            command.arg(path);
            command
        }
        Some(emulator) => bail!("no {emulator} in PATH: apt-get install qemu-user"),
    };
    let output = command
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", path.display()))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{} --version: {}: {complaint}", path.display(), output.status);
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// What runs programs of that platform here; none where that is the processor.
fn emulator(platform: Platform) -> Option<&'static str> {
    match platform {
        Platform::Amd64 => (!cfg!(target_arch = "x86_64")).then_some("qemu-x86_64"),
        Platform::Arm64 => (!cfg!(target_arch = "aarch64")).then_some("qemu-aarch64"),
    }
}

/// Whether an ELF file of 64 bits has a program header of type `PT_INTERP`.
fn is_dynamic(program: &[u8]) -> bool {
    let number = |at: usize, len: usize| {
        let octets = program.get(at..at + len).unwrap_or_default();
        octets
            .iter()
            .rev()
            .fold(0usize, |number, octet| number << 8 | usize::from(*octet))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).any(|n| number(table + n * size, 4) == PT_INTERP)
}

/// elf(5).
const PT_INTERP: usize = 3;

/// Half of what a node pulls in a second: an upgrade is no event.
const MAX_OCTETS: usize = 25_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_needs_a_linker_is_seen() {
        // A test is such a program.
        let here = std::env::current_exe().unwrap();
        assert!(is_dynamic(&fs::read(here).unwrap()));
        assert!(!is_dynamic(b"\x7fELF"));
    }

    #[test]
    fn a_folder_of_this_machine_is_found() {
        let program = b"\x7fELF\0/home/a/fivedots/src\0";
        assert!(names(program, Path::new("/home/a/fivedots")));
        for other in ["/home/a/five", "/home/b", ""] {
            assert!(!names(program, Path::new(other)), "{other}");
        }
    }

    #[test]
    fn the_bound_of_the_size_is_exact() {
        let layer = |octets| Layer { octets, ..Layer::of(&[], 0).unwrap() };
        is_small(Platform::Amd64, &layer(MAX_OCTETS - 1)).unwrap();
        let error = is_small(Platform::Amd64, &layer(MAX_OCTETS)).unwrap_err();
        assert_eq!(error.to_string(), "amd64: 25000000 octets, not below 25000000");
    }
}
