//! Names of clients, from a real API server, with the rights that `deploy/`
//! gives and no others.
#![cfg(test)]

mod audit;
mod away;
mod fleet;
mod kubelet;
mod many;
mod nodes;
mod operator;
mod pods;
mod relay;
mod stale;
mod world;
