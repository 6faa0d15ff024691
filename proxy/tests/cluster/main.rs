//! Fivedots as the node-local cache of a real Kubernetes cluster: installed, upgraded,
//! killed, stopped and uninstalled, while pods on both nodes look names up. What each
//! resolver library felt is printed as a table.
#![cfg(test)]

mod bed;
mod lookups;
mod node_cache;
