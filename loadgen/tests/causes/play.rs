//! Plays one scenario in one world.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::rules::Play;
use crate::world::Servers;

/// Who answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum World {
    /// A server that is well.
    Well,
    /// CoreDNS with the trouble.
    Plain,
    /// The same, with Fivedots in front.
    Ours,
}

impl World {
    pub(crate) const ALL: [Self; 3] = [Self::Well, Self::Plain, Self::Ours];
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Well => "well",
            Self::Plain => "CoreDNS",
            Self::Ours => "Fivedots",
        })
    }
}

/// A scenario that was played.
pub(crate) struct Played {
    pub(crate) exit: i32,
    pub(crate) text: String,
    report: Value,
}

impl Played {
    pub(crate) fn new(play: &Play, world: World) -> Self {
        let servers = Servers::start(world, play.trouble);
        // Ahead of what else this machine does.
        let mut command = servers.command("chrt");
        command.args(["--fifo", "20", env!("CARGO_BIN_EXE_fivedots-loadgen")]);
        command.arg("run").arg(scenarios().join(play.file));
        command.args(play.set.iter().flat_map(|set| ["--set", set]));
        command.args(["--allow-faults", "upstream,ring,flows", "--json", "-"]);
        let ran = servers.run(&mut command);
        let report = String::from_utf8_lossy(&ran.stdout);
        let report = report.lines().last().unwrap_or_default();
        Self {
            exit: ran.status.code().unwrap_or(-1),
            text: String::from_utf8_lossy(&ran.stderr).into_owned(),
            report: serde_json::from_str(report).unwrap_or_default(),
        }
    }
}

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}", self.exit)?;
        for table in ["reproduced", "expectations"] {
            let conditions = self.report[table].as_array();
            for one in conditions.into_iter().flatten() {
                let word = if one["met"].as_bool() == Some(true) { "" } else { "not " };
                let [key, condition, found] =
                    ["key", "condition", "found"].map(|name| one[name].as_str().unwrap_or("?"));
                write!(f, "; {word}{key} {condition} ({found})")?;
            }
        }
        let invalid = self.report["invalid"].as_array().into_iter().flatten();
        for reason in invalid {
            write!(f, "; {}", reason.as_str().unwrap_or("?"))?;
        }
        Ok(())
    }
}

/// The folder of the repository.
pub(crate) fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join("scenarios")
}

/// Runs a command that must succeed.
pub(crate) fn must(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}
