//! The shape of each file.

use crate::{Source, check, prove};

/// A file longer than this is not read in one sitting.
const LINES: usize = 400;

fn opens_with_docs(source: &Source) -> Vec<String> {
    let documented = source.text.starts_with("//!");
    if documented { vec![] } else { vec![format!("{}:1: does not open with //!", source.path)] }
}

fn is_short(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if lines < LINES {
        vec![]
    } else {
        vec![format!("{}: {lines} lines, not below {LINES}", source.path)]
    }
}

fn is_not_mod_rs(source: &Source) -> Vec<String> {
    let bad = source.path.ends_with("/mod.rs");
    if bad { vec![format!("{}: foo.rs and foo/, never foo/mod.rs", source.path)] } else { vec![] }
}

#[test]
fn every_file_opens_with_its_docs() {
    check(opens_with_docs);
    prove(
        opens_with_docs,
        &Source::new("a.rs", "use std::fs;\n"),
        &Source::new("a.rs", "//! Reads.\nuse std::fs;\n"),
    );
}

#[test]
fn every_file_is_short() {
    check(is_short);
    let lines = |count| Source::new("a.rs", &"//!\n".repeat(count));
    prove(is_short, &lines(LINES), &lines(LINES - 1));
}

#[test]
fn no_file_is_called_mod() {
    check(is_not_mod_rs);
    let named = |path| Source::new(path, "");
    prove(is_not_mod_rs, &named("proxy/src/cache/mod.rs"), &named("proxy/src/cache.rs"));
}
