//! The page for a browser, in a real Chromium, with 200 clients that ask.
//!
//! Pictures of it go to the folder that `PAGE_PICTURES` names; those in
//! docs/img are made so.
#![cfg(test)]

mod axe;
mod cluster;
mod hidden;
mod look;
mod node;
mod states;
mod top;

use std::path::PathBuf;
use std::time::Duration;

use testbed::Browser;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fivedots");

/// Enough for anything that is done at once, beside a busy compiler.
const SOON: Duration = Duration::from_secs(10);

/// Nothing was wrong, and nobody but `origin` was asked for anything.
fn is_content(browser: &mut Browser, origin: &str) {
    assert!(browser.complaints().is_empty(), "{:#?}", browser.complaints());
    let requests = browser.requests();
    let strange = requests.iter().filter(|url| !url.starts_with(origin));
    assert_eq!(strange.collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(!requests.is_empty());
}

/// Takes a picture if somebody wants any.
fn picture(browser: &mut Browser, name: &str) {
    if let Some(folder) = pictures() {
        browser
            .screenshot(&folder.join(format!("{name}.png")))
            .unwrap();
    }
}

fn pictures() -> Option<PathBuf> {
    std::env::var_os("PAGE_PICTURES").map(PathBuf::from)
}
