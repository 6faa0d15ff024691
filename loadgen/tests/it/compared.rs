//! Real runs, compared: at a server that is the same, and at one that takes a fifth more
//! CPU for an answer. `cargo xtask compare` plays it and prints what `compare` found.

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use testbed::by_length;
use upstream::{Upstream, kubernetes};

use crate::program::{Ran, alone, command, run, shared};

#[test]
fn a_fifth_more_cpu_is_found_and_equal_runs_are_equal() {
    if !by_length(false, true) {
        return;
    }
    let _machine = alone();
    let runs = Runs::new();
    // In turns: what the machine does meanwhile meets all sets.
    let (mut equal, mut dearer) = (Vec::new(), Vec::new());
    for n in 0..PAIRS {
        equal.push(runs.play(&format!("first-{n}"), ROUNDS));
        dearer.push(runs.play(&format!("dearer-{n}"), ROUNDS * 6 / 5));
        equal.push(runs.play(&format!("second-{n}"), ROUNDS));
    }
    let halves: Vec<Vec<PathBuf>> = (0..2)
        .map(|half| equal.iter().skip(half).step_by(2).cloned().collect())
        .collect();
    let ran = compare(&halves[0], &halves[1]);
    println!("two sets of five equal runs (exit {})\n{}", ran.code, ran.text);
    equal_runs_are_equal(&equal);

    let ran = compare(&halves[0], &dearer);
    println!("five pairs, a fifth more CPU (exit {})\n{}", ran.code, ran.text);
    let cpu = ran.text.lines().find(|line| line.starts_with("server CPU"));
    assert!(cpu.is_some_and(|line| line.contains("  more; runs have")), "{}", ran.text);
    assert_eq!(ran.code, 2, "{}", ran.text);

    let ran = compare(&halves[0][..4], &dearer[..4]);
    println!("four pairs (exit {})\n{}", ran.code, ran.text);
    assert!(ran.code == 3 && ran.text.contains("not enough: five valid runs"), "{}", ran.text);
}

/// Ten runs dealt out to two sets in every way there is: one of twenty may differ.
fn equal_runs_are_equal(runs: &[PathBuf]) {
    let (mut draws, mut different) = (0, 0);
    for deal in (0_u32..1 << runs.len()).filter(|deal| deal.count_ones() == PAIRS) {
        let of = |bit: u32| -> Vec<PathBuf> {
            let each = runs.iter().enumerate();
            each.filter(|(at, _)| deal >> at & 1 == bit)
                .map(|(_, path)| path.clone())
                .collect()
        };
        let ran = compare(&of(1), &of(0));
        assert!(ran.code == 0 || ran.code == 2, "{}", ran.text);
        let is_row = |line: &&str| line.contains("; runs have ");
        let mut rows = ran.text.lines().filter(is_row);
        different += u32::from(rows.any(|row| !row.contains("  no difference;")));
        draws += 1;
    }
    println!("all {draws} ways to draw five of ten equal runs: {different} show a difference\n");
    assert!(draws == 252 && different * 20 <= draws, "{different} of {draws}");
}

fn compare(before: &[PathBuf], after: &[PathBuf]) -> Ran {
    let texts = |set: &[PathBuf]| -> Vec<String> {
        set.iter().map(|path| path.display().to_string()).collect()
    };
    let (before, after) = (texts(before), texts(after));
    let mut arguments = vec!["compare", "--before"];
    arguments.extend(before.iter().map(String::as_str));
    arguments.push("--after");
    arguments.extend(after.iter().map(String::as_str));
    run(&arguments)
}

/// One server at one address, so that all runs are of the same scenario.
struct Runs {
    folder: TempDir,
    rounds: Arc<AtomicU64>,
}

impl Runs {
    fn new() -> Self {
        let rounds = Arc::new(AtomicU64::new(0));
        let (server, metrics) = serve(&rounds);
        let folder = TempDir::new().unwrap();
        let text = format!(
            "schema = 1\nname = \"cpu\"\n[target]\nserver = \"{server}\"\nmetrics = \"{metrics}\"\n\
             [limits]\nmax_qps = 4000\nmax_duration = \"1m\"\n[workload]\nnames = [\"a.example\"]\n\
             [[phase]]\nname = \"load\"\nfor = \"2s\"\nschedule = {{ shape = \"constant\", rate = 1000 }}\n"
        );
        fs::write(folder.path().join("s.toml"), text).unwrap();
        Self { folder, rounds }
    }

    /// One run; another one where this machine was too busy to measure.
    fn play(&self, name: &str, rounds: u64) -> PathBuf {
        self.rounds.store(rounds, Ordering::Relaxed);
        let path = self.folder.path().join(name);
        let scenario = self.folder.path().join("s.toml");
        let mut errors = String::new();
        for _ in 0..ATTEMPTS {
            let mut command = command(&["run"]);
            command.arg(&scenario).arg("--json").arg(&path);
            let output = command.output().unwrap();
            if output.status.success() {
                return path;
            }
            errors.push_str(&String::from_utf8_lossy(&output.stdout));
        }
        panic!("no run is a measurement: {errors}");
    }
}

/// Starts a server that works so many rounds for each answer, and shows its CPU as
/// CoreDNS does.
fn serve(rounds: &Arc<AtomicU64>) -> (SocketAddr, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = (socket.local_addr().unwrap(), listener.local_addr().unwrap());
    let (rounds, (told, thread)) = (Arc::clone(rounds), std::sync::mpsc::channel());
    std::thread::spawn(move || {
        told.send(fs::read_link("/proc/thread-self").unwrap())
            .unwrap();
        let mut message = [0; 512];
        while let Ok((len, peer)) = socket.recv_from(&mut message) {
            let work = |sum: u64, round: u64| black_box((sum ^ round).wrapping_mul(SPREAD));
            black_box((0..rounds.load(Ordering::Relaxed)).fold(1, work));
            message[2] |= 0x80;
            socket.send_to(&message[..len], peer).unwrap();
        }
    });
    let schedstat = Path::new("/proc")
        .join(thread.recv().unwrap())
        .join("schedstat");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            show(&mut stream.unwrap(), &schedstat);
        }
    });
    addresses
}

/// Answers one scrape.
fn show(stream: &mut (impl Read + Write), schedstat: &Path) {
    let mut request = Vec::new();
    let mut piece = [0; 512];
    while !request.ends_with(b"\r\n\r\n") {
        let len = stream.read(&mut piece).unwrap();
        request.extend(&piece[..len]);
        assert!(len > 0, "the request has no end");
    }
    let text = fs::read_to_string(schedstat).unwrap();
    let nanoseconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
    let mut page = "HTTP/1.0 200 OK\r\n\r\n".to_owned();
    writeln!(page, "process_cpu_seconds_total {}", nanoseconds / 1e9).unwrap();
    stream.write_all(page.as_bytes()).unwrap();
}

#[test]
fn a_run_is_shown_beside_earlier_ones_of_its_scenario() {
    let _machine = shared();
    let server = Upstream::builder().script(kubernetes()).start().unwrap();
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let text = format!(
        "schema = 1\nname = \"b\"\ntarget = {{ server = \"{}\" }}\n\
         limits = {{ max_qps = 1000, max_duration = \"1m\", max_lateness = \"1m\" }}\n\
         workload = {{ names = [\"kubernetes.default.svc.cluster.local\"] }}\n\
         [[phase]]\nname = \"p\"\nfor = \"200ms\"\nschedule = {{ shape = \"constant\", rate = 100 }}\n",
        server.addr()
    );
    let (file, earlier) = (path("s.toml"), path("earlier.json"));
    fs::write(&file, text).unwrap();
    let first = run(&["run", &file, "--json", &earlier]);
    assert_eq!(first.code, 0, "{}{}", first.text, first.errors);
    let ran = run(&["run", &file, "--baseline", &earlier]);
    assert_eq!(ran.code, 0, "{}{}", ran.text, ran.errors);
    assert!(ran.text.contains("beside 1 earlier run(s)"), "{}", ran.text);
    let lost = "without an answer, %            0.000  among 0.000..0.000";
    assert!(ran.text.contains(lost), "{}", ran.text);
    let ran = run(&["run", &file, "--set", "seed=2", "--baseline", &earlier]);
    assert_eq!(ran.code, 78, "{}", ran.errors);
    assert!(ran.errors.contains("plan.fingerprint is "), "{}", ran.errors);
}

/// Runs of each set: fewer are not enough.
const PAIRS: u32 = 5;
/// Of the server for each answer: some 100 us, which the socket hardly adds to.
const ROUNDS: u64 = 50_000;
/// Any odd number.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// Until the machine lets us measure.
const ATTEMPTS: usize = 5;
