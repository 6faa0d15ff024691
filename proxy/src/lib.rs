//! A node-local DNS cache: the library behind the `fivedots` binary.

pub mod heartbeat;

pub mod renewals;

pub mod live;

pub mod handover;

pub mod snapshot;

pub mod upstreams;

pub mod log;

pub mod capabilities;

pub mod descriptors;

pub mod serve;

pub mod kubernetes;

pub mod health;

pub mod memory;

pub mod notify;

pub mod metrics;

pub mod shutdown;

pub mod cli;

pub mod config;

pub mod evidence;

#[cfg(feature = "kubernetes")]
pub mod audit;

pub mod verdicts;

pub mod resolv_conf;

pub mod interception;

pub mod reload;

pub mod app;
