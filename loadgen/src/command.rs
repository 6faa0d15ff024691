//! What each command does, from its arguments to its exit code.

use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;

use crate::cli::{Cli, Command, QuickArgs, RunArgs};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::guard::{self, PublicTarget, Refusal};
use crate::report::Report;
use crate::report::text::Text;
use crate::scenario::{Scenario, ScenarioError};
use crate::sender::Stop;
use crate::{demo, quick, run, upstream};

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
    Demo(#[from] demo::DemoError),
    #[error("cannot run: {0}")]
    Run(io::Error),
    #[error("cannot write {0}: {1}")]
    Output(String, io::Error),
}

impl CommandError {
    /// Returns how the program ends because of it.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Scenario(_) => Exit::Scenario,
            Self::Refused(_) => Exit::Refused,
            Self::Demo(error) => error.exit(),
            Self::Run(_) | Self::Output(..) => Exit::RunError,
        }
    }
}

/// Runs the command; the report goes to `out`.
///
/// # Errors
///
/// See [`CommandError`].
pub fn run(cli: &Cli, stop: &Stop, out: &mut impl Write) -> Result<Exit, CommandError> {
    match &cli.command {
        Command::Run(args) => run_file(args, stop, out),
        Command::Check { file } => {
            let scenario = Scenario::load(file)?;
            print(out, &plan_text(&scenario))?;
            Ok(Exit::Passed)
        }
        Command::Quick(args) => run_quick(args, stop, out),
        Command::Demo(args) => Ok(demo::run(args, stop, out)?),
        Command::Upstream { listen } => {
            upstream::serve(*listen, stop, out).map_err(CommandError::Run)?;
            Ok(Exit::Passed)
        }
    }
}

fn run_file(args: &RunArgs, stop: &Stop, out: &mut impl Write) -> Result<Exit, CommandError> {
    let scenario = Scenario::load(&args.file)?;
    guard(&scenario, scenario.address(), args.i_own_this)?;
    if args.dry_run {
        print(out, &plan_text(&scenario))?;
        return Ok(Exit::Passed);
    }
    measure(&scenario, args.json.as_deref(), stop, out)
}

fn run_quick(args: &QuickArgs, stop: &Stop, out: &mut impl Write) -> Result<Exit, CommandError> {
    let text = quick::scenario_text(args);
    let scenario = Scenario::parse(&text, Path::new("quick"))
        .map_err(|error| CommandError::Usage(first_line(&error)))?;
    guard(&scenario, scenario.address(), args.i_own_this)?;
    measure(&scenario, args.json.as_deref(), stop, out)
}

fn measure(
    scenario: &Scenario,
    json: Option<&Path>,
    stop: &Stop,
    out: &mut impl Write,
) -> Result<Exit, CommandError> {
    let environment = Environment::read();
    let measured = run::execute(scenario, stop).map_err(CommandError::Run)?;
    let report = Report::new(scenario, environment, &measured);
    print(out, &Text(&report).to_string())?;
    if let Some(path) = json {
        let shown = || path.display().to_string();
        let json = report
            .to_json()
            .map_err(|error| CommandError::Output(shown(), error.into()))?;
        std::fs::write(path, json).map_err(|error| CommandError::Output(shown(), error))?;
    }
    Ok(report.outcome())
}

fn guard(scenario: &Scenario, target: IpAddr, i_own_this: bool) -> Result<(), Refusal> {
    let public = if i_own_this { PublicTarget::Allowed } else { PublicTarget::Refused };
    guard::check(target, &scenario.target.allow, public)
}

/// What would be sent, for `check` and `--dry-run`.
fn plan_text(scenario: &Scenario) -> String {
    let per_draw = scenario.workload.max_queries_per_draw();
    let what = if scenario.workload.is_lookup() {
        format!("lookups of up to {per_draw} queries each")
    } else {
        "queries".to_owned()
    };
    let mut text = format!(
        "{}: {what} to {} over {}, {} name(s), {:?} in all\n",
        scenario.name,
        scenario.target.server,
        scenario.target.transport.as_str(),
        scenario.workload.names(),
        scenario.duration(),
    );
    for phase in &scenario.phases {
        let plan = &phase.plan;
        let count = if plan.shape.is_closed() {
            "as many as the server answers".to_owned()
        } else {
            let dues = plan.shape.due_times(plan.length, scenario.seed);
            format!("about {}", dues.count())
        };
        let name = &phase.name;
        text.push_str(&format!("  {name}: {:?}, {}: {count}\n", plan.length, plan.shape));
    }
    for expectation in &scenario.expectations {
        text.push_str(&format!("  expects {expectation}\n"));
    }
    text
}

/// The made-up file of `quick` has no line a user could look at.
fn first_line(error: &ScenarioError) -> String {
    match error {
        ScenarioError::Wrong { reason, .. } => reason.clone(),
        unreadable @ ScenarioError::Unreadable { .. } => unreadable.to_string(),
    }
}

fn print(out: &mut impl Write, text: &str) -> Result<(), CommandError> {
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| CommandError::Output("the report".to_owned(), error))
}
