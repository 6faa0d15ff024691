//! `cargo xtask deb`: Debian packages of both programs and the systemd unit, for nodes
//! without a `DaemonSet`. Made from the static programs of the image, so that one package
//! suits every release.

mod ar;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use crate::image::{PROGRAMS, Platform, Source, prepare};
use crate::shell;
use ar::Ar;

/// What `cargo xtask deb` was asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// `release` as it ships, or `image`, which is built in a fraction of the time
    #[arg(long, default_value = "release")]
    profile: String,
    /// Only this architecture; both by default
    #[arg(long, value_name = "amd64|arm64", value_parser = Platform::parse)]
    arch: Vec<Platform>,
}

/// Builds the packages, checks them, and prints their paths.
///
/// # Errors
///
/// When a program does not build, or dpkg does not take a package.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let platforms = if options.arch.is_empty() { &Platform::ALL[..] } else { &options.arch };
    let source = Source::read()?;
    for platform in platforms {
        prepare(*platform)?;
        let programs = platform.build(&options.profile)?;
        let package = Package::of(*platform, &source, &programs)?;
        let path = package.write(&shell::target().join("deb"))?;
        if package.pack()? != Package::of(*platform, &source, &programs)?.pack()? {
            bail!("two builds of {} differ", path.display());
        }
        check(&path, *platform)?;
        shell::say(&path.display().to_string());
    }
    Ok(ExitCode::SUCCESS)
}

/// One package, before it is packed.
struct Package {
    platform: Platform,
    version: String,
    seconds: u64,
    files: Vec<File>,
}

struct File {
    /// From the root, without a slash before it.
    path: String,
    mode: u32,
    content: Vec<u8>,
}

impl Package {
    fn of(platform: Platform, source: &Source, programs: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for name in PROGRAMS {
            files.push(File::read(&programs.join(name), &format!("usr/bin/{name}"), 0o755)?);
        }
        for (from, to) in COPIED {
            files.push(File::read(&shell::root().join(from), to, 0o644)?);
        }
        Ok(Self { platform, version: source.version.clone(), seconds: source.seconds, files })
    }

    fn write(&self, folder: &Path) -> Result<PathBuf> {
        fs::create_dir_all(folder)?;
        let name = format!("fivedots_{}_{}.deb", self.version, self.platform.name());
        let path = folder.join(name);
        fs::write(&path, self.pack()?)?;
        Ok(path)
    }

    /// deb(5): the version of the format, then what dpkg reads, then the files.
    fn pack(&self) -> Result<Vec<u8>> {
        let octets: usize = self.files.iter().map(|file| file.content.len()).sum();
        let control = CONTROL
            .replace("VERSION", &self.version)
            .replace("ARCH", self.platform.name())
            .replace("SIZE", &octets.div_ceil(1024).to_string());
        let scripts = [
            ("control", 0o644, control.as_str()),
            ("conffiles", 0o644, "/etc/fivedots/fivedots.toml\n"),
            ("postinst", 0o755, POSTINST),
            ("prerm", 0o755, PRERM),
            ("postrm", 0o755, POSTINST),
        ];
        let scripts = scripts.map(|(path, mode, text)| File {
            path: path.to_owned(),
            mode,
            content: text.as_bytes().to_vec(),
        });
        let mut ar = Ar::new(self.seconds);
        ar.add("debian-binary", b"2.0\n");
        ar.add("control.tar.gz", &tarball(&scripts, self.seconds)?);
        ar.add("data.tar.gz", &tarball(&self.files, self.seconds)?);
        Ok(ar.finish())
    }
}

impl File {
    fn read(from: &Path, to: &str, mode: u32) -> Result<Self> {
        let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        Ok(Self { path: to.to_owned(), mode, content })
    }
}

/// dpkg wants each path to start with `./`, folders included.
fn tarball(files: &[File], seconds: u64) -> Result<Vec<u8>> {
    let packer = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    let mut tar = Builder::new(packer);
    let mut folders: Vec<_> = files
        .iter()
        .flat_map(|file| {
            file.path
                .match_indices('/')
                .filter_map(|(at, _)| file.path.get(..=at))
        })
        .collect();
    folders.push("");
    folders.sort_unstable();
    folders.dedup();
    let header = |kind, mode, size| {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_mtime(seconds);
        header.set_uid(0);
        header.set_gid(0);
        header
    };
    let mut put = |path: &str, mut header: Header, content: &[u8]| {
        // `append_data` would take the `./` away.
        let name = format!("./{path}");
        let place = header.as_old_mut().name.get_mut(..name.len());
        place
            .context("a path of more than 100 octets")?
            .copy_from_slice(name.as_bytes());
        header.set_cksum();
        anyhow::Ok(tar.append(&header, content)?)
    };
    for folder in folders {
        put(folder, header(EntryType::Directory, 0o755, 0), &[])?;
    }
    for file in files {
        let header = header(EntryType::Regular, file.mode, file.content.len() as u64);
        put(&file.path, header, &file.content)?;
    }
    Ok(tar.into_inner()?.finish()?)
}

/// Lets dpkg read it.
fn check(path: &Path, platform: Platform) -> Result<()> {
    if !shell::has("dpkg-deb") {
        shell::say("not checked: no dpkg-deb in PATH");
        return Ok(());
    }
    let field = |name: &str| -> Result<String> {
        let output = Command::new("dpkg-deb")
            .arg("--field")
            .arg(path)
            .arg(name)
            .output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let output = Command::new("dpkg-deb")
        .arg("--contents")
        .arg(path)
        .output()?;
    let contents = String::from_utf8(output.stdout)?;
    let has = |wanted: &str| {
        contents
            .lines()
            .any(|line| line.ends_with(&format!(" ./{wanted}")))
    };
    let wanted = COPIED.iter().map(|(_, to)| (*to).to_owned());
    let programs = PROGRAMS.iter().map(|name| format!("usr/bin/{name}"));
    if let Some(missing) = wanted.chain(programs).find(|file| !has(file)) {
        bail!("dpkg-deb finds no {missing} in {}:\n{contents}", path.display());
    }
    if field("Architecture")? != platform.name() || field("Package")? != "fivedots" {
        bail!("dpkg-deb does not read the control file of {}", path.display());
    }
    Ok(())
}

/// From the checkout to the package.
const COPIED: [(&str, &str); 4] = [
    ("deploy/systemd/fivedots.service", "lib/systemd/system/fivedots.service"),
    ("deploy/systemd/fivedots.toml", "etc/fivedots/fivedots.toml"),
    ("LICENSE", "usr/share/doc/fivedots/copyright"),
    ("CHANGELOG.md", "usr/share/doc/fivedots/CHANGELOG.md"),
];

const CONTROL: &str = "\
Package: fivedots
Version: VERSION
Architecture: ARCH
Maintainer: The Fivedots authors <fivedots@localhost>
Installed-Size: SIZE
Section: net
Priority: optional
Description: DNS cache that says why DNS fails
 A caching forwarding proxy that accounts for each query, its client and its
 failure, and an open-loop load generator for DNS servers.
 .
 The unit is neither enabled nor started: an installation takes over no DNS.
";

/// The unit is read, not started.
const POSTINST: &str = "\
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
fi
";

/// An upgrade leaves the old process until the administrator restarts it.
const PRERM: &str = "\
#!/bin/sh
set -e
if [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then
    systemctl disable --now fivedots.service || true
fi
";

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> Package {
        let file = |path: &str, mode| File { path: path.to_owned(), mode, content: vec![7; 3000] };
        Package {
            platform: Platform::Arm64,
            version: "1.2.3".to_owned(),
            seconds: 86_400,
            files: vec![file("usr/bin/fivedots", 0o755), file("etc/fivedots/fivedots.toml", 0o644)],
        }
    }

    #[test]
    fn two_builds_give_the_same_package() {
        let packed = package().pack().unwrap();
        assert_eq!(packed, package().pack().unwrap());
        assert!(packed.starts_with(b"!<arch>\ndebian-binary   86400 "));
    }

    #[test]
    fn paths_start_as_dpkg_wants_them() {
        let packed = tarball(&package().files, 0).unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
        let paths: Vec<_> = tar
            .entries()
            .unwrap()
            .map(|entry| String::from_utf8(entry.unwrap().path_bytes().into_owned()).unwrap())
            .collect();
        let expected = [
            "./",
            "./etc/",
            "./etc/fivedots/",
            "./usr/",
            "./usr/bin/",
            "./usr/bin/fivedots",
            "./etc/fivedots/fivedots.toml",
        ];
        assert_eq!(paths, expected);
    }
}
