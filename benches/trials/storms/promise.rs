//! What docs/dns-behaviour.md promises for each storm, beside what was seen.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum as _;

use super::Storm;
use super::tally::Got;

/// One row of the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Promise {
    storm: Storm,
    /// Whether all names seen before are answered.
    seen: bool,
    /// Whether all others are.
    fresh: bool,
    /// No wait is longer.
    longest: Duration,
}

impl Promise {
    /// Reads the table.
    ///
    /// # Errors
    ///
    /// A row that is not one.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/dns-behaviour.md");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let (_, section) = text
            .split_once(HEADING)
            .context("the section of the storms is gone")?;
        let section = section.split("\n## ").next().unwrap_or_default();
        section
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(Self::parse)
            .collect()
    }

    /// Reads `| storm | trouble | seen before | new | longest |`.
    fn parse(line: &str) -> Result<Self> {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let &[_, storm, _, seen, fresh, longest, _] = cells.as_slice() else {
            bail!("{line:?} does not have five columns");
        };
        let name = storm.trim_matches('`');
        let storm =
            Storm::from_str(name, false).map_err(|_| anyhow::anyhow!("{name:?} is no storm"))?;
        let seconds = longest
            .strip_suffix(" s")
            .and_then(|number| number.parse().ok());
        let seconds: f64 = seconds.with_context(|| format!("{longest:?} is no time in s"))?;
        Ok(Self {
            storm,
            seen: is_answered(seen)?,
            fresh: is_answered(fresh)?,
            longest: Duration::from_secs_f64(seconds),
        })
    }

    /// What of it is not as it was seen.
    pub(crate) fn complaints(self, got: &Got) -> Vec<String> {
        let storm = self.storm.title();
        let mut complaints = Vec::new();
        for (what, promised, failed, all) in [
            ("names seen before", self.seen, got.failed, got.seen),
            ("new names", self.fresh, got.fresh_failed, got.fresh),
        ] {
            if promised != (failed == 0) {
                complaints.push(format!("{storm}: {failed} of {all} {what} failed"));
            }
        }
        // What the machine adds is not promised.
        if got.longest > self.longest + SLACK {
            complaints.push(format!("{storm}: {} ms is a longer wait", got.longest.as_millis()));
        }
        complaints
    }

    pub(crate) const fn is_of(self, storm: Storm) -> bool {
        self.storm as usize == storm as usize
    }
}

fn is_answered(cell: &str) -> Result<bool> {
    match cell {
        "answered" => Ok(true),
        "some fail" => Ok(false),
        _ => bail!("{cell:?} is neither \"answered\" nor \"some fail\""),
    }
}

/// Of the section, as it is written.
const HEADING: &str = "\n## What a client gets in a storm\n";

const SLACK: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_storm_has_its_row() {
        let promises = Promise::all().unwrap();
        for storm in Storm::value_variants() {
            let rows = promises
                .iter()
                .filter(|promise| promise.is_of(*storm))
                .count();
            assert_eq!(rows, 1, "{}", storm.title());
        }
        assert_eq!(promises.len(), Storm::value_variants().len());
    }

    #[test]
    fn a_row_is_held_against_what_was_seen() {
        let row = Promise::parse("| `one-slow` | slow | answered | some fail | 0.5 s |").unwrap();
        let good = Got { seen: 9, fresh: 9, fresh_failed: 1, ..Got::default() };
        assert_eq!(row.complaints(&good), Vec::<String>::new());
        let bad = Got { seen: 9, failed: 1, fresh: 9, longest: Duration::from_secs(1), ..good };
        let complaints = row.complaints(&Got { fresh_failed: 0, ..bad });
        assert_eq!(complaints.len(), 3, "{complaints:?}");
        Promise::parse("| `no-storm` | x | answered | answered | 1 s |").unwrap_err();
        Promise::parse("| `one-slow` | x | perhaps | answered | 1 s |").unwrap_err();
        Promise::parse("| `one-slow` | x | answered | answered | soon |").unwrap_err();
    }
}
