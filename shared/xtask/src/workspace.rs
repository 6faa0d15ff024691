//! The crates of this repository: where each is, and which depend on which.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;

use crate::shell;

/// All crates, as cargo lists them.
#[derive(Debug)]
pub(crate) struct Workspace {
    krates: Vec<Krate>,
}

/// One crate.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Krate {
    name: String,
    /// From the root of the checkout.
    folder: PathBuf,
    /// Names of the crates of ours that it needs, also for its tests.
    needs: Vec<String>,
    /// Kinds of its targets, as `lib`.
    kinds: Vec<String>,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    ///
    /// When a manifest cannot be read; cargo has shown why.
    pub(crate) fn read() -> Result<Self> {
        let mut cargo = shell::cargo(&["metadata", "--no-deps", "--format-version", "1"]);
        let output = cargo.output().context("cannot start cargo")?;
        if !output.status.success() {
            bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        let packages = list(&metadata, "packages");
        let krates: Option<Vec<_>> = packages.iter().map(Krate::read).collect();
        let krates = krates.ok_or_else(|| anyhow!("cargo metadata lacks a name or a folder"))?;
        Ok(Self { krates })
    }

    /// The crate of that name.
    ///
    /// # Errors
    ///
    /// When there is none; those there are are named.
    pub(crate) fn find(&self, name: &str) -> Result<&Krate> {
        let found = self.krates.iter().find(|krate| krate.name == name);
        found.ok_or_else(|| {
            let names: Vec<_> = self.krates.iter().map(Krate::name).collect();
            anyhow!("no crate {name:?}; there are {}", names.join(", "))
        })
    }

    /// The crates that these files, from the root, are part of; a file of the
    /// build itself is part of all.
    pub(crate) fn touched_by(&self, files: &[String]) -> Vec<&Krate> {
        if files.iter().any(|file| BUILD.contains(&file.as_str())) {
            return self.krates.iter().collect();
        }
        let is_part = |krate: &Krate, file| self.holder(file) == Some(krate);
        let touched = |krate: &&Krate| files.iter().any(|file| is_part(krate, file));
        self.krates.iter().filter(touched).collect()
    }

    /// The files that are part of no crate.
    pub(crate) fn outside<'a>(&self, files: &'a [String]) -> Vec<&'a str> {
        let outside = files.iter().filter(|file| self.holder(file).is_none());
        outside.map(String::as_str).collect()
    }

    /// The other crates that need one of these, directly or not.
    pub(crate) fn dependents<'a>(&'a self, of: &[&'a Krate]) -> Vec<&'a Krate> {
        let mut reached: Vec<&Krate> = of.to_vec();
        while let Some(next) = self.krates.iter().find(|krate| {
            let needs = |known: &&Krate| krate.needs.contains(&known.name);
            !reached.contains(krate) && reached.iter().any(needs)
        }) {
            reached.push(next);
        }
        reached.split_off(of.len())
    }

    /// The innermost crate around a file.
    fn holder(&self, file: &str) -> Option<&Krate> {
        let around = self
            .krates
            .iter()
            .filter(|krate| Path::new(file).starts_with(&krate.folder));
        around.max_by_key(|krate| krate.folder.components().count())
    }
}

impl Krate {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the crate of that name or depends on it, if only for tests.
    pub(crate) fn needs(&self, name: &str) -> bool {
        self.name == name || self.needs.iter().any(|needed| needed == name)
    }

    pub(crate) fn has_library(&self) -> bool {
        self.kinds.iter().any(|kind| kind == "lib")
    }

    pub(crate) fn has_program(&self) -> bool {
        self.kinds.iter().any(|kind| kind == "bin")
    }

    fn read(package: &Value) -> Option<Self> {
        let manifest = Path::new(package.get("manifest_path")?.as_str()?);
        let folder = manifest.parent()?.strip_prefix(shell::root()).ok()?;
        let name = |value: &Value| Some(value.get("name")?.as_str()?.to_owned());
        let ours = list(package, "dependencies")
            .iter()
            .filter(|needed| needed.get("path").is_some());
        let targets = list(package, "targets")
            .iter()
            .flat_map(|target| list(target, "kind"));
        Some(Self {
            name: name(package)?,
            folder: folder.to_owned(),
            needs: ours.filter_map(name).collect(),
            kinds: targets
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        })
    }
}

/// Arguments of cargo for these crates: the one set of features.
pub(crate) fn features(krates: &[&Krate]) -> &'static [&'static str] {
    let has_program = krates.iter().any(|krate| krate.name == "proxy");
    if has_program { &FEATURES } else { &[] }
}

/// The one set of features that is checked, tested and shipped: a second one
/// would compile everything again.
pub(crate) const FEATURES: [&str; 2] = ["--features", "proxy/kubernetes"];

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Files that change how everything is built or judged.
const BUILD: [&str; 4] = ["Cargo.toml", "Cargo.lock", ".clippy.toml", ".cargo/config.toml"];

#[cfg(test)]
mod tests {
    use super::*;

    fn krate(name: &str, folder: &str, needs: &[&str]) -> Krate {
        let needs = needs.iter().map(|name| (*name).to_owned()).collect();
        Krate { name: name.to_owned(), folder: folder.into(), needs, ..Krate::default() }
    }

    fn house() -> Workspace {
        let krates = vec![
            krate("cellar", "house/cellar", &[]),
            krate("garden", "garden", &[]),
            krate("hall", "house/hall", &["cellar"]),
            krate("house", "house", &["hall"]),
        ];
        Workspace { krates }
    }

    fn names(krates: &[&Krate]) -> Vec<String> {
        krates.iter().map(|krate| krate.name.clone()).collect()
    }

    #[test]
    fn a_file_touches_the_innermost_crate_around_it() {
        let house = house();
        let touched = |file: &str| names(&house.touched_by(&[file.to_owned()]));
        assert_eq!(touched("house/hall/src/lib.rs"), ["hall"]);
        assert_eq!(touched("house/src/main.rs"), ["house"]);
        assert_eq!(touched("Cargo.lock"), ["cellar", "garden", "hall", "house"]);
        assert_eq!(touched("docs/page.md"), Vec::<String>::new());
        let files = ["docs/page.md", "house/README.md"].map(str::to_owned);
        assert_eq!(house.outside(&files), ["docs/page.md"]);
    }

    #[test]
    fn who_depends_on_a_crate_is_found_through_others() {
        let house = house();
        let cellar = house.find("cellar").unwrap();
        assert_eq!(names(&house.dependents(&[cellar])), ["hall", "house"]);
        assert!(
            house
                .dependents(&[house.find("garden").unwrap()])
                .is_empty()
        );
        let error = house.find("attic").unwrap_err().to_string();
        assert_eq!(error, "no crate \"attic\"; there are cellar, garden, hall, house");
    }

    #[test]
    fn the_workspace_is_read_from_cargo() {
        let workspace = Workspace::read().unwrap();
        let xtask = workspace.find("xtask").unwrap();
        assert!(xtask.has_program() && !xtask.has_library());
        let dns = workspace.find("dns").unwrap();
        assert!(names(&workspace.dependents(&[dns])).contains(&"loadgen".to_owned()));
    }
}
