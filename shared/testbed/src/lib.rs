//! What the tests stand on: real CoreDNS, network namespaces, captures of what
//! passes there, a browser, processes that end with their test, and a DNS client that
//! shares no code with the products.
//!
//! It must not know `dns`: a referee that uses the player's own eyes sees the
//! player's own mistakes as right.

pub mod apiserver;
pub mod axe;
pub mod browser;
pub mod capture;
pub mod client;
pub mod cluster;
pub mod coredns;
pub mod fivedots;
pub mod helm;
pub mod http;
mod kept;
pub mod kubernetes;
mod length;
pub mod lookups;
pub mod netns;
mod path;
pub mod port;
pub mod process;
pub mod require;
mod terminal;
mod wait;

pub use apiserver::Apiserver;
pub use browser::Browser;
pub use capture::{Capture, Captured};
pub use client::{Client, Query, query};
pub use cluster::Cluster;
pub use coredns::Coredns;
pub use fivedots::Fivedots;
pub use length::{asked_soak, by_length, soak_length};
pub use netns::{Lan, Netns};
pub use process::Process;
pub use require::{Component, have, have_program};
pub use terminal::Terminal;
pub use wait::{eventually, pace};
