//! Runs that may be long: `cargo xtask soak NAME`. With the other tests each
//! takes 30 seconds; `SOAK_SECONDS` says how many it should be.
#![cfg(test)]

mod attackers;
mod observer;
mod octets;
#[path = "../it/proxy.rs"]
mod proxy;
mod upstream;
mod vitals;

use std::time::Duration;

/// How long a soak lasts.
fn length() -> Duration {
    let seconds = std::env::var("SOAK_SECONDS").ok();
    let seconds = seconds.map_or(Ok(30), |text| text.parse());
    Duration::from_secs(seconds.expect("SOAK_SECONDS is a number"))
}
