//! How a load ends, whatever ends it: the last packet, by a capture, and what is left.
//!
//! `cargo xtask safety` plays each fault with each end, the tests each fault with one.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testbed::{Capture, Captured, Component, Netns, Process, by_length, eventually, have, pace};

use crate::play::World;
use crate::rules::Trouble;
use crate::world::Servers;

#[test]
fn safety_of_each_fault_at_each_end() {
    if !has_all() {
        return;
    }
    let mut wrong = Vec::new();
    for (n, fault) in Fault::ALL.into_iter().enumerate() {
        for (m, end) in End::ALL.into_iter().enumerate() {
            if by_length(n == m, true) {
                // A machine that stands still ends nothing, so it gets other tries.
                let again = |_| ended(fault, end);
                wrong.extend(ended(fault, end).or_else(again).or_else(again).err());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Never more than `max_qps` in any 100 ms, though server and generator stand still for two
/// seconds and then have much to make up for.
#[test]
fn safety_of_the_limit_whatever_stands_still() {
    if !has_all() {
        return;
    }
    let mut wrong = Vec::new();
    for (name, load) in LOADS {
        for stopped in [Stopped::Server, Stopped::Generator] {
            if by_length(stopped == Stopped::Generator && name == "closed loop", true) {
                wrong.extend(most_in_100_ms(name, load, stopped).err());
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
    const ALL: [Self; 4] = [Self::Kill, Self::Hangup, Self::StopFile, Self::Lease];

    const fn exit(self) -> Option<i32> {
        match self {
            Self::Kill => None,
            Self::Hangup => Some(129),
            Self::StopFile | Self::Lease => Some(5),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kill => "kill -9",
            Self::Hangup => "SIGHUP",
            Self::StopFile => "stop file",
            Self::Lease => "lease gone",
        })
    }
}

/// Plays a fault, ends it, and looks at what came after.
fn ended(fault: Fault, end: End) -> Result<(), String> {
    let servers = Servers::start(World::Plain, Trouble::Tracked);
    let netns = servers.netns();
    let folder = tempfile::tempdir().unwrap();
    let [file, stop, lease] = ["s.toml", "stop", "lease"].map(|name| folder.path().join(name));
    fs::write(&file, scenario(fault)).unwrap();
    fs::write(&lease, "").unwrap();
    let rules = listed(netns);
    let capture = Capture::start(netns, "lo", OURS).unwrap();
    // Ahead of what else this machine does: what is asked is when it stops, not when it
    // runs. A flood of flows would leave no CPU to the capture.
    let priority = if fault == Fault::Flows { "--other 0" } else { "--fifo 20" };
    let mut command = servers.command("chrt");
    command.args(priority.split(' ')).arg(PROGRAM);
    command.args(["run", "--allow-faults", "upstream,ring,flows", "--lease-for", "1m"]);
    command
        .arg(&file)
        .arg("--stop-file")
        .arg(&stop)
        .arg("--lease")
        .arg(&lease);
    let load = Process::spawn(&mut command).unwrap();
    let is_on = || match fault {
        Fault::Flows => flows(netns) > 20_000,
        _ => bound(netns).contains(":53"),
    };
    assert!(eventually(PATIENCE, is_on), "{fault:?}: {}", load.output());
    // A second of it.
    pace(Duration::from_secs(1));
    make(end, &load, &stop, &lease);
    let at = now();
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

fn make(end: End, load: &Process, stop: &Path, lease: &Path) {
    match end {
        End::Kill => load.signal("KILL").unwrap(),
        End::Hangup => load.signal("HUP").unwrap(),
        End::StopFile => fs::write(stop, "").unwrap(),
        End::Lease => fs::remove_file(lease).unwrap(),
    }
}

fn scenario(fault: Fault) -> String {
    // Of which CoreDNS asks somebody who answers, where somebody is there.
    let name = match fault {
        Fault::Ring => "ring.example",
        Fault::Upstream => "example.com",
        _ => "cluster.local",
    };
    format!(
        "schema = 1\nname = \"safety\"\ntarget = {{ server = \"127.0.0.1:5335\" }}\n\
         limits = {{ max_qps = 6000, max_duration = \"1m\", max_lateness = \"10s\" }}\n\
         sender = {{ ports = \"pool:20\", timeout = \"1s\", linger = \"0s\" }}\n{}\
         [workload]\nnames = [\"{name}\"]\nunique = true\n\
         [[phase]]\nname = \"load\"\nfor = \"50s\"\n\
         schedule = {{ shape = \"constant\", rate = 200 }}\n",
        fault.words()
    )
}

/// A load by its name, and the words of `[workload]`, the clients and the phase.
const LOADS: [(&str, &str); 3] = [
    ("open loop", "schedule = { shape = \"constant\", rate = 1000 }\n"),
    ("closed loop", "schedule = { shape = \"max\", window = 64 }\n"),
    (
        "clients",
        "schedule = { shape = \"constant\", rate = 300 }\n[[client]]\nmodel = \"glibc\"\ncount = 20\n",
    ),
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stopped {
    Server,
    Generator,
}

fn most_in_100_ms(name: &str, load: &str, stopped: Stopped) -> Result<(), String> {
    let servers = Servers::start(World::Well, Trouble::None);
    let netns = servers.netns();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    let text = format!(
        "schema = 1\nname = \"limit\"\ntarget = {{ server = \"127.0.0.1:5335\" }}\n\
         limits = {{ max_qps = {LIMIT}, max_duration = \"1m\", max_lateness = \"10s\" }}\n\
         workload = {{ names = [\"www.example.com.\"] }}\n\
         [[phase]]\nname = \"load\"\nfor = \"6s\"\n{load}"
    );
    fs::write(&file, text).unwrap();
    let capture = Capture::start(netns, "lo", "udp dst port 5335 or dst port 9").unwrap();
    let generator = Process::spawn(servers.command(PROGRAM).arg("run").arg(&file)).unwrap();
    pace(Duration::from_secs(2));
    let process = match stopped {
        Stopped::Server => servers.well(),
        Stopped::Generator => &generator,
    };
    process.signal("STOP").unwrap();
    pace(Duration::from_secs(2));
    process.signal("CONT").unwrap();
    generator
        .wait(PATIENCE)
        .map_err(|error| error.to_string())?;
    let mut times = times(&finish(netns, capture)?);
    // The last is ours.
    times.pop();
    // A lookup of a client is two queries, and the limit is on lookups.
    let per_draw = if name == "clients" { 2 } else { 1 };
    let allowed = LIMIT / 10 * per_draw;
    let most = (0..times.len())
        .map(|first| times[first..].partition_point(|at| *at < times[first] + 0.1))
        .max()
        .unwrap_or(0);
    println!(
        "{name}, {stopped:?} stopped for 2 s: at most {most} in 100 ms of {allowed}, {} in all",
        times.len()
    );
    match most <= allowed && times.len() > 1_000 {
        true => Ok(()),
        false => Err(format!("{name}, {stopped:?} stopped: {most} in 100 ms of {allowed}")),
    }
}

/// The seconds since 1970 of all packets, in order.
fn times(captured: &Captured) -> Vec<f64> {
    let rows = captured.fields(["frame.time_epoch"]).unwrap();
    let mut times: Vec<f64> = rows.iter().map(|[at]| seconds(at)).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// The time of the last packet that the generator sent.
fn last_packet(captured: &Captured) -> f64 {
    let rows = captured
        .fields(["frame.time_epoch", "udp.dstport"])
        .unwrap();
    let ours = rows.iter().filter(|[_, port]| port != "9");
    ours.map(|[at, _]| seconds(at)).fold(0.0, f64::max)
}

/// Newer programs print a date, older ones a number.
fn seconds(text: &str) -> f64 {
    text.parse()
        .unwrap_or_else(|_| panic!("{text:?} is no number of seconds"))
}

fn finish(netns: &Netns, capture: Capture) -> Result<Captured, String> {
    let last = format!("echo -n {LAST} >/dev/udp/127.0.0.1/9");
    crate::play::must(netns.command("bash").args(["-c", &last]));
    capture
        .finish(LAST.as_bytes())
        .map_err(|error| error.to_string())
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

const PROGRAM: &str = env!("CARGO_BIN_EXE_fivedots-loadgen");
/// What the generator sends: queries and the ring's to CoreDNS, the upstream's and the
/// ring's answers, flows; and the mark of the end.
const OURS: &str =
    "udp and (dst port 5335 or src port 5354 or src port 5355 or port 5399 or dst port 9)";
const LIMIT: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(30);
/// The packet after the last that matters.
const LAST: &str = "the-load-has-ended";
