//! `cargo xtask ci`: all checks of the repository, cheap ones first.

use std::process::ExitCode;

use anyhow::Result;

use crate::lab::Lab;
use crate::stages::Stages;
use crate::test::{Options, Tested, setup};
use crate::{fuzz, lint, shell};

mod beside;
use beside::Beside;

/// Lints, tests with the builds of image, packages and lab beside them, fuzzes, then
/// compares speed. Shows where the time went and, as the very last line, the count of
/// tests.
///
/// # Errors
///
/// When the lints fail, and nothing was tested.
pub(crate) fn run() -> Result<ExitCode> {
    let mut stages = Stages::default();
    let linted = lint::parts(&mut stages);
    if linted.is_err() {
        shell::say(&format!("\n{stages}"));
    }
    linted?;
    stages.time("set-up of the machine", setup::run);
    let beside = Beside::start()?;
    let tested = Tested::run(&Options::default(), &mut stages)?;
    // What comes below takes minutes, which a program that is wrong is not worth.
    let more = tested.is_good().then(|| {
        feed(&mut stages)
            .and_then(|()| build(&mut stages, beside))
            .and_then(|()| compare(&mut stages))
    });
    shell::say(&format!("\n{stages}"));
    let code = tested.finish();
    Ok(if matches!(more, Some(Err(_))) { ExitCode::FAILURE } else { code })
}

/// Each fuzz target for a short time.
fn feed(stages: &mut Stages) -> Result<()> {
    let fed = stages.time("fuzz", || fuzz::run_built(fuzz::WITH_OTHERS));
    if let Err(error) = &fed {
        shell::say(&format!("a fuzz target failed: {error:#}"));
    }
    fed
}

/// What is left of the builds beside the tests.
fn build(stages: &mut Stages, beside: Beside) -> Result<()> {
    let built = stages.time("image, packages, build of the lab", || beside.finish());
    if let Err(error) = &built {
        shell::say(&format!("a build beside the tests failed: {error:#}"));
    }
    built
}

/// Two ratios of CPU per answer, with a wide margin.
fn compare(stages: &mut Stages) -> Result<()> {
    let lab = Lab::at("lab");
    let compared = stages.time("lab", || lab.run(&["--quick".to_owned()]));
    if let Err(error) = &compared {
        shell::say(&format!("the lab failed: {error:#}"));
    }
    compared
}
