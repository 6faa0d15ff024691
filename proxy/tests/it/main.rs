//! The process over loopback and in namespaces: start, answers, health, drain,
//! exit codes; against the scripted upstream and the real CoreDNS.
#![cfg(test)]

mod allow;
mod api;
mod bundle;
mod cache;
mod capabilities;
mod cli;
mod commands;
mod coredns;
mod destroyed;
mod diagnose;
mod drain;
mod examples;
mod fleet;
mod forwarders;
mod greedy;
mod json;
mod limits;
mod log;
mod loops;
mod loops_legit;
mod loops_netns;
mod loops_probe;
mod metrics;
mod probes;
mod redact;
mod reload;
mod resolv_conf;
mod resolvers;
mod restart;
mod serve;
mod socket;
mod table;
mod tap;
mod top;
mod trouble;

use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fivedots");

/// Enough for anything that is done at once, beside a busy compiler.
const SOON: Duration = Duration::from_secs(10);
