//! How long a test may be, where it has a short and a long form.
//!
//! `TEST_LENGTH` is `short` (as is none), `long`, or a number of seconds for the
//! soaks, with which all else is long. `cargo xtask test --slow` sets it.

use std::time::Duration;

/// Of the two forms of a test, the one that is wanted.
///
/// # Panics
///
/// When `TEST_LENGTH` is none of what it may be.
pub fn by_length<T>(short: T, long: T) -> T {
    match asked() {
        Length::Short => short,
        Length::Long | Length::Seconds(_) => long,
    }
}

/// How long a soak lasts: 10 seconds, a minute, or as `TEST_LENGTH` has it.
///
/// # Panics
///
/// As [`by_length`].
pub fn soak_length() -> Duration {
    match asked() {
        Length::Short => Duration::from_secs(10),
        Length::Long => Duration::from_secs(60),
        Length::Seconds(seconds) => Duration::from_secs(seconds),
    }
}

/// How long a soak lasts that has no short form: only if `TEST_LENGTH` has a number.
///
/// # Panics
///
/// As [`by_length`].
pub fn asked_soak() -> Option<Duration> {
    match asked() {
        Length::Short | Length::Long => None,
        Length::Seconds(seconds) => Some(Duration::from_secs(seconds)),
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Length {
    Short,
    Long,
    Seconds(u64),
}

#[expect(clippy::expect_used, reason = "a misspelled length must not be a short run")]
fn asked() -> Length {
    let word = std::env::var(VARIABLE).unwrap_or_default();
    parse(&word).expect("TEST_LENGTH is short, long or a number of seconds")
}

fn parse(word: &str) -> Option<Length> {
    match word {
        "" | "short" => Some(Length::Short),
        "long" => Some(Length::Long),
        seconds => seconds
            .parse()
            .ok()
            .filter(|seconds| *seconds > 0)
            .map(Length::Seconds),
    }
}

/// The variable that asks for a length.
const VARIABLE: &str = "TEST_LENGTH";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_a_word_or_seconds() {
        for (word, length) in [
            ("", Some(Length::Short)),
            ("short", Some(Length::Short)),
            ("long", Some(Length::Long)),
            ("600", Some(Length::Seconds(600))),
            ("0", None),
            ("10m", None),
            ("lnog", None),
        ] {
            assert_eq!(parse(word), length, "{word}");
        }
    }
}
