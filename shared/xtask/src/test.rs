//! `cargo xtask test`: builds all test programs at once, runs them one after
//! another, cheap ones first, and shows where the time goes. The count of tests
//! is the last line.

mod build;
mod count;
mod options;
mod program;
pub(crate) mod setup;
mod times;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, anyhow};

use crate::shell;
use crate::stages::{Spent, Stages};
use crate::workspace::Workspace;
use count::Count;
pub(crate) use options::Options;
use program::{Kind, Program};
use times::Times;

/// Runs the tests; succeeds when none failed.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut stages = Stages::default();
    let tested = Tested::run(options, &mut stages)?;
    shell::say(&format!("\n{stages}"));
    Ok(tested.finish())
}

/// What came of the tests.
#[derive(Default)]
pub(crate) struct Tested {
    count: Count,
    times: Times,
    did_build: bool,
    /// Where `testbed::require` adds a line for each test it skips.
    skips: PathBuf,
}

impl Tested {
    /// Builds and runs the tests, whose times go to `stages` and whose results
    /// are shown, but for the count.
    ///
    /// # Errors
    ///
    /// When a program cannot be started. A failure of a test is none.
    pub(crate) fn run(options: &Options, stages: &mut Stages) -> Result<Self> {
        let mut tested = Self { skips: shell::target().join("skips"), ..Self::default() };
        // Absent unless an earlier run skipped something.
        fs::remove_file(&tested.skips).unwrap_or_default();
        match stages.time("build of the tests", || build::build(options)) {
            Ok(programs) => {
                if needs_more(&programs)? {
                    stages.time("set-up of the machine", setup::run);
                }
                tested.run_all(&programs, options, stages)?;
            }
            Err(error) => shell::complain(&format!("error: {error:#}")),
        }
        Ok(tested)
    }

    /// Whether all were built and none failed.
    pub(crate) fn is_good(&self) -> bool {
        self.did_build && self.count.failed() == 0
    }

    /// Shows the count, which must be the last line.
    pub(crate) fn finish(&self) -> ExitCode {
        shell::say(&self.count.to_string());
        if self.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// One failure must not hide the tests after it.
    fn run_all(
        &mut self,
        programs: &[Program],
        options: &Options,
        stages: &mut Stages,
    ) -> Result<()> {
        self.did_build = true;
        for kind in Kind::ALL {
            let mut commands: Vec<_> = programs
                .iter()
                .filter(|program| program.kind() == kind)
                .map(|program| (program.title(), program.command(options)))
                .collect();
            if kind == Kind::Documentation {
                commands.extend(documentation(programs, options));
            }
            if !commands.is_empty() {
                stages.time(kind.stage(), || {
                    commands.into_iter().try_for_each(|(title, mut command)| {
                        command.envs(options.length().map(|length| ("TEST_LENGTH", length)));
                        self.run_one(&title, &mut command)
                    })
                })?;
            }
        }
        let skips = fs::read_to_string(&self.skips).unwrap_or_default();
        self.count.add_skips(&skips);
        for line in self.count.skips() {
            shell::say(&format!("skipped: {line}"));
        }
        shell::say(&format!("\n{}", self.times));
        for line in self.count.failures() {
            shell::say(&format!("failed: {line}"));
        }
        Ok(())
    }

    fn run_one(&mut self, title: &str, command: &mut Command) -> Result<()> {
        shell::say(&format!("\n{title}"));
        let (outcome, spent) = Spent::on(|| self.read(title, command));
        outcome.with_context(|| format!("cannot run the tests of {title}"))?;
        shell::say(&format!("{title}: {:.1} s", spent.wall.as_secs_f64()));
        self.times.add_program(title, spent);
        Ok(())
    }

    /// Runs a test program; shows and reads what it prints.
    fn read(&mut self, title: &str, command: &mut Command) -> Result<()> {
        command
            .env("TESTBED_SKIPS_FILE", &self.skips)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or_else(|| anyhow!("no output"))?;
        self.count.begin(title);
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            shell::say(&line);
            self.count.add_line(&line);
            self.times.add_line(title, &line);
        }
        self.count.end(child.wait()?.success());
        Ok(())
    }
}

/// Whether some of them need more of the machine than a compiler: then their
/// crates need the testbed.
fn needs_more(programs: &[Program]) -> Result<bool> {
    let workspace = Workspace::read()?;
    let needy = |program: &Program| Ok(workspace.find(program.krate())?.needs("testbed"));
    let needy: Result<Vec<bool>> = programs.iter().map(needy).collect();
    Ok(needy?.contains(&true))
}

/// The command that runs the examples in documentation: `cargo test --doc`, for
/// only rustdoc knows them.
fn documentation(programs: &[Program], options: &Options) -> Option<(String, Command)> {
    let mut cargo = shell::cargo(&["test", "--quiet", "--doc", "--no-fail-fast"]);
    cargo
        .args(options.crates())
        .arg("--")
        .args(options.filters());
    // To ask it of a crate without a library is an error.
    let has_library = programs.iter().any(Program::is_library);
    (has_library && options.has_documentation()).then(|| ("examples".to_owned(), cargo))
}
