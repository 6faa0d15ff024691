//! `max_qps` while server or generator stands still.

use std::fs;
use std::time::Duration;

use testbed::{Capture, Process, by_length, pace};

use super::packets::{finish, times};
use super::{PATIENCE, PROGRAM, has_all};
use crate::play::World;
use crate::rules::Trouble;
use crate::world::Servers;

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

const LIMIT: usize = 1_000;
