//! The program by its name as a plugin of kubectl, which starts `kubectl-fivedots` for
//! `kubectl fivedots`.

use std::ffi::OsString;
use std::path::Path;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _, Error, FromArgMatches as _};

use super::Cli;

/// Parses a command line, the name of the program included.
///
/// As a plugin of kubectl it runs where a person is and not on a node: its `diagnose` asks
/// all nodes, unless a flag has it ask somebody else.
///
/// # Errors
///
/// Those of the flags; help and version, too.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, Error> {
    let args: Vec<_> = args.into_iter().collect();
    if !is_plugin(args.first()) {
        return read(Cli::command(), &args);
    }
    let at = args.iter().position(|arg| arg == "diagnose");
    if let Some(at) = at.filter(|at| *at == 1) {
        let mut of_all = args.clone();
        of_all.insert(at + 1, "--all-nodes".into());
        match read(plugin(), &of_all) {
            // Two flags that do not go together, or the flag twice.
            Err(error) if error.kind() == ErrorKind::ArgumentConflict => {}
            read => return read,
        }
    }
    read(plugin(), &args)
}

fn is_plugin(program: Option<&OsString>) -> bool {
    let file = program.and_then(|path| Path::new(path).file_name());
    file.is_some_and(|file| file == "kubectl-fivedots" || file == "kubectl_fivedots")
}

fn read(mut command: Command, args: &[OsString]) -> Result<Cli, Error> {
    let matches = command.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// The program as kubectl has it: so it is called in usage, help and examples.
fn plugin() -> Command {
    let command = Cli::command().display_name(NAME).bin_name(NAME);
    command.mut_subcommands(|one| match one.get_after_long_help() {
        // Those in a Pod stay what they are.
        Some(help) => {
            let help = help
                .to_string()
                .replace("$ fivedots ", "$ kubectl fivedots ");
            one.after_long_help(help)
        }
        None => one,
    })
}

const NAME: &str = "kubectl fivedots";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Command as Subcommand;

    fn parsed(args: &[&str]) -> Result<Cli, Error> {
        parse(args.iter().map(OsString::from))
    }

    fn all_nodes(args: &[&str]) -> bool {
        match parsed(args).unwrap().command {
            Subcommand::Diagnose(args) => args.fleet.all_nodes,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn as_a_plugin_it_asks_all_nodes_unless_a_flag_has_it_ask_others() {
        for program in ["kubectl-fivedots", "/usr/local/bin/kubectl_fivedots"] {
            assert!(all_nodes(&[program, "diagnose"]));
            assert!(all_nodes(&[program, "diagnose", "--all-nodes"]));
            assert!(all_nodes(&[program, "diagnose", "--context", "prod", "-n", "dns"]));
            assert!(!all_nodes(&[program, "diagnose", "--bundle", "a.json"]));
            assert!(!all_nodes(&[program, "diagnose", "--server", "10.0.0.2"]));
        }
        assert!(!all_nodes(&["/usr/bin/fivedots", "diagnose"]));
        assert!(all_nodes(&["fivedots", "diagnose", "--all-nodes"]));
        for bad in [
            &["fivedots", "diagnose", "--all-nodes", "--server", "10.0.0.2"][..],
            &["fivedots", "diagnose", "--context", "prod"],
            &["kubectl-fivedots", "diagnose", "--sevrer", "10.0.0.2"],
        ] {
            assert!(parsed(bad).is_err(), "{bad:?}");
        }
    }
}
