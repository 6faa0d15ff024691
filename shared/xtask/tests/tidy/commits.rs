//! The subjects of commits: `area: what it does`, short enough for every list.

use std::process::Command;

use crate::root;

/// The last commit that is not judged: what is pushed is not rewritten, and this
/// one has 61 characters.
const BASE: &str = "8be91df";

/// What fits beside a hash and a date on a line of 80.
const CHARACTERS: usize = 60;

/// What is wrong with a line `hash subject`.
fn judge(line: &str) -> Option<String> {
    let (_, subject) = line.split_once(' ').unwrap_or((line, ""));
    let length = subject.chars().count();
    if length > CHARACTERS {
        return Some(format!("{line}: {length} characters, not at most {CHARACTERS}"));
    }
    let (area, what) = subject.split_once(": ").unwrap_or_default();
    let is_whole = !area.is_empty() && !what.is_empty() && !what.ends_with('.');
    (!is_whole).then(|| format!("{line}: not as `area: what it does`, without a full stop"))
}

/// The commits after the base as `hash subject`; where a shallow clone ends
/// before the base, all that it has. None in a folder that is no clone.
fn commits() -> String {
    if !root().join(".git").exists() {
        return String::new();
    }
    let after = git(&["log", "--format=%h %s", &format!("{BASE}..HEAD")]);
    let is_shallow = || git(&["rev-parse", "--is-shallow-repository"]).as_deref() == Ok("true\n");
    match after {
        Ok(lines) => lines,
        Err(_) if is_shallow() => git(&["log", "--format=%h %s"]).unwrap(),
        Err(error) => panic!("{error}"),
    }
}

fn git(arguments: &[&str]) -> Result<String, String> {
    let mut git = Command::new("git");
    // The checkout may belong to another user than the one who tests it.
    git.args(["-c", "safe.directory=*"]).args(arguments);
    let output = git
        .current_dir(root())
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

#[test]
fn subjects_of_commits_are_short() {
    let complaints: Vec<_> = commits().lines().filter_map(judge).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn a_bad_subject_is_seen() {
    let exact = format!("0123abc cache: {}", "a".repeat(CHARACTERS - "cache: ".len()));
    for good in ["0123abc cache: keep the SOA with a negative entry", &exact] {
        assert_eq!(judge(good), None);
    }
    let long = format!("{exact}a");
    for bad in [&long, "0123abc fix it", "0123abc cache: ", "0123abc cache: keep it.", "0123abc"] {
        assert!(judge(bad).is_some(), "{bad}");
    }
}
