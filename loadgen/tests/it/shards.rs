//! Several senders, one report.

use std::fs;
use std::path::PathBuf;
use std::thread;

use serde_json::Value;
use tempfile::TempDir;
use upstream::Upstream;

use crate::program::{alone, run};

/// A scenario of 400 queries for a second, for twenty names.
fn scenario(server: &Upstream) -> String {
    let names: Vec<String> = (0..20).map(|n| format!("\"n{n}.example\"")).collect();
    format!(
        "schema = 1\nname = \"shards\"\nseed = 9\ntarget = {{ server = \"{}\" }}\n\
         limits = {{ max_qps = 100000, max_duration = \"1m\" }}\n\
         sender = {{ ports = \"pool:8\" }}\n\
         workload = {{ names = [{}], popularity = \"zipf:1.0\", types = {{ A = 2, AAAA = 1 }} }}\n\
         [[phase]]\nname = \"load\"\nfor = \"1s\"\n\
         schedule = {{ shape = \"poisson\", rate = 400 }}\n\
         [expect]\n\"load.answered\" = \">= 300\"\n\"load.lost\" = \"< 1%\"\n",
        server.addr(),
        names.join(", ")
    )
}

struct Shards {
    folder: TempDir,
    server: Upstream,
}

impl Shards {
    fn new() -> Self {
        let server = Upstream::builder()
            .zone("example.", "n0 60 A 192.0.2.1")
            .start()
            .unwrap();
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("s.toml"), scenario(&server)).unwrap();
        Self { folder, server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs these parts at the same time; each leaves its report, and the server has
    /// seen these questions.
    fn run(&self, parts: &[&str]) -> Vec<String> {
        self.server.forget();
        let start = (now() + 2).to_string();
        thread::scope(|scope| {
            for part in parts {
                let (file, start) = (self.path("s.toml"), start.clone());
                let json = self.path(&part.replace('/', "-of-"));
                scope.spawn(move || {
                    let [file, json] = [file, json].map(|path| path.display().to_string());
                    let mut arguments = vec!["run", &file, "--shard", part, "--json", &json];
                    arguments.extend(["--start-at", &start]);
                    run(&arguments)
                });
            }
        });
        let asked = self.server.queries();
        let mut asked: Vec<_> = asked
            .iter()
            .map(|query| format!("{} {}", query.qname, query.qtype))
            .collect();
        asked.sort_unstable();
        asked
    }

    /// Merges these; the exit code and the report.
    fn merge(&self, parts: &[&str]) -> (i32, Value, String) {
        let out = self.path("merged.json").display().to_string();
        fs::remove_file(&out).ok();
        let files: Vec<String> = parts
            .iter()
            .map(|part| self.path(part).display().to_string())
            .collect();
        let mut arguments = vec!["merge", "--json", &out];
        arguments.extend(files.iter().map(String::as_str));
        let ran = run(&arguments);
        let json = fs::read_to_string(&out).unwrap_or_default();
        (ran.code, serde_json::from_str(&json).unwrap_or_default(), ran.text + &ran.errors)
    }

    fn json(&self, part: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path(part)).unwrap()).unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "a start in common is by the wall clock")]
pub(crate) fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

#[test]
fn four_shards_send_what_one_process_would_and_merge_to_its_report() {
    let _machine = alone();
    let shards = Shards::new();
    let alone = shards.run(&["0/1"]);
    let together = shards.run(&["0/4", "1/4", "2/4", "3/4"]);
    assert!(alone.len() > 300, "{}", alone.len());
    assert_eq!(alone, together);

    let all = ["0-of-4", "1-of-4", "2-of-4", "3-of-4"];
    let (code, merged, text) = shards.merge(&all);
    let sum = |pointer: &str| -> u64 {
        all.iter()
            .map(|part| {
                shards
                    .json(part)
                    .pointer(pointer)
                    .unwrap()
                    .as_u64()
                    .unwrap()
            })
            .sum()
    };
    for count in ["due", "sent", "answered", "lost"] {
        let pointer = format!("/run/counts/{count}");
        assert_eq!(merged.pointer(&pointer).unwrap().as_u64(), Some(sum(&pointer)), "{text}");
    }
    let due: u64 = merged["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["due"].as_u64().unwrap())
        .sum();
    assert_eq!(due, sum("/run/counts/due"));
    let only_late = merged["invalid"].as_array().unwrap().iter().all(|reason| {
        let reason = reason.as_str().unwrap();
        reason.contains(" late at p99") || reason.contains(" apart; use --start-at")
    });
    assert!(code == 0 || (code == 3 && only_late), "{text}");
    assert!(text.contains("ok   load.answered >= 300"), "{text}");

    // Merged with itself alone a report is what it was.
    let one = shards.json("0-of-1");
    let (_, same, _) = shards.merge(&["0-of-1"]);
    for pointer in ["/run/latency_ms", "/run/counts", "/phases/0/lateness_ms", "/series"] {
        assert_eq!(same.pointer(pointer), one.pointer(pointer), "{pointer}");
    }

    what_is_not_whole_is_invalid(&shards);
}

fn what_is_not_whole_is_invalid(shards: &Shards) {
    let (code, merged, text) = shards.merge(&["0-of-4", "1-of-4", "3-of-4"]);
    assert_eq!((code, merged["exit"].as_u64()), (3, Some(3)), "{text}");
    assert!(text.contains("INVALID shard 2 of 4 is missing"), "{text}");
    let (code, _, text) = shards.merge(&["0-of-4", "1-of-4", "1-of-4", "2-of-4", "3-of-4"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("INVALID shard 1 is there twice"), "{text}");

    let (code, _, text) = shards.merge(&["0-of-1", "0-of-4"]);
    assert_eq!(code, 78, "{text}");
    assert!(text.contains("plan.of is 4, and 1 in"), "{text}");
    let changed = fs::read_to_string(shards.path("1-of-4")).unwrap();
    let fingerprint = shards.json("1-of-4")["plan"]["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    fs::write(shards.path("other"), changed.replace(&fingerprint, "0123456789abcdef")).unwrap();
    let (code, _, text) = shards.merge(&["0-of-4", "other"]);
    assert_eq!(code, 78, "{text}");
    assert!(text.contains("plan.fingerprint is 0123456789abcdef"), "{text}");
    fs::write(shards.path("log"), "nothing\n").unwrap();
    let (code, _, text) = shards.merge(&["log"]);
    assert_eq!(code, 78, "{text}");
    // As it stands in the log of a Pod.
    let line = serde_json::to_string(&shards.json("0-of-1")).unwrap();
    fs::write(shards.path("log"), format!("a line\n2026-01-01T00:00:00Z {line}\nthe end\n"))
        .unwrap();
    let (_, same, text) = shards.merge(&["log"]);
    let one = shards.json("0-of-1");
    assert_eq!(same.pointer("/run/counts"), one.pointer("/run/counts"), "{text}");
}

/// Reports of a load, written as ten runs whose latencies are as given.
#[test]
fn runs_are_compared_and_chance_is_no_difference() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, p50: f64, exit: u64| {
        let phase = serde_json::json!({
            "latency_ms": { "p50": p50 }, "answer_rate": 100.0,
            "counts": { "sent": 100, "lost": 0, "late": 0, "refused": 0 }
        });
        let plan = serde_json::json!({
            "fingerprint": "1", "seed": 1, "shard": 0, "of": 1, "start_unix_ns": 0
        });
        let load = serde_json::json!({
            "name": "n", "about": "", "fingerprint": "1", "seed": 1, "target": "t",
            "transport": "udp", "ports": "1", "threads": 1, "gso": false, "pacing": "ticks",
            "timeout_ms": 1.0, "linger_ms": 0.0, "names": 1, "is_lookup": false,
            "max_lateness_ms": 50.0
        });
        let json = serde_json::json!({
            "schema": 1, "exit": exit, "plan": plan, "load": load, "run": phase
        });
        fs::write(path(name), json.to_string()).unwrap();
        path(name)
    };
    let names = |set: &str, slow: f64| -> Vec<String> {
        let noise = [1.0, 1.08, 0.95, 1.03, 0.98, 1.01];
        (0..6)
            .map(|n| write(&format!("{set}{n}"), noise[n] * slow, 0))
            .collect()
    };
    let (same, other, slower) = (names("a", 1.0), names("b", 1.01), names("c", 1.3));
    let compare = |before: &[String], after: &[String]| {
        let mut arguments = vec!["compare", "--before"];
        arguments.extend(before.iter().map(String::as_str));
        arguments.push("--after");
        arguments.extend(after.iter().map(String::as_str));
        run(&arguments)
    };
    let ran = compare(&same, &other);
    assert_eq!(ran.code, 0, "{}{}", ran.text, ran.errors);
    assert!(ran.text.contains("no difference"), "{}", ran.text);
    let ran = compare(&same, &slower);
    assert_eq!(ran.code, 2, "{}{}", ran.text, ran.errors);
    assert!(ran.text.contains("latency p50, ms"), "{}", ran.text);
    assert!(ran.text.contains("more; runs have"), "{}", ran.text);
    assert_eq!(compare(&slower, &same).code, 0);
    let ran = compare(&same[..4], &slower);
    assert_eq!(ran.code, 3, "{}", ran.text);
    assert!(ran.text.contains("not enough"), "{}", ran.text);
    write("a0", 1.0, 3);
    write("a1", 1.0, 3);
    let ran = compare(&same, &slower);
    assert_eq!(ran.code, 3, "{}", ran.text);
    assert!(ran.text.contains("a0 is no measurement and is left out"), "{}", ran.text);
}

#[test]
fn a_shard_that_cannot_be_is_64() {
    let shards = Shards::new();
    let file = shards.path("s.toml").display().to_string();
    for (arguments, message) in [
        (["--shard", "4/4"], "I counts from 0 and must be below N"),
        (["--start-at", "1"], "s ago: all is over"),
        (["--start-at", "4102444800"], "more than an hour"),
    ] {
        let ran = run(&[&["run", &file][..], &arguments].concat());
        assert_eq!(ran.code, 64, "{}", ran.errors);
        assert!(ran.errors.contains(message), "{}", ran.errors);
    }
}
