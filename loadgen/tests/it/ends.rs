//! How soon a load ends that a signal is to end.

use std::net::UdpSocket;
use std::time::Duration;

use testbed::{Process, eventually};

use crate::program::{UNLIMITED, command, shared};
use crate::shards::now;

/// A server that reads nothing, with its address.
fn server() -> (UdpSocket, String) {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    (server, address)
}

/// Whether a process has a handler of SIGTERM (proc(5), `SigCgt`).
fn catches_term(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (TERM - 1) & 1 == 1)
}

/// There is always more to send.
#[test]
fn a_load_that_is_behind_its_schedule_ends_at_a_signal() {
    let _machine = shared();
    let (server, address) = server();
    let arguments = ["quick", &address, "--rate", "1000000", "--for", "5m"];
    let load = Process::spawn(command(&arguments).args(UNLIMITED)).unwrap();
    server.set_read_timeout(Some(SOON)).unwrap();
    server.recv(&mut [0; 512]).unwrap();
    load.signal("TERM").unwrap();
    load.wait(SOON).unwrap();
}

#[test]
fn a_load_that_waits_for_its_start_ends_at_a_signal_and_sends_nothing() {
    let _machine = shared();
    let (server, address) = server();
    let file = tempfile::NamedTempFile::new().unwrap();
    let scenario = format!(
        "schema = 1\nname = \"later\"\nseed = 1\ntarget = {{ server = \"{address}\" }}\n\
         limits = {{ max_qps = 1000, max_duration = \"1m\" }}\n\
         workload = {{ names = [\"www.example\"] }}\n\
         [[phase]]\nname = \"load\"\nfor = \"1s\"\n\
         schedule = {{ shape = \"constant\", rate = 100 }}\n"
    );
    std::fs::write(file.path(), scenario).unwrap();
    let (path, start) = (file.path().display().to_string(), (now() + 600).to_string());
    let load = Process::spawn(&mut command(&["run", &path, "--start-at", &start])).unwrap();
    // Until then a signal ends it in any case.
    assert!(eventually(SOON, || catches_term(load.pid())), "{}", load.output());
    load.signal("TERM").unwrap();
    let status = load.wait(SOON).unwrap();
    assert_eq!(status.code(), Some(143), "{}", load.output());
    server.set_nonblocking(true).unwrap();
    server.recv(&mut [0; 512]).unwrap_err();
}

/// A bound for a busy machine; an idle one needs 0.1 s.
const SOON: Duration = Duration::from_secs(20);
/// SIGTERM (signal(7)).
const TERM: u32 = 15;
