//! The one layer of the image: a tar of its files.

use std::io::Write as _;

use anyhow::Result;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use super::capability;
use super::digest::digest;

/// A file of the image.
pub(super) struct File {
    path: String,
    content: Vec<u8>,
    is_program: bool,
}

impl File {
    /// A program, which gets the capabilities.
    pub(super) fn program(path: &str, content: Vec<u8>) -> Self {
        Self { path: path.to_owned(), content, is_program: true }
    }

    /// A file to read.
    pub(super) fn data(path: &str, content: Vec<u8>) -> Self {
        Self { path: path.to_owned(), content, is_program: false }
    }
}

/// The layer, packed.
pub(super) struct Layer {
    pub(super) packed: Vec<u8>,
    /// Of the tar, which is what a runtime unpacks.
    pub(super) diff_id: String,
    /// Octets of all files.
    pub(super) octets: usize,
}

impl Layer {
    /// Packs the files, in the order of their paths, with all times at `seconds`
    /// since 1970.
    ///
    /// # Errors
    ///
    /// For a path that a tar cannot have.
    pub(super) fn of(files: &[File], seconds: u64) -> Result<Self> {
        let mut sorted: Vec<_> = files.iter().collect();
        sorted.sort_by_key(|file| &file.path);
        let mut tar = Builder::new(Vec::new());
        for folder in folders(&sorted) {
            let mut header = header(EntryType::Directory, 0o755, 0, seconds);
            tar.append_data(&mut header, folder, &[][..])?;
        }
        for file in &sorted {
            if file.is_program {
                let attribute = format!("SCHILY.xattr.{}", capability::NAME);
                let value = capability::permitted();
                tar.append_pax_extensions([(attribute.as_str(), value.as_slice())])?;
            }
            let mode = if file.is_program { 0o755 } else { 0o644 };
            let size = file.content.len() as u64;
            let mut header = header(EntryType::Regular, mode, size, seconds);
            tar.append_data(&mut header, &file.path, file.content.as_slice())?;
        }
        let tar = tar.into_inner()?;
        let octets = files.iter().map(|file| file.content.len()).sum();
        Ok(Self { packed: pack(&tar)?, diff_id: digest(&tar), octets })
    }
}

/// The folders above the files, parents first.
fn folders(files: &[&File]) -> Vec<String> {
    let mut folders = Vec::new();
    for file in files {
        for (at, _) in file.path.match_indices('/') {
            folders.extend(file.path.get(..=at).map(str::to_owned));
        }
    }
    folders.sort();
    folders.dedup();
    folders
}

/// Owned by root, whom the program does not run as: it cannot change itself.
fn header(kind: EntryType, mode: u32, size: u64, seconds: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(seconds);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Without a name and a time, which gzip would otherwise note.
fn pack(tar: &[u8]) -> Result<Vec<u8>> {
    let mut packer: GzEncoder<_> = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    packer.write_all(tar)?;
    Ok(packer.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use tar::Archive;

    use super::*;

    fn files() -> [File; 3] {
        [
            File::program("bin/b", b"second".to_vec()),
            File::data("usr/share/a", b"text".to_vec()),
            File::program("bin/a", vec![7; 10_000]),
        ]
    }

    #[test]
    fn the_order_and_the_hour_of_the_build_change_nothing() {
        let mut turned = files();
        turned.reverse();
        let [one, other] = [files(), turned].map(|files| Layer::of(&files, 86_400).unwrap());
        assert_eq!(one.packed, other.packed);
        assert_eq!(one.octets, 10_010);
        let later = Layer::of(&files(), 86_401).unwrap();
        assert_ne!(one.diff_id, later.diff_id, "the time of the commit is in it");
    }

    #[test]
    fn programs_have_their_capabilities_and_folders_come_first() {
        let layer = Layer::of(&files(), 0).unwrap();
        let mut tar = Archive::new(GzDecoder::new(layer.packed.as_slice()));
        let mut seen = Vec::new();
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut capabilities = None;
            for extension in entry.pax_extensions().unwrap().into_iter().flatten() {
                let extension = extension.unwrap();
                assert_eq!(extension.key(), Ok("SCHILY.xattr.security.capability"));
                capabilities = Some(extension.value_bytes().to_vec());
            }
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let mode = entry.header().mode().unwrap();
            seen.push((path, mode, content.len(), capabilities));
        }
        let some = Some(capability::permitted().to_vec());
        let entry = |path: &str, mode, len, caps: &Option<Vec<u8>>| {
            (path.to_owned(), mode, len, caps.clone())
        };
        let expected = [
            entry("bin/", 0o755, 0, &None),
            entry("usr/", 0o755, 0, &None),
            entry("usr/share/", 0o755, 0, &None),
            entry("bin/a", 0o755, 10_000, &some),
            entry("bin/b", 0o755, 6, &some),
            entry("usr/share/a", 0o644, 4, &None),
        ];
        assert_eq!(seen, expected);
    }
}
