//! Files on the way of every packet: nothing in them waits or allocates text.

use crate::scan::without_tests;
use crate::{Source, check, lines_where, prove, sources};

/// By crate, the file that says the crate is whole, and its hot files; a name
/// that ends in `/` stands for all files in that folder.
const HOT: [(&str, &[&str]); 2] = [
    (
        "proxy/src/app.rs",
        &[
            "proxy/resolver/src/query.rs",
            "proxy/resolver/src/resolver.rs",
            "proxy/resolver/src/answer.rs",
            "proxy/resolver/src/cache/",
            "proxy/src/serve.rs",
            "proxy/src/serve/udp.rs",
            "proxy/observe/src/counters.rs",
            "proxy/observe/src/intake/record.rs",
            "proxy/observe/src/intake/ring_buffer.rs",
        ],
    ),
    (
        "loadgen/src/run.rs",
        &[
            "loadgen/src/sender/udp.rs",
            "loadgen/src/sender/outbox.rs",
            "loadgen/src/outstanding.rs",
            "loadgen/src/recorder.rs",
        ],
    ),
];

const BANNED: [&str; 4] = [".await", "format!", "to_string", "Box::new"];

fn is_hot(path: &str) -> bool {
    let hot = HOT.iter().flat_map(|(_, files)| *files);
    !path.ends_with("/tests.rs") && hot.into_iter().any(|file| matches(file, path))
}

fn matches(file: &str, path: &str) -> bool {
    if file.ends_with('/') { path.starts_with(file) } else { path == file }
}

fn stays_cool(source: &Source) -> Vec<String> {
    if !is_hot(&source.path) {
        return vec![];
    }
    let code = &source.split().code;
    let (hot, _) = without_tests(code);
    let what = format!("{} in a hot file", BANNED.join(", "));
    lines_where(&source.path, hot, &what, |line| BANNED.iter().any(|word| line.contains(word)))
}

/// Hot files that are gone from a crate that is whole: a rule about a file that
/// was renamed guards nothing.
fn missing(paths: &[String]) -> Vec<&'static str> {
    let there = |file: &str| paths.iter().any(|path| matches(file, path));
    let whole = HOT.iter().filter(|(sign, _)| there(sign));
    whole
        .flat_map(|(_, files)| *files)
        .copied()
        .filter(|file| !there(file))
        .collect()
}

#[test]
fn hot_files_neither_wait_nor_allocate_text() {
    check(stays_cool);
    for bad in ["f().await;", "let s = format!(\"a\");", "a.to_string();", "Box::new(a);"] {
        let hot = |text: &str| Source::new("proxy/resolver/src/cache/shard.rs", text);
        let tested = hot(&format!("fn f() {{}} // .await\n#[cfg(test)]\nmod tests {{ {bad} }}"));
        prove(stays_cool, &hot(bad), &tested);
        assert!(stays_cool(&Source::new("proxy/src/app.rs", bad)).is_empty());
        assert!(stays_cool(&Source::new("proxy/resolver/src/cache/tests.rs", bad)).is_empty());
    }
}

#[test]
fn every_hot_file_is_there() {
    let paths: Vec<_> = sources().iter().map(|source| source.path.clone()).collect();
    assert_eq!(missing(&paths), Vec::<&str>::new());
    let renamed = [
        "loadgen/src/run.rs",
        "loadgen/src/sender/udp.rs",
        "loadgen/src/sender/outbox.rs",
        "loadgen/src/recorder.rs",
    ];
    assert_eq!(missing(&renamed.map(str::to_owned)), ["loadgen/src/outstanding.rs"]);
}
