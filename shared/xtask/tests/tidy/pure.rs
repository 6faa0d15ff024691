//! Code that decides without doing: no socket, no runtime, no thread, and no
//! clock. Its callers bring octets, the time, and random numbers.

use crate::scan::without_tests;
use crate::{Source, check, lines_where, prove, sources};

/// Modules, each with its children, and the files in them that are not pure.
const PURE: [(&str, &[&str]); 21] = [
    // The one clock of the proxy, which the others may not touch, is here too.
    ("proxy/resolver/src", &["proxy/resolver/src/clock.rs", "proxy/resolver/src/lib.rs"]),
    // The observer's thread, and the face that hands it out.
    ("proxy/observe/src", &["proxy/observe/src/thread.rs", "proxy/observe/src/lib.rs"]),
    ("proxy/forward/src/accept", &[]),
    ("proxy/forward/src/compose", &[]),
    ("proxy/forward/src/failures", &[]),
    ("proxy/forward/src/flights", &[]),
    ("proxy/forward/src/loops", &[]),
    ("proxy/forward/src/rate", &[]),
    ("proxy/forward/src/retry", &[]),
    ("proxy/forward/src/upstream_health", &[]),
    ("proxy/forward/src/zones", &[]),
    ("proxy/diagnose/src", &[]),
    ("proxy/intercept/src", &[]),
    ("loadgen/src/expect", &[]),
    ("loadgen/src/outstanding", &[]),
    ("loadgen/src/recorder", &[]),
    ("loadgen/src/schedule", &[]),
    ("loadgen/src/workload", &[]),
    // One file has the socket.
    ("shared/netlink/src", &["shared/netlink/src/socket.rs"]),
    ("shared/pcap/src", &[]),
    ("shared/stub/src", &[]),
];

/// What has no place in pure code.
const IMPURE: [&str; 13] = [
    "tokio::",
    "mio::",
    "socket2::",
    "udp::",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "std::thread",
    "Clock",
    "Instant::now",
    "SystemTime::now",
    "rand::random",
    "rand::rng(",
];

fn is_pure(source: &Source) -> Vec<String> {
    if !is_held(&source.path) {
        return vec![];
    }
    let code = &source.split().code;
    let (code, _) = without_tests(code);
    let what = format!("one of {} in pure code", IMPURE.join(", "));
    lines_where(&source.path, code, &what, |line| IMPURE.iter().any(|word| line.contains(word)))
}

/// Whether the rule holds for a file; tests may do as they like.
fn is_held(path: &str) -> bool {
    let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
    let holds = |(module, but): &(&str, &[&str])| is_of(module, path) && !but.contains(&path);
    !is_test && PURE.iter().any(holds)
}

/// Whether a file is the module or one of its children.
fn is_of(module: &str, path: &str) -> bool {
    let rest = path.strip_prefix(module);
    rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

#[test]
fn pure_code_has_neither_sockets_nor_clocks() {
    check(is_pure);
    for bad in [
        "use tokio::time;",
        "let s = UdpSocket::bind(a);",
        "let now = Instant::now();",
        "clock: Clock",
        "std::thread::spawn(f);",
        "let id = rand::random();",
    ] {
        let pure = |text: &str| Source::new("proxy/resolver/src/resolver.rs", text);
        let tested = format!("use std::time::Instant;\n#[cfg(test)]\nmod tests {{ {bad} }}");
        prove(is_pure, &pure(bad), &pure(&tested));
        assert!(is_pure(&Source::new("proxy/src/serve/udp.rs", bad)).is_empty());
        assert!(is_pure(&Source::new("loadgen/src/scheduler.rs", bad)).is_empty());
    }
}

#[test]
fn every_pure_module_is_there() {
    let all = sources();
    let is_there = |found: &dyn Fn(&str) -> bool| all.iter().any(|source| found(&source.path));
    for (module, but) in PURE {
        assert!(is_there(&|path| is_of(module, path)), "{module} is gone");
        for file in but {
            assert!(is_there(&|path| path == *file), "{file} is gone");
        }
    }
}
