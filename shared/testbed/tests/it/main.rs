//! The testbed's own parts, tried out: what the other tests stand on must hold.
#![cfg(test)]

mod capture;
mod client;
mod coredns;
mod http;
mod netns;
mod process;

use std::time::Duration;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
