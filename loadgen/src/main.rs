//! The program `fivedots-loadgen`: arguments in, exit code out.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use loadgen::cli::Cli;
use loadgen::exit::Exit;
use loadgen::{command, signals};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors. Clap's own code 2 would mean
            // that an expectation was not met.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Passed };
            return match error.print() {
                Ok(()) => ExitCode::from(exit.code()),
                Err(_) => ExitCode::from(Exit::RunError.code()),
            };
        }
    };
    let exit = signals::watch()
        .map_err(command::CommandError::Run)
        .and_then(|stop| command::run(&cli, &stop, &mut std::io::stdout().lock()));
    let exit = exit.unwrap_or_else(|error| {
        // Without standard error there is no place to report to.
        writeln!(std::io::stderr(), "error: {error}").unwrap_or_default();
        error.exit()
    });
    ExitCode::from(exit.code())
}
