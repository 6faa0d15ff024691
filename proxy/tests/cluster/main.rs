//! Fivedots as the node-local cache of a real Kubernetes cluster: installed by its chart,
//! reconfigured, upgraded, rolled back, killed, stopped and uninstalled, and while CoreDNS
//! and a node are in trouble, with pods on both nodes and programs of a node that look
//! names up. What they felt is printed as a table.
#![cfg(test)]

mod bed;
mod diagnosis;
mod idle;
mod incidents;
mod life;
mod lookups;
mod release;
mod trouble;
