//! `cargo xtask mutants`: whether the tests of `diagnose` see each threshold that is one
//! step off.
//!
//! A wrong verdict is worse than none, so each number and each comparison of its rules is
//! changed in a copy of the workspace, one at a time, and a test has to fail. Tools that
//! make mutants of whole functions do not change constants, which is what matters here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::shell;

/// One change of one line.
#[derive(Debug, PartialEq)]
struct Mutant {
    /// Below the root.
    file: PathBuf,
    /// From 0.
    line: usize,
    text: String,
}

/// Makes each mutant whose place has `part` in it, and runs the tests.
///
/// # Errors
///
/// When the copy cannot be made, or the tests fail without any change.
pub(crate) fn run(part: &str) -> Result<ExitCode> {
    let copy = shell::target().join("mutants");
    copy_to(&copy.join("tree"))?;
    if !passes(&copy)? {
        bail!("the tests of diagnose fail without a mutant: cargo test -p diagnose");
    }
    let (mut made, mut lived) = (0, Vec::new());
    for file in files()? {
        let source = fs::read_to_string(shell::root().join(&file))?;
        for mutant in mutants(&file, &source) {
            let place = format!("{}:{}", file.display(), mutant.line + 1);
            if !place.contains(part) {
                continue;
            }
            made += 1;
            let line = format!("{place}: {}", mutant.text.trim());
            let lives = lives(&copy, &mutant, &source)?;
            shell::say(&format!("{} {line}", if lives { "LIVES" } else { "dies " }));
            lived.extend(lives.then_some(line));
        }
    }
    shell::say(&format!("{made} mutants, {} of them without a test that fails", lived.len()));
    Ok(if lived.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The sources of the rules, below the root.
fn files() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in ["proxy/diagnose/src", "proxy/diagnose/src/rules"].map(Path::new) {
        for entry in fs::read_dir(shell::root().join(folder))? {
            let name = entry?.file_name();
            let is_source = Path::new(&name).extension().is_some_and(|end| end == "rs");
            if is_source && name != "tests.rs" {
                files.push(folder.join(name));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// All that cargo needs, as it is in the checkout, committed or not.
fn copy_to(tree: &Path) -> Result<()> {
    // What is gone since an earlier run must not be judged.
    for folder in ["proxy/diagnose/src", "proxy/diagnose/tests"] {
        remove_missing(&tree.join(folder), &shell::root().join(folder))?;
    }
    let mut list = Command::new("git");
    list.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let list = list.current_dir(shell::root()).output()?;
    for file in String::from_utf8(list.stdout)?.lines() {
        let (from, to) = (shell::root().join(file), tree.join(file));
        // One that is removed and not yet committed.
        let Ok(content) = fs::read(&from) else { continue };
        // What is the same keeps its time, so that it is not compiled again.
        if fs::read(&to).is_ok_and(|known| known == content) {
            continue;
        }
        fs::create_dir_all(to.parent().unwrap_or(tree))?;
        fs::write(&to, content).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

fn remove_missing(copy: &Path, original: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(copy) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let original = original.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            remove_missing(&entry.path(), &original)?;
        } else if !original.exists() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether all tests pass with the change, which is taken back.
fn lives(copy: &Path, mutant: &Mutant, source: &str) -> Result<bool> {
    let path = copy.join("tree").join(&mutant.file);
    let lines = source.lines().enumerate();
    let changed = lines.map(|(n, line)| if n == mutant.line { &mutant.text } else { line });
    fs::write(&path, changed.collect::<Vec<_>>().join("\n"))?;
    let passes = passes(copy);
    fs::write(&path, source)?;
    passes
}

/// Most mutants die in the first part, and the others need not be built for them. Nothing is
/// optimized, as each is compiled for one run; random evidence shows no threshold.
fn passes(copy: &Path) -> Result<bool> {
    for part in [&["--lib", "--", "--skip", "random"][..], &["--test", "golden"]] {
        let test = ["test", "--quiet", "--package", "diagnose"];
        let mut cargo = shell::cargo(&[&test, part].concat());
        cargo
            .current_dir(copy.join("tree"))
            .env("CARGO_TARGET_DIR", copy.join("target"))
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if !cargo.status().context("cannot start cargo")?.success() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// All of a file, up to its tests.
fn mutants(file: &Path, source: &str) -> Vec<Mutant> {
    let code = source.lines().take_while(|line| *line != "#[cfg(test)]");
    let mutants = code.enumerate().flat_map(|(line, text)| {
        let changed = constant(text).into_iter().chain(comparisons(text));
        changed.map(move |text| Mutant { file: file.to_owned(), line, text })
    });
    mutants.collect()
}

/// A number one step up and down: a whole one by one, a share by a fifth, which is less
/// than one probe of ten makes.
fn constant(text: &str) -> Vec<String> {
    let is_number = ["u32", "u64", "f64"]
        .iter()
        .any(|kind| text.contains(&format!(": {kind} = ")));
    let is_const = text.trim_start().starts_with("const ") || text.contains(" const ");
    let (true, true, Some((head, value))) = (is_const, is_number, text.split_once(" = ")) else {
        return Vec::new();
    };
    // The version of a format is no threshold.
    if head.contains("SCHEMA") {
        return Vec::new();
    }
    let digits = value.trim_end_matches(';').replace('_', "");
    if let Ok(whole) = digits.parse::<u64>() {
        return [whole + 1, whole.saturating_sub(1)]
            .map(|n| format!("{head} = {n};"))
            .into();
    }
    let Ok(share) = digits.parse::<f64>() else { return Vec::new() };
    [share * 1.2, share * 0.8]
        .map(|share| format!("{head} = {share:?};"))
        .into()
}

/// Each comparison with its edge on the other side.
fn comparisons(text: &str) -> Vec<String> {
    let is_comment = text.trim_start().starts_with("//");
    // What is only printed decides nothing; a bound of a share is never exactly a threshold.
    if is_comment || text.contains("because_if") {
        return Vec::new();
    }
    let sides = [(" < ", " <= "), (" <= ", " < "), (" > ", " >= "), (" >= ", " > ")];
    let mut all = Vec::new();
    for (this, that) in sides {
        for (at, _) in text.match_indices(this) {
            let (before, after) = text.split_at(at);
            if !before.trim_end().ends_with("at_least()") {
                all.push(format!("{before}{that}{}", &after[this.len()..]));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_changed_both_ways() {
        assert_eq!(constant("const FEW: u32 = 3;"), ["const FEW: u32 = 4;", "const FEW: u32 = 2;"]);
        let shares = constant("pub(crate) const LATE_MS: f64 = 500.0;");
        assert_eq!(shares[1], "pub(crate) const LATE_MS: f64 = 400.0;");
        assert_eq!(constant("const NAME: &str = \"1\";"), [""; 0]);
        assert_eq!(constant("let few: u32 = 3;"), [""; 0]);
    }

    #[test]
    fn each_comparison_is_changed_alone() {
        let line = "if queries < RESPONSES || share.at_least() < LOST || most >= 2 {";
        assert_eq!(
            comparisons(line),
            [
                "if queries <= RESPONSES || share.at_least() < LOST || most >= 2 {",
                "if queries < RESPONSES || share.at_least() < LOST || most > 2 {",
            ]
        );
        assert_eq!(comparisons("// one < two"), [""; 0]);
        assert_eq!(comparisons("fn of(all: Vec<u64>) -> u64 {"), [""; 0]);
    }

    #[test]
    fn the_tests_of_a_file_are_left_alone() {
        let source = "a < b\n#[cfg(test)]\nc < d\n";
        assert_eq!(mutants(Path::new("x.rs"), source).len(), 1);
    }
}
