//! The process over loopback: start, answers, health, drain, exit codes.
#![cfg(test)]

mod cli;
mod drain;
mod metrics;
mod proxy;
mod serve;
