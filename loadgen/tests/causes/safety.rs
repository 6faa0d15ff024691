//! How a load ends, whatever ends it: the last packet, by a capture, and what is left.
//!
//! `cargo xtask safety` plays each fault with each end, the tests each fault with one.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use testbed::{Capture, Component, Netns, Process, by_length, eventually, have, pace};

use crate::play::World;
use crate::rules::Trouble;
use crate::world::Servers;

mod beside;
mod limit;
mod packets;

use packets::{finish, last_packet};

#[test]
fn safety_of_each_fault_at_each_end() {
    if !has_all() {
        return;
    }
    let mut wrong = Vec::new();
    for (n, fault) in Fault::ALL.into_iter().enumerate() {
        for (m, end) in End::ALL.into_iter().enumerate() {
            if by_length(n == m % Fault::ALL.len(), true) {
                // A machine that stands still ends nothing, so it gets other tries.
                let again = |_| ended(fault, end);
                wrong.extend(ended(fault, end).or_else(again).or_else(again).err());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn has_all() -> bool {
    let components = [Component::Netns, Component::Coredns, Component::Tshark];
    components.into_iter().all(have)
        && ["nft", "conntrack"]
            .iter()
            .all(|program| testbed::have_program(program, Component::Netns))
}

/// What goes wrong while the load lasts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    Upstream,
    Ring,
    Flows,
    Others,
}

/// What ends it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Kill,
    Hangup,
    StopFile,
    Lease,
    /// The service that the guard asks stands still.
    Guard,
    /// The server stands still, and the load has a stop condition.
    Condition,
}

impl Fault {
    const ALL: [Self; 4] = [Self::Upstream, Self::Ring, Self::Flows, Self::Others];

    /// What a scenario has of it.
    const fn words(self) -> &'static str {
        match self {
            Self::Upstream => {
                "[upstream]\nlisten = \"127.0.0.1:5354\"\n[[upstream.fault]]\ndelay = \"50ms\"\n"
            }
            Self::Ring => "[ring]\nlisten = \"127.0.0.1:5355\"\n",
            Self::Flows => "[flows]\nfill = \"20%\"\n",
            Self::Others => "[others]\nserver = \"127.0.0.2:5335\"\ntimes = 5\n",
        }
    }
}

impl End {
    const ALL: [Self; 6] =
        [Self::Kill, Self::Hangup, Self::StopFile, Self::Lease, Self::Guard, Self::Condition];

    const fn exit(self) -> Option<i32> {
        match self {
            Self::Kill => None,
            Self::Hangup => Some(129),
            _ => Some(5),
        }
    }

    /// What a scenario has of it: before its tables, and among them.
    const fn words(self) -> [&'static str; 2] {
        match self {
            Self::Guard => ["", GUARD],
            Self::Condition => ["stop = [\"lost > 50% for 1s\"]\n", ""],
            _ => ["", ""],
        }
    }

    /// The seconds after which it has happened: three queries of the guard without an
    /// answer, and the rest of the one that was on its way.
    const fn takes(self) -> f64 {
        if matches!(self, Self::Guard) { 0.4 } else { 0.0 }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kill => "kill -9",
            Self::Hangup => "SIGHUP",
            Self::StopFile => "stop file",
            Self::Lease => "lease gone",
            Self::Guard => "guard not answered",
            Self::Condition => "stop condition",
        })
    }
}

/// Plays a fault, ends it, and looks at what came after.
fn ended(fault: Fault, end: End) -> Result<(), String> {
    let servers = Servers::start(World::Plain, Trouble::Tracked);
    let netns = servers.netns();
    let neighbor = beside::service(&servers);
    let folder = tempfile::tempdir().unwrap();
    let [file, stop, lease, report] = FILES.map(|name| folder.path().join(name));
    fs::write(&file, scenario(fault, end)).unwrap();
    fs::write(&lease, "").unwrap();
    let rules = listed(netns);
    let capture = Capture::start(netns, "lo", OURS).unwrap();
    let load = Process::spawn(load(&servers, fault).current_dir(folder.path())).unwrap();
    let is_on = || match fault {
        Fault::Flows => flows(netns) > 20_000,
        _ => bound(netns).contains(":53"),
    };
    assert!(eventually(PATIENCE, is_on), "{fault:?}: {}", load.output());
    // A second of it.
    pace(Duration::from_secs(1));
    if let Some(status) = load.status() {
        return Err(format!("{fault:?}, {end}: it ended by itself, {status}\n{}", load.output()));
    }
    match end {
        End::Kill => load.signal("KILL").unwrap(),
        End::Hangup => load.signal("HUP").unwrap(),
        End::StopFile => fs::write(&stop, "").unwrap(),
        End::Lease => fs::remove_file(&lease).unwrap(),
        End::Guard => neighbor.signal("STOP").unwrap(),
        End::Condition => servers.halt_coredns(),
    }
    let at = now() + end.takes();
    let status = load.wait(PATIENCE).map_err(|error| error.to_string())?;
    if end == End::Kill {
        let cleanup = servers.command(PROGRAM).arg("cleanup").output().unwrap();
        if !cleanup.status.success() {
            return Err(format!("{fault:?}, {end}: {cleanup:?}"));
        }
    }
    // Longer than what it may take, so that a late packet is seen.
    pace(Duration::from_millis(300));
    let captured = finish(netns, capture)?;
    let at = if end == End::Condition { held_at(&report)? } else { at };
    let last = last_packet(&captured) - at;
    let left = flows(netns);
    let sockets = bound(netns).lines().filter(|line| is_ours(line)).count();
    println!(
        "{fault:?}, {end}: last packet {:+.0} ms, exit {:?}, {left} entries, {sockets} sockets",
        last * 1e3,
        status.code()
    );
    let journal = format!("/run/fivedots-loadgen/{}", load.pid());
    let complaints = [
        (last < 0.1, format!("the last packet left {:.0} ms later", last * 1e3)),
        (status.code() == end.exit(), format!("exit {:?}", status.code())),
        (left == 0, format!("{left} entries of the connection table are left")),
        (sockets == 0, format!("{sockets} sockets are left")),
        (listed(netns) == rules, "the rules are others".to_owned()),
        (!Path::new(&journal).exists(), "the journal is left".to_owned()),
    ];
    let wrong = complaints.into_iter().find(|(is_right, _)| !is_right);
    wrong.map_or(Ok(()), |(_, why)| Err(format!("{fault:?}, {end}: {why}\n{}", load.output())))
}

/// The load of the scenario, with the files of its folder.
fn load(servers: &Servers, fault: Fault) -> Command {
    // Ahead of what else this machine does: what is asked is when it stops, not when it
    // runs. A flood of flows would leave no CPU to the capture.
    let priority = if fault == Fault::Flows { "--other 0" } else { "--fifo 20" };
    let mut command = servers.command("chrt");
    command.args(priority.split(' ')).arg(PROGRAM);
    let [file, stop, lease, report] = FILES;
    command.args(["run", file, "--allow-faults", "upstream,ring,flows", "--stop-file", stop]);
    command.args(["--lease", lease, "--lease-for", "1m", "--json", report]);
    command
}

/// When the stop condition held, in seconds since 1970, by the report.
fn held_at(report: &Path) -> Result<f64, String> {
    let report: Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    let reasons = report["invalid"].as_array().unwrap().iter();
    let reason = reasons
        .filter_map(Value::as_str)
        .find(|reason| reason.contains("stop condition"));
    let seconds = reason.and_then(|reason| reason.split(" at ").last()?.strip_suffix(" s"));
    let seconds: Option<f64> = seconds.and_then(|seconds| seconds.parse().ok());
    let start = report["started_unix_ns"].as_f64().unwrap() / 1e9;
    let at = seconds.map(|seconds| start + seconds);
    at.ok_or_else(|| format!("no stop condition in {}", report["invalid"]))
}

fn scenario(fault: Fault, end: End) -> String {
    let [before, among] = end.words();
    // Of which CoreDNS asks somebody who answers, where somebody is there.
    let name = match fault {
        Fault::Ring => "ring.example",
        Fault::Upstream => "example.com",
        _ => "cluster.local",
    };
    format!(
        "schema = 1\nname = \"safety\"\n{before}target = {{ server = \"127.0.0.1:5335\" }}\n\
         limits = {{ max_qps = 6000, max_duration = \"1m\", max_lateness = \"10s\" }}\n\
         sender = {{ ports = \"pool:20\", timeout = \"1s\", linger = \"0s\" }}\n{}{among}\
         [workload]\nnames = [\"{name}\"]\nunique = true\n\
         [[phase]]\nname = \"load\"\nfor = \"50s\"\n\
         schedule = {{ shape = \"constant\", rate = 200 }}\n",
        fault.words()
    )
}

#[expect(clippy::disallowed_methods, reason = "a capture has the time of the wall clock")]
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

fn output(command: &mut Command) -> String {
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

fn listed(netns: &Netns) -> String {
    output(netns.command("nft").args(["list", "ruleset"]))
}

/// The generator's entries of the connection table of a namespace; those of queries end
/// by and by.
fn flows(netns: &Netns) -> usize {
    let mut conntrack = netns.command("conntrack");
    let entries = output(conntrack.args(["-L", "-p", "udp", "--dport", "5399"]));
    entries.lines().count()
}

/// UDP sockets that are bound.
fn bound(netns: &Netns) -> String {
    output(netns.command("ss").args(["-Hlun"]))
}

/// The addresses of the upstream, the ring and the flows.
fn is_ours(line: &str) -> bool {
    [":5354 ", ":5355 ", ":5399 "]
        .iter()
        .any(|port| line.contains(port))
}

/// The scenario, what ends it, and its report.
const FILES: [&str; 4] = ["s.toml", "stop", "lease", "report.json"];
const PROGRAM: &str = env!("CARGO_BIN_EXE_fivedots-loadgen");
/// What the generator sends: queries and the ring's to CoreDNS, the upstream's and the
/// ring's answers, flows; and the mark of the end.
const OURS: &str =
    "udp and (dst port 5335 or src port 5354 or src port 5355 or port 5399 or dst port 9)";
const PATIENCE: Duration = Duration::from_secs(30);
/// A name that the rest of the cluster needs, ten times a second.
const GUARD: &str = "[guard]\nserver = \"127.0.0.3:5335\"\nname = \"kubernetes.default.svc.cluster.local\"\n\
                     every = \"100ms\"\nfails = 3\n";
