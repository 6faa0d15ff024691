//! Words that may not be there.

use crate::scan::has_word;
use crate::{Source, check, lines_where, prove};

fn is_safe(source: &Source) -> Vec<String> {
    if source.path.starts_with("shared/udp/") {
        return vec![];
    }
    let code = &source.split().code;
    lines_where(&source.path, code, "unsafe outside shared/udp", |line| has_word(line, "unsafe"))
}

fn ignores_no_test(source: &Source) -> Vec<String> {
    let code = &source.split().code;
    let what = "an ignored test is never run; ask testbed::have and say why";
    lines_where(&source.path, code, what, |line| line.contains("#[ignore"))
}

fn numbers_its_todos(source: &Source) -> Vec<String> {
    let comments = &source.split().comments;
    let what = "TODO without an issue: write TODO(#12)";
    lines_where(&source.path, comments, what, |line| {
        ["TODO", "FIXME"].iter().any(|word| {
            let mut places = line.match_indices(word);
            has_word(line, word) && !places.all(|(at, _)| has_issue(&line[at + word.len()..]))
        })
    })
}

fn has_issue(after: &str) -> bool {
    let number = after
        .strip_prefix("(#")
        .and_then(|rest| rest.split_once(')'));
    number.is_some_and(|(digits, _)| digits.parse::<u32>().is_ok())
}

#[test]
fn unsafe_is_only_in_udp() {
    check(is_safe);
    let bad = "fn f() { unsafe { g() } }";
    prove(is_safe, &Source::new("proxy/src/a.rs", bad), &Source::new("shared/udp/src/a.rs", bad));
    let named =
        Source::new("proxy/src/a.rs", "#![forbid(unsafe_code)] // unsafe\nlet s = \"unsafe\";");
    assert!(is_safe(&named).is_empty());
}

#[test]
fn no_test_is_ignored() {
    check(ignores_no_test);
    for bad in ["#[test]\n#[ignore]\nfn a() {}", "#[ignore = \"slow\"]"] {
        prove(ignores_no_test, &Source::new("a.rs", bad), &Source::new("a.rs", "// #[ignore]"));
    }
}

#[test]
fn every_todo_has_an_issue() {
    check(numbers_its_todos);
    for bad in ["// TODO: later", "x(); // FIXME(me) soon", "// TODO(#x)"] {
        let good = Source::new("a.rs", "// TODO(#12): later\nlet todo = \"TODO\";");
        prove(numbers_its_todos, &Source::new("a.rs", bad), &good);
    }
}
