//! The page for a browser, in a real Chromium, with 200 clients that ask.
//!
//! Pictures of it go to the folder that `PAGE_PICTURES` names; those in
//! docs/img are made so.
#![cfg(test)]

mod cluster;
mod hidden;
mod look;
mod node;
#[path = "../it/proxy.rs"]
mod proxy;
mod states;
#[path = "../it/terminal.rs"]
mod terminal;
mod top;

use std::path::PathBuf;

use testbed::Browser;

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
