//! The process over loopback and in namespaces: start, answers, health, drain,
//! exit codes; against the scripted upstream and the real CoreDNS.
#![cfg(test)]

mod api;
mod cli;
mod commands;
mod coredns;
mod drain;
mod examples;
mod json;
mod loops;
mod loops_legit;
mod loops_netns;
mod loops_probe;
mod metrics;
mod proxy;
mod redact;
mod resolvers;
mod ring;
mod serve;
mod table;
mod tap;
mod terminal;
mod top;
mod trouble;
