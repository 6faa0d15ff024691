//! One test program: what it tests, and how it is started.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::options::Options;

/// The kinds of tests, in the order in which they run: who waits for the result
/// learns of most mistakes in the first seconds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    Tidy,
    Unit,
    Documentation,
    Integration,
    /// With a browser, an API server, every resolver, or for as long as one likes.
    Slow,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Tidy, Self::Unit, Self::Documentation, Self::Integration, Self::Slow];

    /// Its name in the table of stages.
    pub(crate) const fn stage(self) -> &'static str {
        match self {
            Self::Tidy => "tidy",
            Self::Unit => "unit tests",
            Self::Documentation => "examples in documentation",
            Self::Integration => "integration tests",
            Self::Slow => "slow tests",
        }
    }
}

/// A program with tests, built.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    /// Its crate's folder: tests find their files from there.
    folder: PathBuf,
    /// Of the library, program or file in tests/.
    target: String,
    /// Of the target: `lib`, `bin` or `test`.
    sort: String,
}

impl Program {
    /// Reads one of cargo's messages; `None` if it is not of a test program.
    pub(crate) fn from_message(line: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(line).ok()?;
        let text = |pointer| message.pointer(pointer).and_then(Value::as_str);
        let is_test = message.pointer("/profile/test")?.as_bool()?;
        let path = text("/executable").filter(|_| is_test)?.into();
        let folder = Path::new(text("/manifest_path")?).parent()?.to_owned();
        let [target, sort] = [text("/target/name")?, text("/target/kind/0")?].map(str::to_owned);
        Some(Self { path, folder, target, sort })
    }

    pub(crate) fn kind(&self) -> Kind {
        match (self.krate(), self.target.as_str()) {
            _ if self.is_unit() => Kind::Unit,
            ("xtask", "tidy") => Kind::Tidy,
            (_, target) if SLOW.contains(&target) => Kind::Slow,
            _ => Kind::Integration,
        }
    }

    /// Its crate and what of it, as `proxy it`.
    pub(crate) fn title(&self) -> String {
        match self.sort.as_str() {
            "test" => format!("{} {}", self.krate(), self.target),
            sort => format!("{} ({sort})", self.krate()),
        }
    }

    pub(crate) fn is_library(&self) -> bool {
        self.sort == "lib"
    }

    fn is_unit(&self) -> bool {
        self.sort != "test"
    }

    /// The command that runs what `options` want of it, as cargo would; the
    /// program itself tells the time of each test.
    pub(crate) fn command(&self, options: &Options) -> Command {
        let mut command = Command::new(&self.path);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .args(options.filters());
        if WAITING.contains(&self.target.as_str()) {
            command.env("RUST_TEST_THREADS", "4");
        }
        if self.has_harness() {
            // Read by the test harness when it runs; never set for a compiler,
            // whose outputs would all be stale.
            command
                .env("RUSTC_BOOTSTRAP", "1")
                .args(["-Z", "unstable-options", "--report-time"]);
        }
        command
    }

    /// Each of our crates is named as its folder is.
    pub(crate) fn krate(&self) -> &str {
        let name = self.folder.file_name().unwrap_or_default();
        name.to_str().unwrap_or_default()
    }

    /// Whether the program is libtest's: its manifest does not deny it.
    fn has_harness(&self) -> bool {
        let manifest = std::fs::read_to_string(self.folder.join("Cargo.toml"));
        !denies_harness(&manifest.unwrap_or_default(), &self.target)
    }
}

/// Whether a manifest has `harness = false` in the `[[test]]` of that name.
fn denies_harness(manifest: &str, target: &str) -> bool {
    let name = format!("name = \"{target}\"");
    let sections = manifest.split("\n[");
    sections
        .filter(|section| section.trim_start_matches('[').starts_with("test]]"))
        .any(|section| {
            let has = |wanted: &str| section.lines().any(|line| line.trim() == wanted);
            has(&name) && has("harness = false")
        })
}

/// Test programs most of whose time passes in waiting, so that more of their tests can run
/// at a time than there are processors.
const WAITING: [&str; 1] = ["incidents"];

/// Test programs that take longer than all others together.
const SLOW: [&str; 7] = ["cluster", "deploy", "kubernetes", "origins", "page", "referee", "soak"];

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: &str, name: &str, folder: &str) -> String {
        format!(
            r#"{{"reason":"compiler-artifact","manifest_path":"/w/{folder}/Cargo.toml",
            "target":{{"kind":["{kind}"],"name":"{name}"}},"profile":{{"test":true}},
            "executable":"/w/target/debug/deps/{name}-1"}}"#
        )
    }

    #[test]
    fn programs_are_told_from_other_messages() {
        let unit = Program::from_message(&message("lib", "dns", "shared/dns")).unwrap();
        assert_eq!((unit.title().as_str(), unit.kind()), ("dns (lib)", Kind::Unit));
        let library = message("lib", "dns", "shared/dns").replace("true", "false");
        let finished = r#"{"reason":"build-finished","success":true}"#;
        for other in [&library, finished, "", "warning: none"] {
            assert!(Program::from_message(other).is_none(), "{other}");
        }
    }

    #[test]
    fn cheap_ones_come_first() {
        let kind = |name, folder| {
            let program = Program::from_message(&message("test", name, folder)).unwrap();
            program.kind()
        };
        assert_eq!(kind("tidy", "shared/xtask"), Kind::Tidy);
        assert_eq!(kind("it", "proxy"), Kind::Integration);
        assert_eq!(kind("page", "proxy"), Kind::Slow);
        assert!(Kind::ALL.is_sorted());
    }

    #[test]
    fn a_program_without_the_harness_is_known_by_its_manifest() {
        let manifest = "[package]\nname = \"x\"\n\n[[test]]\nname = \"own\"\nharness = false\n\n\
                        [[test]]\nname = \"it\"\n\n[[bench]]\nname = \"micro\"\nharness = false\n";
        assert!(denies_harness(manifest, "own"));
        assert!(!denies_harness(manifest, "it"));
        assert!(!denies_harness(manifest, "micro"));
    }
}
