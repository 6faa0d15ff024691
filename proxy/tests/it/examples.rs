//! The examples of docs/api.md: each has the shape of what a running proxy
//! answers. `BLESS=1` writes them anew.

use std::net::SocketAddr;

use testbed::http::{self, Response, get};
use testbed::{Fivedots, eventually, query};
use upstream::Upstream;

use crate::SOON;
use crate::api::{A, Pod, searching, settle};
use crate::forwarders::{Forwarder, Kind};
use crate::json::Json;

/// An example of the page: what is asked for, and the answer as it is shown.
struct Example<'a> {
    path: &'a str,
    shown: &'a str,
}

/// Two nodes: one with a pod that looks names up, one whose upstream forwards
/// back to it.
struct World {
    upstream: Upstream,
    proxy: Fivedots,
    pod: Pod,
    back: Forwarder,
    looped: Fivedots,
}

impl World {
    fn new() -> Self {
        let (upstream, proxy) = searching();
        let pod = Pod::new(POD, proxy.listen);
        for _ in 0..3 {
            pod.looks_up("api.example.com.");
            assert_eq!(pod.ask("cart.shop.svc.cluster.local.", A), 0);
        }
        assert_eq!(pod.ask("x.broken.test.", A), 5);
        settle(&proxy, 16);
        let back = Forwarder::start(Kind::Naive);
        let looped = Fivedots::start(back.addr, &[]);
        back.forward_to(looped.listen);
        looped.client().udp(&query("web.example.", "A")).unwrap();
        let world = Self { upstream, proxy, pod, back, looped };
        // Both ends of what is shown: lookups are counted, the loop is known.
        let lookups = || world.total("/api/v1/summary", "lookups") == Some(6);
        assert!(eventually(SOON, lookups), "{}", world.fetch("/api/v1/summary"));
        let loops = || !world.fetch("/api/v1/loops").contains("\"loops\":[]");
        assert!(eventually(SOON, loops), "{}", world.fetch("/api/v1/loops"));
        world
    }

    /// The answer to a request of the page.
    fn fetch(&self, path: &str) -> String {
        let path = path.replace(SHOWN_POD, POD);
        if let Some(filters) = path.strip_prefix("/api/v1/tap") {
            return self.tap(filters);
        }
        let proxy = if path.starts_with("/api/v1/loops") { &self.looped } else { &self.proxy };
        let Response { status, body, .. } = get(proxy.admin, &path);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The first line of a tap: of a query that is sent once it is open.
    fn tap(&self, filters: &str) -> String {
        // The head comes when the tap is open.
        let tap = http::open(self.proxy.admin, &format!("/api/v1/tap{filters}")).unwrap();
        self.pod.ask("cart.shop.svc.cluster.local.", A);
        let mut lines = tap.lines().map(Result::unwrap);
        lines.find(|line| line.starts_with("{\"unix_ms")).unwrap()
    }

    fn total(&self, path: &str, key: &str) -> Option<u64> {
        let page: serde_json::Value = serde_json::from_str(&self.fetch(path)).unwrap();
        page["total"][key].as_u64()
    }

    /// What the page shows of an answer: addresses of a cluster, and times that
    /// are the same in each run.
    fn shown(&self, answer: &Json) -> Json {
        let text = [
            (addr(self.upstream.addr()), "10.96.0.10:53"),
            (addr(self.back.addr), "10.96.0.10:53"),
            (POD.to_owned(), SHOWN_POD),
            // The upstream that forwards back has the address of the proxy.
            ("\"peer\": \"127.0.0.1\"".to_owned(), "\"peer\": \"10.96.0.10\""),
        ]
        .iter()
        .fold(answer.to_string(), |text, (from, to)| text.replace(from, to));
        steady(Json::parse(&text), "")
    }
}

fn addr(addr: SocketAddr) -> String {
    addr.to_string()
}

/// Replaces what differs from run to run by what it could be: the numbers of the
/// windows that close while the test runs, and times.
fn steady(json: Json, key: &str) -> Json {
    let window = ["1s", "10s", "60s"].contains(&key);
    match json {
        Json::Object(members) => {
            let member = |(name, value): (String, Json)| {
                let inner = if window { key } else { &*name };
                let value = steady(value, inner);
                (name, value)
            };
            Json::Object(members.into_iter().map(member).collect())
        }
        Json::List(list) => Json::List(list.into_iter().map(|item| steady(item, "")).collect()),
        Json::Number(number) if window => Json::parse(if number.is_f64() { "0.0" } else { "0" }),
        Json::Number(number) => {
            let mut steady = STEADY.iter().filter(|_| number.as_f64() != Some(0.0));
            let value = steady.find(|(name, _)| *name == key);
            value.map_or(Json::Number(number), |(_, value)| Json::parse(value))
        }
        other => other,
    }
}

/// The examples of a page, in its order.
fn examples(page: &str) -> Vec<Example<'_>> {
    let example = |block| {
        let (path, rest) = str::split_once(block, "\n\n")?;
        let (shown, _) = rest.split_once("\n```")?;
        Some(Example { path, shown })
    };
    page.split(BEGIN).skip(1).filter_map(example).collect()
}

/// The paths in the first table of the page.
fn paths(page: &str) -> Vec<&str> {
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `/api/v1/"));
    rows.filter_map(|row| Some(row.split_once('`')?.0))
        .collect()
}

/// Says whether a request is for a path, whose parts in capitals stand for any.
fn is_for(example: &Example<'_>, path: &str) -> bool {
    let asked = example
        .path
        .trim_start_matches("/api/v1/")
        .split('?')
        .next();
    let [asked, path] = [asked.unwrap(), path].map(|path| path.split('/').collect::<Vec<_>>());
    let fits = |(part, wanted): (&&str, &&str)| {
        part == wanted || wanted.chars().all(|c| c.is_ascii_uppercase())
    };
    asked.len() == path.len() && asked.iter().zip(&path).all(fits)
}

#[test]
fn each_example_has_the_shape_of_a_real_answer() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.md");
    let page = std::fs::read_to_string(file).unwrap();
    let examples = examples(&page);
    for path in paths(&page) {
        let shown = examples.iter().any(|example| is_for(example, path));
        assert!(shown, "no example for /api/v1/{path}");
    }
    let world = World::new();
    let bless = std::env::var_os("BLESS").is_some();
    let mut blessed = page.clone();
    for Example { path, shown } in examples {
        let answer = Json::parse(&world.fetch(path));
        let text = world.shown(&answer).pretty();
        if bless {
            let block = |body: &str| format!("{BEGIN}{path}\n\n{body}\n```");
            blessed = blessed.replace(&block(shown), &block(&text));
            continue;
        }
        let differs = Json::parse(shown).differs(&answer);
        assert_eq!(differs, None, "{path}: BLESS=1 writes {text}");
    }
    if bless {
        std::fs::write(file, blessed).unwrap();
    }
}

/// How an example begins: `GET` and the path, an empty line, the answer.
const BEGIN: &str = "```http\nGET ";

/// The address of the pod, and what the page shows for it.
const POD: &str = "127.0.0.7";
const SHOWN_POD: &str = "10.244.1.7";

/// Numbers that depend on the time and on the machine.
const STEADY: [(&str, &str); 13] = [
    ("cache_bytes", "10067008"),
    ("cache_capacity_bytes", "67108848"),
    ("first_seen_s", "2"),
    ("last_seen_s", "1"),
    ("observed_seconds", "0"),
    ("open_lookups", "0"),
    ("p50_ms", "0.5"),
    ("p99_ms", "4.0"),
    ("took_ms", "0.041"),
    ("unix_ms", "1796000000000"),
    ("uptime_s", "3"),
    ("wait_saved_micros", "8334"),
    ("wasted_ms_per_lookup", "1.389"),
];
