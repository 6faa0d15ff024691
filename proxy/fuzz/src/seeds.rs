//! The inputs to begin with, and those that were a finding once: files of this crate.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Target;

/// Returns the seeds of a target, in the order of their files.
pub fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = target.folders.iter().flat_map(|name| files(name)).collect();
    files.sort();
    files
        .iter()
        .filter_map(|file| fs::read(file).ok())
        .collect()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(folder);
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}
