//! No test sleeps: a sleep is too short for a busy machine and too long for all
//! others. Nor does it by another name.

use crate::scan::{has_word, without_tests};
use crate::{Source, check, lines_where, prove, sources};

/// Files that play time with `testbed::pace`, and what it is there.
const PACED: [(&str, &str); 18] = [
    ("loadgen/tests/clients/play.rs", "clients that do not start all at once"),
    ("loadgen/tests/referee/play.rs", "a generator that is stopped"),
    ("loadgen/tests/referee/server.rs", "a server that stalls"),
    ("proxy/tests/cluster/diagnosis/cases.rs", "a minute of accounts, and what an incident needs"),
    ("proxy/tests/cluster/diagnosis/further.rs", "a minute of accounts of a CoreDNS without CPU"),
    ("proxy/tests/cluster/diagnosis/table.rs", "three seconds in which connections are refused"),
    ("proxy/tests/cluster/idle.rs", "nodes that are left alone"),
    ("proxy/tests/cluster/incidents.rs", "half a minute without CoreDNS"),
    ("proxy/tests/cluster/lookups.rs", "what pods feel after each change"),
    ("proxy/tests/incidents/clients.rs", "the pace of clients and of a flood"),
    ("loadgen/tests/causes/safety.rs", "how long a load lasts"),
    ("loadgen/tests/causes/safety/limit.rs", "how long a process stands still"),
    ("loadgen/tests/causes/world.rs", "when trouble comes, and a container starts again"),
    ("proxy/tests/intercept/asker.rs", "the pace of a client"),
    ("proxy/tests/it/forwarders.rs", "a forwarder that is slow"),
    ("proxy/tests/it/table.rs", "a server that ends by itself if it is left alone"),
    ("proxy/tests/page/cluster.rs", "the pace of two hundred clients"),
    ("proxy/tests/soak/observer.rs", "the pace of a load"),
];

fn does_not_sleep(source: &Source) -> Vec<String> {
    let code = &source.split().code;
    let tests = tests_of(&source.path, code);
    let what = "a test that sleeps; wait for an event with a deadline";
    let mut complaints = lines_where(&source.path, &tests, what, is_sleep);
    for (at, _) in tests.match_indices("recv_timeout(") {
        let end = tests[at..].find([';', '}']).unwrap_or(tests.len() - at);
        let statement = &tests[at..at + end];
        if ["is_err()", "unwrap_err()"]
            .iter()
            .any(|none| statement.contains(none))
        {
            let number = tests[..at].matches('\n').count() + 1;
            complaints.push(format!("{}:{number}: {what}", source.path));
        }
    }
    complaints
}

/// Calls that only let time go by.
fn is_sleep(line: &str) -> bool {
    let called = |word: &&str| has_word(line, word) && line.contains('(');
    let never = line.contains("eventually(") && line.contains("|| false)");
    ["sleep", "sleep_until", "park_timeout"].iter().any(called) || never
}

fn is_paced_for_a_reason(source: &Source) -> Vec<String> {
    let code = &source.split().code;
    let is_listed = PACED.iter().any(|(path, _)| *path == source.path);
    let what = "it plays time; say in PACED what it is there";
    lines_where(&source.path, &tests_of(&source.path, code), what, |line| {
        !is_listed && calls_pace(line)
    })
}

fn calls_pace(line: &str) -> bool {
    has_word(line, "pace") && line.contains("pace(") && !line.contains(".pace(")
}

/// The test code of a file, with blank lines for the rest, so that the numbers
/// stay right.
fn tests_of(path: &str, code: &str) -> String {
    let all_test = path.contains("/tests/") || path.ends_with("/tests.rs");
    let untested = if all_test { "" } else { without_tests(code).0 };
    "\n".repeat(untested.matches('\n').count()) + &code[untested.len()..]
}

#[test]
fn no_test_sleeps() {
    check(does_not_sleep);
    let call = "thread::sleep(MS);";
    let prove = |bad, good| prove(does_not_sleep, &bad, &good);
    prove(Source::new("a/tests/it/b.rs", call), Source::new("a/src/b.rs", call));
    prove(Source::new("a/src/b/tests.rs", "time::sleep(MS).await;"), Source::new("a/src/b.rs", ""));
    let below = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{call}\n}}");
    let above = format!("fn f() {{ {call} }}\n#[cfg(test)]\nmod tests {{\n}}");
    prove(Source::new("a/src/b.rs", &below), Source::new("a/src/b.rs", &above));
}

#[test]
fn no_test_sleeps_by_another_name() {
    let test = |code| Source::new("a/tests/it/b.rs", code);
    let good = test("let got = all.recv_timeout(SOON).unwrap();\nassert!(got.is_err());");
    for bad in [
        "assert!(nobody.recv_timeout(MS).is_err());",
        "let none = nobody\n    .recv_timeout(MS)\n    .unwrap_err();",
        "thread::park_timeout(MS);",
        "assert!(!eventually(MS, || false));",
    ] {
        prove(does_not_sleep, &test(bad), &good);
    }
}

#[test]
fn time_is_played_only_where_it_is_the_subject() {
    check(is_paced_for_a_reason);
    let test = |path, code| Source::new(path, code);
    let (bad, listed) = (test("a/tests/it/b.rs", "pace(MS);"), test(PACED[0].0, "pace(MS);"));
    prove(is_paced_for_a_reason, &bad, &listed);
    let all = sources();
    for (path, _) in PACED {
        let source = all.iter().find(|source| source.path == path);
        let source = source.unwrap_or_else(|| panic!("{path} is gone; take it from PACED"));
        assert!(source.text.lines().any(calls_pace), "{path} does not; take it from PACED");
    }
}
