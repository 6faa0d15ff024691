//! The rounds: starts the subjects, queries them in turn, prints the figures.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum as _;
use serde::Serialize;
use testbed::Process;

use crate::cli::RunArgs;
use crate::load::{self, Watched};
use crate::network::Network;
use crate::output::{print_line, print_progress};
use crate::report::{self, Environment, Memory, Row};
use crate::subject::{Kind, Subject, SubjectOptions, UpstreamTransport};
use crate::workload::{FILL, Workload, fill};

/// Everything that runs during a lab.
struct Lab<'a> {
    args: &'a RunArgs,
    network: Network,
    upstream: Process,
    subjects: Vec<Subject>,
    /// Those that ask their upstream over TCP.
    over_tcp: Vec<Subject>,
    dir: tempfile::TempDir,
}

/// What is written as JSON.
#[derive(Serialize)]
struct LabFigures<'a> {
    #[serde(flatten)]
    environment: Environment,
    rows: &'a [Row],
    memory: &'a [Memory],
}

/// Runs the rounds, prints and writes the figures.
///
/// # Errors
///
/// When a program is missing or a subject stops answering.
pub(crate) fn run(args: &RunArgs) -> Result<ExitCode> {
    let args = &settle(args);
    let lab = Lab::start(args)?;
    let mut rows: Vec<Row> = Vec::new();
    for round in 1..=args.rounds {
        for &workload in &args.workloads {
            print_progress(&format!("round {round} of {}: {}", args.rounds, workload.name()));
            let mut subjects: Vec<_> = lab.of(workload).collect();
            // Each of two neighbors is the second as often as the first, since
            // the second finds the machine as the first left it.
            if round % 2 == 0 {
                subjects.reverse();
            }
            for subject in subjects {
                let sample = lab.measure(subject, workload, round as u64)?;
                let kind = subject.kind;
                match rows
                    .iter_mut()
                    .find(|row| row.workload == workload && row.subject == kind)
                {
                    Some(row) => row.rounds.push(sample),
                    None => rows.push(Row { workload, subject: kind, rounds: vec![sample] }),
                }
            }
        }
    }
    let memory = if args.quick { Vec::new() } else { lab.fill()? };
    for &workload in &args.workloads {
        report::print(workload, &rows);
    }
    if args.beside.is_some() {
        report::print_before_and_now(&args.workloads, &rows);
    }
    report::print_memory(&memory, FILL);
    write_json(args, &rows, &memory)?;
    let faults = faults(args, &rows);
    for fault in &faults {
        print_line(&format!("FAIL {fault}"));
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Fills in the defaults that depend on other arguments.
fn settle(args: &RunArgs) -> RunArgs {
    let mut args = args.clone();
    if args.quick {
        (args.rounds, args.seconds) = (3, 1);
        args.subjects = vec![Kind::Echo, Kind::Fivedots, Kind::Coredns];
        args.workloads = vec![Workload::Hits8, Workload::Forward8];
    }
    if args.workloads.is_empty() {
        args.workloads = Workload::all().to_vec();
    }
    if args.subjects.is_empty() {
        args.subjects = match args.beside {
            Some(_) => vec![Kind::Fivedots],
            None => Kind::value_variants().to_vec(),
        };
    }
    if args.beside.is_some() {
        // Neighbors in each round, so that both meet the same machine.
        args.subjects.retain(|&kind| kind != Kind::Fivedots);
        args.subjects.extend([Kind::FivedotsBefore, Kind::Fivedots]);
    }
    args
}

impl<'a> Lab<'a> {
    fn start(args: &'a RunArgs) -> Result<Self> {
        let network = if args.veth { Network::veth()? } else { Network::loopback() };
        let upstream_addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORTS);
        let upstream = start_upstream(&network, upstream_addr)?;
        let mut ports = (PORTS + 10..).step_by(10);
        let mut start = |kind: Kind, over| {
            let port = ports.next().unwrap_or_default();
            let options =
                SubjectOptions { programs: args.programs(), upstream: upstream_addr, over };
            kind.start(&network, port, options)
        };
        let mut subjects = Vec::new();
        let mut over_tcp = Vec::new();
        for &kind in &args.subjects {
            if kind.program(args.programs()).is_none() {
                print_line(&format!("skipped: {} is not installed", kind.name()));
                continue;
            }
            subjects.push(start(kind, UpstreamTransport::Udp)?);
            if args.workloads.contains(&Workload::ForwardTcp) && kind.forwards_over_tcp() {
                over_tcp.push(start(kind, UpstreamTransport::Tcp)?);
            }
        }
        let dir = tempfile::tempdir()?;
        Ok(Self { args, network, upstream, subjects, over_tcp, dir })
    }

    /// The subjects that take part in a workload.
    fn of(&self, workload: Workload) -> impl Iterator<Item = &Subject> {
        let all = if workload == Workload::ForwardTcp { &self.over_tcp } else { &self.subjects };
        // One datagram at a time is a floor only where there is no more.
        all.iter().filter(move |subject| {
            subject.kind != Kind::BlockingEcho || workload == Workload::Paced
        })
    }

    fn measure(&self, subject: &Subject, workload: Workload, round: u64) -> Result<load::Sample> {
        let first_client = self.network.first_client();
        let run = |seconds| {
            let scenario = workload.scenario(subject.addr, first_client, seconds, round);
            load::run(
                &self.network,
                &self.args.programs().loadgen(),
                self.dir.path(),
                &scenario,
                self.watched(subject),
                seconds,
            )
            .with_context(|| format!("{} under {}", subject.kind.name(), workload.name()))
        };
        // What has to be in the cache is brought there first; it stays there.
        if round == 1 {
            run(1)?;
        }
        run(self.args.seconds)
    }

    fn watched(&self, subject: &Subject) -> Watched {
        Watched { subject: subject.process.pid(), upstream: self.upstream.pid() }
    }

    /// Brings 100,000 names into each cache.
    fn fill(&self) -> Result<Vec<Memory>> {
        let mut memory = Vec::new();
        for subject in self
            .subjects
            .iter()
            .filter(|subject| !subject.kind.is_floor())
        {
            print_progress(&format!("filling {}", subject.kind.name()));
            let loadgen = self.args.programs().loadgen();
            let (scenario, seconds) = fill(subject.addr);
            let watched = self.watched(subject);
            load::run(&self.network, &loadgen, self.dir.path(), &scenario, watched, seconds)?;
            let full_bytes = crate::cpu::resident(subject.process.pid())?;
            memory.push(Memory {
                subject: subject.kind,
                idle_bytes: subject.idle_bytes,
                full_bytes,
            });
        }
        Ok(memory)
    }
}

fn start_upstream(network: &Network, addr: SocketAddr) -> Result<Process> {
    let mut command = network.server(&std::env::current_exe()?);
    command.args(["serve", "--mode", "upstream", "--listen", &addr.to_string()]);
    let upstream = Process::spawn(&mut command)?;
    upstream.wait_for_line("serving", Duration::from_secs(5))?;
    Ok(upstream)
}

/// What makes the figures worthless, or in a quick run, far from the targets.
fn faults(args: &RunArgs, rows: &[Row]) -> Vec<String> {
    let mut faults = Vec::new();
    for row in rows {
        let upstream = row
            .median(|sample| Some(sample.upstream_us))
            .unwrap_or_default();
        let (workload, subject) = (row.workload.name(), row.subject.name());
        if row.workload.is_cached() && upstream > 0.1 {
            faults.push(format!("{workload}: {subject} passed hits on ({upstream:.2} us each)"));
        }
        if row.workload.is_forwarded() && !row.subject.is_floor() && upstream < 0.5 {
            faults.push(format!("{workload}: {subject} answered from a cache"));
        }
    }
    if args.quick {
        let find = |workload, kind| {
            rows.iter()
                .find(|row| row.workload == workload && row.subject == kind)
        };
        // Half as much again as docs/benchmarking.md aims at: CI is noisy.
        for (workload, kind, most) in
            [(Workload::Hits8, Kind::Echo, 1.73), (Workload::Forward8, Kind::Coredns, 0.45)]
        {
            let ratio = find(workload, Kind::Fivedots)
                .zip(find(workload, kind))
                .and_then(|(ours, theirs)| ours.ratio(theirs));
            match ratio {
                Some(ratio) if ratio.median <= most => {}
                other => faults.push(format!(
                    "{}: fivedots / {} is {other:?}, not at most {most}",
                    workload.name(),
                    kind.name()
                )),
            }
        }
    }
    faults
}

fn write_json(args: &RunArgs, rows: &[Row], memory: &[Memory]) -> Result<()> {
    let Some(file) = &args.json else { return Ok(()) };
    let findings = LabFigures { environment: Environment::of(args), rows, memory };
    let text = serde_json::to_string_pretty(&findings)?;
    if let Err(error) = std::fs::write(file, text + "\n") {
        bail!("cannot write {}: {error}", file.display());
    }
    Ok(())
}

/// The upstream's port; the subjects follow in steps of ten.
const PORTS: u16 = 5400;
