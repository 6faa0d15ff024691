//! Guards what the compiler cannot: the shape of the files, who knows whom, and
//! what must be absent.
//!
//! Each rule is a function from a file to its complaints, and each is fed a bad
//! snippet beside it, which it must complain about.
#![cfg(test)]

mod commits;
mod cycles;
mod docs;
mod files;
mod hot;
mod layers;
mod manifests;
mod modules;
mod pure;
mod rfcs;
mod scan;
mod sleeps;
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use scan::{Split, split};

/// One source file: its path from the root of the checkout, and its text.
struct Source {
    path: String,
    text: String,
    split: OnceLock<Split>,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), split: OnceLock::new() }
    }

    /// Its code and its comments, apart; many rules ask for them.
    fn split(&self) -> &Split {
        self.split.get_or_init(|| split(&self.text))
    }
}

/// Applies a rule to all files and shows every complaint at once.
fn check(rule: impl Fn(&Source) -> Vec<String>) {
    let complaints: Vec<_> = sources().iter().flat_map(rule).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// Every .rs file of the workspace, read once.
fn sources() -> &'static [Source] {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let mut found = Vec::new();
        for top in ["proxy", "loadgen", "shared", "benches"] {
            collect(&root().join(top), &mut found);
        }
        assert!(found.len() > 20, "only {} files: the walk is broken", found.len());
        found
    })
}

fn collect(dir: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path
                .strip_prefix(root())
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            found.push(Source::new(&relative, &fs::read_to_string(&path).unwrap()));
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// Complaints as `path:line: what` for each line that `bad` is true of.
fn lines_where(path: &str, text: &str, what: &str, bad: impl Fn(&str) -> bool) -> Vec<String> {
    let bad_lines = text.lines().zip(1..).filter(|(line, _)| bad(line));
    bad_lines
        .map(|(_, number)| format!("{path}:{number}: {what}"))
        .collect()
}

/// Panics unless the rule complains about `bad` and keeps quiet about `good`.
fn prove(rule: impl Fn(&Source) -> Vec<String>, bad: &Source, good: &Source) {
    assert_eq!(rule(bad).len(), 1, "{}: {:?}", bad.path, rule(bad));
    assert_eq!(rule(good), Vec::<String>::new(), "{}", good.path);
}
