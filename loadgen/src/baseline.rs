//! One run beside earlier ones of the same scenario: where its figures lie among theirs.
//!
//! A single run is no proof of a difference, however far off it is: with five earlier
//! runs an equal one is above all of them in one of six times. So there is no verdict
//! and no exit code here; `compare` has them.

use crate::report::merge::{self, MergeError, Part};

/// Earlier runs that are measurements.
#[derive(Debug)]
pub struct Baseline {
    runs: Vec<Part>,
    /// How many were none.
    left_out: usize,
}

impl Baseline {
    /// Takes the reports of earlier runs of the scenario with this fingerprint.
    ///
    /// # Errors
    ///
    /// When one is of another scenario.
    pub fn new(runs: Vec<Part>, fingerprint: u64) -> Result<Self, MergeError> {
        let expected = format!("{fingerprint:016x}");
        let strange = runs.iter().find(|run| run.fingerprint() != expected);
        if let Some(strange) = strange {
            return Err(MergeError::Different {
                file: strange.file().to_owned(),
                first: "this scenario".to_owned(),
                field: "plan.fingerprint",
                found: strange.fingerprint().to_owned(),
                expected,
            });
        }
        let all = runs.len();
        let runs: Vec<Part> = runs.into_iter().filter(Part::is_valid).collect();
        Ok(Self { left_out: all - runs.len(), runs })
    }

    /// Returns a line for each figure that `run` and an earlier one have.
    pub fn beside(&self, run: &Part) -> String {
        let mut text = format!("beside {} earlier run(s)", self.runs.len());
        if self.left_out > 0 {
            text.push_str(&format!(", {} were no measurement", self.left_out));
        }
        text.push('\n');
        for (name, place) in merge::COMPARED {
            let earlier: Vec<f64> = self
                .runs
                .iter()
                .filter_map(|run| run.figure(place))
                .collect();
            if let (Some(value), false) = (run.figure(place), earlier.is_empty()) {
                text.push_str(&line(name, value, &earlier));
            }
        }
        text
    }
}

fn line(name: &str, value: f64, earlier: &[f64]) -> String {
    let least = earlier.iter().copied().fold(f64::INFINITY, f64::min);
    let most = earlier.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let place = match value {
        value if value > most => "above all of",
        value if value < least => "below all of",
        _ => "among",
    };
    let chance = if place == "among" {
        String::new()
    } else {
        format!(": by chance in 1 of {} runs", earlier.len() + 1)
    };
    format!("{name:26} {value:>10.3}  {place} {least:.3}..{most:.3}{chance}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_above_all_others_has_the_chance_of_that() {
        let earlier = [1.0, 1.2, 1.1, 0.9];
        for (value, expected) in [
            (1.3, "above all of 0.900..1.200: by chance in 1 of 5 runs"),
            (0.8, "below all of 0.900..1.200: by chance in 1 of 5 runs"),
            (1.2, "among 0.900..1.200"),
        ] {
            let line = line("latency p50, ms", value, &earlier);
            assert!(line.trim_end().ends_with(expected), "{line}");
        }
    }
}
