//! What each command does, from its arguments to its exit code.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::baseline::Baseline;
use crate::causes::table;
use crate::cli::{Cli, Command, CompareArgs, MergeArgs, OutputArgs, QuickArgs, RunArgs};
use crate::compare::{Figure, Verdict};
use crate::environment::Environment;
use crate::evidence::Source;
use crate::exit::Exit;
use crate::expect::parse_duration;
use crate::forecast::Forecast;
use crate::guard::{self, PublicTarget, Refusal};
use crate::halt::{Halted, Halts};
use crate::live::LiveView;
use crate::live_metrics::LiveMetrics;
use crate::outputs::{OutputError, OutputPaths, Outputs};
use crate::progress::ProgressLine;
use crate::replayed::ReplayedError;
use crate::report::Report;
use crate::report::merge::{self, MergeError, Part};
use crate::scenario::{Scenario, ScenarioError};
use crate::sender::Stop;
use crate::{compare, demo, find, quick, replayed, run, shard, tty, upstream};

/// Why a command did not come to a report.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum CommandError {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Scenario(#[from] ScenarioError),
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Halted(#[from] Halted),
    #[error("{0}")]
    Demo(#[from] demo::DemoError),
    #[error("{0}")]
    Replayed(#[from] ReplayedError),
    #[error("{0}")]
    Find(#[from] find::FindError),
    #[error("cannot run: {0}")]
    Run(io::Error),
    #[error("{0}")]
    Output(#[from] OutputError),
    #[error("cannot read {0}: {1}")]
    Input(String, io::Error),
    #[error("{0}")]
    Merge(#[from] MergeError),
}

impl CommandError {
    /// Returns how the program ends because of it.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Replayed(ReplayedError::Usage(_)) => Exit::Usage,
            Self::Replayed(ReplayedError::Recording(_)) => Exit::Scenario,
            Self::Scenario(ScenarioError::Setting(_)) => Exit::Usage,
            Self::Scenario(_) | Self::Merge(_) | Self::Input(..) => Exit::Scenario,
            Self::Refused(_) | Self::Halted(_) => Exit::Refused,
            Self::Demo(error) => error.exit(),
            Self::Find(find::FindError::Usage(_)) => Exit::Usage,
            Self::Find(_) | Self::Run(_) | Self::Output(_) => Exit::RunError,
        }
    }
}

/// Runs the command; the report goes to `out`.
///
/// # Errors
///
/// See [`CommandError`].
pub fn run(cli: &Cli, stop: &Stop, out: &mut impl Write) -> Result<Exit, CommandError> {
    if sends(&cli.command) {
        let halts = halts(cli).map_err(CommandError::Usage)?;
        halts.check()?;
        halts.watch(stop).map_err(CommandError::Run)?;
    }
    match &cli.command {
        Command::Run(args) => run_file(args, stop, out),
        Command::Check { file, set } => {
            let scenario = Scenario::load_for(file, None, set)?;
            print(out, &Forecast(&scenario).to_string())?;
            Ok(Exit::Passed)
        }
        Command::Quick(args) => run_quick(args, stop, out),
        Command::Compare(args) => compare_files(args, out),
        Command::Merge(args) => merge_files(args, out),
        Command::Find(args) => {
            let scenario = find::scenario(args, args.from)?;
            guard(&scenario, args.i_own_this)?;
            Ok(find::run(args, stop, out)?)
        }
        Command::Demo(args) => Ok(demo::run(args, stop, out)?),
        Command::Cleanup => clean_up(out),
        Command::Upstream { listen } => {
            upstream::serve(*listen, stop, out).map_err(CommandError::Run)?;
            Ok(Exit::Passed)
        }
    }
}

/// Whether a command puts load on a network.
const fn sends(command: &Command) -> bool {
    match command {
        Command::Run(args) => !args.dry_run,
        Command::Quick(_) | Command::Find(_) | Command::Demo(_) => true,
        _ => false,
    }
}

fn halts(cli: &Cli) -> Result<Halts, String> {
    let age = parse_duration(&cli.lease_for)
        .ok_or_else(|| format!("--lease-for {:?} is not a duration such as 5s", cli.lease_for))?;
    let lease = cli.lease.clone().map(|path| (path, age));
    Ok(Halts { stop_file: cli.stop_file.clone(), lease })
}

fn run_file(args: &RunArgs, stop: &Stop, out: &mut impl Write) -> Result<Exit, CommandError> {
    let mut scenario = match &args.file {
        Some(file) => Scenario::load_for(file, args.server.as_deref(), &args.set)?,
        None => replayed::scenario(args)?,
    };
    place(&mut scenario, args).map_err(CommandError::Usage)?;
    guard(&scenario, args.i_own_this)?;
    if args.dry_run {
        print(out, &Forecast(&scenario).to_string())?;
        return Ok(Exit::Passed);
    }
    guard::check_faults(scenario.causes.faults(), &args.allow_faults)?;
    let earlier = read_parts(&args.baseline)?;
    let baseline = (!earlier.is_empty())
        .then(|| Baseline::new(earlier, scenario.fingerprint))
        .transpose()?;
    measure(&scenario, baseline.as_ref(), &args.output, stop, out)
}

/// Takes the part and the start that the command line asks for.
fn place(scenario: &mut Scenario, args: &RunArgs) -> Result<(), String> {
    if let Some(text) = &args.shard {
        let is_here = scenario.causes.has(Source::Upstream) || scenario.causes.has(Source::Ring);
        if is_here || scenario.others.is_some() {
            return Err(NOT_DEALT_OUT.to_owned());
        }
        let job_index = std::env::var("JOB_COMPLETION_INDEX").ok();
        scenario.shard = shard::parse(text, job_index.as_deref())?;
    }
    if let Some(seconds) = args.start_at {
        #[expect(clippy::disallowed_methods, reason = "a start in common is by the wall clock")]
        let now = std::time::SystemTime::now();
        scenario.start_at = Some(shard::start_at(seconds, now, scenario.duration())?);
    }
    Ok(())
}

fn read_parts(paths: &[PathBuf]) -> Result<Vec<Part>, CommandError> {
    let read = |path: &PathBuf| {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| CommandError::Input(shown.clone(), error))?;
        Ok(Part::read(&shown, &text)?)
    };
    paths.iter().map(read).collect()
}

/// Worse is 2, and too few runs are 3.
fn compare_files(args: &CompareArgs, out: &mut impl Write) -> Result<Exit, CommandError> {
    let sets = [read_parts(&args.before)?, read_parts(&args.after)?];
    let mut text = String::new();
    for part in sets.iter().flatten() {
        if !part.is_valid() {
            text.push_str(&format!("{} is no measurement and is left out\n", part.file()));
        }
        if Some(part.fingerprint()) != sets[0].first().map(Part::fingerprint) {
            text.push_str(&format!("{} is of another scenario\n", part.file()));
        }
    }
    let values = |place: &str| {
        sets.each_ref().map(|set| {
            let valid = set.iter().filter(|part| part.is_valid());
            valid.map(|part| part.figure(place)).collect::<Vec<_>>()
        })
    };
    let figures: Vec<_> = merge::COMPARED
        .into_iter()
        .map(|(name, place)| Figure { name, sets: values(place) })
        .filter(|figure| figure.sets.iter().flatten().any(Option::is_some))
        .collect();
    let mut exit = if figures.is_empty() { Exit::Invalid } else { Exit::Passed };
    for row in compare::compare(&figures) {
        text.push_str(&format!("{row}\n"));
        let more_is_better = row.name == "answers per second";
        exit = exit.worse(match row.verdict {
            Verdict::NotEnough => Exit::Invalid,
            Verdict::More if !more_is_better => Exit::Failed,
            Verdict::Less if more_is_better => Exit::Failed,
            _ => Exit::Passed,
        });
    }
    text.push_str(match exit {
        Exit::Invalid => "not enough: five valid runs of each are needed (exit 3)\n",
        Exit::Failed => "worse (exit 2)\n",
        _ => "not worse (exit 0)\n",
    });
    print(out, &text)?;
    Ok(exit)
}

fn clean_up(out: &mut impl Write) -> Result<Exit, CommandError> {
    let (lines, exit) = match table::clean_up(Path::new(table::JOURNALS), table::exists) {
        Ok(done) if done.is_empty() => (vec!["nothing is left".to_owned()], Exit::Passed),
        Ok(done) => (done, Exit::Passed),
        Err(left) => (left, Exit::NotClean),
    };
    print(out, &format!("{}\n", lines.join("\n")))?;
    Ok(exit)
}

fn merge_files(args: &MergeArgs, out: &mut impl Write) -> Result<Exit, CommandError> {
    let (json, html) = (args.json.as_deref(), args.html.as_deref());
    let outputs = Outputs::open(&OutputPaths { json, html, ..OutputPaths::default() })?;
    let parts = read_parts(&args.files)?;
    let report = merge::merge(&parts)?;
    outputs.write(&report, "", out)?;
    Ok(report.outcome())
}

fn run_quick(args: &QuickArgs, stop: &Stop, out: &mut impl Write) -> Result<Exit, CommandError> {
    let text = quick::scenario_text(args).map_err(CommandError::Usage)?;
    let scenario = Scenario::parse(&text, Path::new("quick"))
        .map_err(|error| CommandError::Usage(error.reason()))?;
    guard(&scenario, args.i_own_this)?;
    measure(&scenario, None, &args.output, stop, out)
}

fn measure(
    scenario: &Scenario,
    baseline: Option<&Baseline>,
    output: &OutputArgs,
    stop: &Stop,
    out: &mut impl Write,
) -> Result<Exit, CommandError> {
    if output.live && !tty::is_one() {
        return Err(CommandError::Usage(NO_SCREEN.to_owned()));
    }
    // Before an hour of load, not after it.
    let outputs = Outputs::open(&OutputPaths::from(output))?;
    let live = output
        .metrics
        .map(LiveMetrics::serve)
        .transpose()
        .map_err(CommandError::Run)?;
    let environment = Environment::read();
    let view = output.live.then(|| LiveView::start(scenario, stop));
    let view = view.transpose().map_err(CommandError::Run)?;
    let mut progress = ProgressLine::new(scenario.duration(), output.live);
    let measured = run::execute_watched(scenario, stop, &mut |now, snapshot| {
        progress.show(now, snapshot);
        if let Some(live) = &live {
            live.show(snapshot);
        }
        if let Some(view) = &view {
            view.show(now, snapshot);
        }
    })
    .map_err(CommandError::Run)?;
    // The report goes where the screen was.
    drop(view);
    let report = Report::new(scenario, environment, &measured);
    let note = match baseline {
        Some(baseline) => baseline.beside(&Part::of(&report)?),
        None => String::new(),
    };
    outputs.write(&report, &note, out)?;
    Ok(report.outcome())
}

fn guard(scenario: &Scenario, i_own_this: bool) -> Result<(), Refusal> {
    let public = if i_own_this { PublicTarget::Allowed } else { PublicTarget::Refused };
    let mut targets = scenario.addresses().into_iter();
    targets.try_for_each(|target| guard::check(target, &scenario.target.allow, public))
}

fn print(out: &mut impl Write, text: &str) -> Result<(), CommandError> {
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    Ok(written.map_err(|error| OutputError::new("the plan", error))?)
}

const NO_SCREEN: &str =
    "--live: standard error is no terminal with a screen; --metrics shows a run elsewhere";
/// What is at one address is not dealt out.
const NOT_DEALT_OUT: &str =
    "--shard: a scenario with [upstream], [ring] or [others] is played by one process";
