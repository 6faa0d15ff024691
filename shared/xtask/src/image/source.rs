//! What the image is made from: the version and the commit.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::shell;

/// The commit.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) version: String,
    pub(crate) license: String,
    /// The commit, with `-dirty` where files have changed since.
    pub(crate) revision: String,
    /// When it was made, since 1970.
    pub(crate) seconds: u64,
}

impl Source {
    /// Asks git; `SOURCE_DATE_EPOCH` takes precedence, and is needed where there is
    /// no clone.
    ///
    /// # Errors
    ///
    /// When neither tells the time.
    pub(crate) fn read() -> Result<Self> {
        let epoch = std::env::var("SOURCE_DATE_EPOCH").ok();
        let seconds = match epoch {
            Some(text) => text,
            None => git(&["log", "-1", "--format=%ct"])
                .context("no clone: set SOURCE_DATE_EPOCH to seconds since 1970")?,
        };
        let seconds = seconds
            .parse()
            .with_context(|| format!("{seconds:?} is no number of seconds"))?;
        let revision = git(&["describe", "--always", "--abbrev=40", "--dirty", "--match="]);
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            license: "Apache-2.0".to_owned(),
            revision: revision.unwrap_or_else(|_| "unknown".to_owned()),
            seconds,
        })
    }

    /// The time as RFC 3339 has it, in UTC.
    pub(crate) fn time(&self) -> String {
        let (year, month, day) = date(self.seconds / 86_400);
        let second = self.seconds % 86_400;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self {
            version: "1.2.3".to_owned(),
            license: "Apache-2.0".to_owned(),
            revision: "abc".to_owned(),
            seconds: 1_795_936_652,
        }
    }
}

fn git(arguments: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    // The checkout may belong to another user.
    git.args(["-c", "safe.directory=*"]).args(arguments);
    let output = git.current_dir(shell::root()).output()?;
    if !output.status.success() {
        bail!("git: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Year, month and day of a day since 1970. Counted in years that begin in March, so
/// that the leap day is the last.
fn date(day: u64) -> (u64, u64, u64) {
    // From 0000-03-01.
    let day = day + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + later, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        for (day, expected) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (20_786, (2026, 11, 29)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(date(day), expected, "{day}");
        }
    }
}
