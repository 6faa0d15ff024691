//! The clients, played inside the namespace: each program beside its model.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testbed::Process;

use crate::server;
use crate::situations::{CLIENTS, Pair};

/// The programs that the models are of.
pub(crate) struct Programs {
    folder: tempfile::TempDir,
}

impl Programs {
    /// Builds those that have to be.
    pub(crate) fn build() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let compilers: [(&str, &[&str], &str); 3] = [
            ("glibc", &["gcc"], "getaddrinfo.c"),
            ("musl", &["musl-gcc", "-static"], "getaddrinfo.c"),
            ("go", &["env", "CGO_ENABLED=0", "go", "build"], "lookup.go"),
        ];
        for (program, compiler, source) in compilers {
            let mut command = Command::new(compiler[0]);
            command
                .args(&compiler[1..])
                .arg("-o")
                .arg(folder.path().join(program));
            // Where there is none, its situations are left out.
            command
                .arg(testbed::lookups::sources().join(source))
                .output()
                .ok();
        }
        Self { folder }
    }
}

/// Writes down what [`inside`] plays.
pub(crate) fn order(folder: &Path, programs: &Programs, pairs: &[Pair]) {
    let lines = pairs
        .iter()
        .map(|pair| format!("{} {}\n", pair.situation, pair.client));
    let programs = format!("{}\n", programs.folder.path().display());
    fs::write(folder.join(ORDER), programs + &lines.collect::<String>()).unwrap();
}

/// The model's report.
pub(crate) fn report(folder: &Path, pair: Pair) -> Value {
    let text = fs::read_to_string(folder.join(format!("{}.json", stem(pair)))).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Plays what the order in this folder names, all at the same time.
pub(crate) fn inside(folder: &str) {
    let folder = Path::new(folder);
    let order = fs::read_to_string(folder.join(ORDER)).unwrap();
    let mut lines = order.lines();
    let programs = PathBuf::from(lines.next().unwrap());
    let pairs: Vec<Pair> = lines
        .map(|line| {
            let (situation, client) = line.split_once(' ').unwrap();
            Pair { situation: situation.parse().unwrap(), client: client.parse().unwrap() }
        })
        .collect();
    for pair in &pairs {
        for is_model in [false, true] {
            for (server, mode) in pair.situation().servers.iter().enumerate() {
                let address = pair.address(is_model, server).parse().unwrap();
                server::serve(SocketAddr::new(address, 53), *mode);
            }
        }
    }
    let mut running = Vec::new();
    for pair in &pairs {
        for mut command in [program(*pair, folder, &programs), model(*pair, folder)] {
            running.push((pair, Process::spawn(&mut command).unwrap()));
            // A hundred at once would stand in each other's way.
            testbed::pace(Duration::from_millis(30));
        }
    }
    for (pair, process) in running {
        let ended = process.wait(PATIENCE);
        assert!(ended.is_ok(), "{pair}: {ended:?}\n{}", process.output());
    }
}

/// The program with a resolv.conf of its own.
fn program(pair: Pair, folder: &Path, programs: &Path) -> Command {
    let situation = pair.situation();
    let servers = (0..situation.servers.len())
        .map(|server| format!("nameserver {}\n", pair.address(false, server)));
    let search = if pair.client().searches {
        format!("search {}\n", SEARCH.join(" "))
    } else {
        String::new()
    };
    let conf = folder.join(format!("{}.conf", stem(pair)));
    let text = format!("{search}{}options {}\n", servers.collect::<String>(), situation.options);
    fs::write(&conf, text).unwrap();
    let mut command = Command::new("nice");
    command
        .args(["-n", AHEAD, "unshare", "--mount", "sh", "-c", WITH_RESOLV_CONF, "sh"])
        .arg(conf);
    match pair.client().model {
        "c-ares" => {
            command
                .arg("node")
                .arg(testbed::lookups::sources().join("lookup.js"));
            command.arg("resolve4");
        }
        "nslookup" => {
            command.arg("nslookup");
        }
        built => {
            command.arg(programs.join(built));
        }
    }
    command.arg(situation.name);
    command
}

/// Our generator with a scenario of one lookup.
fn model(pair: Pair, folder: &Path) -> Command {
    let situation = pair.situation();
    let servers: Vec<_> = (0..situation.servers.len())
        .map(|server| format!("\"{}\"", pair.address(true, server)))
        .collect();
    let model = CLIENTS[pair.client].model;
    let search =
        if pair.client().searches { format!("search = {SEARCH:?}\n") } else { String::new() };
    let text = format!(
        "schema = 1\nname = \"one\"\ntarget = {{ server = {} }}\n\
         limits = {{ max_qps = 10, max_duration = \"1m\" }}\n\
         workload = {{ names = [\"{}\"] }}\n\
         [[client]]\nmodel = \"{model}\"\n{search}options = \"{}\"\nservers = [{}]\n\
         [[phase]]\nname = \"one\"\nfor = \"1s\"\n\
         schedule = {{ shape = \"constant\", rate = 1 }}\n",
        servers[0],
        situation.name,
        situation.options,
        servers.join(", ")
    );
    let path = folder.join(format!("{}.toml", stem(pair)));
    fs::write(&path, text).unwrap();
    let mut command = Command::new("nice");
    command
        .args(["-n", AHEAD, env!("CARGO_BIN_EXE_fivedots-loadgen"), "run"])
        .arg(path);
    command
        .arg("--json")
        .arg(folder.join(format!("{}.json", stem(pair))));
    command
}

fn stem(pair: Pair) -> String {
    format!("{}-{}", pair.situation, pair.client)
}

const ORDER: &str = "order";
const SEARCH: [&str; 3] = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"];
/// Where a resolver's /etc/resolv.conf is another file.
const WITH_RESOLV_CONF: &str = "mount --bind \"$1\" /etc/resolv.conf && shift && exec \"$@\"";
/// Ahead of what else this machine does. To a process that is nice the kernel grants
/// timers that are late by half a percent, which is 25 ms of 5 s.
const AHEAD: &str = "-10";
/// The longest is c-ares with three servers: some 70 s.
const PATIENCE: Duration = Duration::from_secs(150);
