//! `--sender`: what a query costs the one who sends it. Our load generator
//! beside dnsperf, against the same servers, in turn.
//!
//! The echo is the server where the two are compared, and the null server
//! where the question is whether the sender is the limit.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum as _;
use serde::Serialize;
use serde_json::Value;
use testbed::Process;

use crate::cli::RunArgs;
use crate::cpu::CpuTime;
use crate::output::{print_line, print_progress};
use crate::report::Environment;
use crate::serve::Mode;
use crate::workload::Workload;

mod figures;
mod row;

use row::{Case, CaseRounds, CaseSample, Generator, Load};

#[derive(Serialize)]
struct SenderFigures<'a> {
    #[serde(flatten)]
    environment: Environment,
    dnsperf: Option<String>,
    rows: &'a [CaseRounds],
}

/// Runs the rounds, prints and writes the figures.
///
/// # Errors
///
/// When a program is missing or a server stops answering.
pub(crate) fn run(args: &RunArgs) -> Result<ExitCode> {
    let dnsperf = Path::new(DNSPERF).is_file();
    if !dnsperf {
        print_line("skipped: dnsperf is not installed");
    }
    let bench = Bench::start(args)?;
    let mut rows: Vec<CaseRounds> = CASES
        .iter()
        .filter(|case| dnsperf || case.by != Generator::Dnsperf)
        .map(|&case| CaseRounds {
            case,
            server: SERVERS.get(case.server).map_or("", |s| s.name),
            rounds: Vec::new(),
        })
        .collect();
    for round in 1..=args.rounds {
        print_progress(&format!("round {round} of {}", args.rounds));
        for row in &mut rows {
            let sample = bench.measure(&row.case);
            row.rounds
                .push(sample.with_context(|| format!("{} by {}", row.case.name, row.case.sender))?);
        }
    }
    figures::print(&rows);
    let faults = figures::print_targets(&rows);
    if let Some(file) = &args.json {
        let findings =
            SenderFigures { environment: Environment::of(args), dnsperf: version(), rows: &rows };
        let text = serde_json::to_string_pretty(&findings)?;
        fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The servers, and what the senders read.
struct Bench<'a> {
    args: &'a RunArgs,
    servers: Vec<Process>,
    dir: tempfile::TempDir,
}

impl<'a> Bench<'a> {
    fn start(args: &'a RunArgs) -> Result<Self> {
        let servers = SERVERS.iter().map(Server::start).collect::<Result<_>>()?;
        let dir = tempfile::tempdir()?;
        let [_, names] = Workload::Hits8.scenario(ADDRESS, ADDRESS.ip(), 1, 1);
        fs::write(dir.path().join("names"), names)?;
        Ok(Self { args, servers, dir })
    }

    /// Runs one case for its time.
    fn measure(&self, case: &Case) -> Result<CaseSample> {
        let server = self
            .servers
            .get(case.server)
            .context("a server for each case")?;
        let json = self.dir.path().join("report.json");
        let mut command = if case.by == Generator::Dnsperf {
            self.dnsperf(case)
        } else {
            self.loadgen(case, &json)?
        };
        let (own, theirs) = (CpuTime::of_children()?, CpuTime::of(server.pid())?);
        let output = command.output().context("cannot start the sender")?;
        let own = CpuTime::of_children()?.since(own);
        let theirs = CpuTime::of(server.pid())?.since(theirs);
        // 3 is "we were late", which a closed loop cannot be.
        if !matches!(output.status.code(), Some(0 | 3)) {
            bail!("{}\n{}", output.status, String::from_utf8_lossy(&output.stdout));
        }
        let [sent, answered] = if case.by == Generator::Dnsperf {
            dnsperf_counts(&String::from_utf8_lossy(&output.stdout))?
        } else {
            reported(&serde_json::from_str(&fs::read_to_string(&json)?)?)?
        };
        Ok(self.sample([sent, answered], own, theirs))
    }

    #[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds of seconds")]
    fn sample(&self, [sent, answered]: [u64; 2], own: CpuTime, server: CpuTime) -> CaseSample {
        let each = |ns: u64| ns as f64 / 1e3 / sent as f64;
        CaseSample {
            sent,
            answered,
            rate: answered as f64 / self.args.seconds as f64,
            user_us: each(own.user_ns()),
            system_us: each(own.system_ns()),
            server_us: each(server.total_ns()),
        }
    }

    fn loadgen(&self, case: &Case, json: &Path) -> Result<Command> {
        let schedule = match case.load {
            Load::Window(window) => format!("shape = \"max\", window = {window}"),
            Load::Rate(rate) => format!("shape = \"constant\", rate = {rate}"),
        };
        let scenario = format!(
            "schema = 1\nname = \"sender\"\n[target]\nserver = \"{}\"\n\
             [limits]\nmax_qps = 5000000\nmax_duration = \"10m\"\n\
             [sender]\nports = \"pool:{}\"\nthreads = {}\ngso = {}\ntimeout = \"200ms\"\nlinger = \"0s\"\n\
             [workload]\nnames = \"names\"\n\
             [[phase]]\nname = \"load\"\nfor = \"{}s\"\nschedule = {{ {schedule} }}\n",
            SERVERS
                .get(case.server)
                .context("a server for each case")?
                .addr(),
            case.sockets,
            case.threads,
            case.by == Generator::LoadgenGso,
            self.args.seconds,
        );
        let file = self.dir.path().join("scenario.toml");
        fs::write(&file, scenario)?;
        let mut command = Command::new(self.args.programs.join("fivedots-loadgen"));
        command.arg("run").arg(file).arg("--json").arg(json);
        Ok(command)
    }

    fn dnsperf(&self, case: &Case) -> Command {
        let addr = SERVERS.get(case.server).map_or(ADDRESS, Server::addr);
        let mut command = Command::new(DNSPERF);
        command.args(["-s", &addr.ip().to_string(), "-p", &addr.port().to_string()]);
        command.args(["-c", &case.sockets.to_string(), "-T", &case.threads.to_string()]);
        command.args(["-l", &self.args.seconds.to_string(), "-d"]);
        command.arg(self.dir.path().join("names"));
        match case.load {
            Load::Window(window) => command.args(["-q", &window.to_string()]),
            Load::Rate(rate) => command.args(["-Q", &rate.to_string(), "-q", "10000"]),
        };
        command
    }
}

/// A server of ours, on a port of its own.
struct Server {
    name: &'static str,
    mode: Mode,
    threads: u16,
    port: u16,
}

impl Server {
    const fn addr(&self) -> SocketAddr {
        SocketAddr::new(ADDRESS.ip(), self.port)
    }

    fn start(&self) -> Result<Process> {
        let mode = self.mode.to_possible_value().context("a hidden mode")?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", "--mode", mode.get_name(), "--listen", &self.addr().to_string()]);
        command.args(["--threads", &self.threads.to_string()]);
        let process = Process::spawn(&mut command)?;
        process.wait_for_line("serving", Duration::from_secs(5))?;
        Ok(process)
    }
}

/// Queries sent and answered, from the report of ours.
fn reported(report: &Value) -> Result<[u64; 2]> {
    let count = |name: &str| {
        report
            .pointer(&format!("/run/counts/{name}"))
            .and_then(Value::as_u64)
    };
    count("sent")
        .zip(count("answered"))
        .map(<[u64; 2]>::from)
        .context("a report without counts")
}

/// The same from dnsperf's statistics.
fn dnsperf_counts(text: &str) -> Result<[u64; 2]> {
    let count = |label: &str| {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(label))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    count("Queries sent:")
        .zip(count("Queries completed:"))
        .map(<[u64; 2]>::from)
        .with_context(|| format!("the output of dnsperf:\n{text}"))
}

fn version() -> Option<String> {
    let output = Command::new(DNSPERF).arg("-h").output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines()
        .find(|line| line.starts_with("Version"))
        .map(str::to_owned)
}

const DNSPERF: &str = "/usr/bin/dnsperf";

/// Beside the ports of the other lab.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5390);

const ECHO: usize = 0;
const NULL_1: usize = 1;
const NULL_2: usize = 2;
const SERVERS: [Server; 3] = [
    Server { name: "echo", mode: Mode::Echo, threads: 2, port: 5390 },
    Server { name: "null, 1 thr.", mode: Mode::Null, threads: 1, port: 5391 },
    Server { name: "null, 2 thr.", mode: Mode::Null, threads: 2, port: 5392 },
];

/// Each of dnsperf follows the one of ours that it is compared with.
const CASES: [Case; 9] = [
    case("flat-out", Generator::Loadgen, ECHO, [16, 1], Load::Window(256)),
    case("flat-out", Generator::Dnsperf, ECHO, [16, 1], Load::Window(256)),
    case("paced", Generator::Loadgen, ECHO, [16, 1], Load::Rate(20_000)),
    case("paced", Generator::Dnsperf, ECHO, [16, 1], Load::Rate(20_000)),
    case("one-flow", Generator::LoadgenGso, ECHO, [1, 1], Load::Window(256)),
    case("one-flow", Generator::Dnsperf, ECHO, [1, 1], Load::Window(256)),
    case("one-flow-plain", Generator::Loadgen, ECHO, [1, 1], Load::Window(256)),
    case("null-1", Generator::LoadgenGso, NULL_1, [1, 1], Load::Window(2048)),
    case("null-2", Generator::LoadgenGso, NULL_2, [8, 2], Load::Window(4096)),
];

const fn case(
    name: &'static str,
    by: Generator,
    server: usize,
    [sockets, threads]: [u16; 2],
    load: Load,
) -> Case {
    let sender = match by {
        Generator::Loadgen => "fivedots",
        Generator::LoadgenGso => "fivedots, GSO",
        Generator::Dnsperf => "dnsperf",
    };
    Case { name, by, sender, server, sockets, threads, load }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_both_programs_are_read() {
        let text = "Statistics:\n\n  Queries sent:         200000\n  Queries completed:    199998 (100.00%)\n";
        assert_eq!(dnsperf_counts(text).unwrap(), [200_000, 199_998]);
        assert!(dnsperf_counts("Queries sent: many").is_err());
        let report = serde_json::json!({ "run": { "counts": { "sent": 3, "answered": 2 } } });
        assert_eq!(reported(&report).unwrap(), [3, 2]);
    }
}
