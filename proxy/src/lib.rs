//! A node-local DNS cache: the library behind the `fivedots` binary.

pub mod moment;

pub mod query;

pub mod cache;

pub mod answer;

pub mod resolver;

pub mod inflight;

pub mod loops;

pub mod forward;

pub mod stats;

pub mod observe;

pub mod serve;

pub mod redact;

pub mod tap;

pub mod kubernetes;
pub mod ledger;

pub mod api;

mod http;

pub mod health;

pub mod metrics;

pub mod page;

pub mod admin;

pub mod shutdown;

pub mod remote;

pub mod cli;

pub mod config;

pub mod tail;

pub mod top;

pub mod app;
