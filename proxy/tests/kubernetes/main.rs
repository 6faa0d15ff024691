//! Names of clients, from a real API server, with the rights that `deploy/`
//! gives and no others.
#![cfg(test)]

mod away;
mod many;
mod nodes;
mod pods;
mod relay;
mod world;
