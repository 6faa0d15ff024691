//! Each way to fail, made for real a hundred times: the proxy must say of all of
//! them what it was, on its pages and in the answers themselves.
//!
//! One origin is not here: there is always a zone that holds the name, as the
//! configuration adds the root.
#![cfg(test)]

mod asker;
mod changing;
mod expected;
mod said;
mod silence;
mod unsent;
mod ways;

use std::time::Duration;

use resolver::Origin;

/// Enough for anything that is done at once, beside a busy compiler.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn the_documented_reasons_are_those_given() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/dns-behaviour.md");
    let page = std::fs::read_to_string(path).unwrap();
    // An answer that could not be sent tells nothing to anybody.
    let untold = [Origin::Rejected, Origin::Unsent];
    let told = |origin: &&Origin| origin.is_failure() && !untold.contains(*origin);
    for origin in Origin::ALL.iter().filter(told) {
        let begin = format!("| `{}` | {} ", origin.label(), origin.info_code());
        let row = page.lines().find(|line| line.starts_with(&begin));
        let row = row.unwrap_or_else(|| panic!("no row begins with {begin}"));
        let text = origin.extra_text(Some("10.96.0.10:53".parse().unwrap()));
        assert!(row.contains(&text), "{text} is not in {row}");
    }
}
