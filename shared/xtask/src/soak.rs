//! `cargo xtask soak NAME`: one of the long runs, as long as is wanted.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::workspace::FEATURES;
use crate::{shell, trials};

/// The soaks: a name, and the test program of the package `proxy` that has it.
const SOAKS: [(&str, &str); 3] = [("idle", "cluster"), ("observer", "soak"), ("octets", "soak")];

/// Greedy clients and trouble with the upstream in turn, which is a trial.
const DAY: &str = "day";

/// Runs the soak `name` for `length`.
///
/// # Errors
///
/// When there is no such soak, or it fails.
pub(crate) fn run(name: &str, length: Duration) -> Result<ExitCode> {
    if name == DAY {
        return trials::run(DAY, &["--for".to_owned(), length.as_secs().to_string()]);
    }
    let Some((_, program)) = SOAKS.iter().find(|(known, _)| *known == name) else {
        let known = SOAKS.map(|(known, _)| known).join(", ");
        bail!("no soak {name:?}; known are {DAY}, {known}");
    };
    let mut cargo = shell::cargo(&["test", "--package", "proxy", "--test", program]);
    cargo
        .args(FEATURES)
        .args(["--", "--nocapture", &format!("{name}::")])
        .env("TEST_LENGTH", length.as_secs().to_string());
    shell::run(&mut cargo)?;
    Ok(ExitCode::SUCCESS)
}

/// Reads `30s`, `10m` or `2h`.
pub(crate) fn length(text: &str) -> Result<Duration, String> {
    let unit = |(suffix, seconds): (&str, u64)| {
        let number = text.strip_suffix(suffix)?.parse::<u64>().ok()?;
        number.checked_mul(seconds).filter(|seconds| *seconds > 0)
    };
    let seconds = [("s", 1), ("m", 60), ("h", 3600)]
        .into_iter()
        .find_map(unit);
    let seconds = seconds.ok_or("a length is like 30s, 10m or 2h")?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_a_number_and_a_unit() {
        assert_eq!(length("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(length("10m"), Ok(Duration::from_secs(600)));
        for bad in ["", "10", "m", "-1s", "0s", "1.5m"] {
            assert!(length(bad).is_err(), "{bad}");
        }
    }
}
