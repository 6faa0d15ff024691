//! An open-loop DNS load generator that measures the server without its own
//! errors, and reports those errors too.
//!
//! A scenario has a workload, a schedule and expectations. Due times are fixed
//! beforehand and never wait for an answer; latency runs from the due time;
//! lost, refused, late, wrong and shed queries are counted apart.

pub mod cli;

pub mod command;

pub mod demo;

pub mod upstream;

pub mod quick;

pub mod replayed;

pub mod scenario;

pub mod guard;

pub mod expect;

pub mod random;
pub mod replay;
pub mod schedule;

pub mod plan;

pub mod shard;

pub mod workload;

pub mod outstanding;

pub mod evidence;

pub mod series;

pub mod recorder;

pub mod snapshot;

pub mod lookup;

pub mod clients;

pub mod account;

pub mod causes;

pub mod probe;

pub mod sender;

pub mod stops;

pub mod run;

pub mod forecast;

pub mod progress;

pub mod tty;

pub mod live;

pub mod live_metrics;

pub mod environment;

pub mod report;

pub mod outputs;

pub mod search;

pub mod compare;

pub mod baseline;

pub mod find;

pub mod exit;

pub mod halt;

pub mod signals;
