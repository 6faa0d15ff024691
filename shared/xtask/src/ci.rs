//! `cargo xtask ci`: all checks of the repository, cheap ones first.

use std::process::ExitCode;

use anyhow::Result;

use crate::lab::Lab;
use crate::stages::Stages;
use crate::test::{Options, Tested, setup};
use crate::{fuzz, lint, shell};

mod packaging;
use packaging::Packaging;

/// Lints, tests and packages at a time, fuzzes, then compares speed. Shows where the time
/// went and, as the very last line, the count of tests.
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
    let packaging = Packaging::start()?;
    let tested = Tested::run(&Options::default(), &mut stages)?;
    // What comes below takes minutes, which a program that is wrong is not worth.
    let more = tested.is_good().then(|| {
        feed(&mut stages)
            .and_then(|()| package(&mut stages, packaging))
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

/// What is left of the build of the image and the packages.
fn package(stages: &mut Stages, packaging: Packaging) -> Result<()> {
    let packaged = stages.time("image and packages", || packaging.finish());
    if let Err(error) = &packaged {
        shell::say(&format!("the image or a package is wrong: {error:#}"));
    }
    packaged
}

/// Two ratios of CPU per answer, with a wide margin.
fn compare(stages: &mut Stages) -> Result<()> {
    let compared = stages
        .time("build of the lab", || Lab::build("lab"))
        .and_then(|lab| stages.time("lab", || lab.run(&["--quick".to_owned()])));
    if let Err(error) = &compared {
        shell::say(&format!("the lab failed: {error:#}"));
    }
    compared
}
