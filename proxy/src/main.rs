//! The `fivedots` program.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use proxy::api::{FailurePage, LoopPage, Summary, Text};
use proxy::cli::{Cli, Command, ConfigCommand, LogFormat, RunArgs, StatsArgs};
use proxy::config::{Config, DEFAULTS};
use proxy::remote::{self, RemoteError};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => {
            // Help and version are no errors, and go to standard output.
            let code = if error.use_stderr() { USAGE } else { 0 };
            error.print().ok();
            return ExitCode::from(code);
        }
    };
    match command {
        Command::Run(args) => run(&args),
        Command::Stats(args) => stats(&args),
        Command::Config(ConfigCommand::Check { file }) => check(&file),
        Command::Config(ConfigCommand::Defaults) => say(DEFAULTS.trim_end()),
    }
}

fn run(args: &RunArgs) -> ExitCode {
    let config = match Config::load(args) {
        Ok(config) => config,
        Err(error) => return fail(CONFIG, &error),
    };
    log_to_stderr(config.log_format);
    match proxy::app::run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(RUN, &format_args!("{error:#}")),
    }
}

fn stats(args: &StatsArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let text = match &runtime {
        Ok(runtime) => runtime.block_on(stats_text(args)),
        Err(error) => return fail(RUN, error),
    };
    match text {
        Ok(text) => say(text.trim_end()),
        Err(error) => fail(RUN, &error),
    }
}

async fn stats_text(args: &StatsArgs) -> Result<String, RemoteError> {
    let addr = &args.admin;
    if args.json {
        let page: serde_json::Value = remote::get(addr, "/api/v1/summary").await?;
        return Ok(format!("{page:#}"));
    }
    let summary: Summary = remote::get(addr, "/api/v1/summary").await?;
    let failures: FailurePage = remote::get(addr, "/api/v1/failures").await?;
    let loops: LoopPage = remote::get(addr, "/api/v1/loops").await?;
    let text = Text { summary: &summary, failures: &failures, loops: &loops };
    Ok(text.to_string())
}

fn check(file: &Path) -> ExitCode {
    match Config::check(file) {
        Ok(_) => say(&format!("{}: good", file.display())),
        Err(error) => fail(CONFIG, &error),
    }
}

/// `RUST_LOG` sets what is logged; by default only changes of state are.
fn log_to_stderr(format: LogFormat) {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .from_env_lossy();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(false).init(),
        LogFormat::Json => builder.json().init(),
    }
}

fn say(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(RUN),
    }
}

fn fail(code: u8, error: &dyn std::fmt::Display) -> ExitCode {
    // Nobody is left to be told when this fails.
    writeln!(io::stderr(), "error: {error}").ok();
    ExitCode::from(code)
}

const RUN: u8 = 1;
/// `EX_USAGE` of sysexits.h.
const USAGE: u8 = 64;
/// `EX_CONFIG` of sysexits.h.
const CONFIG: u8 = 78;
