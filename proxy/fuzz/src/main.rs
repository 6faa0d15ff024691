//! `fuzz [TARGET..] --for SECONDS`: runs targets, as many at once as there are
//! processors.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Parser;

use fuzz::{Driver, Finding, Target, targets};

/// Feeds the parsers with octets.
#[derive(Debug, Parser)]
#[command(name = "fuzz", bin_name = "cargo xtask fuzz")]
struct Arguments {
    /// Which targets; without any, all
    targets: Vec<String>,
    /// Seconds for each
    #[arg(long = "for", default_value_t = 30)]
    seconds: u64,
    /// Of the random numbers: the same gives the same inputs
    #[arg(long)]
    seed: Option<u64>,
    /// Where inputs that fail are kept
    #[arg(long, default_value = "target/fuzz")]
    findings: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs the targets; returns how many had a finding.
fn run(arguments: &Arguments) -> Result<usize> {
    let mut wanted: Vec<&'static Target> = Vec::new();
    for target in targets::ALL {
        if arguments.targets.is_empty() || arguments.targets.iter().any(|name| name == target.name)
        {
            wanted.push(target);
        }
    }
    if let Some(unknown) = arguments
        .targets
        .iter()
        .find(|name| targets::find(name).is_none())
    {
        let known: Vec<_> = targets::ALL.iter().map(|target| target.name).collect();
        bail!("no target {unknown:?}; known are {}", known.join(", "));
    }
    let seed = arguments.seed.unwrap_or_else(rand::random);
    complain(&format!("--seed {seed}"));
    let length = Duration::from_secs(arguments.seconds);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut failed = 0;
    while !wanted.is_empty() {
        let later = wanted.split_off(threads.min(wanted.len()));
        let running: Vec<_> = wanted
            .into_iter()
            .map(|target| Run::start(target, seed, length))
            .collect();
        for run in running {
            failed += usize::from(!run.report(&arguments.findings)?);
        }
        wanted = later;
    }
    Ok(failed)
}

/// A target that runs on a thread of its own.
struct Run {
    target: &'static Target,
    /// What it is fed with at the moment.
    input: Arc<Mutex<Vec<u8>>>,
    outcome: Receiver<(u64, usize, Option<Finding>)>,
    until: Duration,
}

impl Run {
    fn start(target: &'static Target, seed: u64, length: Duration) -> Self {
        let (sender, outcome) = channel();
        let input = Arc::new(Mutex::new(Vec::new()));
        let shown = Arc::clone(&input);
        thread::spawn(move || {
            let mut driver = Driver::new(target, seed);
            let finding = feed_for(&mut driver, length, &shown);
            // The receiver waits for it, or the process has ended.
            sender
                .send((driver.fed(), driver.kept(), finding))
                .unwrap_or_default();
        });
        Self { target, input, outcome, until: length + HANGS }
    }

    /// Waits for its end and shows what came of it; returns whether all was well.
    fn report(self, findings: &Path) -> Result<bool> {
        let name = self.target.name;
        match self.outcome.recv_timeout(self.until) {
            Ok((fed, kept, None)) => {
                say(&format!("{name:12} {fed:>9} inputs, {kept:>5} kept, 0 findings"));
                Ok(true)
            }
            Ok((fed, _, Some(finding))) => {
                let path = keep(findings, name, &finding.input)?;
                say(&format!("{name:12} {fed:>9} inputs: {}: {}", finding.what, path.display()));
                Ok(false)
            }
            Err(RecvTimeoutError::Timeout) => {
                let input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
                let path = keep(findings, name, &input)?;
                say(&format!("{name:12} hangs: {}", path.display()));
                Ok(false)
            }
            Err(RecvTimeoutError::Disconnected) => bail!("the thread of {name} ended"),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "it runs for a time")]
fn feed_for(driver: &mut Driver, length: Duration, shown: &Mutex<Vec<u8>>) -> Option<Finding> {
    let started = Instant::now();
    let show = |input: &[u8]| {
        let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.clear();
        shown.extend(input);
    };
    while started.elapsed() < length {
        let before = Instant::now();
        let finding = driver.step(show);
        if finding.is_some() {
            return finding;
        }
        if before.elapsed() > TOO_SLOW {
            let input = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
            // The machine may have been busy with something else.
            let took = (0..AGAIN).map(|_| driver.time(&input)).min();
            if let Some(took) = took.filter(|took| *took > TOO_SLOW) {
                return Some(Finding { input, what: format!("takes {took:?}") });
            }
        }
    }
    None
}

/// Writes an input that failed.
fn keep(folder: &Path, target: &str, input: &[u8]) -> Result<PathBuf> {
    let folder = folder.join(target);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let sum = input
        .iter()
        .fold(0_u64, |sum, octet| sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*octet));
    let path = folder.join(format!("{sum:016x}"));
    fs::write(&path, input).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

#[expect(clippy::print_stdout, reason = "the figures, for a person or a log")]
fn say(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "progress and errors, for a person")]
fn complain(line: &str) {
    eprintln!("{line}");
}

/// For one input; a thousand times what the slowest takes on a busy machine.
const TOO_SLOW: Duration = Duration::from_secs(2);

/// How often an input that took too long is fed again.
const AGAIN: usize = 3;

/// After the time is over: an input that takes longer has no end.
const HANGS: Duration = Duration::from_secs(30);
